"""Opening hours: `Mo-Fr 09:00-12:00,13:00-18:00; Sa 10:00-14:00; PH off`, a part of OpenStreetMap's opening_hours.

Spans of several rules add up. A span whose end is at or before its start runs into the next day. On a holiday only `PH`
rules count (`PH off`, or nothing said of PH: closed). `24/7` is always open, on holidays too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ivr.errors import ConfigError

DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
MINUTES = 1440
"""Minutes of a day; clock changes are dealt with by the zone."""
_RULE = re.compile(r"(?:(?P<days>[A-Z][A-Za-z](?:[-,][A-Z][a-z])*) +)?(?P<spans>off|\d.*)\Z")
_SPAN = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)\Z")
_LOOK_AHEAD_DAYS = 400

Span = tuple[int, int]
"""First minute of the day and the minute after the last; the latter may lie beyond 1440."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Opening hours as read: the spans of each weekday (Monday = 0) and those of holidays."""

    weekdays: tuple[tuple[Span, ...], ...]
    holidays: tuple[Span, ...]

    @property
    def always(self) -> bool:
        return all(spans == ((0, MINUTES),) for spans in (*self.weekdays, self.holidays))


def parse_schedule(text: str) -> Schedule:
    """Read opening hours. Raises ConfigError that quotes the part that is wrong."""
    if text.strip() == "24/7":
        return Schedule((((0, MINUTES),),) * 7, ((0, MINUTES),))
    week: list[list[Span]] = [[] for _ in DAYS]
    holidays: list[Span] = []
    for rule in text.split(";"):
        days, spans = _rule(rule.strip())
        if days is None:
            holidays += spans
        for day in days or ():
            week[day] = week[day] + spans if spans else []
    return Schedule(tuple(tuple(sorted(spans)) for spans in week), tuple(sorted(holidays)))


class OpeningHours:
    """When a queue is served. `now` is POSIX seconds; `zone` an IANA name. Raises ConfigError for what is wrong."""

    def __init__(self, text: str, zone: str = "UTC", holidays: Iterable[date] = ()) -> None:
        self.text = text
        self.schedule = parse_schedule(text)
        self.holidays = frozenset(holidays)
        try:
            self._zone = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ConfigError(f"no such time zone: {zone[:60]!r} (a name like Asia/Shanghai is needed)") from None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OpeningHours):
            return NotImplemented
        return (self.text, self._zone.key, self.holidays) == (other.text, other._zone.key, other.holidays)

    def __hash__(self) -> int:
        return hash((self.text, self._zone.key, self.holidays))

    def is_open(self, now: float) -> bool:
        if self.schedule.always:
            return True
        local = datetime.fromtimestamp(now, self._zone)
        minute = local.hour * 60 + local.minute
        today, yesterday = local.date(), local.date() - timedelta(days=1)
        return any(first <= minute < last for first, last in self._spans(today)) or any(
            minute < last - MINUTES for _, last in self._spans(yesterday)
        )

    def next_change(self, now: float) -> float | None:
        """When it opens (if closed now) or closes; None when that is not within 400 days."""
        if self.schedule.always:
            return None
        open_now = self.is_open(now)
        return next((at for at in self._boundaries(now) if at > now and self.is_open(at) is not open_now), None)

    def _boundaries(self, now: float) -> Iterator[float]:
        """Ascending but for spans that cross midnight, whose ends the next day's starts cannot precede wrongly: each
        day's boundaries are sorted together with the overrun of the day before."""
        day = datetime.fromtimestamp(now, self._zone).date() - timedelta(days=1)
        overrun: list[float] = []
        for offset in range(_LOOK_AHEAD_DAYS):
            date_ = day + timedelta(days=offset)
            minutes = [minute for span in self._spans(date_) for minute in span]
            yield from sorted([*overrun, *(self._at(date_, minute) for minute in minutes if minute < MINUTES)])
            overrun = [self._at(date_, minute) for minute in minutes if minute >= MINUTES]

    def _at(self, day: date, minute: int) -> float:
        days, rest = divmod(minute, MINUTES)
        return datetime.combine(day + timedelta(days=days), time(rest // 60, rest % 60), self._zone).timestamp()

    def _spans(self, day: date) -> tuple[Span, ...]:
        return self.schedule.holidays if day in self.holidays else self.schedule.weekdays[day.weekday()]


def _rule(rule: str) -> tuple[list[int] | None, list[Span]]:
    """(weekdays, spans); None for PH, no spans for off."""
    found = _RULE.match(rule)
    if not found:
        raise ConfigError(f"{rule[:40]!r} is no opening rule (write Mo-Fr 09:00-18:00, PH off or 24/7)")
    spans = [] if found["spans"] == "off" else [_span(part.strip()) for part in found["spans"].split(",")]
    return (None if found["days"] == "PH" else _weekdays(found["days"] or "Mo-Su")), spans


def _span(text: str) -> Span:
    found = _SPAN.match(text)
    if not found:
        raise ConfigError(f"{text[:40]!r} is no span of time (write 09:00-18:00)")
    hours, minutes = (int(found[1]), int(found[3])), (int(found[2]), int(found[4]))
    first, last = hours[0] * 60 + minutes[0], hours[1] * 60 + minutes[1]
    if max(minutes) > 59 or first >= MINUTES or last > MINUTES:
        raise ConfigError(f"{text[:40]!r} has no such time of day")
    return first, last if last > first else last + MINUTES


def _weekdays(text: str) -> list[int]:
    days: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        last = last or first
        if first not in DAYS or last not in DAYS:
            raise ConfigError(f"{part[:40]!r} is no weekday ({' '.join(DAYS)}, or PH for holidays)")
        start, count = DAYS.index(first), (DAYS.index(last) - DAYS.index(first)) % 7 + 1
        days.update((start + offset) % 7 for offset in range(count))
    return sorted(days)
