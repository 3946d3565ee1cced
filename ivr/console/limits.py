"""How often somebody may try a password. Pure: `now` in seconds is an argument."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LimitSettings:
    window_s: float = 900.0
    """Failures older than this are forgotten."""
    per_name: int = 5
    """Failures for one name from one address before it has to wait."""
    per_address: int = 20
    """Failures from one address, whatever the names."""
    keys: int = 10_000
    """So many names and addresses are remembered; the oldest go first."""


@dataclass
class LoginLimiter:
    """Counts failures by address, and by name and address: nobody can lock another one out from elsewhere."""

    settings: LimitSettings = field(default_factory=LimitSettings)
    _failures: dict[tuple[str, str], deque[float]] = field(default_factory=dict)

    def wait_s(self, name: str, address: str, now: float) -> float:
        """Seconds until the next try is allowed; 0 = now."""
        waits = [
            self._wait((address, name), self.settings.per_name, now),
            self._wait((address, ""), self.settings.per_address, now),
        ]
        return max(waits)

    def failed(self, name: str, address: str, now: float) -> None:
        for key in ((address, name), (address, "")):
            times = self._failures.pop(key, None) or deque(maxlen=self.settings.per_address)
            times.append(now)
            self._failures[key] = times
        while len(self._failures) > self.settings.keys:
            del self._failures[next(iter(self._failures))]

    def succeeded(self, name: str, address: str) -> None:
        """The try that was counted before its password was looked at was none."""
        self._failures.pop((address, name), None)
        times = self._failures.get((address, ""))
        if times:
            times.pop()

    def _wait(self, key: tuple[str, str], most: int, now: float) -> float:
        times = self._failures.get(key)
        if times is None:
            return 0.0
        while times and now - times[0] >= self.settings.window_s:
            times.popleft()
        if len(times) < most:
            return 0.0
        return self.settings.window_s - (now - times[-most])
