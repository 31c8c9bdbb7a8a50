"""Which frame a moment is: the clock of a sound card, learned from when it asks for frames."""

from __future__ import annotations

import math

_JUMP_S = 0.1  # further off than this it was a gap (a machine that slept, an underrun), and all begins anew
_BANDWIDTH_HZ = 0.5
_BANDWIDTH_AT_FIRST_HZ = 5.0  # to be there soon


class FrameClock:
    """A delay-locked loop of second order (Adriaensen, "Using a DLL to filter time", 2005): the moments at which a
    sound card asks for its next frames tremble by milliseconds; the moments here do not."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._frame_s = 1 / rate
        self._next_s: float | None = None
        self._elapsed_s = 0.0

    def asked(self, now_s: float, frames: int) -> float:
        """Frames were asked for just now; returns the moment at which the first of them is due, before any delay."""
        block_s = frames * self._frame_s
        if self._next_s is None or abs(now_s - self._next_s) > _JUMP_S:
            self._next_s, self._elapsed_s, self._frame_s = now_s + block_s, 0.0, 1 / self._rate
            return now_s
        begin_s, off_s = self._next_s, now_s - self._next_s
        self._elapsed_s += block_s
        bandwidth = max(_BANDWIDTH_HZ, _BANDWIDTH_AT_FIRST_HZ / (1 + 4 * self._elapsed_s))
        omega = min(2 * math.pi * bandwidth * frames / self._rate, 0.5)
        self._next_s += block_s + math.sqrt(2) * omega * off_s
        self._frame_s += omega * omega * off_s / frames
        return begin_s

    def frames_until(self, begin_s: float, moment_s: float) -> float:
        """How many frames after `begin_s` a moment is."""
        return (moment_s - begin_s) / self._frame_s
