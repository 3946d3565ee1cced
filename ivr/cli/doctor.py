"""`ivr doctor`: can this machine answer calls, and what is to be done where it cannot?"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ivr.service.doctor import Finding


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "doctor",
        help="can this machine answer calls?",
        description="Check models, voices, ports, codecs, clock and disk for the given settings, and say what to do "
        "about what is missing. Exit 1 when a call could not be answered.",
    )
    parser.add_argument("--config", metavar="FILE", help="settings (TOML)")
    parser.add_argument("--hotline", metavar="DIR", help="the hotline's folder")
    parser.add_argument("--sip", metavar="HOST:PORT", help="where SIP is to be answered")
    parser.add_argument("--http", metavar="HOST:PORT", help="where health and console are to be")
    parser.add_argument("--data", metavar="DIR", help="recordings, journals, database")
    parser.add_argument("--deep", action="store_true", help="verify checksums, load the engines, speak and hear a line")
    parser.add_argument("--json", action="store_true", help="one JSON object a finding and line")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from ivr.app.live import recognition_config, synthesis_settings
    from ivr.config import host_and_port, load_config
    from ivr.service.doctor import examine

    flags: dict[str, object] = {"service.hotline": args.hotline, "service.data": args.data}
    for name in ("sip", "http"):
        text = getattr(args, name)
        if text:
            flags[f"{name}.host"], flags[f"{name}.port"] = host_and_port(text, f"--{name}")
    config = load_config(Path(args.config) if args.config else None, flags=flags)
    synthesis = dataclasses.replace(synthesis_settings(config, Path(config.service.data)), cache=None)
    states = []
    for finding in examine(config, recognition_config(config), synthesis, deep=args.deep):
        states.append(finding.state)
        print(json.dumps(dataclasses.asdict(finding), ensure_ascii=False) if args.json else line(finding), flush=True)
    if not args.json:
        bad, poor = states.count("fail"), states.count("warn")
        print(f"\n{'all is well' if not bad + poor else f'{bad} to be mended, {poor} to be known'}")
    return 1 if "fail" in states else 0


def line(finding: Finding) -> str:
    """`warn  voices      zh is spoken by ...` and below it what to do."""
    advice = f"\n{'':18}> {finding.advice}" if finding.advice else ""
    return f"{finding.state:<6}{finding.check:<12}{finding.text}{advice}"
