"""Intervals, what is repeated, and the longest run that is shared, checked against the plain way of finding it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.evaluation.patterns import between_strikes, longest_shared, repeated


def test_chords_are_taken_from_their_lowest_key_up() -> None:
    struck_s = np.array([0.0, 0.008, 0.024, 0.5, 0.6])
    assert between_strikes(struck_s, np.array([67, 60, 64, 72, 71])).tolist() == [4, 3, 5, -1]
    assert between_strikes(np.array([0.0, 0.032]), np.array([67, 60])).tolist() == [-7]  # no chord


pieces = st.lists(st.lists(st.integers(-2, 2), max_size=25), min_size=1, max_size=4)


@given(pieces, pieces)
def test_the_longest_shared_run_is_found(music: list[list[int]], others: list[list[int]]) -> None:
    def shared(piece: list[int]) -> int:
        found = 0
        for length in range(4, len(piece) + 1):
            runs = {tuple(each[at : at + length]) for each in others for at in range(len(each) - length + 1)}
            if any(tuple(piece[at : at + length]) in runs for at in range(len(piece) - length + 1)):
                found = length
        return found

    found = longest_shared([np.array(each, np.int64) for each in music], [np.array(each, np.int64) for each in others])
    assert found.tolist() == [shared(each) for each in music]


@given(st.lists(st.integers(-2, 2), max_size=30), st.integers(1, 5))
def test_what_was_heard_before_is_counted(between: list[int], length: int) -> None:
    heard, again = set(), 0
    runs = [tuple(between[at : at + length]) for at in range(len(between) - length + 1)]
    for run in runs:
        again += run in heard
        heard.add(run)
    assert np.isclose(repeated(np.array(between, np.int64), length), again / len(runs) if runs else 0)
