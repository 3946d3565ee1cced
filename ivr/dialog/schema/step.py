"""Steps: each has one verb (`say`, `ask`, `route`, `call`, `set`, `run`, `handover`, `end`) or only a `next`."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BeforeValidator, Discriminator, Field, GetJsonSchemaHandler, JsonValue, Tag, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from ivr.dialog.problems import did_you_mean
from ivr.dialog.schema.base import Node
from ivr.dialog.schema.handler import Catch, EndSpec, HandoverSpec
from ivr.dialog.schema.listen import Listen
from ivr.dialog.schema.prompt import Prompt
from ivr.dialog.schema.slot import Confirm
from ivr.dialog.schema.values import DottedName, Expression, Flag, Identifier, Number, Text, Whole, problem

VERBS = ("say", "ask", "route", "call", "set", "run", "handover", "end")


class Branch(Node):
    """One way on: `to` when `if` holds; without `if`, always."""

    what: ClassVar[str] = "a branch of `next`"

    condition: Expression | None = Field(default=None, alias="if", description="Expression; left out = otherwise.")
    to: Identifier = Field(description="Step of this flow.")

    @classmethod
    def normalise(cls, data: Any) -> Any:
        return {"to": data} if isinstance(data, str) else data


def _as_branches(value: Any) -> Any:
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise problem(
            "`next` is a step's id or a list of {if, to}", "write next: step or next: [{if: x, to: a}, {to: b}]"
        )
    return value


_BRANCHES_SCHEMA: JsonSchemaValue = {
    "anyOf": [
        {"type": "string"},
        {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"if": {"type": ["string", "boolean"]}, "to": {"type": "string"}},
                "required": ["to"],
                "additionalProperties": False,
            },
        },
    ]
}
Next = Annotated[tuple[Branch, ...], BeforeValidator(_as_branches), WithJsonSchema(_BRANCHES_SCHEMA)]


class StepBase(Node):
    """What every step can have beside its verb."""

    what: ClassVar[str] = "a step"
    verb: ClassVar[str] = ""

    id: Identifier = Field(
        default="", validate_default=False, description="Name inside the flow. Left out: `flow_step_N`."
    )
    condition: Expression | None = Field(
        default=None, alias="if", description="Expression; the step is skipped when false."
    )
    next: Next = Field(
        default=(),
        description="Step to go on with, or [{if, to}, ...]: the first that holds. Left out: the following step.",
    )
    catch: Catch = Field(default_factory=dict, description="Handlers for events in this step.")
    listen: Listen | None = Field(default=None, description="Listen differently in this step.")
    tags: tuple[Text, ...] = Field(default=(), description="For statistics.")


class SayStep(StepBase):
    """Say something."""

    what: ClassVar[str] = "a `say` step"
    verb: ClassVar[str] = "say"

    say: Prompt = Field(description="What.")


def _as_slots(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class AskStep(StepBase):
    """Ask for a slot, or for several in any order (a form). Retries, corrections, digressions are built in."""

    what: ClassVar[str] = "an `ask` step"
    verb: ClassVar[str] = "ask"

    ask: Annotated[
        tuple[Identifier, ...],
        BeforeValidator(_as_slots),
        Field(min_length=1),
        WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
    ] = Field(description="Slot, or list of slots.")
    confirm: Confirm | None = Field(
        default=None, description="auto, always, never, implicit, or {say} about the whole form."
    )


class Guess(Node):
    """Ask whether the caller wants what we already suspect, before the open question."""

    what: ClassVar[str] = "`guess`"

    source: Text = Field(alias="from", description="Template that gives [{intent, p}, ...].")
    min: Number = Field(default=0.6, ge=0, le=1, description="Least p of a guess.")
    max: Whole = Field(default=1, ge=1, le=5, description="How many are tried.")


class RoutePrompts(Node):
    """What an open question says."""

    what: ClassVar[str] = "a route's `prompts`"

    ask: Prompt | None = Field(default=None, description="The open question.")
    guess: Prompt | None = Field(default=None, description="Do you call about `{{ guess.title }}`?")
    more: Prompt | None = Field(default=None, description="Please say a little more (three or more intents possible).")
    choose: Prompt | None = Field(default=None, description="`{{ a }}` or `{{ b }}`?")
    confirm: Prompt | None = Field(default=None, description="You want to `{{ title }}`, right?")
    retry: Prompt | None = Field(default=None, description="After a failure.")
    help: Prompt | None = Field(default=None, description="What can be said here: `{{ titles | join(', ') }}`.")


class Route(Node):
    """An open question whose answer is an intent: the flow with that trigger is entered."""

    what: ClassVar[str] = "`route`"

    guess: Guess | None = Field(default=None, description="Try what is suspected first.")
    intents: tuple[Identifier, ...] | None = Field(
        default=None, description="Flows it may lead to. Left out: all with a trigger."
    )
    prompts: RoutePrompts = Field(default=RoutePrompts(), description="What is said.")


class RouteStep(StepBase):
    """Ask what the caller wants, and enter that flow."""

    what: ClassVar[str] = "a `route` step"
    verb: ClassVar[str] = "route"

    route: Route = Field(description="The open question.")


class CallStep(StepBase):
    """Call a backend action."""

    what: ClassVar[str] = "a `call` step"
    verb: ClassVar[str] = "call"

    call: DottedName = Field(description="Action of actions.yaml.")
    args: dict[str, JsonValue] = Field(default_factory=dict, alias="with", description="Arguments; templates.")
    save: dict[Identifier, JsonValue] = Field(
        default_factory=dict, description="Names to keep from `{{ result }}` and its fields."
    )
    wait: Flag = Field(default=True, description="false: go on at once; the result is awaited where it is first read.")
    filler: Prompt | None = Field(default=None, description="Said when the backend takes longer than 1.2 s.")
    commit: Flag = Field(default=False, description="It changes something for good: no correction reaches behind it.")


class SetStep(StepBase):
    """Set values."""

    what: ClassVar[str] = "a `set` step"
    verb: ClassVar[str] = "set"

    set: dict[Identifier, JsonValue] = Field(min_length=1, description="Name to value or template.")


class RunStep(StepBase):
    """Run another flow and come back."""

    what: ClassVar[str] = "a `run` step"
    verb: ClassVar[str] = "run"

    run: Identifier = Field(description="Flow.")
    args: dict[str, JsonValue] = Field(default_factory=dict, alias="with", description="Its `args`; templates.")
    save: dict[Identifier, JsonValue] = Field(default_factory=dict, description="Names to keep from `{{ result }}`.")


class HandoverStep(StepBase):
    """Give the call to a human."""

    what: ClassVar[str] = "a `handover` step"
    verb: ClassVar[str] = "handover"

    handover: HandoverSpec = Field(description="To which queue, and why.")


class EndStep(StepBase):
    """End this flow: back to whoever ran it, or hang up."""

    what: ClassVar[str] = "an `end` step"
    verb: ClassVar[str] = "end"

    end: EndSpec = Field(description="How it went.")


class BranchStep(StepBase):
    """Only choose where to go on."""

    what: ClassVar[str] = "a branch step"
    verb: ClassVar[str] = "next"


def _check_verb(data: Any) -> Any:
    """Refuse what is no step: no verb, or two."""
    if isinstance(data, StepBase):
        return data
    if not isinstance(data, dict):
        raise problem("a step is a map with one verb", "verbs: " + ", ".join(VERBS))
    verbs = [verb for verb in VERBS if verb in data]
    if len(verbs) > 1:
        raise problem(f"a step with {' and '.join(f'`{verb}`' for verb in verbs)}", "one verb a step: split it", "E26")
    if not verbs and "next" not in data:
        own = [str(key) for key in data if key not in {"id", "if", "catch", "listen", "tags"}]
        hint = "verbs: " + ", ".join(VERBS)
        if own:
            hint = StepBase.hint_for(own[0]) or did_you_mean(own[0], VERBS)
        raise problem("a step without a verb", hint, "E26")
    return data


def _verb_of(data: Any) -> str:
    """Tag of the step class for a step's data."""
    if isinstance(data, StepBase):
        return f"step:{data.verb}"
    return f"step:{next((verb for verb in VERBS if verb in data), 'next')}"


class _StepUnion:
    """JSON Schema of a step: editors complete best when each verb is its own alternative."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        found = handler(core)
        return {"anyOf": found["oneOf"]} if "oneOf" in found else found


Step: TypeAlias = SayStep | AskStep | RouteStep | CallStep | SetStep | RunStep | HandoverStep | EndStep | BranchStep
AnyStep = Annotated[
    Annotated[SayStep, Tag("step:say")]
    | Annotated[AskStep, Tag("step:ask")]
    | Annotated[RouteStep, Tag("step:route")]
    | Annotated[CallStep, Tag("step:call")]
    | Annotated[SetStep, Tag("step:set")]
    | Annotated[RunStep, Tag("step:run")]
    | Annotated[HandoverStep, Tag("step:handover")]
    | Annotated[EndStep, Tag("step:end")]
    | Annotated[BranchStep, Tag("step:next")],
    Discriminator(_verb_of),
    BeforeValidator(_check_verb),
    _StepUnion,
]
Interrupt = Literal["allow", "confirm", "deny"]
