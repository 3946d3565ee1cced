"""`ivr acd simulate`: how many agents a queue needs, by Erlang C and by the floor itself."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math

from ivr.acd.config import STRATEGIES
from ivr.acd.erlang import Staffing, agents_needed, staffing
from ivr.acd.simulation import Load, Result, simulate
from ivr.errors import InputError


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("acd", help="the human queue: how many agents are needed")
    parser.set_defaults(run=run)
    verbs = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    verb = verbs.add_parser("simulate", help="Erlang-C staffing table beside the floor simulated")
    verb.add_argument("--calls-per-hour", type=float, default=120.0, metavar="N", help="calls that come (120)")
    verb.add_argument("--talk", type=float, default=230.0, metavar="S", help="mean talk, exponential (230 s)")
    verb.add_argument("--wrap-up", type=float, default=10.0, metavar="S", help="notes after a call, fixed (10 s)")
    verb.add_argument("--agents", type=int, nargs="*", metavar="N", help="staffs to compare (default: around the need)")
    verb.add_argument("--service-level", type=float, default=0.8, metavar="SHARE", help="answered in time (0.8)")
    verb.add_argument("--threshold", type=float, default=20.0, metavar="S", help="what in time means (20 s)")
    verb.add_argument(
        "--patience", type=float, metavar="S", help="mean patience; callers then hang up (Erlang's do not)"
    )
    verb.add_argument("--no-answer", type=float, default=0.0, metavar="SHARE", help="offers an agent lets ring (0)")
    verb.add_argument("--answer-after", type=float, default=0.0, metavar="S", help="time to pick up (0 s)")
    verb.add_argument("--strategy", choices=STRATEGIES, default="longest_idle", help="who is offered a call")
    verb.add_argument("--calls", type=int, default=10_000, metavar="N", help="callers to simulate (10000)")
    verb.add_argument("--seed", type=int, default=1, help="of the chance; the same gives the same figures (1)")
    verb.add_argument("--json", action="store_true", help="one JSON object a staff and line")


def run(args: argparse.Namespace) -> int:
    _check(args)
    handle_s = args.talk + args.wrap_up
    needed = agents_needed(args.calls_per_hour, handle_s, args.service_level, args.threshold)
    staffs = args.agents or range(max(1, needed - 2), needed + 3)
    rows = [(staffing(args.calls_per_hour, handle_s, n, args.threshold), _simulate(args, n)) for n in staffs]
    if args.json:
        for formula, result in rows:
            print(
                json.dumps({"needed": formula.agents == needed, "erlang_c": _row(formula), "simulated": _row(result)})
            )
    else:
        _table(args, needed, rows)
    return 0


def _check(args: argparse.Namespace) -> None:
    for name in ("calls_per_hour", "talk", "calls"):
        if not getattr(args, name) > 0:
            raise InputError(f"--{name.replace('_', '-')} must be more than 0, not {getattr(args, name):g}")
    if not 0 < args.service_level < 1:
        raise InputError(f"--service-level is a share between 0 and 1, not {args.service_level:g}")
    if not 0 <= args.no_answer < 1:
        raise InputError(f"--no-answer is a share from 0 to below 1, not {args.no_answer:g}")
    for name in ("wrap_up", "threshold", "answer_after"):
        if not getattr(args, name) >= 0:
            raise InputError(f"--{name.replace('_', '-')} must not be negative, is {getattr(args, name):g}")
    if args.patience is not None and not args.patience > 0:
        raise InputError(f"--patience must be more than 0, not {args.patience:g}")
    for agents in args.agents or ():
        if agents < 1:
            raise InputError(f"--agents must be 1 or more, not {agents}")
    if args.calls_per_hour / 3600 * (args.talk + args.wrap_up) > 5_000:
        raise InputError("more than 5,000 calls at once: simulate a part of the floor")


def _simulate(args: argparse.Namespace, agents: int) -> Result:
    from random import Random

    load = Load(
        args.calls_per_hour, args.talk, args.wrap_up, args.patience, args.answer_after, args.no_answer
    )  # fmt: skip
    uniform = Random(args.seed).random  # noqa: S311 - a simulation wants the same numbers again
    return simulate(load, agents, args.calls, uniform, args.threshold, args.strategy)


def _row(found: Staffing | Result) -> dict[str, float | int | None]:
    fields = dataclasses.asdict(found)
    return {key: None if isinstance(v, float) and math.isinf(v) else v for key, v in fields.items()}


def _table(args: argparse.Namespace, needed: int, rows: list[tuple[Staffing, Result]]) -> None:
    from rich.console import Console
    from rich.table import Table

    load = args.calls_per_hour / 3600 * (args.talk + args.wrap_up)
    console = Console()
    console.print(
        f"{args.calls_per_hour:g} calls an hour, {args.talk + args.wrap_up:g} s each: {load:.1f} erlang. "
        f"{args.service_level:.0%} within {args.threshold:g} s needs {needed} agents."
    )
    table = Table(box=None, pad_edge=False, padding=(0, 0, 0, 1))  # fits 80 columns
    pairs = ("busy", "P(wait)", "ASA s", "in time")
    for heading in ("agents", *(name for pair in pairs for name in (pair, "sim.")), "left", "off s"):
        table.add_column(heading, justify="right", no_wrap=True)
    for formula, result in rows:
        table.add_row(
            f"{formula.agents}", f"{formula.occupancy:.1%}", f"{result.occupancy:.1%}",
            f"{formula.wait_probability:.1%}", f"{result.wait_probability:.1%}",
            f"{formula.asa_s:.1f}", f"{result.asa_s:.1f}",
            f"{formula.service_level:.1%}", f"{result.service_level:.1%}",
            f"{result.abandoned / max(result.calls, 1):.1%}", f"{result.estimate_error_s:.1f}",
        )  # fmt: skip
    console.print(table)
    console.print(
        "busy: share of the time; P(wait): share who wait; ASA: mean wait; left: hung up; sim.: the floor simulated; "
        "off: mean error of the wait told",
        style="dim",
    )
    if args.patience is not None or args.wrap_up or args.no_answer or args.answer_after:
        console.print("Erlang C knows no patience, fixed wrap-up or time to pick up: expect a difference.", style="dim")
