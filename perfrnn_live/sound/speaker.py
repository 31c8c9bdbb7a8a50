"""Messages with their moments in, blocks of sound out: each at its own frame, all with the same delay."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.music.midi import strikes
from perfrnn_live.sound.frames import FrameClock
from perfrnn_live.sound.instrument import Instrument

_TRANSIT_S = 0.0025  # from one process to the other, in which it may wait for a block to be computed
_LONGEST_DELAY_S = 0.1
_TOO_LATE_S = 0.1  # a strike that arrives so late (a machine that slept) is not played in a heap with others


class Speaker:
    """What a sound card asks for frames. `put` may be called by another thread.

    A message for the moment t is due at the frame that is asked for at t + `delay_s`. The delay is as long as it must
    be for a message of any moment to be here in time. It is learned from when frames are asked for, before anything
    sounds; it may grow when the sound card changes its ways, and never shrinks.
    """

    def __init__(self, instrument: Instrument, rate: int) -> None:
        self._instrument = instrument
        self._frames = FrameClock(rate)
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._asked_s: float | None = None
        self.delay_s = _TRANSIT_S

    def put(self, at_s: float, message: bytes) -> None:
        """A message for the moment `at_s`, in the order in which they are to be obeyed."""
        self._waiting.append((at_s, message))

    def block(self, now_s: float, frames: int) -> NDArray[np.float32]:
        """The next frames, (frames, 2), asked for at `now_s`."""
        begin_s = self._frames.asked(now_s, frames)
        if self._asked_s is not None and now_s - self._asked_s < _LONGEST_DELAY_S:
            # what was put in just after the last block was asked for must not be due before this one
            needed_s = begin_s - self._asked_s + _TRANSIT_S
            self.delay_s = min(max(self.delay_s, needed_s), _LONGEST_DELAY_S)
        self._asked_s = now_s
        while self._waiting:
            at_s, message = self._waiting[0]
            frame = round(self._frames.frames_until(begin_s, at_s + self.delay_s))
            if frame >= frames:
                break
            self._waiting.popleft()
            if now_s - at_s < _TOO_LATE_S + self.delay_s or not strikes(message):
                self._instrument.play(message, max(frame, 0))
        return self._instrument.render(frames)
