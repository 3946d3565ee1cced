"""Whether a benchmark has the machine to itself: what others take of it, and waiting until they leave it alone."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

QUIET_CORES = 0.25
"""What others may take of the machine."""


class Machine:
    """What others take of the machine from its making on: all but ours and that of processes we have waited for."""

    def __init__(self) -> None:
        self._began, self._all, self._ours = time.monotonic(), self._busy_s(), self._own_s()

    def others_cores(self) -> float:
        others = (self._busy_s() - self._all) - (self._own_s() - self._ours)
        return round(max(0.0, others / (time.monotonic() - self._began)), 2)

    @staticmethod
    def _busy_s() -> float:
        """Time of all cores that was not idle (proc(5): user nice system idle iowait irq softirq steal)."""
        user, nice, system, _, _, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
        return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")

    @staticmethod
    def _own_s() -> float:
        both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(usage.ru_utime + usage.ru_stime for usage in both)


def wait_for_quiet(patience: float) -> None:
    """Return when others have left the machine alone for 2 s, or patience is at its end (s)."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        machine = Machine()
        time.sleep(2.0)
        if machine.others_cores() < QUIET_CORES:
            return
