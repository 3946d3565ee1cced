"""The ops overlay: the few things of a running hotline that operators change at once, without a new bundle.

A JSON file in the data folder (`overlay/overlay.json`), written by `ivr overlay`, watched by the service. Every entry
has an end; every change is a line of `overlay/log.jsonl`. A file that cannot be read changes nothing.

    off           a flow is not entered any more         {"kind": "off", "name": "fees"}
    announcement  said at the beginning of every call    {"kind": "announcement", "value": {"en": ..., "zh": ...}}
    hours         of a queue: its hours, open, closed    {"kind": "hours", "name": "cards", "value": "closed"}
    threshold     added to `confidence`                  {"kind": "threshold", "value": 0.05}
"""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from ivr.acd.hours import parse_schedule
from ivr.dialog.bundle import Bundle
from ivr.dialog.events import JsonValue
from ivr.errors import BundleError, ConfigError, InputError
from ivr.service.bundle_store import locked, write_json

FOLDER, FILE, LOG = "overlay", "overlay.json", "log.jsonl"
Kind = Literal["off", "announcement", "hours", "threshold"]
KINDS: tuple[Kind, ...] = get_args(Kind)
LONGEST = datetime.timedelta(days=30)
"""An overlay is for a while; what is meant to stay belongs into the hotline."""
OPEN, CLOSED = "open", "closed"
_MAX_SHIFT = 0.3
_MAX_TEXT = 500

_REMEDY = "mend it, or begin anew with `ivr overlay clear all`, which keeps this one beside"


@dataclass(frozen=True, slots=True)
class Entry:
    """One change in force. Raises InputError for what cannot be meant."""

    kind: Kind
    name: str
    """The flow or the queue; empty for what there is once."""
    value: JsonValue
    since: str
    until: str
    """ISO 8601 with offset."""
    by: str = ""
    why: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"overlay: {str(self.kind)[:40]!r} is none of {', '.join(KINDS)}")
        if (self.kind in ("off", "hours")) is not bool(self.name):
            needs = "the name of a flow or queue" if self.kind in ("off", "hours") else "no name"
            raise InputError(f"overlay: {self.kind} takes {needs}")
        _CHECKS[self.kind](self.value)
        if moment(self.until) - moment(self.since) > LONGEST:
            raise InputError(f"overlay: {self.kind} for more than {LONGEST.days} days: change the hotline instead")

    def in_force(self, now: datetime.datetime) -> bool:
        return moment(self.since) <= now < moment(self.until)


def moment(text: str) -> datetime.datetime:
    """Raises InputError for what is no ISO 8601 time with offset."""
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"overlay: {text[:40]!r} is no time (2026-11-22T18:00+08:00)") from None
    if found.tzinfo is None:
        raise InputError(f"overlay: {text[:40]!r} needs its offset (2026-11-22T18:00+08:00)")
    return found


def _check_off(value: JsonValue) -> None:
    if value is not None:
        raise InputError("overlay: off takes no value")


def _check_announcement(value: JsonValue) -> None:
    texts = value if isinstance(value, dict) else {}
    if not texts or not all(isinstance(text, str) and text.strip() for text in texts.values()):
        raise InputError("overlay: announcement needs a text by language: {en: ..., zh: ...}")
    if any(len(str(text)) > _MAX_TEXT for text in texts.values()):
        raise InputError(f"overlay: an announcement has at most {_MAX_TEXT} characters")
    if any("{{" in str(text) for text in texts.values()):
        raise InputError("overlay: an announcement is said as it stands: no {{ }}")


def _check_hours(value: JsonValue) -> None:
    if value in (OPEN, CLOSED):
        return
    if not isinstance(value, str):
        raise InputError('overlay: hours are open, closed or like "Mo-Fr 09:00-18:00"')
    try:
        parse_schedule(value)
    except ConfigError as error:
        raise InputError(f"overlay: hours: {error}") from None


def _check_threshold(value: JsonValue) -> None:
    number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
    if not -_MAX_SHIFT <= number <= _MAX_SHIFT:
        raise InputError(f"overlay: threshold is a number from -{_MAX_SHIFT} to {_MAX_SHIFT}, not {value!r}")


_CHECKS = {
    "off": _check_off, "announcement": _check_announcement, "hours": _check_hours, "threshold": _check_threshold,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Overlay:
    """Everything in force at one moment."""

    entries: tuple[Entry, ...] = ()

    def for_dialog(self) -> dict[str, JsonValue]:
        """As `CallStarted` and `OverlayChanged` take it."""
        found: dict[str, JsonValue] = {}
        off: list[JsonValue] = [entry.name for entry in self.entries if entry.kind == "off"]
        if off:
            found["off"] = off
        for entry in self.entries:
            if entry.kind == "announcement":
                found["announcement"] = entry.value
            elif entry.kind == "threshold":
                found["threshold_shift"] = entry.value
        return found

    def hours(self) -> dict[str, str]:
        """Queue -> opening hours: a schedule, `open` or `closed`."""
        return {entry.name: str(entry.value) for entry in self.entries if entry.kind == "hours"}


class OverlayFile:
    """The overlay of one service's data folder."""

    def __init__(self, data: Path) -> None:
        self.folder = data / FOLDER
        self.path = self.folder / FILE

    def read(self) -> tuple[Entry, ...]:
        """All entries, the expired too. Raises InputError that names the file for a damaged one."""
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
            return tuple(Entry(**item) for item in data["entries"])
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read: {error.strerror}") from None
        except InputError as error:
            raise InputError(f"{self.path}: {error}; {_REMEDY}") from None
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(f"{self.path}: damaged: {error}; {_REMEDY}") from None

    def in_force(self, now: datetime.datetime) -> Overlay:
        return Overlay(tuple(entry for entry in self.read() if entry.in_force(now)))

    def put(self, entry: Entry, now: datetime.datetime) -> None:
        """Set it; what was set of the same kind and name before is replaced. Raises BundleError, InputError."""
        with locked(self.folder):
            rest = [each for each in self._alive(now) if (each.kind, each.name) != (entry.kind, entry.name)]
            self._write([*rest, entry])
            self._log(now, {"action": "set", **asdict(entry)})

    def clear(self, kind: str, name: str, by: str, now: datetime.datetime) -> int:
        """Take away what is of this kind and name (empty = all names; kind `all` = everything). Gives how many."""
        with locked(self.folder):
            alive = self._alive(now)
            gone = [one for one in alive if kind in ("all", one.kind) and name in ("", one.name)]
            self._write([one for one in alive if one not in gone])
            for one in gone:
                self._log(now, {"action": "clear", **asdict(one), "by": by})
        return len(gone)

    def begin_anew(self, by: str, now: datetime.datetime) -> Path | None:
        """A damaged file is put aside and an empty one takes its place. Gives where the damaged one is now; None when
        there is nothing to repair."""
        with locked(self.folder):
            try:
                self.read()
            except InputError as error:
                reason = str(error)
            else:
                return None
            aside = self.path.with_name(f"{self.path.stem}.damaged-{now:%Y%m%d-%H%M%S}{self.path.suffix}")
            try:
                self.path.rename(aside)
            except OSError as error:
                raise BundleError(f"{self.path}: cannot be put aside: {error.strerror}") from error
            self._write([])
            self._log(now, {"action": "repair", "reason": reason, "kept": aside.name, "by": by})
        return aside

    def _alive(self, now: datetime.datetime) -> list[Entry]:
        return [entry for entry in self.read() if moment(entry.until) > now]

    def _write(self, entries: Iterable[Entry]) -> None:
        write_json(self.path, {"format": 1, "entries": [asdict(entry) for entry in entries]})

    def _log(self, now: datetime.datetime, line: Mapping[str, Any]) -> None:
        try:
            with (self.folder / LOG).open("a", encoding="utf-8") as log:
                log.write(json.dumps({"at": now.isoformat(timespec="seconds"), **line}, ensure_ascii=False) + "\n")
        except OSError as error:
            raise BundleError(f"{self.folder / LOG}: cannot be written: {error.strerror}") from error


def misfits(overlay: Overlay, bundle: Bundle) -> list[str]:
    """What of an overlay a hotline does not know: told, and without effect."""
    definition = bundle.definition
    found = []
    for entry in overlay.entries:
        if entry.kind == "off" and entry.name not in definition.flows:
            found.append(f"off: {definition.hotline.hotline} has no flow {entry.name!r}")
        elif entry.kind == "hours" and entry.name not in definition.hotline.queues:
            found.append(f"hours: {definition.hotline.hotline} has no queue {entry.name!r}")
        elif entry.kind == "announcement" and isinstance(entry.value, dict):
            missing = [language for language in definition.languages if language not in entry.value]
            found += [f"announcement: no text in {language}" for language in missing]
    return found
