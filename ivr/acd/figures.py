"""Figures of a queue, by the field's formulas, and the estimate of a wait.

Service level, the three ways it is reported; T is the queue's threshold, "short" means abandoned within T:
    of all offered            answered within T / offered
    without short abandons    answered within T / (offered - short)          the usual one
    of those answered         answered within T / answered
ASA = average speed of answer (wait of those answered); AHT = average handling time (talk + wrap-up).
"""

from __future__ import annotations

from dataclasses import dataclass, field

_PRIOR_CALLS = 5.0
"""The configured handling time counts as so many calls seen."""
_MEMORY = 0.98
"""Weight of what was seen, after each further call: about the last 50 calls count."""


class HandleTime:
    """A moving mean of how long a call keeps an agent."""

    def __init__(self, expected_s: float) -> None:
        self._weight = _PRIOR_CALLS
        self._sum = expected_s * _PRIOR_CALLS

    def seen(self, seconds: float) -> None:
        self._weight = self._weight * _MEMORY + 1.0
        self._sum = self._sum * _MEMORY + seconds

    @property
    def mean_s(self) -> float:
        return self._sum / self._weight


@dataclass(slots=True)
class QueueFigures:
    """Counts and sums since the floor opened. Callers refused at the door (closed, full) are not offered."""

    threshold_s: float
    offered: int = 0
    answered: int = 0
    answered_in_time: int = 0
    abandoned: int = 0
    """The caller hung up or went back to the bot while waiting."""
    abandoned_short: int = 0
    given_up: dict[str, int] = field(default_factory=dict)
    """By kind: closed, full, timeout, failed."""
    wait_s: float = 0.0
    """Sum of those answered."""
    longest_wait_s: float = 0.0
    talk_s: float = 0.0
    wrap_up_s: float = 0.0
    handled: int = 0
    estimate_error_s: float = 0.0
    """Sum of |estimate at first - wait| of those answered."""
    estimate_bias_s: float = 0.0
    """Sum of estimate at first - wait: above 0 = told too long."""

    def answer(self, waited_s: float, estimated_s: float) -> None:
        self.answered += 1
        self.answered_in_time += waited_s <= self.threshold_s
        self.wait_s += waited_s
        self.longest_wait_s = max(self.longest_wait_s, waited_s)
        self.estimate_error_s += abs(estimated_s - waited_s)
        self.estimate_bias_s += estimated_s - waited_s

    def abandon(self, waited_s: float) -> None:
        self.abandoned += 1
        self.abandoned_short += waited_s <= self.threshold_s

    def give_up(self, kind: str) -> None:
        self.given_up[kind] = self.given_up.get(kind, 0) + 1

    def handle(self, talk_s: float, wrap_up_s: float) -> None:
        self.handled += 1
        self.talk_s += talk_s
        self.wrap_up_s += wrap_up_s

    @property
    def service_level(self) -> float | None:
        """Without short abandons; None before anyone came."""
        return _share(self.answered_in_time, self.offered - self.abandoned_short)

    @property
    def service_level_of_offered(self) -> float | None:
        return _share(self.answered_in_time, self.offered)

    @property
    def service_level_of_answered(self) -> float | None:
        return _share(self.answered_in_time, self.answered)

    @property
    def abandon_rate(self) -> float | None:
        return _share(self.abandoned, self.offered)

    @property
    def asa_s(self) -> float | None:
        return _share(self.wait_s, self.answered)

    @property
    def aht_s(self) -> float | None:
        return _share(self.talk_s + self.wrap_up_s, self.handled)

    @property
    def mean_estimate_error_s(self) -> float | None:
        return _share(self.estimate_error_s, self.answered)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
