"""When one player's phrase is over: judged by hands, pedal and the gaps that this player has lately left.

A silence ends a phrase when it stands out: from strike to now it has outlasted what the player does within phrases. The
figures were chosen on MAESTRO's training split, the last two (a breath, and 1.3) with a look at the validation split;
`tests/bench/phrases.py` measures them on that, beside fixed silences.
"""

from __future__ import annotations

import heapq
from collections import deque

_BREATH_S = 0.99  # hands off the keys for less is taking breath, however fast the playing; longer, and players complain
_OUTSTANDING = 1.3  # a gap that ends a phrase is at least so many times the player's long ones
_OUTSTANDING_PEDALLED = 1.5  # hands that leave a sounding pedal come back more often
_PATIENCE_S = 2.0  # hands off for so long ends any phrase
_HELD_S = 5.0  # with a key held nothing is struck for so long: 99 % of MAESTRO's notes are over by then, pedal and all
_RECALL_S = 60.0  # of playing: the time between turns does not count
_OUTLIERS = 2  # the longest gaps of that time, a fermata or a page turned, are not the player's habit
_SHORT_S = 0.4  # shorter gaps need not be kept: however many, they call for less than a breath
_UNKNOWN_S = 0.6  # what the long gaps of an unknown player are taken to be
_TURN_S = 2.0  # a gap that is shorter has no answer in it: the player was not over, and went on


class Phrase:
    """One player's phrase as it goes on: has it ended, and when did it begin?

    Seconds of one clock throughout, in order. Memory is bounded by 60 s of gaps of 0.4 s and more, however much is
    struck. A key or pedal that is left down delays the end and cannot prevent it.
    """

    def __init__(self) -> None:
        self._began_s: float | None = None
        self._last_strike_s: float | None = None
        self._gap_from_s: float | None = None  # as the last strike, but a `clear` leaves it
        self._hands_off_s: float | None = None  # since when; None while a key is down
        self._pedal_down = False
        self._news_s = 0.0
        self._played_s = 0.0
        self._gaps = deque((0.0, _UNKNOWN_S) for _ in range(_OUTLIERS + 1))  # (seconds played at its end, gap)

    @property
    def began_s(self) -> float | None:
        """When the phrase's first key was struck; None before it."""
        return self._began_s

    @property
    def last_strike_s(self) -> float | None:
        """When a key was last struck in this phrase; None before the first."""
        return self._last_strike_s

    def strike(self, time_s: float, pitch: int, velocity: int) -> None:
        """A key is struck, at whatever pitch and velocity: they tell little that the gaps do not."""
        if self._gap_from_s is not None:
            gap_s = time_s - self._gap_from_s
            if self._last_strike_s is not None or gap_s < _TURN_S:
                self._learn(min(gap_s, _HELD_S))
        if self._began_s is None:
            self._began_s = time_s
        self._last_strike_s = self._gap_from_s = time_s
        self._hands_off_s = None

    def rest(self, time_s: float, keys_down: bool, pedal_down: bool) -> None:
        """From `time_s` on, is any key down, is the pedal? Wants to be told after any change of either."""
        if keys_down:
            self._hands_off_s = None
        elif self._hands_off_s is None:
            self._hands_off_s = time_s
        self._pedal_down = pedal_down
        self._news_s = time_s

    def over_at_s(self) -> float | None:
        """When the phrase is over if nothing more happens; None while nothing was struck since the last `clear`."""
        if self._last_strike_s is None:
            return None
        if self._hands_off_s is None:
            return self._last_strike_s + _HELD_S
        outstanding = _OUTSTANDING_PEDALLED if self._pedal_down else _OUTSTANDING
        stands_out_s = self._last_strike_s + outstanding * self._long_gap_s()
        breathed_s, at_last_s = self._hands_off_s + _BREATH_S, self._hands_off_s + _PATIENCE_S
        return max(breathed_s, min(stands_out_s, at_last_s), self._news_s)  # a pedal that rises tells nothing backwards

    def clear(self) -> None:
        """The phrase has been answered. What was learnt of the player's gaps stays."""
        self._began_s = self._last_strike_s = None

    def _learn(self, gap_s: float) -> None:
        self._played_s += gap_s
        if gap_s >= _SHORT_S:
            self._gaps.append((self._played_s, gap_s))
        while self._gaps and self._gaps[0][0] < self._played_s - _RECALL_S:
            self._gaps.popleft()

    def _long_gap_s(self) -> float:
        """The longest gap of the player's last 60 s of playing, outliers aside; 0 if there were no long ones."""
        longest = heapq.nlargest(_OUTLIERS + 1, (gap_s for _, gap_s in self._gaps))
        return longest[_OUTLIERS] if len(longest) > _OUTLIERS else 0.0
