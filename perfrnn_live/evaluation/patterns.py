"""Patterns of intervals: what comes back within music, and what music shares with other music, on whatever step.

Intervals are those between successive strikes. Strikes within 24 ms of a chord's first are a chord, taken from its
lowest key up.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

CHORD_S = 0.0241
_SHORTEST = 4
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)

Intervals = NDArray[np.int64]


def between_strikes(struck_s: NDArray[np.float64], pitch: NDArray[np.int64]) -> Intervals:
    """The intervals of strikes at times in seconds, ascending: (strikes - 1,)."""
    chord = np.zeros(len(struck_s), np.int64)
    first_s, number = -np.inf, 0
    for place, at_s in enumerate(struck_s.tolist()):
        if at_s - first_s > CHORD_S:
            first_s, number = at_s, number + 1
        chord[place] = number
    ordered = pitch[np.lexsort((pitch, chord))]
    return ordered[1:] - ordered[:-1]


def runs(between: Intervals, length: int) -> NDArray[np.uint64]:
    """A hash of each run of so many intervals, in order."""
    if len(between) < length:
        return np.zeros(0, np.uint64)
    hashed = np.zeros(len(between) - length + 1, np.uint64)
    for offset in range(length):
        hashed = (hashed + (between[offset : offset + len(hashed)] + 200).astype(np.uint64)) * _MULTIPLIER
        hashed ^= hashed >> np.uint64(29)
    return hashed


def repeated(between: Intervals, length: int) -> float:
    """The share of runs of so many intervals that were heard before; 0 where there is none."""
    found = runs(between, length)
    return 1.0 - len(np.unique(found)) / len(found) if len(found) else 0.0


def longest_shared(music: Sequence[Intervals], others: Sequence[Intervals]) -> NDArray[np.int64]:
    """Of each piece of music, how many intervals its longest run has that is in any of the others too; 0 for fewer than
    four."""
    longest, length = np.zeros(len(music), np.int64), _SHORTEST
    while True:
        known = np.sort(np.concatenate([runs(between, length) for between in others]))
        found = [place for place, between in enumerate(music) if _any_in(runs(between, length), known)]
        if not found:
            return longest
        longest[found] = length
        length += 1


def _any_in(some: NDArray[np.uint64], ascending: NDArray[np.uint64]) -> bool:
    if not len(ascending):
        return False
    places = np.searchsorted(ascending, some).clip(max=len(ascending) - 1)
    return bool((ascending[places] == some).any())
