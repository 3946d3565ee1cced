"""Whether probabilities hold, and which thresholds keep errors in a budget. Pure figures over (p, right) of turns.

`right` is None where nobody knows: such turns count in the share accepted, not in the share wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_Z = 1.96
"""95 %."""
BINS = 10
THRESHOLDS = (*(round(0.30 + 0.05 * step, 2) for step in range(14)), 0.98)
FEWEST = 30
"""Labelled turns above a threshold under which nothing is said for it; more for a small budget (`needed`)."""
FEWEST_CONFIRMED = 10
WORTH_ASKING = 0.5
"""Share of the turns between `confirm` and `accept` that must be right: below, "you want X, right?" is mostly a no."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A turn's best intent."""

    p: float
    right: bool | None


@dataclass(frozen=True, slots=True)
class Bin:
    """Turns of like probability."""

    low: float
    high: float
    n: int
    """Labelled turns."""
    p: float
    """Their mean probability."""
    right: float
    """Their share right."""
    interval: tuple[float, float]
    """95 % interval of the share right."""


@dataclass(frozen=True, slots=True)
class Trade:
    """What a threshold would do."""

    accept: float
    accepted: float
    """Share of all turns."""
    n: int
    """Labelled turns accepted."""
    wrong: float
    """Share of those that are wrong."""
    interval: tuple[float, float]
    """95 % interval of the share wrong."""


@dataclass(frozen=True, slots=True)
class Advice:
    accept: float | None
    confirm: float | None
    reason: str
    """Why there is no advice, or what it rests on."""


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); (0, 1) for no turns."""
    if n == 0:
        return 0.0, 1.0
    share, spread = hits / n, _Z * _Z / n
    centre = (share + spread / 2) / (1 + spread)
    reach = _Z / (1 + spread) * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    return max(0.0, centre - reach), min(1.0, centre + reach)


def bins_of(turns: Sequence[Judged], bins: int = BINS) -> tuple[Bin, ...]:
    """The reliability curve: bins of equal width that hold a labelled turn."""
    found = []
    for index in range(bins):
        low, high = index / bins, (index + 1) / bins
        inside = [
            turn for turn in turns if turn.right is not None and min(int(turn.p * bins), bins - 1) == index
        ]  # fmt: skip
        if inside:
            hits, n = sum(bool(turn.right) for turn in inside), len(inside)
            mean = sum(turn.p for turn in inside) / n
            found.append(Bin(low, high, n, mean, hits / n, wilson(hits, n)))
    return tuple(found)


def trades_of(turns: Sequence[Judged]) -> tuple[Trade, ...]:
    return tuple(trade(turns, threshold) for threshold in THRESHOLDS)


def trade(turns: Sequence[Judged], threshold: float) -> Trade:
    above = [turn for turn in turns if turn.p >= threshold]
    known = [turn.right for turn in above if turn.right is not None]
    wrong = sum(not right for right in known)
    share = len(above) / len(turns) if turns else 0.0
    return Trade(threshold, share, len(known), wrong / len(known) if known else 0.0, wilson(wrong, len(known)))


def needed(budget: float) -> int:
    """Labelled turns above a threshold from which on one wrong turn is within the budget."""
    return max(FEWEST, math.ceil(1 / budget)) if budget > 0 else 1000


def advise(turns: Sequence[Judged], budget: float) -> Advice:
    """The lowest `accept` at which, and above which, at most `budget` of the accepted turns are wrong; and the lowest
    `confirm` from which on asking back is mostly right."""
    least, accept, within = needed(budget), None, True
    for one in reversed(trades_of(turns)):
        if one.n < least:
            if one.wrong > budget and one.interval[0] > budget:
                within = False
            continue
        within = within and one.wrong <= budget
        if not within:
            break
        accept = one
    labelled = sum(turn.right is not None for turn in turns)
    if accept is None:
        known = trade(turns, THRESHOLDS[0]).n
        if known < least:
            return Advice(
                None, None,
                f"too few turns: a budget of {budget:.1%} takes {least} labelled turns that would be accepted, there "
                f"are {known} at p >= {THRESHOLDS[0]:.2f} ({labelled} labelled in all)",
            )  # fmt: skip
        return Advice(None, None, f"no threshold keeps wrong turns within {budget:.1%}")
    confirm = _confirm_below(turns, accept.accept)
    reason = (
        f"{accept.wrong:.1%} of {accept.n} labelled turns wrong at {accept.accept:.2f} and above (95 %: "
        f"{accept.interval[0]:.1%} to {accept.interval[1]:.1%})"
    )
    if confirm is None:
        reason += "; too few turns below it to say where `confirm` should be"
    return Advice(accept.accept, confirm, reason)


def _confirm_below(turns: Sequence[Judged], accept: float) -> float | None:
    """None where too few turns lie below `accept`."""
    found = None
    for threshold in reversed([one for one in (0.2, 0.25, *THRESHOLDS) if one < accept]):
        between = [turn.right for turn in turns if turn.right is not None and threshold <= turn.p < accept]
        lowest = [
            right for turn in turns if (right := turn.right) is not None and threshold <= turn.p < threshold + 0.1
        ]
        if len(between) < FEWEST_CONFIRMED:
            continue
        if lowest and sum(lowest) / len(lowest) < WORTH_ASKING:
            break
        found = threshold if lowest else found
    return found
