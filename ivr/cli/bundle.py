"""`ivr bundle list|activate|rollback|compare|show|remove`: which built hotline new calls get."""

from __future__ import annotations

import argparse
import datetime
import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ivr.errors import InputError

if TYPE_CHECKING:
    from ivr.replay.compare import Comparison
    from ivr.service.bundle_store import BundleStore, Pointer

FOLDER = Path("bundles")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "bundle", help="activate built hotlines, roll back, compare", description="See docs/bundles.md."
    )
    verbs = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    listing = verbs.add_parser("list", help="all bundles, newest first; which is active")
    listing.add_argument("--json", action="store_true", help="print JSON")
    activate = verbs.add_parser("activate", help="new calls get this bundle")
    activate.add_argument("hash", metavar="HASH", help="its hash, or how it begins (4 characters or more)")
    activate.add_argument("--share", default="100%", metavar="PERCENT", help="only this share of the callers (10%%)")
    _calls(activate)
    activate.add_argument("--if-same", action="store_true", help="not when a recorded call would go another way")
    verbs.add_parser("rollback", help="end the trial; without one, the bundle that was active before")
    compare = verbs.add_parser("compare", help="replay recorded calls on two bundles, list what differs")
    compare.add_argument("before", metavar="A", help="hash, or a hotline's folder")
    compare.add_argument("after", metavar="B", help="hash, or a hotline's folder")
    _calls(compare)
    compare.add_argument("--json", action="store_true", help="print JSON")
    remove = verbs.add_parser("remove", help="delete a bundle that is not in use")
    remove.add_argument("hash", metavar="HASH")
    for verb in verbs.choices.values():
        verb.add_argument("--bundles", type=Path, default=FOLDER, metavar="DIR", help="folder of bundles (bundles)")
    parser.set_defaults(run=run)


def _calls(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--calls", type=Path, metavar="DIR", help="recorded calls (the data folder's `calls`)")
    parser.add_argument("--last", type=int, default=50, metavar="N", help="the newest N of them (50)")


def run(args: argparse.Namespace) -> int:
    from ivr.service.bundle_store import BundleStore

    store = BundleStore(args.bundles)
    verbs = {
        "list": _list, "activate": _activate, "rollback": _rollback, "compare": _compare, "remove": _remove,
    }  # fmt: skip
    return verbs[args.what](store, args)


def share_of(text: str) -> float:
    """`10%` or `0.1` -> 0.1. Raises InputError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(%?)", text.strip())
    share = float(found[1]) / (100 if found[2] else 1) if found else 0.0
    if not 0 < share <= 1:
        raise InputError(f"--share: {text!r} is no share (10%, 0.1)")
    return share


def _now() -> str:
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


def _list(store: BundleStore, args: argparse.Namespace) -> int:
    pointer, found = store.pointer(), store.list()
    if args.json:
        bundles = [{**asdict(built), "share": _share(pointer, built.hash)} for built in found]
        print(json.dumps({"bundles": bundles, "history": [asdict(line) for line in pointer.history]}, indent=1))
        return 0
    if not found:
        print(f"no bundles in {store.folder}; `ivr build DIR -o {store.folder}` makes one", file=sys.stderr)
    for built in found:
        share = _share(pointer, built.hash)
        use = "" if not share else "active" if share == 1 else f"{share:.0%}"
        print(
            f"{built.hash[:12]}  {use:<7} {built.built_at}  {built.hotline}  ({built.tests} tests, ivr {built.engine})"
        )
    return 0


def _share(pointer: Pointer, name: str) -> float:
    """Of the callers, who gets this bundle."""
    if name == pointer.trial:
        return pointer.share
    return round(1 - pointer.share, 6) if name == pointer.active else 0.0


def _activate(store: BundleStore, args: argparse.Namespace) -> int:
    from ivr.app.offline import encoders

    share, full = share_of(args.share), store.find(args.hash)
    bundle = store.load(full, encoders())  # what cannot be loaded is not activated
    active = store.pointer().active
    if args.calls is not None and active and active != full:
        from ivr.replay.compare import compare, stored_calls

        found = compare(store.load(active, encoders()), bundle, stored_calls(args.calls, args.last))
        _print(found)
        if args.if_same and found.differences:
            print("ivr bundle: not activated (--if-same)", file=sys.stderr)
            return 1
    _tell(store.activate(full, _now(), share))
    return 0


def _rollback(store: BundleStore, args: argparse.Namespace) -> int:
    _tell(store.rollback(_now()))
    return 0


def _tell(pointer: Pointer) -> None:
    print(f"new calls get {pointer.active[:12]}")
    if pointer.trial:
        print(f"{pointer.share:.0%} of the callers get {pointer.trial[:12]}")


def _compare(store: BundleStore, args: argparse.Namespace) -> int:
    """Exit 1 when something differs, as `diff` does."""
    from ivr.app.offline import build_bundle, encoders
    from ivr.dialog.bundle import Bundle
    from ivr.replay.compare import compare, stored_calls

    if args.calls is None:
        raise InputError("--calls DIR is needed: the folder of recorded calls, data/calls of a service")

    def bundle(name: str) -> Bundle:
        return build_bundle(Path(name)) if Path(name).is_dir() else store.load(name, encoders())

    found = compare(bundle(args.before), bundle(args.after), stored_calls(args.calls, args.last))
    if args.json:
        print(json.dumps(found.to_json(), ensure_ascii=False, indent=1))
    else:
        _print(found)
    return 1 if found.differences else 0


def _print(found: Comparison) -> None:
    for text in found.unreadable:
        print(f"not read: {text}", file=sys.stderr)
    for difference in found.differences:
        print(f"{difference.call}  ({difference.folder})")
        for what in difference.what:
            was, now = (getattr(course, what) for course in (difference.before, difference.after))
            print(f"  {what:<9} {_shown(was)}\n         -> {_shown(now)}")
    print(f"{found.calls} calls replayed, {len(found.differences)} differ")


def _shown(value: object) -> str:
    return " > ".join(value) if isinstance(value, tuple) else str(value) or "none"


def _remove(store: BundleStore, args: argparse.Namespace) -> int:
    print(f"removed {store.remove(args.hash)[:12]}")
    return 0
