from __future__ import annotations

import numpy as np
import pytest

from perfrnn_live.sound.frames import FrameClock

RATE = 48_000


@pytest.mark.parametrize("off", [0.0, 1e-4, -2e-4])
def test_trembling_requests_become_even_moments(off: float) -> None:
    """Requests up to 2 ms late, a sound card that is off by so much: after a second all moments lie on a line."""
    rng, clock, frames = np.random.default_rng(1), FrameClock(RATE), 256
    true_s = 100 + np.arange(3000) * frames / RATE * (1 + off)
    told_s = np.array([clock.asked(float(moment + rng.uniform(0, 0.002)), frames) for moment in true_s])
    late_s = (told_s - true_s)[200:]
    assert np.ptp(late_s) < 0.0006 and abs(late_s.mean() - 0.001) < 0.0003


def test_blocks_that_come_in_pairs_are_evened_out() -> None:
    clock, frames = FrameClock(RATE), 240
    true_s = np.arange(2000) * frames / RATE
    told_s = np.array([clock.asked(float(true_s[number - number % 2]), frames) for number in range(2000)])
    assert np.ptp((told_s - true_s)[400:]) < 0.001


def test_after_a_gap_all_begins_anew() -> None:
    clock = FrameClock(RATE)
    for number in range(100):
        clock.asked(number * 0.01, 480)
    assert clock.asked(30.0, 480) == 30.0
    assert clock.asked(30.01, 480) == pytest.approx(30.01, abs=1e-6)


def test_moments_are_frames() -> None:
    clock = FrameClock(RATE)
    begin_s = clock.asked(5.0, 256)
    assert clock.frames_until(begin_s, 5.5) == pytest.approx(24_000)
