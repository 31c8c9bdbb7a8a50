"""The knob's and the keys' way to a temperature."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.live.controls import nudged, temperature_of_cc

positions = st.integers(0, 127)
temperatures = st.floats(0.05, 20.0)


@pytest.mark.parametrize(("value", "temperature"), [(0, 0.5), (64, 1.0), (127, 2.0)])
def test_ends_and_centre_of_the_knob(value: int, temperature: float) -> None:
    assert temperature_of_cc(value) == temperature


def test_equal_turns_are_equal_ratios_and_always_upwards() -> None:
    turns = [temperature_of_cc(value) for value in range(128)]
    ratios = [after / before for before, after in pairwise(turns)]
    assert min(ratios) > 1
    assert max(ratios) < 1.012  # both halves: a 64th or a 63rd part of an octave


def test_eight_presses_double_and_one_undoes_another() -> None:
    assert nudged(1.0, 8) == pytest.approx(2.0)
    assert nudged(nudged(1.0, 1), -1) == pytest.approx(1.0)


@given(temperatures, st.integers(-20, 20))
def test_presses_stay_in_the_range_of_the_knob_or_never_jump_into_it(temperature: float, presses: int) -> None:
    after = nudged(temperature, presses)
    assert min(0.5, temperature) <= after <= max(2.0, temperature)
    assert (after - temperature) * presses >= 0  # "warmer" never cools, whatever --temperature was
