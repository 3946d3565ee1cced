"""What the interpreter runs: a hotline with names resolved, expressions compiled, every part with its `file:line`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from ivr.dialog.events import JsonValue

ConfirmPolicy: TypeAlias = Literal["auto", "always", "never", "implicit"]


class Expression(Protocol):
    """A compiled expression or template."""

    @property
    def names(self) -> frozenset[str]:
        """Root names it reads."""

    def evaluate(self, names: Mapping[str, JsonValue], language: str) -> JsonValue:
        """Raises `ivr.dialog.expressions.ExpressionError` when a value is missing or of the wrong kind."""


@dataclass(frozen=True, slots=True)
class Variant:
    text: Expression
    audio: str = ""
    ssml: Expression | None = None


@dataclass(frozen=True, slots=True)
class PromptCode:
    variants: Mapping[str, tuple[Variant, ...]]
    """Language -> ways to say it."""
    source: str = ""

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name for ways in self.variants.values() for way in ways for name in way.text.names)


@dataclass(frozen=True, slots=True)
class OptionCode:
    value: JsonValue
    key: str
    phrases: Mapping[str, str]
    """Language -> how it is said: the first phrase of the option."""
    ways: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Language -> all of the option's phrase templates."""


@dataclass(frozen=True, slots=True)
class SlotCode:
    name: str
    type: str
    length: tuple[int, int] | None = None
    range: tuple[JsonValue, JsonValue] | None = None
    currency: str = ""
    options: tuple[OptionCode, ...] = ()
    default: Expression | None = None
    check: Expression | None = None
    confirm: ConfirmPolicy = "auto"
    sensitive: bool = False
    call_scope: bool = False
    keys: tuple[str, ...] = ()
    """yes_no: keys for yes and no."""
    listen: Mapping[str, JsonValue] = field(default_factory=dict)
    prompts: Mapping[str, PromptCode] = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True, slots=True)
class Branch:
    to: str
    condition: Expression | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class HandoverCode:
    queue: str
    reason: str
    skills: tuple[Expression, ...] = ()
    priority: Expression | None = None
    share: tuple[str, ...] = ()
    summary: PromptCode | None = None
    max_wait_ms: int = 180_000
    music: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class EndCode:
    outcome: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True)
class HandlerCode:
    """One rung of a ladder."""

    source: str
    reprompt: str = ""
    """ask, retry, help; empty = none."""
    say: PromptCode | None = None
    set: Mapping[str, Expression] = field(default_factory=dict)
    listen: Mapping[str, JsonValue] = field(default_factory=dict)
    next: str = ""
    run: str = ""
    handover: HandoverCode | None = None
    end: EndCode | None = None


Catch: TypeAlias = Mapping[str, tuple[HandlerCode, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCode:
    """What all steps share; the classes below are the verbs. A plain StepCode is a branch."""

    id: str
    source: str
    condition: Expression | None = None
    next: tuple[Branch, ...] = ()
    """Empty = no `next` written."""
    following: str = ""
    """The next step in file order; empty = the flow ends."""
    catch: Catch = field(default_factory=dict)
    listen: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SayStep(StepCode):
    say: PromptCode


@dataclass(frozen=True, slots=True, kw_only=True)
class AskStep(StepCode):
    slots: tuple[str, ...]
    confirm: ConfirmPolicy | None = None
    """None = each slot's own."""
    confirm_prompt: PromptCode | None = None
    """`confirm: {say}`: the whole form is read back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteStep(StepCode):
    prompts: Mapping[str, PromptCode]
    guess: Expression | None = None
    guess_min: float = 0.6
    guess_max: int = 1
    intents: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStep(StepCode):
    action: str
    args: Mapping[str, Expression]
    save: Mapping[str, Expression]
    wait: bool = True
    commit: bool = False
    filler: PromptCode | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStep(StepCode):
    flow: str
    args: Mapping[str, Expression]
    save: Mapping[str, Expression]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetStep(StepCode):
    set: Mapping[str, Expression]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverStep(StepCode):
    handover: HandoverCode


@dataclass(frozen=True, slots=True, kw_only=True)
class EndStep(StepCode):
    end: EndCode


@dataclass(frozen=True, slots=True)
class TriggerCode:
    title: Mapping[str, str]
    key: str = ""
    anywhere: bool = True


@dataclass(frozen=True, slots=True)
class FlowCode:
    id: str
    first: str
    steps: Mapping[str, StepCode]
    source: str
    slots: Mapping[str, SlotCode] = field(default_factory=dict)
    trigger: TriggerCode | None = None
    catch: Catch = field(default_factory=dict)
    listen: Mapping[str, JsonValue] = field(default_factory=dict)
    interrupt: Literal["allow", "confirm", "deny"] = "allow"
    resume: PromptCode | None = None
    rollout: float = 1.0
    args: tuple[str, ...] = ()
    answers: bool = False
    """It only says something and is over (an FAQ entry): nobody leaves anything for it."""


@dataclass(frozen=True, slots=True)
class ActionCode:
    name: str
    timeout_ms: int
    idempotency: Expression | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    turns: int = 25
    failures: int = 8
    depth: int = 3


@dataclass(frozen=True, slots=True)
class Program:
    hotline: str
    languages: tuple[str, ...]
    inbound: str
    outbound: str
    flows: Mapping[str, FlowCode]
    actions: Mapping[str, ActionCode]
    queues: tuple[str, ...]
    catch: Catch
    builtin_catch: Catch
    prompts: Mapping[str, PromptCode]
    """Built-in prompts by situation."""
    command_keys: Mapping[str, str] = field(default_factory=dict)
    """Key -> command."""
    command_names: frozenset[str] = frozenset()
    slots: Mapping[str, SlotCode] = field(default_factory=dict)
    """Slots of the hotline: scope `call`."""
    listen: Mapping[str, JsonValue] = field(default_factory=dict)
    limits: Limits = Limits()
    accept: float = 0.85
    confirm: float = 0.5
    choices: int = 2
    anger_on: float = 0.7
    detect_language: str = "first_turn"
    voices: Mapping[str, str] = field(default_factory=dict)
    currency: str = "CNY"
    sayings: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    """Language -> terms of the lexicon and how they are said, longest first."""

    def step(self, flow: str, step: str) -> StepCode:
        return self.flows[flow].steps[step]

    def slot(self, flow: str, name: str) -> SlotCode | None:
        return self.flows[flow].slots.get(name) or self.slots.get(name)

    @property
    def triggers(self) -> tuple[str, ...]:
        return tuple(name for name, flow in self.flows.items() if flow.trigger)


def prompts_of(value: object, seen: set[int] | None = None) -> Iterator[PromptCode]:
    """Every prompt in a compiled program, wherever it hangs."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, PromptCode):
        yield value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for item in dataclasses.fields(value):
            yield from prompts_of(getattr(value, item.name), seen)
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from prompts_of(part, seen)
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        for part in value:
            yield from prompts_of(part, seen)
