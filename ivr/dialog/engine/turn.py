"""The desk on which one event is worked: the state being changed, the commands and decisions given so far."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache

from ivr.dialog.builtin.prompts import FALLBACK_LANGUAGE
from ivr.dialog.engine.program import Expression, FlowCode, Program, PromptCode, SlotCode, StepCode, Variant
from ivr.dialog.engine.state import DialogState, Frame, SlotValue
from ivr.dialog.events import Decision, DialogCommand, JsonValue, Say
from ivr.dialog.expressions import ExpressionError
from ivr.dialog.spoken import verbalise
from ivr.errors import InputError

MASK = "•••"
KEYED = "[keys]"
"""What is remembered of keys, which may be a secret."""


class Signal(Exception):
    """What is being done cannot go on."""


class Raised(Signal):
    """An event of the dialog language (`error.expr`) has come up."""

    def __init__(self, event: str, detail: str = "") -> None:
        super().__init__(event, detail)
        self.event = event
        self.detail = detail


class Await(Signal):
    """A value is read that a background call has yet to give."""

    def __init__(self, action_id: str) -> None:
        super().__init__(action_id)
        self.action_id = action_id


class Turn:
    """State, program, and what `step` will give back."""

    def __init__(self, program: Program, state: DialogState) -> None:
        self.program = program
        self.state = state
        self.commands: list[DialogCommand] = []
        self.decisions: list[Decision] = []
        self.raised = 0
        """Events raised while this one event is handled: a guard against handlers that fail themselves."""
        self.event_detail: dict[str, JsonValue] = {}
        self.heard = ""
        """What the caller has just said; empty where the question was for a secret."""
        self.beside = ""
        """The same, where only a yes, a no or nothing of it has been used."""

    # -- where we are

    @property
    def frame(self) -> Frame:
        return self.state.frames[-1]

    @property
    def flow(self) -> FlowCode:
        return self.program.flows[self.frame.flow]

    @property
    def step(self) -> StepCode | None:
        """The step the top frame stands at."""
        return self.flow.steps.get(self.frame.step) if self.state.frames else None

    def label(self) -> str:
        """`flow/step` or `flow/step:mode`, as tests and journals show it."""
        if not self.state.frames:
            return ""
        question = self.frame.question
        mode = f":{question.mode}" if question and question.mode not in ("ask", "route") else ""
        return f"{self.frame.flow}/{self.frame.step or 'end'}{mode}"

    def decide(self, rule: str, source: str = "", /, **detail: JsonValue) -> None:
        self.decisions.append(Decision(rule, self.label(), source, detail))

    def now(self) -> dt.datetime:
        started = dt.datetime.fromisoformat(self.state.call.started_at)
        return started + dt.timedelta(milliseconds=self.state.now_ms)

    # -- slots and values

    def slot_code(self, name: str, frame: Frame | None = None) -> SlotCode:
        slot = self.program.slot((frame or self.frame).flow, name)
        if slot is None:
            raise Raised("error.expr", f"no slot {name}")
        return slot

    def slot_value(self, name: str, frame: Frame | None = None) -> SlotValue | None:
        return (frame or self.frame).slots.get(name) or self.state.slots.get(name)

    def put_slot(self, name: str, value: SlotValue | None) -> None:
        """Fill a slot in its scope; None empties it."""
        scope = self.state.slots if self.slot_code(name).call_scope else self.frame.slots
        if value is None:
            scope.pop(name, None)
            return
        scope[name] = value
        mentioned = self.frame.mentioned
        if name in mentioned:
            mentioned.remove(name)
        mentioned.append(name)

    def is_sensitive(self, name: str) -> bool:
        slot = self.program.slot(self.frame.flow, name) if self.state.frames else self.program.slots.get(name)
        return bool(slot and slot.sensitive)

    def shown(self, name: str, value: JsonValue) -> JsonValue:
        """A slot's value as the journal may have it."""
        return MASK if self.is_sensitive(name) else value

    # -- expressions

    def names(self) -> dict[str, JsonValue]:
        """Everything an expression may read here. The nearer scope wins."""
        state = self.state
        names: dict[str, JsonValue] = dict(state.values)
        names.update({name: slot.value for name, slot in state.slots.items()})
        if state.frames:
            names.update(self.frame.args)
            names.update({name: slot.value for name, slot in self.frame.slots.items()})
        names["call"] = {
            "id": state.call.id,
            "from": state.call.caller,
            "to": state.call.called,
            "lang": state.language,
            "direction": state.call.direction,
            "channel": state.call.channel,
            "topic": state.topic,
            "turns": state.turns,
            "failures": state.failures,
            "anger": state.anger,
            "outcome": state.outcome,
        }
        names["queues"] = {
            name: {
                "open": queue.open,
                "waiting": queue.waiting,
                "agents": queue.agents,
                "expected_wait_s": queue.expected_wait_s,
            }
            for name, queue in state.queues.items()
        }
        names["now"] = self.now().isoformat()
        if self.event_detail:
            names["event"] = self.event_detail
        return names

    def evaluate(self, expression: Expression, extra: Mapping[str, JsonValue] | None = None) -> JsonValue:
        """Raises Await when a background call still owes a value, Raised `error.expr` when a value is missing."""
        self._wait_for(expression.names, extra or {})
        try:
            return expression.evaluate({**self.names(), **(extra or {})}, self.state.language)
        except (ExpressionError, InputError) as error:
            raise Raised("error.expr", str(error)) from error

    def holds(self, condition: Expression | None, extra: Mapping[str, JsonValue] | None = None) -> bool:
        return condition is None or bool(self.evaluate(condition, extra))

    def _wait_for(self, names: frozenset[str], extra: Mapping[str, JsonValue]) -> None:
        for action_id, pending in sorted(self.state.pending.items()):
            if not pending.wait and any(name in names and name not in extra for name in pending.saves):
                raise Await(action_id)

    # -- speaking

    def say(self, prompt: PromptCode, extra: Mapping[str, JsonValue] | None = None, *, barge_in: bool = True) -> Say:
        """Render a prompt and queue it. Nothing is said to a caller who has hung up."""
        said = self.render(prompt, extra, barge_in=barge_in)
        if not self.state.hung_up:
            self.commands.append(said)
            self.remember("bot", said.masked or said.text)
        return said

    def say_builtin(self, situation: str, extra: Mapping[str, JsonValue] | None = None) -> Say:
        return self.say(self.program.prompts[situation], extra)

    def repeat(self, said: Say, rate: float) -> None:
        self.state.prompt_count += 1
        self.commands.append(
            Say(f"p{self.state.prompt_count}", said.text, said.language, said.audio, said.ssml, said.voice, rate,
                said.barge_in, said.source, said.masked, said.variant)
        )  # fmt: skip

    def render(self, prompt: PromptCode, extra: Mapping[str, JsonValue] | None = None, *, barge_in: bool = True) -> Say:
        self._wait_for(prompt.names, extra or {})
        language, variants = self._variants(prompt)
        self.state.prompt_count += 1
        number = _pick(self.state.call.id, self.state.prompt_count, len(variants))
        variant = variants[number]
        text = self._text(variant.text, extra, language)
        return Say(
            prompt_id=f"p{self.state.prompt_count}",
            text=text,
            language=language,
            audio=variant.audio,
            ssml=str(self.evaluate(variant.ssml, extra)) if variant.ssml else "",
            voice=self.program.voices.get(language, ""),
            rate=self.state.rate,
            barge_in=barge_in,
            source=prompt.source,
            masked=self._masked(variant, extra, language),
            variant=number,
        )

    def written(self, prompt: PromptCode) -> str:
        """The prompt's text for the eye: figures stay figures. Raises what `render` raises."""
        self._wait_for(prompt.names, {})
        _, variants = self._variants(prompt)
        return str(self.evaluate(variants[0].text, None))

    def _variants(self, prompt: PromptCode) -> tuple[str, tuple[Variant, ...]]:
        for language in (self.state.language, *self.program.languages, FALLBACK_LANGUAGE):
            if prompt.variants.get(language):
                return language, prompt.variants[language]
        raise Raised("error.expr", f"{prompt.source}: a prompt without a text")

    def _text(self, template: Expression, extra: Mapping[str, JsonValue] | None, language: str) -> str:
        value = self.evaluate(template, extra)
        text = value if isinstance(value, str) else str(value)
        if self.state.call.channel == "text":
            return text
        return spoken_text(pronounced(text, self.program.sayings.get(language, ())), language)

    def _masked(self, variant: Variant, extra: Mapping[str, JsonValue] | None, language: str) -> str:
        """The text with sensitive slots hidden; empty when it has none."""
        hidden = {name: MASK for name in variant.text.names if self.is_sensitive(name)}
        if not hidden and not (extra or {}).get("sensitive"):
            return ""
        try:
            masked = variant.text.evaluate({**self.names(), **(extra or {}), "value": MASK, **hidden}, language)
        except (ExpressionError, InputError):
            return MASK  # a filter that cannot say the mask
        return str(masked)

    def remember(self, who: str, text: str) -> None:
        """Keep the last lines of the talk, for the hand-over's summary."""
        self.state.transcript = [*self.state.transcript[-7:], f"{who}: {text}"]


def _pick(call_id: str, number: int, count: int) -> int:
    """Which variant: fixed by the call and the prompt's number, so that a replay says the same."""
    if count == 1:
        return 0
    return hashlib.blake2s(f"{call_id}/{number}".encode()).digest()[0] % count


@lru_cache(maxsize=4096)
def pronounced(text: str, sayings: tuple[tuple[str, str], ...]) -> str:
    """Terms of the lexicon as they are said; whole words only, whatever their case."""
    said = {term.lower(): saying for term, saying in sayings}
    parts = [rf"(?<![a-z0-9]){re.escape(term)}(?![a-z0-9])" for term in said]
    return re.sub("|".join(parts), lambda match: said[match.group().lower()], text, flags=re.I) if parts else text


@lru_cache(maxsize=4096)
def spoken_text(text: str, language: str) -> str:
    """Figures and signs in words; the text itself where the language's verbaliser cannot."""
    try:
        return verbalise(text, language)
    except InputError:
        return text
