"""The longest run of intervals heard before, by its definition, and alike after each strike and for a whole piece."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.music.returns import LENGTHS, LEVELS, latest_return, returns_along

tunes = st.lists(st.integers(58, 62), max_size=60) | st.lists(st.integers(0, 127), max_size=60)


def by_definition(pitch: list[int]) -> tuple[int, int]:
    """For each length from the longest down: where the last so many intervals were last heard before."""
    intervals = [later - earlier for earlier, later in pairwise(pitch)]
    for level in range(LEVELS, 0, -1):
        length = LENGTHS[level - 1]
        for end in range(len(intervals) - 1, length - 1, -1):
            if intervals[end - length : end] == intervals[-length:]:
                return level, end + 1
    return 0, -1


def as_arrays(pitch: list[int]) -> np.ndarray:
    return np.array(pitch, np.int64)


@given(tunes, st.integers(1, 3))
def test_the_longest_run_and_the_strike_that_followed_it(tune: list[int], times: int) -> None:
    pitch = tune * times
    assert latest_return(as_arrays(pitch)) == by_definition(pitch)


@given(tunes, st.integers(1, 3), st.integers(4, 80))
def test_a_whole_piece_tells_what_each_strike_tells(tune: list[int], times: int, remembered: int) -> None:
    pitch = tune * times
    level, following = returns_along(as_arrays(pitch), remembered)
    for now in range(len(pitch)):
        first = max(now + 1 - remembered, 0)
        its_level, after = latest_return(as_arrays(pitch[first : now + 1]))
        assert (level[now], following[now]) == (its_level, after + first if its_level else -1)


def test_a_motif_is_recognised_on_another_step() -> None:
    motif = [60, 62, 64, 65, 67]
    moved = [pitch + 5 for pitch in motif]
    assert latest_return(as_arrays([*motif, 71, *moved[:4]])) == (1, 4)
    assert latest_return(as_arrays([*motif, 71, *moved])) == (2, 5)


def test_three_intervals_are_the_fewest() -> None:
    assert latest_return(as_arrays([60, 62, 64, 40, 70, 72, 74])) == (0, -1)
