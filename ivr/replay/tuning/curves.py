"""What came of each setting, counted: a panel a state, a point a setting."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ivr.call.settings import CallSettings
from ivr.dialog.events import JsonValue
from ivr.replay.tuning.corpus import TunedCall
from ivr.replay.tuning.simulate import Ended, EndSettings, end_turns, interrupt_prompts, with_onset
from ivr.turn.endpoint import Completeness

_Z = 1.2815515655446004
"""Normal quantile of 0.9: intervals hold 80 %, so each bound is passed one time of ten."""

COMPLETE_MS = (80, 120, 160, 200, 250, 300, 400, 500, 600)
END_SILENCE_MS = (300, 400, 500, 600, 700, 800, 900, 1000, 1200, 1500, 2000)
INCOMPLETE_MS = (600, 800, 1000, 1200, 1400, 1700, 2000, 2500, 3000)
ONSET_MS = (40, 60, 80, 100, 120, 160, 200)
MIN_WORDS = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, and the interval (Wilson, 80 %) in which the true share may lie."""

    bad: int
    n: int

    @property
    def rate(self) -> float:
        return self.bad / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        if not self.n:
            return 0.0, 1.0
        n, p, z = self.n, self.rate, _Z
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{100 * self.rate:.1f} % ({100 * low:.1f}-{100 * high:.1f}), {self.bad} of {self.n}"


def needed_for(target: float) -> int:
    """So many faultless cases speak for a share of at most `target`."""
    n = 1
    while Share(0, n).interval[1] > target:
        n += 1
    return n


@dataclass(frozen=True, slots=True)
class Point:
    """One setting, and what came of it."""

    value: int
    label: str
    share: Share
    times_ms: tuple[int, ...]
    """Added silence, or reaction times."""
    group: str = ""
    """Points of one group are one line of the picture."""

    @property
    def median_ms(self) -> int | None:
        return round(statistics.median(self.times_ms)) if self.times_ms else None

    @property
    def p95_ms(self) -> int | None:
        return sorted(self.times_ms)[-(-95 * len(self.times_ms) // 100) - 1] if self.times_ms else None

    def to_json(self) -> dict[str, JsonValue]:
        low, high = self.share.interval
        return {
            "value": self.value, "label": self.label, "group": self.group, "bad": self.share.bad, "n": self.share.n,
            "rate": round(self.share.rate, 4), "low": round(low, 4), "high": round(high, 4),
            "median_ms": self.median_ms, "p95_ms": self.p95_ms,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Panel:
    """A state's curve."""

    state: str
    """complete, filled, incomplete, open, or prompt (playing)."""
    setting: str
    """What is varied: `call.complete_ms`, `listen.end_silence`, ..."""
    now: int
    """Its present value."""
    points: tuple[Point, ...]
    """Over the calls that are tuned on, in the order of the values; one group after another."""
    held_out: tuple[Point, ...]
    """The same points over the calls kept aside."""

    def point(self, value: int, *, held_out: bool = False) -> Point:
        return next(p for p in (self.held_out if held_out else self.points) if p.value == value and not p.group)


Progress = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Grid:
    """The calls, in two parts, and what they ran on."""

    tuned: Sequence[TunedCall]
    held_out: Sequence[TunedCall]
    settings: CallSettings
    end_silence_ms: int = 700
    """The hotline's own `listen.end_silence`."""

    def end_panels(self, progress: Progress = lambda: None) -> list[Panel]:
        """Cut-offs against added silence, a panel for what the words meant."""
        call = self.settings

        def complete(value: int) -> EndSettings:
            return EndSettings(replace(call, complete_ms=value), None, self.end_silence_ms)

        def incomplete(value: int) -> EndSettings:
            return EndSettings(replace(call, incomplete_max_ms=value), None, self.end_silence_ms)

        def silence(value: int) -> EndSettings:
            return EndSettings(call, value, self.end_silence_ms)

        rows: list[tuple[str, int, Sequence[int], Callable[[int], EndSettings], tuple[Completeness, ...]]] = [
            ("call.complete_ms", call.complete_ms, COMPLETE_MS, complete, (Completeness.COMPLETE,)),
            ("call.incomplete_max_ms", call.incomplete_max_ms, INCOMPLETE_MS, incomplete, (Completeness.INCOMPLETE,)),
            ("listen.end_silence", self.end_silence_ms, END_SILENCE_MS, silence,
             (Completeness.FILLED, Completeness.OPEN)),
        ]  # fmt: skip
        panels = []
        for name, now, grid, settings, states in rows:
            values = sorted({*grid, now})
            parts: list[dict[int, list[Ended]]] = []
            for calls in (self.tuned, self.held_out):
                ended: dict[int, list[Ended]] = {}
                for value in values:
                    ended[value] = [turn for one in calls for turn in end_turns(one, settings(value))]
                    progress()
                parts.append(ended)
            for state in states:
                tuned, held = ([_end_point(value, part[value], state) for value in values] for part in parts)
                panels.append(Panel(state.value, name, now, tuple(tuned), tuple(held)))
        return panels

    def joint(self, settings: EndSettings, *, held_out: bool) -> tuple[Share, Point]:
        """Turns cut at least once, and the added silence of all, under one set of settings."""
        ended = [turn for one in (self.held_out if held_out else self.tuned) for turn in end_turns(one, settings)]
        share = Share(sum(bool(turn.cuts) for turn in ended), len(ended))
        return share, Point(0, "all", share, tuple(turn.added_ms for turn in ended))

    def prompt_panels(self, progress: Progress = lambda: None) -> list[Panel]:
        """Prompts wrongly lowered, and wrongly stopped, against the time it takes to do so for who means it."""
        detectors = self._detectors()
        ducks: list[list[Point]] = [[], []]
        stops: list[list[Point]] = [[], []]
        onset_now = self.settings.gate.onset_ms
        for part, calls in enumerate((self.tuned, self.held_out)):
            for detector in detectors:
                for value in sorted({*ONSET_MS, onset_now}):
                    ducks[part].append(_duck_point(calls, with_onset(self.settings, value), value, detector))
                    progress()
            for words in MIN_WORDS:
                stops[part].append(_stop_point(calls, self.settings, words))
                progress()
        return [
            Panel("prompt, lowered", "call.onset_ms", onset_now, tuple(ducks[0]), tuple(ducks[1])),
            Panel("prompt, stopped", "listen.min_words", 1, tuple(stops[0]), tuple(stops[1])),
        ]

    def _detectors(self) -> list[str]:
        return sorted({"", *(name for one in (*self.tuned, *self.held_out) for name in one.tracks)})

    def steps(self) -> int:
        """How often `progress` is called by all panels."""
        detectors = self._detectors()
        values = (
            {*COMPLETE_MS, self.settings.complete_ms}, {*INCOMPLETE_MS, self.settings.incomplete_max_ms},
            {*END_SILENCE_MS, self.end_silence_ms},
        )  # fmt: skip
        prompts = len(detectors) * len({*ONSET_MS, self.settings.gate.onset_ms}) + len(MIN_WORDS)
        return 2 * (sum(map(len, values)) + prompts)


def _end_point(value: int, ended: Iterable[Ended], state: Completeness) -> Point:
    """Decisions made in a state: how many were premature, and what the others cost."""
    turns = list(ended)
    cuts = sum(cut == state for turn in turns for cut, _ in turn.cuts)
    added = tuple(turn.added_ms for turn in turns if turn.state == state)
    return Point(value, f"{value} ms", Share(cuts, cuts + len(added)), added)


def _duck_point(calls: Sequence[TunedCall], settings: CallSettings, value: int, detector: str) -> Point:
    found = [one for call in calls for one in interrupt_prompts(call, settings, 1, detector)]
    share = Share(sum(bool(one.false_ducks) for one in found), len(found))
    return Point(value, f"{value} ms", share, tuple(ms for one in found for ms in one.duck_ms), detector)


def _stop_point(calls: Sequence[TunedCall], settings: CallSettings, words: int) -> Point:
    found = [one for call in calls for one in interrupt_prompts(call, settings, words)]
    share = Share(sum(bool(one.false_stops) for one in found), len(found))
    label = f"{words} word{'s' * (words > 1)}"
    return Point(words, label, share, tuple(ms for one in found for ms in one.stop_ms))


def split(
    calls: Sequence[TunedCall], order: Mapping[str, str], held_out: float
) -> tuple[list[TunedCall], list[TunedCall]]:
    """Calls to tune on, and calls to check on. `order` shuffles them: the same calls are always split alike."""
    ranked = sorted(calls, key=lambda call: order[call.id])
    aside = round(len(ranked) * held_out)
    return ranked[aside:], ranked[:aside]
