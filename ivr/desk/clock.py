"""The floor's clock: POSIX seconds that never jump."""

from __future__ import annotations

import time


class SteadyClock:
    """Wall time at the start, carried on by the monotonic clock: when somebody sets the machine's clock, nobody's wait
    grows or shrinks. Opening hours then run by the old time until a restart, or until `set`."""

    def __init__(self) -> None:
        self._offset = 0.0
        self.set()

    def set(self) -> None:
        """Take over the wall clock as it is now."""
        self._offset = time.time() - time.monotonic()

    def __call__(self) -> float:
        return time.monotonic() + self._offset
