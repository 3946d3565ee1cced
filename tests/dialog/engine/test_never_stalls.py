"""Every wait has an owner and a bound: whatever comes in, somebody is waited for, and the state is a value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests_talk import Talk, example  # see conftest.py

from ivr.dialog import events as ev
from ivr.dialog.engine.program import Program

FLOWS = ["welcome", "dispute", "fees", "limits", "ticket", "survey", "nowhere"]
SLOTS = ["use_bot", "card_last4", "txn_date", "amount", "file_it", "callback", "csat", "none"]
COMMANDS = ["agent", "repeat", "slower", "back", "wait", "help", "goodbye", "language", "start_over", "unknown"]
VALUES: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([True, False, None, "4412", "44", "2026-11-21", "1999-01-01", 15, 1e9, 5, "13800138000", ""]),
    st.integers(-5, 60000),
)
P = st.sampled_from([0.0, 0.3, 0.5, 0.6, 0.84, 0.86, 0.99, 1.0])


@st.composite
def readings(draw: st.DrawFn) -> ev.Reading:
    kind = draw(st.sampled_from(["command", "yes", "no", "fill", "correct", "choose", "intent", "anger", "other"]))
    p = draw(P)
    if kind == "command":
        return ev.Reading("command", draw(st.sampled_from(COMMANDS)), p, detail={"language": "zh"})
    if kind == "intent":
        return ev.Reading("intent", draw(st.sampled_from(FLOWS)), p)
    if kind in ("fill", "correct"):
        detail = draw(st.sampled_from([{}, {"error": "range"}]))
        return ev.Reading(kind, draw(VALUES), p, draw(st.sampled_from(SLOTS)), "text", detail=detail)
    value = draw(st.sampled_from([0, 1, "fees"])) if kind == "choose" else None
    return ev.Reading(kind, value, p, text="text")


_EXAMPLE: list[Program] = []


def program() -> Program:
    if not _EXAMPLE:
        _EXAMPLE.append(example())
    return _EXAMPLE[0]


class Call(RuleBasedStateMachine):
    talk: Talk

    @initialize(language=st.sampled_from(["zh", "en", "xx"]), off=st.sampled_from([[], ["fees"]]))
    def start(self, language: str, off: list[str]) -> None:
        self.talk = Talk(program(), language=language, overlay={"off": off})
        self.outstanding: set[str] = set()

    @rule(
        said=st.lists(readings(), max_size=4), scope=P, near=st.lists(st.sampled_from(FLOWS), max_size=3, unique=True)
    )
    def hear(self, said: list[ev.Reading], scope: float, near: list[str]) -> None:
        self.talk.hear(*said, in_scope=scope, candidates=tuple(near))

    @rule()
    def silence(self) -> None:
        self.talk.silence()

    @rule()
    def too_long(self) -> None:
        self.talk.send(ev.MaxSpeech(self.talk.now))

    @rule(digits=st.text("0123456789*#", min_size=1, max_size=12))
    def keys(self, digits: str) -> None:
        self.talk.keys(digits)

    @precondition(lambda self: self.talk.state.pending)
    @rule(result=st.sampled_from([{}, {"found": True, "merchant": "M", "id": "T"}, {"number": "1"}, {"guesses": 5}]))
    def answer(self, result: dict[str, Any]) -> None:
        self.talk.answer(**result)

    @precondition(lambda self: self.talk.state.pending)
    @rule(kind=st.sampled_from(["timeout", "http", "data"]))
    def failure(self, kind: str) -> None:
        self.talk.failure(kind)

    @rule()
    def filler(self) -> None:
        self.talk.send(ev.FillerDue(self.talk.now, self.talk.state.acting))

    @rule(
        kind=st.sampled_from(["closed", "full", "timeout", "failed", "position", "answered", "left"]),
        position=st.integers(0, 5),
    )
    def queue(self, kind: str, position: int) -> None:
        self.talk.queue(kind, position=position, expected_wait_s=100)

    @rule(event=st.sampled_from([ev.LimitReached(0, "call"), ev.EngineLost(0, "asr"), ev.PromptsDone(0)]))
    def shell(self, event: ev.DialogEvent) -> None:
        self.talk.send(event)

    @precondition(lambda self: self.talk.state.turns > 3)
    @rule()
    def hang_up(self) -> None:
        self.talk.send(ev.CallerHungUp(self.talk.now))

    @invariant()
    def somebody_owns_the_wait(self) -> None:
        state = self.talk.state
        assert state.phase in ("listening", "acting", "queued", "bridged", "ended")
        if state.phase == "listening":
            assert state.frames, "a question needs a flow"
            assert state.frames[-1].question is not None
        if state.phase == "acting":
            assert state.acting in state.pending
        if state.phase in ("queued", "bridged"):
            assert state.handover is not None

    @invariant()
    def it_ends(self) -> None:
        assert self.talk.state.turns <= 2 * program().limits.turns + 1

    @invariant()
    def commands_say_who(self) -> None:
        """What has changed hands was told to the shell."""
        commands, phase = self.talk.commands, self.talk.phase
        kinds = {type(command) for command in commands}
        if phase == "ended" and kinds:
            assert ev.End in kinds
        if ev.End in kinds:
            assert phase == "ended"
            assert isinstance(commands[-1], ev.End)
        if ev.Handover in kinds:
            assert phase in ("queued", "ended")

    def teardown(self) -> None:
        """Silence alone ends every call: nothing waits for ever."""
        if not hasattr(self, "talk"):
            return
        for _ in range(120):
            phase = self.talk.phase
            if phase == "ended":
                return
            if phase == "listening":
                self.talk.silence()
            elif phase == "acting":
                self.talk.failure("timeout")
            elif phase == "queued":
                self.talk.queue("timeout")
            else:
                self.talk.queue("left")
        pytest.fail(f"still {self.talk.phase} at {self.talk.at} after 120 silences")


Call.TestCase.settings = settings(max_examples=60, stateful_step_count=30, suppress_health_check=[HealthCheck.too_slow])
TestCall = Call.TestCase
