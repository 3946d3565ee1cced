"""Running a designer's tests: turn by turn, what was expected beside what came."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ivr.dialog import events as ev
from ivr.dialog.bundle import Bundle
from ivr.dialog.engine.turn import spoken_text
from ivr.dialog.schema import ExpectedHandover, SpokenAudio, TestCase, Turn
from ivr.dialog.schema.values import parse_duration
from ivr.dialog.testing.backend import GivenBackend, queue_status
from ivr.dialog.testing.cassette import Cassette
from ivr.dialog.testing.simulator import START, CachedReader, Exchange, Reader, Simulator
from ivr.errors import InputError

Transcribe: TypeAlias = Callable[[str | SpokenAudio, str], Sequence[ev.Spoken]]
"""(recording in the hotline's folder, or what is to be synthesised; language) -> n-best list."""
Clock: TypeAlias = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One expectation that did not hold."""

    turn: int
    """From 1; 0 = the call as a whole."""
    what: str
    expected: str
    actual: str
    source: str
    """`file:line` of the turn."""
    did: str = ""
    """What the caller did in the turn."""
    said: tuple[str, ...] = ()
    """What the bot said."""


@dataclass(slots=True)
class TestResult:
    __test__ = False

    name: str
    source: str
    mismatches: list[Mismatch] = field(default_factory=list)
    turns: int = 0
    seconds: float = 0.0
    language: str = ""
    notes: list[str] = field(default_factory=list)
    decisions: list[ev.Decision] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    """`action ok`, `action error`: how actions ended."""
    said: list[ev.Say] = field(default_factory=list)
    """Everything the bot said."""
    log: list[str] = field(default_factory=list)
    """The talk, for `--verbose`."""

    @property
    def passed(self) -> bool:
        return not self.mismatches


def run_tests(
    bundle: Bundle,
    tests: Sequence[TestCase] | None = None,
    transcribe: Transcribe | None = None,
    clock: Clock | None = None,
    cassette: Cassette | None = None,
) -> list[TestResult]:
    """All tests of the hotline (or those given), each a call of its own. `clock` gives seconds, for the report;
    `cassette` answers for actions that a test gives no answer for."""
    reader = CachedReader(bundle)
    chosen = bundle.definition.tests if tests is None else tests
    return [run_test(bundle, test, reader, transcribe, clock, cassette) for test in chosen]


def run_test(
    bundle: Bundle,
    test: TestCase,
    reader: Reader | None = None,
    transcribe: Transcribe | None = None,
    clock: Clock | None = None,
    cassette: Cassette | None = None,
) -> TestResult:
    """One test. Expectations that fail are collected; the call goes on so that all of them are seen."""
    began = clock() if clock else 0.0
    result = TestResult(test.test, f"{test.at.file}:{test.at.line}")
    try:
        _Run(bundle, test, result, reader, transcribe, cassette).run()
    except InputError as error:
        result.mismatches.append(Mismatch(0, "test", "a test that can be run", str(error), result.source))
    result.seconds = clock() - began if clock else 0.0
    return result


class _Run:
    def __init__(
        self, bundle: Bundle, test: TestCase, result: TestResult, reader: Reader | None, transcribe: Transcribe | None,
        cassette: Cassette | None,
    ) -> None:  # fmt: skip
        self.bundle, self.test, self.result, self.transcribe = bundle, test, result, transcribe
        given = test.given
        result.language = given.lang or bundle.program.languages[0]
        context = ev.CallContext(
            id=f"test-{test.test}",
            caller=given.caller,
            called=given.called,
            language=given.lang or "",
            started_at=given.now or START,
            direction=given.direction,
            entry=given.entry or "",
        )
        answers = {name: state for name, state in given.queues.items() if state in ("full", "timeout", "failed")}
        self.simulator = Simulator(
            bundle,
            context,
            GivenBackend(given.actions, cassette.backend() if cassette else None),
            {name: queue_status(name, state) for name, state in given.queues.items()},
            answers,  # type: ignore[arg-type]
            {**given.overlay, **({"rollout": "open"} if given.rollout == "open" else {})},
            reader,
        )
        self.silence_ms = 0

    def run(self) -> None:
        self._note(self.simulator.start(), "(call)")
        for name, value in self.test.given.slots.items():
            self.simulator.give_slot(name, value)
        for number, turn in enumerate(self.test.turns, 1):
            if self.simulator.ended and turn.hangup:
                self._compare(number, turn, self.simulator.last)  # the bot hung up first: its last words are compared
                break
            if self.simulator.ended:
                self._fail(number, turn, "call", "goes on", "had ended", Exchange())
                break
            self._compare(number, turn, self._repeated(turn))
        if not self.simulator.ended:
            self.simulator.hang_up()
        self._compare_call()

    def _repeated(self, turn: Turn) -> Exchange:
        """What the turn led to, `times` together; a call that ends before is over."""
        total = Exchange()
        for _ in range(turn.times):
            exchange = self._act(turn)
            self.result.turns += 1
            self._note(exchange, _did(turn))
            total.add(exchange)
            if self.simulator.ended:
                break
        return total

    def _note(self, exchange: Exchange, did: str) -> None:
        result = self.result
        result.decisions += exchange.decisions
        result.said += exchange.said
        result.log.append(f"> {did}")
        result.log += [f"  {said.masked or said.text}" for said in exchange.said]
        self.silence_ms = max(self.silence_ms, exchange.silence_ms)

    # -- input

    def _act(self, turn: Turn) -> Exchange:
        simulator = self.simulator
        if turn.audio is not None:
            return simulator.speak(*self._listen_to(turn), at_ms=turn.at_ms)
        if turn.user is not None:
            return simulator.speak(ev.Spoken(turn.user, 1.0), at_ms=turn.at_ms)
        if turn.nbest is not None:
            return simulator.speak(*[ev.Spoken(text, p) for text, p in turn.nbest], at_ms=turn.at_ms)
        if turn.dtmf is not None:
            return simulator.press(turn.dtmf, turn.at_ms)
        if turn.silence_ms is not None:
            return simulator.wait(turn.silence_ms)
        if turn.queue is not None:
            return simulator.queue(turn.queue)
        return simulator.hang_up()

    def _listen_to(self, turn: Turn) -> Sequence[ev.Spoken]:
        assert turn.audio is not None
        missing = ""
        if self.transcribe is not None:
            try:
                return self.transcribe(turn.audio, self.result.language)
            except FileNotFoundError:
                missing = "no such recording"
        text = turn.user or (turn.audio.say if isinstance(turn.audio, SpokenAudio) else None)
        if text is None:
            needed = "its file" if missing else "a recogniser"
            raise InputError(f"{turn.at}: {turn.audio} needs {needed}, or `user` with what it says")
        self.result.notes.append(
            f"{_did(turn).removeprefix('audio ')}: {missing or 'no recogniser here'}, read as its reference text"
        )
        return [ev.Spoken(text, 1.0)]

    # -- expectations

    def _compare(self, number: int, turn: Turn, exchange: Exchange) -> None:
        checks: list[tuple[str, object, object, bool]] = []
        if turn.step is not None:
            checks.append(("step", turn.step, self.simulator.step, turn.step == self.simulator.step))
        if turn.says is not None:
            said = [say.text for say in exchange.said]
            wanted = (turn.says,) if isinstance(turn.says, str) else turn.says
            checks += [("says", text, " / ".join(said) or "nothing", self._says(text, exchange)) for text in wanted]
        for name, value in (turn.slots or {}).items():
            held = self.simulator.slots.get(name)
            checks.append((f"slots.{name}", value, held, same(value, held)))
        if turn.intent is not None:
            intents = picked_intents(exchange.decisions)
            checks.append(("intent", turn.intent, ", ".join(intents) or "none", turn.intent in intents))
        if turn.handover is not None:
            checks.append(_handover_check(turn.handover, exchange.handovers))
        if turn.calls is not None:
            checks += _call_checks(turn.calls, exchange.calls)
        if turn.interrupted is not None:
            checks.append(
                ("interrupted", turn.interrupted, exchange.interrupted, turn.interrupted == exchange.interrupted)
            )
        for what, expected, actual, holds in checks:
            if not holds:
                self._fail(number, turn, what, expected, actual, exchange)

    def _says(self, text: str, exchange: Exchange) -> bool:
        """Compared by ear: figures in words, without punctuation, spaces and case."""
        language = self.simulator.state.language if self.simulator.state else ""
        heard = by_ear(" ".join(say.text for say in exchange.said))
        return by_ear(text) in heard or by_ear(spoken_text(text, language)) in heard

    def _fail(self, number: int, turn: Turn, what: str, expected: object, actual: object, exchange: Exchange) -> None:
        said = tuple(say.text for say in exchange.said)
        at = f"{turn.at.file}:{turn.at.line}"
        self.result.mismatches.append(Mismatch(number, what, shown(expected), shown(actual), at, _did(turn), said))

    def _compare_call(self) -> None:
        expect, simulator = self.test.expect, self.simulator
        state = simulator.state
        checks: list[tuple[str, object, object, bool]] = []
        if expect.outcome is not None:
            checks.append(("outcome", expect.outcome, simulator.outcome, expect.outcome == simulator.outcome))
        if expect.cause is not None and state:
            checks.append(("cause", expect.cause, state.cause, expect.cause == state.cause))
        if expect.turns is not None and state:
            checks.append(("turns", expect.turns, state.turns, compares(expect.turns, state.turns)))
        if expect.max_silence is not None:
            held = compares(expect.max_silence, self.silence_ms)
            checks.append(("max_silence", expect.max_silence, f"{self.silence_ms}ms", held))
        if expect.handover is not None:
            checks.append(_handover_check(expect.handover, simulator.handovers[-1:]))
        for what, expected, actual, holds in checks:
            if not holds:
                self.result.mismatches.append(Mismatch(0, what, shown(expected), shown(actual), self.result.source))


def _did(turn: Turn) -> str:
    if isinstance(turn.audio, SpokenAudio):
        return f"audio of {turn.audio.say!r}"
    if turn.audio is not None:
        return f"audio {turn.audio}"
    if turn.user is not None:
        return turn.user
    if turn.nbest is not None:
        return " | ".join(f"{text} ({p})" for text, p in turn.nbest)
    if turn.dtmf is not None:
        return f"keys {turn.dtmf}"
    if turn.silence_ms is not None:
        return f"silence {turn.silence_ms / 1000:g}s"
    return f"queue {turn.queue}" if turn.queue else "hangs up"


def picked_intents(decisions: Sequence[ev.Decision]) -> list[str]:
    """Intents that were taken, offered back or asked to choose from."""
    found: list[str] = []
    for decision in decisions:
        intent = decision.detail.get("intent")
        if isinstance(intent, str):
            found.append(intent)
        picked = decision.detail.get("picked")
        items = [item for item in picked if isinstance(item, dict)] if isinstance(picked, list) else []
        found += [str(item["value"]) for item in items if not item.get("slot") and isinstance(item.get("value"), str)]
    return list(dict.fromkeys(found))


def _handover_check(wanted: ExpectedHandover, handovers: Sequence[ev.Handover]) -> tuple[str, object, object, bool]:
    """Only what the test wrote is compared."""
    expected = {key: getattr(wanted, field_) for key, field_ in wanted.keys().items() if wanted.written(key)}
    if not handovers:
        return "handover", expected, "none", False
    actual = {key: getattr(handovers[-1], wanted.keys()[key], None) for key in expected}
    holds = all(
        set(value) <= set(actual[key] or ()) if isinstance(value, list | tuple) else same(value, actual[key])
        for key, value in expected.items()
        if key != "summary"
    )
    return "handover", expected, actual, holds


def _call_checks(wanted: ev.JsonValue, calls: Sequence[ev.CallAction]) -> list[tuple[str, object, object, bool]]:
    names = [call.name for call in calls]
    if isinstance(wanted, str):
        wanted = [wanted]
    if isinstance(wanted, list):
        return [("called", name, ", ".join(names) or "nothing", name in names) for name in wanted]
    checks: list[tuple[str, object, object, bool]] = []
    for name, args in wanted.items() if isinstance(wanted, dict) else []:
        found = [dict(call.args) for call in calls if call.name == name]
        given = args if isinstance(args, dict) else {}
        holds = any(all(same(value, call.get(key)) for key, value in given.items()) for call in found)
        checks.append((f"called.{name}", given, found or ", ".join(names) or "nothing", holds))
    return checks


def same(expected: object, actual: object) -> bool:
    """Equal as values: 15 and 15.0, and a date as it is written in YAML."""
    if isinstance(expected, bool) or isinstance(actual, bool) or expected is None or actual is None:
        return expected is actual
    if isinstance(expected, int | float) and isinstance(actual, int | float):
        return abs(expected - actual) < 1e-9
    return str(expected) == str(actual)


def by_ear(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def compares(wanted: str, actual: float) -> bool:
    """`8`, `<= 8`, `< 2s` (milliseconds on the other side)."""
    found = re.fullmatch(r"(<=|>=|<|>|==)?\s*(\d+(?:\.\d+)?(?:ms|s|m)?)", wanted.strip())
    if found is None:
        raise InputError(f"cannot compare with {wanted!r}")
    number = float(parse_duration(found[2])) if found[2][-1].isalpha() else float(found[2])
    sign = found[1] or "=="
    compare = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt, "==": operator.eq}
    return bool(compare[sign](actual, number))


def shown(value: object) -> str:
    return value if isinstance(value, str) else repr(value)
