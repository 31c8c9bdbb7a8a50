"""Where the music returns to what it played before: the longest run of intervals, the latest one included, that was
heard already, and what followed it then.

Runs of intervals between the pitches of successive strikes, not of pitches, so that a motif is recognised on whatever
step it returns. When such a run has been heard before, people go on as they did then: with a chance of 0.37 after three
intervals, 0.76 after eight, 0.84 after twelve (24 recordings of MAESTRO's validation split).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LENGTHS = (3, 4, 5, 6, 8, 12, 16)  # of a run, in intervals
LEVELS = len(LENGTHS)  # a run of at least LENGTHS[level - 1] intervals is of that level; level 0 is no run


def latest_return(pitch: NDArray[np.integer]) -> tuple[int, int]:
    """After the last of the strikes `pitch` (n,): the level of the longest run, and the index of the strike that
    followed when it was last heard; (0, -1) if there is none."""
    intervals = np.diff(pitch)
    found = (0, -1)
    if len(intervals) <= LENGTHS[0]:
        return found
    now = len(intervals) - 1
    places = np.flatnonzero(intervals[:-1] == intervals[-1])  # where a run like the latest ends
    run = 1
    for level, length in enumerate(LENGTHS, 1):
        while run < length:
            places = places[places >= run]
            places = places[intervals[places - run] == intervals[now - run]]
            run += 1
        if not len(places):
            break
        found = (level, int(places[-1]) + 2)
    return found


def returns_along(pitch: NDArray[np.int64], remembered: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The same after each of the strikes `pitch` (n,), of which the last `remembered` are known then: (n,) and (n,)."""
    level, following = np.zeros(len(pitch), np.int64), np.full(len(pitch), -1, np.int64)
    intervals = np.diff(pitch)
    run = intervals  # a number for each run of so many intervals, the same for the same run, by its last interval
    for length in range(2, LENGTHS[-1] + 1):
        if len(run) < 2:
            break
        _, run = np.unique(run[:-1] * 256 + intervals[length - 1 :], return_inverse=True)
        if length in LENGTHS:
            place = np.argsort(run, kind="stable")
            alike = run[place[1:]] == run[place[:-1]]
            now, before = place[1:][alike], place[:-1][alike]  # the first intervals of runs
            known = now + length - 1 - before < remembered - 1
            ends = now[known] + length  # the strike after the last interval of the run
            level[ends], following[ends] = LENGTHS.index(length) + 1, before[known] + length + 1
    return level, following
