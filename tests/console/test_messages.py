"""Every text of the interface has a Chinese one."""

from __future__ import annotations

import re
from pathlib import Path

from ivr.acd.agents import AgentState
from ivr.acd.waiting import CallState as FloorState
from ivr.call.states import CallState
from ivr.console import i18n
from ivr.console.messages_zh import MESSAGES
from ivr.console.pages.calls import OUTCOMES
from ivr.console.pages.floor import DISPOSITIONS, PAUSES
from ivr.console.pages.tickets import PRIORITIES
from ivr.console.render import MENU, THEMES
from ivr.store.tickets import STATES
from ivr.store.users import ROLES

TEMPLATES = Path(i18n.__file__).parent / "templates"


def texts() -> set[str]:
    found: set[str] = set()
    for template in TEMPLATES.glob("*.html"):
        found |= set(re.findall(r"\bt\('((?:[^'\\]|\\.)+)'[,)]", template.read_text("utf-8")))
    return found


def test_templates_are_translated() -> None:
    assert len(texts()) > 120
    assert sorted(texts() - set(MESSAGES)) == []


def test_words_from_the_code_are_translated() -> None:
    words = {name for _, name, _ in MENU} | {f"Colours: {name}" for name in THEMES}
    words |= {*OUTCOMES, *DISPOSITIONS, *PAUSES, *PRIORITIES, *STATES, *ROLES}
    words |= {state.value for states in (AgentState, FloorState, CallState) for state in states}
    assert sorted(words - set(MESSAGES)) == []


def test_placeholders_are_the_same() -> None:
    for english, chinese in MESSAGES.items():
        assert re.findall(r"{\w+}", english) == re.findall(r"{\w+}", chinese), english


def test_unknown_texts_stay_as_they_are() -> None:
    assert i18n.translator("zh")("a reason nobody foresaw: {x}") == "a reason nobody foresaw: {x}"
    assert i18n.translator("zh")("{n} waiting", n=3) == "3 人等待"
    assert i18n.translator("en")("{n} waiting", n=3) == "3 waiting"
