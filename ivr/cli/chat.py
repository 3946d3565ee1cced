"""`ivr chat DIR`: talk to a hotline in the terminal, by text.

A line is what the caller says. Keys: `#123` (or digits alone where only keys are asked for); silence: an empty line;
`/queue answered|left|closed|full|timeout|failed` plays the human side, `/why` shows the last decisions, `/state` where
the dialog stands, `/quit` hangs up.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ivr.dialog.events import CallAction, Decision, Handover, JsonValue, Say
    from ivr.dialog.schema import Action
    from ivr.dialog.testing.backend import Reply
    from ivr.dialog.testing.simulator import Exchange, Failed, Simulator

QUEUE_NEWS = ("answered", "left", "closed", "full", "timeout", "failed")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    layout = argparse.RawDescriptionHelpFormatter
    parser = subparsers.add_parser(
        "chat", help="talk to a hotline by text", description=__doc__, formatter_class=layout
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder with hotline.yaml")
    parser.add_argument("--lang", default="", help="the caller's language (default: the hotline's first)")
    parser.add_argument("--from", dest="caller", default="13800138000", metavar="NUMBER", help="the caller's number")
    parser.add_argument("--to", default="", metavar="NUMBER", help="the hotline calls this number: an outbound call")
    parser.add_argument("--now", default="", help="when the call begins, ISO 8601 with offset (default: now)")
    parser.add_argument(
        "--given", metavar="FILE", type=Path, help="YAML with `actions` and `queues` as in a test's `given`: no backend"
    )
    parser.add_argument("--backend", metavar="URL", default="", help="base URL for every ${NAME} of actions.yaml")
    parser.add_argument("--sparse", action="store_true", help="understand by n-grams alone: begins sooner")
    parser.add_argument("--why", action="store_true", help="show the decisions of every turn")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit 0 when the call came to an end, 2 when the input ended first."""
    import datetime as dt

    from ivr.cli.understand import build_hotline
    from ivr.dialog import events as ev
    from ivr.dialog.testing.backend import GivenBackend, queue_status
    from ivr.dialog.testing.simulator import Simulator
    from ivr.errors import ConfigError

    bundle = build_hotline(args.folder, sparse=args.sparse)
    if args.lang and args.lang not in bundle.program.languages:
        raise ConfigError(f"--lang {args.lang}: the hotline speaks {', '.join(bundle.program.languages)}")
    now = args.now or dt.datetime.now().astimezone().isoformat(timespec="seconds")
    given = _given(args.given)
    queues = {name: queue_status(name, state) for name, state in given.get("queues", {}).items()}
    direction: Literal["inbound", "outbound"] = "outbound" if args.to else "inbound"
    context = ev.CallContext(f"chat-{now}", args.caller, args.to, args.lang, now, direction)
    if args.given:
        return _talk(Simulator(bundle, context, GivenBackend(given.get("actions", {})), queues), why=args.why)
    live = LiveBackend(bundle.definition.actions, args.backend)
    try:
        return _talk(Simulator(bundle, context, live, queues), why=args.why)
    finally:
        live.close()


def _talk(simulator: Simulator, *, why: bool) -> int:
    _show(simulator, simulator.start(), why=why)
    while simulator.ended is None:
        line = _read_line()
        if line is None or line == "/quit":
            _show(simulator, simulator.hang_up(), why=why)
            return 0 if line else 2
        exchange = _act(simulator, line)
        if exchange is not None:
            _show(simulator, exchange, why=why)
    return 0


def _read_line() -> str | None:
    """The next line; None when there is none. The prompt is shown to people, not to pipes."""
    try:
        if sys.stdin.isatty():
            return input("you> ").strip()
        line = sys.stdin.readline()
    except EOFError:
        return None
    if not line:
        return None
    print(f"you> {line.strip()}", flush=True)
    return line.strip()


def _act(simulator: Simulator, line: str) -> Exchange | None:
    from ivr.dialog.events import Spoken

    if line == "/why":
        _why(simulator.last.decisions)
        return None
    if line == "/state":
        print(f"     {simulator.step}  {simulator.slots}")
        return None
    if line.startswith("/queue"):
        news = line.removeprefix("/queue").strip() or "answered"
        if news not in QUEUE_NEWS:
            print(f"     /queue takes {', '.join(QUEUE_NEWS)}")
            return None
        return simulator.queue(news)  # type: ignore[arg-type]
    if line.startswith("/"):
        print("     /queue NEWS, /why, /state, /quit; #123 presses keys, an empty line is silence")
        return None
    if line.startswith("#") and len(line) > 1:
        return simulator.press(line[1:])
    if not line:
        return simulator.wait(simulator.listen.settings.start_timeout_ms if simulator.listen else 5000)
    if line in ("*", "#") or (line.isdigit() and len(line) == 1):
        return simulator.press(line)
    return simulator.speak(Spoken(line, 1.0))


def _show(simulator: Simulator, exchange: Exchange, *, why: bool) -> None:
    if why:
        _why(exchange.decisions)
    for event in exchange.happened:
        print(_line(event))
    if simulator.ended is not None:
        print(f"     [{simulator.ended.outcome}{' ' + simulator.ended.cause if simulator.ended.cause else ''}]")
    sys.stdout.flush()


def _line(event: Say | CallAction | Failed | Handover) -> str:
    from ivr.dialog.events import CallAction, Say
    from ivr.dialog.testing.simulator import Failed

    if isinstance(event, Say):
        return f"bot> {event.text}"
    if isinstance(event, CallAction):
        return f"     [{event.name} {dict(event.args)}]"
    if isinstance(event, Failed):
        return f"     [{event.action} failed: {event.detail}]"
    return f"     [hand-over to {event.queue}: {event.reason}; /queue answered plays the human]"


def _why(decisions: Sequence[Decision]) -> None:
    for decision in decisions:
        detail = ", ".join(f"{key}={value}" for key, value in decision.detail.items())
        print(f"     {decision.source or '-':<28} {decision.rule}  {detail}"[:200])


def _given(file: Path | None) -> Mapping[str, dict[str, JsonValue]]:
    """`actions` and `queues` of a YAML file. Raises ConfigError that names the file."""
    from ivr.dialog.problems import Problems
    from ivr.dialog.source import read_yaml
    from ivr.errors import ConfigError

    if file is None:
        return {}
    problems = Problems()
    try:
        data = read_yaml(file.read_bytes(), file.name, problems)
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    if problems.has_errors or not isinstance(data, dict) or not set(data) <= {"actions", "queues"}:
        found = "; ".join(map(str, problems.sorted())) or "`actions` and `queues` are expected"
        raise ConfigError(f"{file}: {found}")
    return data


class LiveBackend:
    """The service's own client, one call at a time."""

    def __init__(self, actions: Mapping[str, Action], base: str) -> None:
        import asyncio
        import os
        import re

        from ivr.backend.client import BackendClient
        from ivr.backend.request import Environment

        self._actions = actions
        variables = dict(os.environ)
        if base:
            names = (name for action in actions.values() for name in re.findall(r"\$\{(\w+)", action.url))
            variables |= dict.fromkeys(names, base.rstrip("/"))
        self._client = BackendClient(Environment(variables))
        self._runner = asyncio.Runner()

    def reply(self, action: CallAction) -> Reply:
        from ivr.dialog.testing.backend import Reply
        from ivr.errors import ActionError

        called = self._client.call(
            action.name,
            self._actions[action.name],
            action.args,
            timeout_ms=action.timeout_ms,
            idempotency_key=action.idempotency_key,
        )
        try:
            return Reply(self._runner.run(called))
        except ActionError as error:
            return Reply(None, error.kind, str(error))  # type: ignore[arg-type]

    def close(self) -> None:
        self._runner.run(self._client.close())
        self._runner.close()
