"""Tests a designer writes: a call turn by turn, and what is expected."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, JsonValue, WithJsonSchema, model_validator

from ivr.dialog.schema.base import Node
from ivr.dialog.schema.handler import HandoverSpec
from ivr.dialog.schema.values import Duration, Flag, Identifier, Language, Number, Text, Whole, problem

INPUTS = ("user", "dtmf", "silence", "nbest", "audio", "hangup", "queue")


class Given(Node):
    """The world of a test: caller, clock, queues, what the backend answers."""

    what: ClassVar[str] = "`given`"

    lang: Language | None = Field(default=None, description="Language of the caller. Left out: the hotline's first.")
    caller: Text = Field(default="", alias="from", description="The caller's number.")
    called: Text = Field(default="", alias="to", description="The number called.")
    now: Text = Field(default="", description="When the call begins, ISO 8601 with offset.")
    direction: Literal["inbound", "outbound"] = Field(default="inbound", description="Who calls whom.")
    entry: Identifier | None = Field(default=None, description="Begin in this flow instead of the hotline's entry.")
    queues: dict[Identifier, JsonValue] = Field(
        default_factory=dict, description="State of queues: open, closed, full, or {open, waiting, expected_wait_s}."
    )
    actions: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="What actions answer: a result, error.timeout, {delay, result}, or a list of these, one a call.",
    )
    overlay: dict[str, JsonValue] = Field(default_factory=dict, description="Ops overlay in force: {off: [flow]}.")
    rollout: Literal["open", "share"] = Field(
        default="open",
        description="open: flows with a `rollout` are open to this caller; share: by the hash of his number, as live.",
    )
    slots: dict[Identifier, JsonValue] = Field(default_factory=dict, description="Slots already filled.")


class ExpectedHandover(HandoverSpec):
    """What is expected of a hand-over; only what is written is compared."""

    queue: Identifier = Field(default="", validate_default=False, description="Queue.")
    reason: Identifier = Field(default="", validate_default=False, description="Reason.")


def _decibels(value: Any) -> Any:
    if value is None or isinstance(value, float):
        return value
    found = re.fullmatch(r"([+-]?\d{1,2}(?:\.\d+)?) ?dB", str(value))
    if found is None or not -60 <= float(found[1]) <= 20:
        raise problem(f"`noise` cannot be {str(value)[:40]}", "write -10dB: 10 dB below the voice", "E23")
    return float(found[1])


Decibels = Annotated[
    float | None,
    BeforeValidator(_decibels),
    WithJsonSchema({"type": "string", "pattern": r"^[+-]?\d{1,2}(\.\d+)? ?dB$"}),
]


class SpokenAudio(Node):
    """A turn that is spoken by the synthesiser, made noisy, and run through the recogniser."""

    what: ClassVar[str] = "`audio`"

    say: Text = Field(description="What is said.")
    noise: Decibels = Field(
        default=None, description="Noise as on a telephone line, so far below (or above) the voice: `-10dB`, `0dB`."
    )
    rate: Annotated[Number, Field(ge=0.5, le=2)] = Field(default=1.0, description="How fast: 1.2 = a fifth faster.")
    voice: Text = Field(default="", description="Voice, as in `ivr say`. Left out: the language's first.")


class Turn(Node):
    """What the caller does, and what is expected of the bot then."""

    what: ClassVar[str] = "a turn"

    user: Text | None = Field(default=None, description="What the caller says (with `audio`: its reference text).")
    dtmf: Text | None = Field(default=None, description="Keys.")
    silence_ms: Duration | None = Field(
        default=None, alias="silence", description="The caller says nothing for so long."
    )
    nbest: tuple[tuple[Text, Number], ...] | None = Field(
        default=None, description="What the recogniser gives: [[text, p], ...]."
    )
    audio: Text | SpokenAudio | None = Field(
        default=None,
        description="A recording in the hotline's folder, or {say, noise} to synthesise; run through the recogniser.",
    )
    hangup: Flag | None = Field(default=None, description="true: the caller hangs up.")
    queue: Literal["closed", "full", "timeout", "failed", "answered", "left"] | None = Field(
        default=None, description="News from the queue while the caller waits."
    )
    at_ms: Duration | None = Field(default=None, alias="at", description="So long after the prompt began (barge-in).")
    times: Annotated[Whole, Field(ge=1, le=200)] = Field(
        default=1,
        description="So many times; what is expected holds after the last, calls and prompts of all.",
    )

    step: Text | None = Field(
        default=None, description="Where the dialog stands then: `flow/step` or `flow/step:mode`."
    )
    says: Text | tuple[Text, ...] | None = Field(
        default=None, description="What the bot says (contains; a list: each of them)."
    )
    slots: dict[Identifier, JsonValue] | None = Field(default=None, description="Slots and their values then.")
    intent: Identifier | None = Field(default=None, description="Intent that was understood.")
    handover: ExpectedHandover | None = Field(default=None, description="A hand-over, with at least these keys.")
    calls: Annotated[
        JsonValue,
        WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array"}, {"type": "object"}]}),
    ] = Field(
        default=None, alias="called", description="Actions called: a name, a list of names, or {name: {arg: value}}."
    )
    interrupted: Flag | None = Field(default=None, description="Whether the caller cut the prompt.")

    @model_validator(mode="after")
    def _one_input(self) -> Turn:
        given = [key for key in INPUTS if self.written(key) or getattr(self, self.keys()[key]) is not None]
        if not given:
            raise problem("a turn in which the caller does nothing", "add one of " + ", ".join(INPUTS), "E26")
        if len(given) > 1 and set(given) != {"audio", "user"}:
            raise problem(f"a turn with {' and '.join(f'`{key}`' for key in given)}", "one a turn: split it", "E26")
        return self


def _as_comparison(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Comparison = Annotated[str, BeforeValidator(_as_comparison), Field(pattern=r"^(<=|>=|<|>|==)? ?\d+(\.\d+)?(ms|s|m)?$")]
"""`8`, `"<= 8"`, `"< 2s"`."""


class Expect(Node):
    """What is expected of the call as a whole."""

    what: ClassVar[str] = "`expect`"

    outcome: Text | None = Field(
        default=None, description="resolved, ticket, abandoned, refused, handed_over or failed."
    )
    cause: Text | None = Field(default=None, description="Its cause tag.")
    turns: Comparison | None = Field(default=None, description='Turns of the caller: `8` or `"<= 8"`.')
    max_silence: Comparison | None = Field(default=None, description='Longest silence of the bot: `"< 2s"`.')
    handover: ExpectedHandover | None = Field(default=None, description="The hand-over at the end.")


class TestCase(Node):
    """One call."""

    __test__: ClassVar[bool] = False  # pytest must not collect it
    what: ClassVar[str] = "a test"

    test: Text = Field(description="Its name.")
    given: Given = Field(default=Given(), description="Caller, clock, queues, backend.")
    turns: tuple[Turn, ...] = Field(min_length=1, description="Turn by turn.")
    expect: Expect = Field(default=Expect(), description="At the end.")
    tags: tuple[Text, ...] = Field(default=(), description="To run a part of the tests.")
