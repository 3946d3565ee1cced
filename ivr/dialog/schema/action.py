"""Actions: what the bot can do at a backend."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, JsonValue, model_validator

from ivr.dialog.schema.base import Node
from ivr.dialog.schema.values import DottedName, Duration, Identifier, Text, ValueType, Whole, problem


class Action(Node):
    """One action: an HTTP request or a Python function."""

    what: ClassVar[str] = "an action"

    http: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] | None = Field(
        default=None, description="Method of the request."
    )
    url: Text = Field(
        default="", description="Address; `${NAME}` from the environment, `{{ arg }}` from the arguments."
    )
    python: DottedName | Literal[""] = Field(
        default="", description="Instead of http: a function, `package.module.name`."
    )
    args: tuple[Identifier, ...] = Field(default=(), description="Names of its arguments.")
    timeout_ms: Duration = Field(default=3000, alias="timeout", description="Longest wait (3s), then `error.timeout`.")
    retries: Whole = Field(default=0, ge=0, le=5, description="Further tries; only for GET, or with `idempotency`.")
    auth: Identifier | Literal[""] = Field(default="", description="Secret whose value is sent as a bearer token.")
    headers: dict[str, Text] = Field(default_factory=dict, description="Further headers; templates.")
    body: JsonValue = Field(default=None, description="Body; templates. Left out: the arguments as JSON.")
    idempotency: Text = Field(
        default="", description="Template of the key by which the backend knows a repeated request."
    )
    returns: dict[str, ValueType] = Field(description="Fields of the result and their types; others are dropped.")

    @model_validator(mode="after")
    def _one_kind(self) -> Action:
        if bool(self.http) == bool(self.python):
            raise problem(
                "an action needs either `http` or `python`", "http: GET with a url, or python: module.name", "E26"
            )
        if self.http and not self.url:
            raise problem("`http` without `url`", "add url: ${BASE}/path", "E26")
        return self
