"""The fake clock stands still until it is moved; the system clock only goes forward."""

from __future__ import annotations

import pytest

from perfrnn_live.player.clock import FakeClock, SystemClock


def test_fake_time_passes_only_when_somebody_waits_or_advances_it() -> None:
    clock = FakeClock(start_s=5.0)
    assert clock.now() == clock.now() == 5.0
    clock.wait_until(7.5)
    clock.advance(0.25)
    assert clock.now() == 7.75


def test_fake_time_does_not_go_back() -> None:
    clock = FakeClock(start_s=5.0)
    clock.wait_until(4.0)
    assert clock.now() == 5.0
    with pytest.raises(ValueError, match="back"):
        clock.advance(-0.001)
    clock.advance(0.0)
    assert clock.now() == 5.0


def test_the_system_clock_returns_no_earlier_than_asked_and_at_once_for_the_past() -> None:
    clock = SystemClock()
    for wait_s in (0.0, 0.0001, 0.003):
        moment_s = clock.now() + wait_s
        clock.wait_until(moment_s)
        assert clock.now() >= moment_s
    clock.wait_until(clock.now() - 1000.0)
