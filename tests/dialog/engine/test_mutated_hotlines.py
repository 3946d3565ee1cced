"""Hotlines damaged at random: the lint tells what is wrong, at places that exist; what it lets pass can be called."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
from tests_talk import Talk

from ivr.cli.new import starter_files
from ivr.dialog.engine.compile import compile_program
from ivr.dialog.fmt import format_text
from ivr.dialog.lint import LintOptions, lint_files
from ivr.dialog.loader import Definition, parse
from ivr.dialog.problems import Problems
from ivr.errors import DialogError

SOUND = {name: text.encode() for name, text in starter_files().items() if name.endswith(".yaml")}
QUICK = LintOptions(acoustic=False)
PIECES = [
    "{", "}", "[", "]", ":", ",", '"', "'", "#", "- ", "&a", "*a", "!x", "|", ">", "null", "true", "on", "yes", "0",
    "-1", "1e999", "9" * 30, "{{ x }}", "{% if %}", "{{ day * 1e300 }}", "${X}", "\t", "\0", "\ufeff", "\u2028",
    "\U0001f600", "a" * 300, "[a|b", "(a|(b", "0.5", "3s", "-5s", "2026-13-45", "noinput", "{}", "[]", '""', "next",
    "run", "end", "set", "reprompt", "x == ", "not", "`", "%", "? a", "<<: *a", "---", "...", "welcome",
    "track/number", "call", "fr", ".nan",
]  # fmt: skip
RESULT: dict[str, Any] = {"found": True, "ok": False, "state": "late", "ticket": "77"}
VALUES: list[Any] = [True, False, None, "12345678", "2026-11-24", 15, 1e9, "13800138000", "", "am"]


def damaged(raw: bytes, chance: random.Random) -> bytes:
    """One change: a line, a word, the indentation, some bytes, or an end too early."""
    lines = raw.decode("utf-8", "surrogateescape").split("\n")
    at = chance.randrange(len(lines))
    match chance.randrange(7):
        case 0:
            del lines[at]
        case 1:
            lines.insert(chance.randrange(len(lines) + 1), lines[at])
        case 2:
            lines[at] = " " * chance.randrange(9) + lines[at].lstrip()
        case 3:
            start = chance.randrange(len(raw) + 1)
            return raw[:start] + chance.randbytes(chance.randrange(4)) + raw[start + chance.randrange(3) :]
        case 4:
            return raw[: chance.randrange(len(raw) + 1)]
        case _:
            words = re.findall(r"\s+|\w+|[^\w\s]", lines[at]) or [""]
            others = re.findall(r"\w+", chance.choice(lines)) or ["x"]
            words[chance.randrange(len(words))] = chance.choice(["", chance.choice(PIECES), chance.choice(others)])
            lines[at] = "".join(words)
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def call(definition: Definition, chance: random.Random) -> None:
    """A caller, a backend and a queue that do anything. `Talk` fails when a step of the interpreter crashes."""
    talk = Talk(compile_program(definition), language=chance.choice(definition.languages))
    slots = [name for flow in definition.flows.values() for name in flow.slots] or ["none"]
    commands = ["agent", "repeat", "slower", "back", "wait", "help", "goodbye", "language", "start_over"]
    for _ in range(20):
        state = talk.state
        assert state is not None
        if state.phase == "ended":
            return
        deeds = [
            talk.silence, talk.yes, talk.no, talk.mumble,
            lambda: talk.keys(chance.choice(["1", "0", "*", "12345678", "15#"])),
            lambda: talk.command(chance.choice(commands), language="zh"),
            lambda: talk.intent(chance.choice(list(definition.flows))),
            lambda: talk.fill(**{chance.choice(slots): chance.choice(VALUES)}),
        ]  # fmt: skip
        if state.pending:
            deeds = [lambda: talk.answer(**RESULT), lambda: talk.failure(chance.choice(["timeout", "http", "data"]))]
        elif state.phase == "queued":
            deeds += [lambda: talk.queue(chance.choice(["closed", "full", "timeout", "failed"]))] * 4
        chance.choice(deeds)()


@pytest.mark.parametrize("seed", range(150))
def test_any_damage_is_told_and_what_passes_can_be_called(seed: int) -> None:
    chance = random.Random(seed)
    files = dict(SOUND)
    for _ in range(chance.choice([1, 1, 1, 2, 5])):
        name = chance.choice(sorted(files))
        files[name] = damaged(files[name], chance) if files[name] else b""
    found = lint_files(files, options=QUICK)
    assert list(found) == sorted(found, key=lambda each: (each.file != "hotline.yaml", each))
    for problem in found:
        lines = re.split(r"\r\n|\r|\n", files.get(problem.file, b"").decode("utf-8", "replace"))
        assert 1 <= problem.line <= len(lines) + 1, problem
        assert 1 <= problem.column <= len([*lines, ""][problem.line - 1]) + 2, problem
    if not any(problem.severity == "error" for problem in found):
        definition = parse(files, "", Problems())
        assert definition is not None
        call(definition, chance)
    for name, raw in files.items():
        try:
            tidy = format_text(raw, name)
        except DialogError:
            continue
        assert format_text(tidy.encode(), name) == tidy


def test_some_of_them_pass() -> None:
    """Else the calls above would test nothing."""
    passed = 0
    for seed in range(60):
        chance = random.Random(seed)
        name = chance.choice(sorted(SOUND))
        problems = lint_files({**SOUND, name: damaged(SOUND[name], chance)}, options=QUICK)
        passed += not any(problem.severity == "error" for problem in problems)
    assert passed >= 10
