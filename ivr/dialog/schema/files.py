"""The files that hold lists of something: actions.yaml, prompts/*.yaml, tests/*.yaml."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from ivr.dialog.schema.action import Action
from ivr.dialog.schema.base import Node
from ivr.dialog.schema.prompt import Prompt
from ivr.dialog.schema.testcase import TestCase
from ivr.dialog.schema.values import DottedName


class ActionsFile(Node):
    """actions.yaml: what the bot can do at the backends."""

    what: ClassVar[str] = "actions.yaml"

    actions: dict[DottedName, Action] = Field(description="Actions by name (`cards.find`).")


class PromptsFile(Node):
    """prompts/*.yaml: prompts that several places share."""

    what: ClassVar[str] = "a prompts file"

    prompts: dict[DottedName, Prompt] = Field(description="Prompts by name.")

    @classmethod
    def normalise(cls, data: Any) -> Any:
        """A file without the outer `prompts:` is the map itself."""
        return {"prompts": data} if isinstance(data, dict) and "prompts" not in data else data


class TestsFile(Node):
    """tests/*.yaml: tests of the hotline."""

    __test__: ClassVar[bool] = False
    what: ClassVar[str] = "a tests file"

    tests: tuple[TestCase, ...] = Field(description="One call each.")
