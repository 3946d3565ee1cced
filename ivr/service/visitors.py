"""How often somebody whom nobody knows may call from one address. Pure: `now` in seconds is an argument."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class VisitorSettings:
    at_once: int = 4
    """Calls and chats in progress from one address."""
    per_minute: int = 10
    """New ones from one address."""
    addresses: int = 10_000
    """So many addresses are remembered; the oldest go first."""


@dataclass
class VisitorLimit:
    """Counts by address. `begin` and `end` are called in pairs."""

    settings: VisitorSettings = field(default_factory=VisitorSettings)
    _recent: dict[str, deque[float]] = field(default_factory=dict)
    _open: dict[str, int] = field(default_factory=dict)

    def wait_s(self, address: str, now: float) -> float:
        """Seconds until this address may begin one more; 0 = now."""
        if self._open.get(address, 0) >= self.settings.at_once:
            return 10.0
        times = self._recent.get(address)
        while times and now - times[0] >= 60.0:
            times.popleft()
        if not times or len(times) < self.settings.per_minute:
            return 0.0
        return max(1.0, 60.0 - (now - times[0]))

    def begin(self, address: str, now: float) -> None:
        times = self._recent.pop(address, None) or deque(maxlen=self.settings.per_minute)
        times.append(now)
        self._recent[address] = times
        while len(self._recent) > self.settings.addresses:
            del self._recent[next(iter(self._recent))]
        self._open[address] = self._open.get(address, 0) + 1

    def end(self, address: str) -> None:
        left = self._open.get(address, 0) - 1
        if left > 0:
            self._open[address] = left
        else:
            self._open.pop(address, None)
