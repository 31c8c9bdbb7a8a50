"""The clock, injected everywhere: nothing else in the package asks what time it is."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Monotonic seconds. The zero is arbitrary; only differences mean anything."""

    def now(self) -> float:
        """The present moment in seconds."""
        ...

    def wait_until(self, moment_s: float) -> None:
        """Return at `moment_s`, or at once if it has passed."""
        ...


def wall_s() -> float:
    """Seconds since 1970, by the wall's clock, which may be set: for what people are to read, and nothing else."""
    return time.time()


class SystemClock:
    """The machine's performance counter, shared by all processes of the machine, in whole microseconds: so moments take
    little room where they are kept, and are read as exactly the same."""

    # Sleeping is exact to about 0.1 ms; the rest is spun. Spinning longer buys nothing and costs a core.
    _SPIN_S = 0.0003

    def now(self) -> float:
        return round(time.perf_counter(), 6)  # not monotonic(): on Windows that one ticks at 15.6 ms

    def wait_until(self, moment_s: float) -> None:
        pause_s = moment_s - self._SPIN_S - self.now()
        if pause_s > 0:
            time.sleep(pause_s)
        while self.now() < moment_s:
            pass


class FakeClock:
    """Time that passes only when somebody waits or advances it; it refuses to go back."""

    def __init__(self, start_s: float = 1000.0) -> None:
        self._now_s = start_s

    def now(self) -> float:
        return self._now_s

    def wait_until(self, moment_s: float) -> None:
        self._now_s = max(self._now_s, moment_s)

    def advance(self, seconds: float) -> None:
        """Let time pass. Raises ValueError for a negative amount."""
        if seconds < 0:
            raise ValueError(f"time does not go back ({seconds} s)")
        self._now_s += seconds
