from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.live.beats import Beats, Quantise
from perfrnn_live.player.messages import Pulse


def beats(quantise: Quantise, pulse: Pulse | None = None) -> Beats:
    made = Beats(quantise)
    if pulse is not None:
        made.hear(pulse)
    return made


def test_without_a_clock_or_with_off_it_is_at_once() -> None:
    assert beats("bar").next_s(3.3) == 3.3
    assert beats("off", Pulse(3.0, 0.5, 0)).next_s(3.3) == 3.3


@pytest.mark.parametrize(
    ("quantise", "at_s", "begins_s"),
    [("beat", 10.1, 10.5), ("beat", 10.5, 10.5), ("beat", 10.52, 10.5), ("beat", 10.54, 11.0), ("bar", 10.1, 11.5)],
)
def test_the_next_beat_or_bar(quantise: Quantise, at_s: float, begins_s: float) -> None:
    """Quarter 5 was at 10 s: the second of a bar."""
    assert beats(quantise, Pulse(10.0, 0.5, 5)).next_s(at_s) == pytest.approx(begins_s)


def test_a_clock_that_has_stopped_holds_nothing_up() -> None:
    assert beats("beat", Pulse(10.0, 0.5, 5)).next_s(11.4) == 11.4


@given(st.floats(0.2, 2), st.integers(0, 1000), st.floats(0, 2.4), st.sampled_from(["beat", "bar"]))
def test_it_is_on_the_grid_and_never_long_before(
    quarter_s: float, number: int, later: float, quantise: Quantise
) -> None:
    at_s = 50 + later * quarter_s
    begins_s = beats(quantise, Pulse(50.0, quarter_s, number)).next_s(at_s)
    quarters = (begins_s - 50) / quarter_s + number
    assert quarters == pytest.approx(round(quarters), abs=1e-6)
    assert round(quarters) % (4 if quantise == "bar" else 1) == 0
    assert -0.031 <= begins_s - at_s <= (4 if quantise == "bar" else 1) * quarter_s
