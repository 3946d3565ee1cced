"""`ivr erase`: forget all that is known of a caller."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ivr.config import Config


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "erase",
        help="forget all that is known of a caller",
        description="Delete a caller's calls with their recordings and journals, their record, places, calls back and "
        "messages to other systems; tickets stay without a word of theirs. The audit log keeps that it was done. May "
        "be used while the service runs. Backups, logs and other systems are yours to see to.",
    )
    parser.add_argument("caller", help="number as in the list of calls, with or without +")
    parser.add_argument("--data", metavar="DIR", help="the service's data folder (default data)")
    parser.add_argument("--config", metavar="FILE", help="settings (TOML)")
    parser.add_argument("--json", action="store_true", help="counts as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from ivr.config import load_config

    config = load_config(Path(args.config) if args.config else None, flags={"service.data": args.data})
    data = Path(config.service.data).resolve()
    counts = asyncio.run(_erase(args.caller, config, data))
    if args.json:
        print(json.dumps(counts))
    else:
        found = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        print(f"erased: {found}" if found else "nothing is known of this caller")
    return 0


async def _erase(caller: str, config: Config, data: Path) -> dict[str, int]:
    from ivr.service.desk import database_url
    from ivr.store.erasure import erase_caller
    from ivr.store.store import Store

    store = Store(database_url(config, data), data / "spool", node="command line")
    await store.open()
    try:
        return (await erase_caller(store, data, caller, "command line")).counts()
    finally:
        await store.close()
