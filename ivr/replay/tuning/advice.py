"""Which settings the recordings speak for, and whether they hold on calls that were kept aside.

A setting is suggested where it is the fastest of which the recordings show, with nine chances in ten, that it cuts no
more callers off than the target allows. Where they are too few to show that of anything, that is said instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ivr.call.settings import CallSettings
from ivr.dialog.events import JsonValue
from ivr.replay.tuning.curves import Grid, Panel, Point, Share, needed_for
from ivr.replay.tuning.simulate import EndSettings, with_onset

_WORTH_MS = 20
"""A gain below one frame is none."""


@dataclass(frozen=True, slots=True)
class Target:
    """What may go wrong at most (shares)."""

    cut_offs: float = 0.05
    false_barge_ins: float = 0.05
    """Prompts wrongly stopped; four times as many may be wrongly lowered, which is hardly noticed."""

    def of(self, panel: Panel) -> float:
        if not panel.state.startswith("prompt"):
            return self.cut_offs
        return min(1.0, 4 * self.false_barge_ins) if panel.setting == "call.onset_ms" else self.false_barge_ins


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do about one setting."""

    panel: Panel
    value: int | None
    """Suggested; None = leave it."""
    why: str
    held_out: str = ""
    """What the calls kept aside say of it; empty = nothing was suggested."""
    holds: bool | None = None

    def to_json(self) -> dict[str, JsonValue]:
        panel = self.panel
        return {
            "state": panel.state, "setting": panel.setting, "now": panel.now, "suggested": self.value, "why": self.why,
            "held_out": self.held_out, "holds": self.holds,
            "points": [point.to_json() for point in panel.points],
            "held_out_points": [point.to_json() for point in panel.held_out],
        }  # fmt: skip


def advise(panel: Panel, target: float) -> Advice:
    """The fastest setting that keeps the target for sure."""
    if panel.state == "filled":
        return Advice(panel, None, "follows listen.end_silence: two thirds of it")
    own = [point for point in panel.points if not point.group]
    present = panel.point(panel.now)
    most = max(point.share.n for point in own)
    wanted = needed_for(target)
    limit = f"{100 * target:g} %"
    what = "prompts" if panel.state.startswith("prompt") else "turn ends"
    if most < wanted:
        return Advice(
            panel, None,
            f"too few: {most} {what}, at least {wanted} are needed to show a share below {limit}"
            + (f"; now {present.share}" if most else ""),
        )  # fmt: skip
    if not any(point.times_ms for point in own):
        return Advice(panel, None, "nobody interrupted a prompt and meant it: there is no reaction to measure")
    safe = [point for point in own if point.share.interval[1] <= target and point.median_ms is not None]
    if safe:
        best = min(safe, key=lambda point: (_speed(point), abs(point.value - panel.now)))
        if present in safe and _speed(present) - _speed(best) < _WORTH_MS:
            return Advice(panel, None, f"stays: {present.share}, median {present.median_ms} ms")
        return _checked(panel, best, present, target)
    best = min(own, key=lambda point: (point.share.rate, _speed(point)))
    if best.share.interval[1] < present.share.rate:
        found = _checked(panel, best, present, target, f"no setting keeps {limit}; the least: ")
        if found.holds:
            return found
    return Advice(panel, None, f"no setting keeps {limit} for sure; now {present.share}")


def _speed(point: Point) -> int:
    return point.median_ms if point.median_ms is not None else 10**6


def _checked(panel: Panel, best: Point, present: Point, target: float, prefix: str = "") -> Advice:
    """The suggestion with what the calls kept aside say of it."""
    why = f"{prefix}{best.share}, median {best.median_ms} ms; now {present.share}, median {present.median_ms} ms"
    held = panel.point(best.value, held_out=True)
    allowed = max(target, best.share.interval[1])
    if not held.share.n:
        return Advice(panel, best.value, why, "no such case in the calls kept aside", None)
    low, high = held.share.interval
    holds = True if high <= allowed or held.share.rate <= target else (False if low > allowed else None)
    word = {True: "holds", False: "does not hold", None: "undecided"}[holds]
    if holds and high > allowed:
        word = "holds as far as so few tell"
    return Advice(panel, best.value, why, f"{word}: {held.share}, median {held.median_ms} ms", holds)


@dataclass(frozen=True, slots=True)
class Outcome:
    """All settings together, as they are and as suggested."""

    advice: tuple[Advice, ...]
    joint: tuple[tuple[str, Share, Point], ...]
    """Which (`now, tuned on`, ...), turns cut at least once, added silence."""

    @property
    def suggested(self) -> dict[str, int]:
        """By setting; one that does not hold on the calls kept aside is no suggestion."""
        return {a.panel.setting: a.value for a in self.advice if a.value is not None and a.holds is not False}

    def yaml(self) -> str:
        """For hotline.yaml; empty if nothing is to be changed there."""
        keys = {name.removeprefix("listen."): v for name, v in self.suggested.items() if name.startswith("listen.")}
        if not keys:
            return ""
        shown = ", ".join(
            f"{key}: {value}ms" if key == "end_silence" else f"{key}: {value}" for key, value in keys.items()
        )
        return f"defaults:\n  listen: {{{shown}}}\n"

    def toml(self) -> str:
        """For the service's configuration; empty if nothing is to be changed there."""
        keys = {name.removeprefix("call."): v for name, v in self.suggested.items() if name.startswith("call.")}
        return "".join(["[call]\n", *(f"{key} = {value}\n" for key, value in keys.items())]) if keys else ""


def conclude(grid: Grid, panels: Sequence[Panel], target: Target) -> Outcome:
    """Advice on each panel, and the whole turn-taking before and after it."""
    advice = tuple(advise(panel, target.of(panel)) for panel in panels)
    outcome = Outcome(advice, ())
    now = EndSettings(grid.settings, None, grid.end_silence_ms)
    then = replace(
        now, call=suggested_settings(grid.settings, outcome.suggested),
        end_silence_ms=outcome.suggested.get("listen.end_silence"),
    )  # fmt: skip
    rows = []
    for name, settings in (("now", now), ("suggested", then)) if outcome.suggested else (("now", now),):
        for part, held_out in (("tuned on", False), ("kept aside", True)):
            share, point = grid.joint(settings, held_out=held_out)
            rows.append((f"{name}, {part}", share, point))
    return replace(outcome, joint=tuple(rows))


def suggested_settings(settings: CallSettings, suggested: dict[str, int]) -> CallSettings:
    """The operator's settings with what is suggested of them."""
    if (onset := suggested.get("call.onset_ms")) is not None:
        settings = with_onset(settings, onset)
    return replace(
        settings, complete_ms=suggested.get("call.complete_ms", settings.complete_ms),
        incomplete_max_ms=suggested.get("call.incomplete_max_ms", settings.incomplete_max_ms),
    )  # fmt: skip
