"""Flows: one scene, one file."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, model_validator

from ivr.dialog.schema.base import Node
from ivr.dialog.schema.handler import Catch
from ivr.dialog.schema.listen import Listen
from ivr.dialog.schema.prompt import Prompt
from ivr.dialog.schema.slot import Slot
from ivr.dialog.schema.step import AnyStep, Interrupt, Step
from ivr.dialog.schema.values import Flag, Identifier, Key, Language, Share, Text, Texts, ValueType


class Trigger(Node):
    """What callers say to get here: a flow with a trigger is an intent."""

    what: ClassVar[str] = "a trigger"

    title: dict[Language, Text] = Field(description="Its name as callers hear it, by language: `question a charge`.")
    examples: dict[Language, Texts] = Field(
        description="What callers say, by language; `[x]` optional, `(a|b)` either. Five or more."
    )
    dtmf: Key = Field(default="", validate_default=False, description="Key of this intent in a key menu.")
    anywhere: Flag = Field(default=True, description="May callers get here from inside other flows (a digression)?")


class Flow(Node):
    """A scene: a list of steps and what they share."""

    what: ClassVar[str] = "a flow"

    flow: Identifier = Field(description="Name of the flow, unique in the hotline.")
    steps: tuple[AnyStep, ...] = Field(min_length=1, description="What happens, in order.")
    trigger: Trigger | None = Field(default=None, description="What callers say to get here.")
    args: dict[Identifier, ValueType] = Field(
        default_factory=dict, description="Values that `run` must give: {name: type}."
    )
    slots: dict[Identifier, Slot] = Field(default_factory=dict, description="What this flow can ask for.")
    catch: Catch = Field(default_factory=dict, description="Handlers for events in all its steps.")
    listen: Listen | None = Field(default=None, description="Listen differently in all its steps.")
    interrupt: Interrupt = Field(
        default="allow", description="May callers leave for another flow? allow, confirm (ask first), deny."
    )
    resume: Prompt | None = Field(
        default=None, description="Said when callers come back to this flow after a digression."
    )
    rollout: Share = Field(
        default=1.0, description="Share of callers for whom it is open (by hash of the caller's number)."
    )
    owner: Text = Field(default="", description="Who answers for it.")
    tags: tuple[Text, ...] = Field(default=(), description="For statistics.")

    @model_validator(mode="after")
    def _name_steps(self) -> Flow:
        named = tuple(
            step if step.id else step.model_copy(update={"id": f"{self.flow}_step_{number}"})
            for number, step in enumerate(self.steps, start=1)
        )
        object.__setattr__(self, "steps", named)  # the model is frozen for everybody else
        return self

    def step(self, step_id: str) -> Step | None:
        """The step of that id, or None."""
        return next((step for step in self.steps if step.id == step_id), None)
