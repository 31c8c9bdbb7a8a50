"""MIDI clock: where its quarters are, however its messages tremble."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.player.messages import Pulse, Transport
from perfrnn_live.player.sequencer import Sequencer

CLOCK, START, CONTINUE, STOP = b"\xf8", b"\xfa", b"\xfb", b"\xfc"


def pulses(sequencer: Sequencer, stamps_s: list[float], port: str = "daw") -> list[Pulse]:
    told = [each for at_s in stamps_s for each in sequencer.hear(port, at_s, CLOCK)]
    return [each for each in told if isinstance(each, Pulse)]


@pytest.mark.parametrize("bpm", [40, 120, 300])
def test_quarters_are_counted_from_the_start(bpm: int) -> None:
    sequencer, clock_s = Sequencer(), 60 / bpm / 24
    assert sequencer.hear("daw", 10.0, START) == [Transport(10.0, plays=True)]
    stamps = [10.0 + number * clock_s for number in range(24 * 5 + 1)]
    told = pulses(sequencer, stamps[:7])
    assert [each.number for each in told] == [0]  # told a quarter of it later, when its length is known
    told += pulses(sequencer, stamps[7:])
    assert [each.number for each in told] == [0, 1, 2, 3, 4, 5]
    for each in told:
        assert each.at_s == pytest.approx(10.0 + each.number * 60 / bpm, abs=1e-6)
        assert each.quarter_s == pytest.approx(60 / bpm, rel=1e-6)


@given(st.integers(0, 1000))
def test_what_trembles_by_a_period_of_the_driver_is_evened_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stamps = [10 + number * 0.5 / 24 + float(rng.uniform(0, 0.006)) for number in range(24 * 20 + 1)]
    told = pulses(Sequencer(), sorted(stamps))
    offs = [each.at_s - 10 - each.number * 0.5 for each in told]
    assert len(told) == 21 and all(0 < off < 0.006 for off in offs[1:])
    assert -0.0016 < offs[0] < 0.0076  # from seven clocks only, and told a quarter of it later
    assert all(abs(each.quarter_s - 0.5) < 0.005 for each in told[1:])
    assert abs(told[0].quarter_s - 0.5) < 0.06


def test_stop_continue_and_a_position() -> None:
    sequencer = Sequencer()
    sequencer.hear("daw", 0.0, START)
    pulses(sequencer, [number * 0.02 for number in range(30)])
    assert sequencer.hear("daw", 0.6, STOP) == [Transport(0.6, plays=False)]
    assert sequencer.hear("daw", 0.7, b"\xf2\x10\x00") == []  # sixteen sixteenths: quarter 4
    assert sequencer.hear("daw", 0.8, CONTINUE) == [Transport(0.8, plays=True)]
    assert [each.number for each in pulses(sequencer, [0.8 + number * 0.02 for number in range(25)])] == [4, 5]


def test_a_clock_that_pauses_is_measured_anew_and_one_that_jumps_does_no_harm() -> None:
    sequencer = Sequencer()
    pulses(sequencer, [number * 0.02 for number in range(25)])
    later = pulses(sequencer, [100 + number * 0.01 for number in range(60)])
    assert later and later[-1].quarter_s == pytest.approx(0.24, rel=1e-6)


def test_of_two_clocks_the_first_is_followed_until_it_ends() -> None:
    sequencer = Sequencer()
    for number in range(49):
        sequencer.hear("one", number * 0.02, CLOCK)
        assert sequencer.hear("two", number * 0.02 + 0.01, CLOCK) == []
    assert len(pulses(sequencer, [5 + number * 0.02 for number in range(49)], "two")) >= 1


@given(st.lists(st.tuples(st.floats(0, 0.3), st.binary(max_size=3)), max_size=100))
def test_anything_may_come(messages: list[tuple[float, bytes]]) -> None:
    sequencer, at_s = Sequencer(), 0.0
    for pause_s, message in messages:
        at_s += pause_s
        for each in sequencer.hear("daw", at_s, message):
            assert isinstance(each, Transport) or each.quarter_s > 0


def test_a_flood_is_no_clock() -> None:
    assert pulses(Sequencer(), [number * 0.0001 for number in range(5000)]) == []
