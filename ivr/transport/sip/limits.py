"""Flood limit: a token bucket a source."""

from __future__ import annotations

from collections import OrderedDict

MAX_SOURCES = 10_000


class FloodGuard:
    """Admits `rate` messages a second from each source, and `burst` at once. The sources seen longest ago are
    forgotten first, so a flood of forged addresses costs bounded memory."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self.refused = 0
        """Messages dropped so far."""

    def admit(self, source: str, now: float) -> bool:
        """Whether a message of this source may pass at `now` (s)."""
        tokens, since = self._buckets.pop(source, (self._burst, now))
        tokens = min(self._burst, tokens + (now - since) * self._rate)
        admitted = tokens >= 1
        self._buckets[source] = (tokens - 1 if admitted else tokens, now)
        if len(self._buckets) > MAX_SOURCES:
            self._buckets.popitem(last=False)
        self.refused += not admitted
        return admitted
