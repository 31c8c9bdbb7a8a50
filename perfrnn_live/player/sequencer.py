"""MIDI clock and transport from a sequencer or DAW → when its quarters are, and whether it plays. Source: MIDI 1.0,
System Real Time: 24 clocks to a quarter; Start, and the next clock is the first beat."""

from __future__ import annotations

from collections import deque

import numpy as np

from perfrnn_live.player.messages import Pulse, Transport

CLOCK, START, CONTINUE, STOP, POSITION = 0xF8, 0xFA, 0xFB, 0xFC, 0xF2
_CLOCKS = 24  # to a quarter
_SIXTEENTH = 6
_SLOWEST_S = 0.25  # between two clocks: 10 quarters a minute; after a longer pause it is another clock
_QUICKEST_S = 0.004  # between two, on average: 600 quarters a minute; more is no clock but a flood


class Sequencer:
    """Hears all inputs. The clock that came first is followed as long as it goes on; others are passed over."""

    def __init__(self) -> None:
        self._port: str | None = None
        self._clocks_s: deque[float] = deque(maxlen=2 * _CLOCKS + 1)
        self._count = 0  # of clocks since the beginning of the piece

    def hear(self, port: str, at_s: float, message: bytes) -> list[Pulse | Transport]:
        """What a message at `at_s` tells; of most messages nothing."""
        status = message[0] if message else 0
        if status == CLOCK:
            return self._clock(port, at_s)
        if status in (START, CONTINUE, STOP):
            if status == START:
                self._count = 0
            return [Transport(at_s, plays=status != STOP)]
        if status == POSITION and len(message) == 3:
            self._count = _SIXTEENTH * (message[1] + 128 * message[2])
        return []

    def _clock(self, port: str, at_s: float) -> list[Pulse | Transport]:
        if self._clocks_s and at_s - self._clocks_s[-1] > _SLOWEST_S:
            self._clocks_s.clear()
            self._port = None
        if self._port not in (None, port):
            return []
        self._port = port
        self._clocks_s.append(at_s)
        number, self._count = self._count, self._count + 1
        quarter, since = divmod(number, _CLOCKS)
        known = len(self._clocks_s) - 1
        is_first = known == _SIXTEENTH >= since  # of a clock that has just begun: soon enough for the second beat
        if not is_first and (since or known < _CLOCKS):
            return []
        # they come as the driver's periods do, some milliseconds early or late: a line through them does not
        clock_s, now_s = np.polyfit(np.arange(-known, 1), np.array(self._clocks_s) - at_s, 1)
        if clock_s < _QUICKEST_S:
            return []
        return [Pulse(at_s + float(now_s - since * clock_s), float(clock_s) * _CLOCKS, quarter)]
