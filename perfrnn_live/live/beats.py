"""Where the beats of somebody else's clock are, and on which of them something may begin."""

from __future__ import annotations

import math
from typing import Literal

from perfrnn_live.player.messages import Pulse

Quantise = Literal["off", "beat", "bar"]

QUARTERS = {"beat": 1, "bar": 4}  # a bar is taken for four quarters: MIDI clock does not tell
_STOPPED = 2.5  # a clock that has not been heard for so many quarters has stopped
_JUST_NOW_S = 0.03  # what is late for a beat by no more than this is on it
_FIRST_S = 0.4  # after a Start, it is known within this where the beats are, if a clock comes


class Beats:
    """Told of a clock's quarters, says when the next beat or bar is. Without a clock, or with "off", that is at
    once."""

    def __init__(self, quantise: Quantise = "off") -> None:
        self._quantise = quantise
        self._pulse: Pulse | None = None
        self._started_s: float | None = None  # when a Start came whose first beat has not come yet

    def hear(self, pulse: Pulse) -> None:
        """A quarter of the clock."""
        self._pulse, self._started_s = pulse, None

    def start(self, at_s: float) -> None:
        """A sequencer started, and counts anew: its next clock is the first beat."""
        self._pulse, self._started_s = None, at_s

    def awaits_first(self, now_s: float) -> bool:
        """Whether a sequencer has started, and where its beats are is to be known soon."""
        started_s = self._started_s
        return self._quantise != "off" and started_s is not None and now_s - started_s < _FIRST_S

    def runs(self, at_s: float) -> bool:
        """Whether there is a clock, and something is to begin on its beats."""
        pulse = self._pulse
        return self._quantise != "off" and pulse is not None and at_s - pulse.at_s <= _STOPPED * pulse.quarter_s

    def next_s(self, at_s: float) -> float:
        """The first beat or bar that is not before `at_s`."""
        pulse = self._pulse
        if pulse is None or not self.runs(at_s):
            return at_s
        every = QUARTERS[self._quantise]
        quarters = (at_s - _JUST_NOW_S - pulse.at_s) / pulse.quarter_s + pulse.number
        return pulse.at_s + (math.ceil(quarters / every) * every - pulse.number) * pulse.quarter_s
