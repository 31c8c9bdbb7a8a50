"""Seconds ↔ steps, velocities ↔ bins; time without pauses."""

from __future__ import annotations

from collections import Counter

import numpy as np
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
    without_pauses,
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


@given(
    gaps_s=st.lists(st.floats(0.0, 1e5) | st.floats(0.0, 20.0), max_size=20),
    late_s=st.lists(st.floats(0.0, 1e6), max_size=20),
    longest_s=st.floats(0.0, 30.0),
)
def test_without_pauses_nothing_waits_for_longer_and_all_else_stays(
    gaps_s: list[float], late_s: list[float], longest_s: float
) -> None:
    strikes_s = np.cumsum([1.0, *gaps_s])
    playing_s = without_pauses(strikes_s, strikes_s, longest_s)
    np.testing.assert_allclose(np.diff(playing_s), np.minimum(np.diff(strikes_s), longest_s), atol=1e-6)
    times_s = np.sort(1.0 + np.array(late_s))
    found_s = without_pauses(times_s, strikes_s, longest_s)
    assert (np.diff(found_s) >= -1e-6).all()
    latest = np.searchsorted(strikes_s, times_s, side="right") - 1
    since_s = np.minimum(times_s - strikes_s[latest], longest_s)
    np.testing.assert_allclose(found_s, playing_s[latest] + since_s, atol=1e-6)


def test_a_pause_of_hours() -> None:
    strikes_s = np.array([2.0, 3.0, 10_000.0, 10_001.0])
    assert without_pauses(strikes_s, strikes_s, 10.0).tolist() == [2.0, 3.0, 13.0, 14.0]
    assert without_pauses(np.array([2.5, 13.0, 9000.0, 10_500.0]), strikes_s, 10.0).tolist() == [2.5, 13.0, 13.0, 24.0]
