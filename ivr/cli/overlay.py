"""`ivr overlay set|clear|show`: what operators change of a running hotline at once, for a while."""

from __future__ import annotations

import argparse
import datetime
import getpass
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ivr.errors import InputError

if TYPE_CHECKING:
    from ivr.service.overlay import Entry, OverlayFile

_EXAMPLES = """examples:
  ivr overlay set off fees --for 2h --why "prices are wrong"
  ivr overlay set announcement en="Transfers are delayed." zh=转账有延迟。 --until 2026-11-22T18:00+08:00
  ivr overlay set hours cards closed          (open, closed, or "Mo-Fr 10:00-16:00")
  ivr overlay set threshold +0.05 --for 1d
  ivr overlay clear off fees
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "overlay", help="switch flows off, announce, set queue hours, while calls go on",
        description="Off switches, hours and thresholds count at once, the rest from the next call (docs/bundles.md).",
        epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    verbs = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    setting = verbs.add_parser("set", help="set one; what was set of the same kind and name is replaced")
    setting.add_argument("kind", metavar="KIND", help="off, announcement, hours or threshold")
    setting.add_argument("values", nargs="*", metavar="VALUE", help="FLOW | LANG=TEXT ... | QUEUE HOURS | SHIFT")
    setting.add_argument("--for", dest="length", metavar="TIME", help="how long: 30m, 2h, 3d (24h)")
    setting.add_argument("--until", metavar="TIME", help="until when, ISO 8601 with offset")
    setting.add_argument("--why", default="", metavar="TEXT", help="for the log")
    clear = verbs.add_parser("clear", help="take one away")
    clear.add_argument(
        "kind", metavar="KIND", help="off, announcement, hours, threshold, or all (which also repairs a damaged file)"
    )
    clear.add_argument("name", nargs="?", default="", metavar="NAME", help="flow or queue; none = all of the kind")
    show = verbs.add_parser("show", help="what is in force")
    show.add_argument("--json", action="store_true", help="print JSON")
    for verb in verbs.choices.values():
        verb.add_argument("--data", type=Path, default=Path("data"), metavar="DIR", help="the service's data (data)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from ivr.service.overlay import OverlayFile

    file = OverlayFile(args.data)
    now = datetime.datetime.now().astimezone()
    return {"set": _set, "clear": _clear, "show": _show}[args.what](file, args, now)


def _set(file: OverlayFile, args: argparse.Namespace, now: datetime.datetime) -> int:
    entry = read_entry(args, now)
    file.put(entry, now)
    print(_shown(entry))
    return 0


def read_entry(args: argparse.Namespace, now: datetime.datetime) -> Entry:
    """From the command line's words. Raises InputError that says what is missing."""
    from ivr.service.overlay import KINDS, Entry, moment

    values: list[str] = args.values
    readers = {"off": _read_off, "announcement": _read_announcement, "hours": _read_hours, "threshold": _read_shift}
    if args.kind not in readers:
        raise InputError(f"overlay: {args.kind!r} is none of {', '.join(KINDS)}")
    name, value = readers[args.kind](values)
    if args.until and args.length:
        raise InputError("overlay: --for or --until, not both")
    until = moment(args.until) if args.until else now + _length(args.length or "24h")
    if until <= now:
        raise InputError(f"overlay: {until.isoformat()} is past")
    since = now.isoformat(timespec="seconds")
    return Entry(args.kind, name, value, since, until.isoformat(timespec="seconds"), _user(), args.why)  # type: ignore[arg-type]


def _read_off(values: list[str]) -> tuple[str, object]:
    if len(values) != 1:
        raise InputError("overlay: which flow? `set off FLOW`")
    return values[0], None


def _read_announcement(values: list[str]) -> tuple[str, object]:
    texts = dict(value.partition("=")[::2] for value in values)
    if not texts or any("=" not in value for value in values):
        raise InputError('overlay: the text by language: `set announcement en="..." zh="..."`')
    return "", texts


def _read_hours(values: list[str]) -> tuple[str, object]:
    if len(values) != 2:
        raise InputError('overlay: which queue, and when? `set hours QUEUE closed` (open, or "Mo-Fr 10:00-16:00")')
    return values[0], values[1]


def _read_shift(values: list[str]) -> tuple[str, object]:
    try:
        return "", float(values[0]) if len(values) == 1 else _no_number(" ".join(values))
    except ValueError:
        return "", _no_number(values[0])


def _no_number(text: str) -> float:
    raise InputError(f"overlay: threshold needs a number such as +0.05, not {text!r}")


def _length(text: str) -> datetime.timedelta:
    from ivr.dialog.schema.values import parse_duration

    try:
        return datetime.timedelta(milliseconds=parse_duration(text))
    except ValueError as error:
        raise InputError(f"overlay: --for {text!r}: {error}") from None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _clear(file: OverlayFile, args: argparse.Namespace, now: datetime.datetime) -> int:
    """Exit 1 when there was nothing to clear. Clearing all of a damaged file repairs it."""
    from ivr.service.overlay import KINDS

    if args.kind not in (*KINDS, "all"):
        raise InputError(f"overlay: {args.kind!r} is none of {', '.join(KINDS)}, all")
    if args.kind == "all" and (aside := file.begin_anew(_user(), now)):
        print(f"the file could not be read: it is kept as {aside}; nothing is set now")
        return 0
    count = file.clear(args.kind, args.name, _user(), now)
    print(f"{count} cleared")
    return 0 if count else 1


def _show(file: OverlayFile, args: argparse.Namespace, now: datetime.datetime) -> int:
    entries = file.in_force(now).entries
    if args.json:
        print(json.dumps([asdict(entry) for entry in entries], ensure_ascii=False, indent=1))
    else:
        print("\n".join(_shown(entry) for entry in entries) or "nothing is set")
    return 0


def _shown(entry: Entry) -> str:
    value = entry.value
    text = " ".join(f"{lang}={said}" for lang, said in value.items()) if isinstance(value, dict) else value
    words = [entry.kind, entry.name, "" if text is None else str(text)]
    why = f" ({entry.why})" if entry.why else ""
    return f"{' '.join(word for word in words if word)}  until {entry.until}, by {entry.by or 'unknown'}{why}"
