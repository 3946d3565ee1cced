"""Slots: what is asked for, how it is read, checked and confirmed."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, JsonValue, WithJsonSchema, model_validator

from ivr.dialog.schema.base import Node
from ivr.dialog.schema.listen import Listen
from ivr.dialog.schema.prompt import Phrases, Prompt
from ivr.dialog.schema.values import Expression, Flag, Key, Keys, SlotType, Text, Whole, problem

ConfirmMode = Literal["auto", "always", "never", "implicit"]


def _as_length(value: Any) -> Any:
    """`length: 4` is `[4, 4]`."""
    return (value, value) if isinstance(value, int) and not isinstance(value, bool) else value


Length = Annotated[
    tuple[Whole, Whole],
    BeforeValidator(_as_length),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}),
]
Bound = Annotated[str | int | float | None, WithJsonSchema({"type": ["string", "number", "null"]})]


class Option(Phrases):
    """One answer of a `choice`."""

    what: ClassVar[str] = "an option"

    value: str | int | float | bool = Field(description="What the slot holds when it is chosen.")
    dtmf: Key = Field(
        default="", validate_default=False, description="Key that chooses it. Left out: by order, from 1."
    )


class SlotPrompts(Node):
    """What is said around one slot."""

    what: ClassVar[str] = "a slot's `prompts`"

    ask: Prompt | None = Field(default=None, description="The question. Short; help belongs into `help`.")
    retry: Prompt | None = Field(default=None, description="After a failure.")
    help: Prompt | None = Field(default=None, description="After a second failure, or when the caller asks for help.")
    invalid: Prompt | None = Field(default=None, description="The value is out of range or fails its check.")
    confirm: Prompt | None = Field(default=None, description="Asks whether it was understood right.")
    choose: Prompt | None = Field(default=None, description="Asks `{{ a }}` or `{{ b }}`?")


class Slot(Node):
    """A value that the caller gives."""

    what: ClassVar[str] = "a slot"

    type: SlotType = Field(
        description="yes_no, digits, number, money, date, time, phone, choice, text, or a plug-in (`acme.plate`)."
    )
    length: Length | None = Field(default=None, description="digits: how many, `4` or `[4, 8]`.")
    range: tuple[Bound, Bound] | None = Field(
        default=None, description="Smallest and largest; dates: ISO, `today` or days from it (`-180d`)."
    )
    currency: Text = Field(default="", description="money: ISO 4217 (`CNY`).")
    options: tuple[Option, ...] = Field(default=(), description="choice: the answers.")
    default: JsonValue = Field(default=None, description="Value or template offered; it is confirmed, not asked.")
    check: Expression | None = Field(
        default=None, description="Expression that must hold; the slot's name is its new value."
    )
    confirm: ConfirmMode = Field(default="auto", description="auto (by confidence), always, never or implicit.")
    sensitive: Flag = Field(default=False, description="Masked in logs and pages, silenced in the recording.")
    scope: Literal["flow", "call"] = Field(
        default="flow", description="call: kept when the flow ends, seen by all flows."
    )
    dtmf: Keys = Field(default=(), description="Keys for the answers of yes_no, in order yes, no.")
    listen: Listen | None = Field(default=None, description="Listen differently for this slot.")
    prompts: SlotPrompts = Field(default=SlotPrompts(), description="What is said.")

    @model_validator(mode="after")
    def _fits_type(self) -> Slot:
        if self.type == "choice" and not self.options:
            raise problem("a choice without options", "write options: [{value: ..., en: [...], zh: [...]}]", "E26")
        if self.options and self.type != "choice":
            raise problem(f"options in a slot of type {self.type}", "only a choice has options")
        if self.length is not None and not 0 < self.length[0] <= self.length[1] <= 64:
            raise problem("`length` needs 1 to 64, the shorter first", "write length: 4 or length: [4, 8]")
        if self.length is not None and self.type in {"yes_no", "date", "time", "money", "choice"}:
            raise problem(
                f"`length` in a slot of type {self.type}", "only digits, number, phone and text have a length"
            )
        return self


class Confirm(Node):
    """How a form is confirmed: a mode, or `{say}` for one question about all of it."""

    what: ClassVar[str] = "`confirm`"

    mode: ConfirmMode = Field(default="always", description="auto, always, never or implicit; `{say}` means always.")
    say: Prompt | None = Field(default=None, description="The question.")

    @classmethod
    def normalise(cls, data: Any) -> Any:
        return {"mode": data} if isinstance(data, str) else data

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        prompt = handler.resolve_ref_schema(handler(core))["properties"]["say"]["anyOf"][0]
        one = {"type": "object", "properties": {"say": prompt}, "required": ["say"], "additionalProperties": False}
        return {"description": cls.__doc__, "anyOf": [{"enum": ["auto", "always", "never", "implicit"]}, one]}
