"""docs/agents.md says all there is to set, and its examples are read."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from ivr.acd.config import STRATEGIES
from ivr.desk.actions import BUILTIN_ACTIONS
from ivr.desk.config import AgentSettings, DeskConfig, OverflowSettings, QueueSettings, desk_config, floor_config
from ivr.dialog.schema.action import Action

TEXT = (Path(__file__).parents[2] / "docs" / "agents.md").read_text(encoding="utf-8")


class Queue:
    skills = ("dispute",)
    hours, timezone = "24/7", "UTC"


def test_every_setting_is_documented() -> None:
    models = (DeskConfig, AgentSettings, QueueSettings, OverflowSettings)
    missing = {f"{model.__name__}.{name}" for model in models for name in model.model_fields if f"`{name}`" not in TEXT}
    assert missing == set()
    assert [name for name in (*STRATEGIES, *BUILTIN_ACTIONS) if name not in TEXT] == []


def test_the_examples_are_read() -> None:
    examples = re.findall(r"```toml\n(.*?)```", TEXT, re.S)
    assert len(examples) >= 3
    for example in examples:
        config = desk_config(tomllib.loads(example)["desk"])
        floor = floor_config(config, {"cards": Queue(), "default": Queue()})
        assert not floor.agents or floor.agents[0].name == "ann"


def test_the_ticket_action_is_one() -> None:
    found = re.search(r"python: (ivr\.[\w.]+), args: \[phone, topic\]", TEXT)
    assert found is not None
    assert found[1] in BUILTIN_ACTIONS
    Action.model_validate({"python": found[1], "args": ["phone", "topic"], "returns": {"number": "digits"}})


def test_the_defaults_are_right() -> None:
    for model in (DeskConfig, QueueSettings, AgentSettings):
        for name, field in model.model_fields.items():
            row = re.search(rf"^\| (?:`\w+`, )*`{name}`(?:, `\w+`)* \| ([^|]*) \|", TEXT, re.M)
            if row is not None and isinstance(field.default, float | int) and name != "overflow":
                shown = row[1].strip().strip("`")
                expected = str(field.default).lower() if isinstance(field.default, bool) else f"{field.default:g}"
                assert shown == expected, name
