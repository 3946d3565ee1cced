"""A caller for engine tests: hand-made readings in, prompts and expectations out. No understanding involved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivr.dialog import events as ev
from ivr.dialog.codec import dumps, loads
from ivr.dialog.engine import DialogState, step
from ivr.dialog.engine.compile import compile_program
from ivr.dialog.engine.program import Program
from ivr.dialog.loader import load, parse
from ivr.dialog.problems import Problems


@dataclass
class Programmed:
    program: Program


HOTLINE = """
hotline: demo
schema: 1
languages: [en, zh]
entry: {inbound: main}
queues:
  default: {skills: [general], hours: "24/7", timezone: Asia/Shanghai}
"""


def program_of(files: Mapping[str, str], hotline: str = HOTLINE) -> Program:
    """Compile a hotline given as texts; `main` stands for flows/main.yaml."""
    raw = {"hotline.yaml": hotline.encode()}
    raw |= {name if "/" in name or "." in name else f"flows/{name}.yaml": text.encode() for name, text in files.items()}
    problems = Problems()
    definition = parse(raw, "test", problems)
    assert definition is not None, problems.sorted()
    assert not problems.has_errors, "\n".join(map(str, problems.sorted()))
    return compile_program(definition)


class Talk:
    """One call. Every step is also made on a state that went through JSON, and must be the same."""

    def __init__(
        self,
        program: Program,
        *,
        language: str = "",
        caller: str = "13800138000",
        channel: Any = "voice",
        **started: Any,
    ) -> None:
        self.bundle = Programmed(program)
        self.now = 0
        call = ev.CallContext("call-1", caller, "95188", language, "2026-11-22T10:00:00+08:00", channel=channel)
        self.state: DialogState | None = None
        self.commands: tuple[ev.DialogCommand, ...] = ()
        self.decisions: tuple[ev.Decision, ...] = ()
        self.send(ev.CallStarted(0, call, **started))

    def send(self, event: ev.DialogEvent) -> Talk:
        before = dumps(self.state) if self.state else ""
        result = step(self.bundle, self.state, event)
        if self.state is not None:
            assert dumps(self.state) == before, "step changed the state it was given"
            again = step(self.bundle, loads(DialogState, before), event)
            assert dumps(again.state) == dumps(result.state)
            assert again.commands == result.commands
        crashes = [str(d.detail["reason"]) for d in result.decisions if d.rule == "error: give up"]
        assert not any("Error: " in reason for reason in crashes), crashes
        self.state, self.commands, self.decisions = result.state, result.commands, result.decisions
        return self

    # -- what the caller does

    def hear(self, *readings: ev.Reading, text: str = "", **understood: Any) -> Talk:
        self.now += 5000
        text = text or next((r.text for r in readings if r.text), "something")
        spoken = (ev.Spoken(text, 0.9),)
        return self.send(ev.Heard(self.now, spoken, ev.Understood(tuple(readings), **understood)))

    def yes(self, p: float = 0.97) -> Talk:
        return self.hear(ev.Reading("yes", None, p, text="yes"))

    def no(self, p: float = 0.97) -> Talk:
        return self.hear(ev.Reading("no", None, p, text="no"))

    def fill(self, p: float = 0.97, **values: Any) -> Talk:
        readings = [
            ev.Reading("fill", value, p, name, "words of all", (index * 3, index * 3 + 2))
            for index, (name, value) in enumerate(values.items())
        ]
        return self.hear(*readings, text="words of all")

    def intent(self, flow: str, p: float = 0.95, **understood: Any) -> Talk:
        return self.hear(ev.Reading("intent", flow, p, text=flow), **understood)

    def command(self, name: str, **detail: Any) -> Talk:
        return self.hear(ev.Reading("command", name, 0.97, text=name, detail=detail))

    def mumble(self) -> Talk:
        return self.hear(ev.Reading("other", None, 0.9, text="mumble"), in_scope=0.1)

    def silence(self) -> Talk:
        self.now += 8000
        return self.send(ev.NoInput(self.now))

    def keys(self, digits: str) -> Talk:
        self.now += 3000
        return self.send(ev.Keys(self.now, digits))

    def queue(self, kind: Any, **more: Any) -> Talk:
        self.now += 1000
        return self.send(ev.QueueEvent(self.now, kind, **more))

    def answer(self, **result: Any) -> Talk:
        """The backend answers the action asked last."""
        return self.send(ev.ActionSucceeded(self.now, self.action_id(), result))

    def failure(self, kind: Any = "timeout") -> Talk:
        return self.send(ev.ActionFailed(self.now, self.action_id(), kind))

    def action_id(self) -> str:
        assert self.state is not None
        return self.state.acting or next(reversed(self.state.pending))

    # -- what can be seen

    @property
    def at(self) -> str:
        """Where it listens, `flow/step:mode`."""
        found = [c.expectation.step for c in self.commands if isinstance(c, ev.Listen)]
        return found[-1] if found else ""

    @property
    def said(self) -> list[str]:
        return [c.text for c in self.commands if isinstance(c, ev.Say)]

    @property
    def phase(self) -> str:
        assert self.state is not None
        return self.state.phase

    @property
    def rules(self) -> list[str]:
        return [decision.rule for decision in self.decisions]

    def last(self, kind: type) -> Any:
        found = [c for c in self.commands if isinstance(c, kind)]
        assert found, f"no {kind.__name__} among {self.commands}"
        return found[-1]

    def slots(self) -> dict[str, Any]:
        assert self.state is not None
        frames = self.state.frames
        return {name: slot.value for name, slot in frames[-1].slots.items()} if frames else {}


def example() -> Program:
    """The payments example of the dialog language's description."""
    folder = Path(__file__).with_name("wanling")
    return compile_program(load(folder))
