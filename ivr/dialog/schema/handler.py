"""What happens on an event: handlers, ladders of handlers, and the ways out of a flow."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from ivr.dialog.problems import did_you_mean
from ivr.dialog.schema.base import Node
from ivr.dialog.schema.listen import Listen
from ivr.dialog.schema.prompt import Prompt
from ivr.dialog.schema.values import Duration, Identifier, Text, problem

EVENTS: dict[str, tuple[str, ...]] = {
    "noinput": (),
    "nomatch": (),
    "invalid": (),
    "maxspeech": (),
    "command": ("agent", "repeat", "slower", "back", "wait", "help", "goodbye", "language", "start_over"),
    "correction": (),
    "anger": (),
    "hangup": (),
    "resume": (),
    "done": (),
    "error": ("timeout", "http", "data", "expr", "loop", "flow", "engine"),
    "limit": ("turns", "failures", "depth", "call"),
    "queue": ("closed", "full", "timeout", "failed"),
}
"""Events that can be caught; a handler for `queue` takes every `queue.*`. Commands may have further names."""


def check_event(name: str) -> str:
    head, dot, tail = name.partition(".")
    if head not in EVENTS:
        raise problem(f"no such event: {name[:60]}", did_you_mean(head, EVENTS), "E01")
    known = EVENTS[head]
    if head == "command" and (not dot or re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", tail)):
        return name  # the hotline's own commands are looked up by the lint
    if dot and tail not in known:
        hint = did_you_mean(name, [f"{head}.{each}" for each in known], f"write `{head}`")
        raise problem(f"no such event: {name[:60]}", hint, "E01")
    return name


class HandoverSpec(Node):
    """Giving the call to a human."""

    what: ClassVar[str] = "`handover`"

    queue: Identifier = Field(description="Queue of hotline.yaml.")
    reason: Identifier = Field(description="Why, for the statistics (`no_match`, `asked`).")
    skills: tuple[Text, ...] = Field(default=(), description="Skills the agent needs, beside the queue's own.")
    priority: Text = Field(default="normal", description="normal or high; a template may decide.")
    share: tuple[Identifier, ...] = Field(default=(), description="Slots the agent sees at once (screen pop).")
    summary: Prompt | None = Field(
        default=None, description="What the agent reads. Built-in: last intent, slots, the caller's last words."
    )
    max_wait_ms: Duration = Field(
        default=180_000, alias="max_wait", description="Longest wait until `queue.timeout` (3m)."
    )
    music: Text = Field(default="", description="A recording that plays while the caller waits.")


class EndSpec(Node):
    """The end of the call's flow."""

    what: ClassVar[str] = "`end`"

    outcome: Literal["resolved", "ticket", "abandoned", "refused"] | None = Field(
        default=None, description="How the call went, for the statistics. Left out: an outcome set before stays."
    )
    cause: Identifier | Literal[""] = Field(default="", description="A tag of the cause, for attribution.")


class Handler(Node):
    """What to do on an event: say or ask again, change values, and at most one of `next`, `run`, `handover`, `end`.
    With none of these four the step goes on: it listens again, unless `set` filled what was asked."""

    what: ClassVar[str] = "a handler"

    reprompt: Literal["ask", "retry", "help"] | None = Field(
        default=None, description="Which of the step's prompts to play."
    )
    say: Prompt | None = Field(default=None, description="Something else to say first.")
    set: dict[Identifier, Any] = Field(default_factory=dict, description="Values to set; may fill what was asked.")
    listen: Listen | None = Field(default=None, description="Listen differently from here on (a keypad only, say).")
    next: Identifier | None = Field(default=None, description="Step of this flow to go to.")
    run: Identifier | None = Field(default=None, description="Flow to run; the step asks again on its return.")
    handover: HandoverSpec | None = Field(default=None, description="Give the call to a human.")
    end: EndSpec | None = Field(default=None, description="End.")

    @model_validator(mode="after")
    def _one_way_out(self) -> Handler:
        ways = [way for way in ("next", "run", "handover", "end") if getattr(self, way) is not None]
        if len(ways) > 1:
            raise problem(f"a handler with {' and '.join(f'`{way}`' for way in ways)}", "keep one of them")
        return self

    @property
    def leaves(self) -> bool:
        """True when it goes somewhere else."""
        return any(way is not None for way in (self.next, self.run, self.handover, self.end))


class Ladder(Node):
    """Handlers for the first, second, third failure; the last one repeats. A single handler is a ladder of one."""

    what: ClassVar[str] = "a ladder"

    rungs: tuple[Handler, ...] = Field(min_length=1, description="In order.")

    @classmethod
    def normalise(cls, data: Any) -> Any:
        if data is None:
            raise problem("a handler is missing", "write what to do, {} to listen again, or leave the event out", "E26")
        return {"rungs": data} if isinstance(data, list) else {"rungs": [data]}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        rung = handler.resolve_ref_schema(handler(core))["properties"]["rungs"]["items"]
        one_or_more = [rung, {"type": "array", "items": rung, "minItems": 1}]
        return {"description": cls.__doc__, "anyOf": one_or_more}


EventName = Annotated[str, AfterValidator(check_event)]
Catch = dict[EventName, Ladder]
