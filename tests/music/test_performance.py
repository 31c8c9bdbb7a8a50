"""Seconds ↔ steps, velocities ↔ bins."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.music.performance import (
    Note,
    bin_to_velocity,
    duration_s,
    seconds_to_step,
    step_to_seconds,
    velocity_to_bin,
)


def test_every_velocity_lies_in_a_bin_of_four_near_its_middle() -> None:
    bins = [velocity_to_bin(velocity) for velocity in range(1, 128)]
    assert bins == sorted(bins)
    assert (bins[0], bins[-1]) == (0, 31)
    assert Counter(bins) == {**dict.fromkeys(range(31), 4), 31: 3}  # MIDI has 127 velocities
    for velocity in range(1, 128):
        assert abs(bin_to_velocity(velocity_to_bin(velocity)) - velocity) <= 2


def test_every_bin_gives_a_playable_velocity_of_its_own() -> None:
    played = [bin_to_velocity(velocity_bin) for velocity_bin in range(32)]
    assert (played[0], played[-1]) == (2, 126)
    assert [velocity_to_bin(velocity) for velocity in played] == list(range(32))


@given(st.floats(0, 36_000), st.sampled_from([100, 125]))
def test_a_step_is_the_nearest(time_s: float, rate: int) -> None:
    assert abs(step_to_seconds(seconds_to_step(time_s, rate), rate) - time_s) <= 0.5 / rate + 1e-9


@given(st.integers(0, 10_000_000), st.sampled_from([100, 125]))
def test_steps_survive_seconds(step: int, rate: int) -> None:
    assert seconds_to_step(step_to_seconds(step, rate), rate) == step


@pytest.mark.parametrize(("time_s", "step"), [(0.0, 0), (0.0039, 0), (0.0041, 1), (0.0119, 1), (0.0121, 2), (1.0, 125)])
def test_rounding_on_the_8_ms_grid(time_s: float, step: int) -> None:
    assert seconds_to_step(time_s, 125) == step


def test_a_performance_lasts_until_its_last_note_ends() -> None:
    assert duration_s([Note(0.0, 5.0, 40, 64), Note(1.0, 2.0, 60, 64)]) == 5.0
    assert duration_s([]) == 0
