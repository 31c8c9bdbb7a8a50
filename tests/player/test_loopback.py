"""An input that brings what the output is sent, and those that only seem to."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfrnn_live.music.midi import note_off, note_on, strikes
from perfrnn_live.player.clock import FakeClock
from perfrnn_live.player.loopback import PROBE, Loopback, probe
from perfrnn_live.player.messages import Command, Received, Stop
from perfrnn_live.player.ports import MemoryPort
from tests.strategies import pitches, velocities


def probed(*arrivals: tuple[float, Command | Received]) -> tuple[str | None, list[Command | Received], list[bytes]]:
    """What the probe finds out, what it hands back, and what it sent; arrivals are at milliseconds from its start."""
    clock = FakeClock()
    port = MemoryPort(clock)
    waiting = [(clock.now() + at_ms / 1000, each) for at_ms, each in arrivals]

    def take(timeout_s: float) -> list[Command | Received]:
        if waiting and waiting[0][0] <= clock.now() + timeout_s:
            at_s, each = waiting.pop(0)
            clock.wait_until(at_s)
            return [each]
        clock.advance(timeout_s)
        return []

    found, came = probe(port, take, clock)
    assert clock.now() <= 1000.0 + 0.0501
    return found, came, [message for _, message in port.sent]


def test_the_probe_that_comes_in_names_its_input() -> None:
    key = Received(1000.001, note_on(60, 80), "keys")
    assert probed((1, key), (3, Received(1000.003, PROBE, "cable"))) == ("cable", [key], [PROBE])


def test_without_it_whatever_else_came_is_handed_back_in_order() -> None:
    key, up = Received(1000.001, note_on(60, 80), "keys"), Received(1000.04, note_off(60), "keys")
    assert probed((1, key), (40, up), (45, Stop()), (60, Received(1000.06, PROBE, "late"))) == (
        None,
        [key, up, Stop()],
        [PROBE],
    )
    assert probed() == (None, [], [PROBE])


@given(
    st.lists(st.tuples(pitches, velocities, st.floats(0.05, 1.0), st.floats(-0.002, 0.002)), min_size=16, max_size=16),
    st.floats(0.003, 0.24),
    st.integers(-20, 20),
)
def test_sixteen_strikes_in_a_row_all_equally_late_are_no_chance(
    played: list[tuple[int, int, float, float]], late_s: float, louder: int
) -> None:
    """However late, and whatever the loop does to velocities."""
    loopback = Loopback()
    moves: list[tuple[float, Received | bytes]] = []
    sent_s = 10.0
    for pitch, velocity, gap_s, uneven_s in played:
        sent_s += gap_s
        back = note_on(pitch, min(max(velocity + louder, 1), 127))
        arrival_s = sent_s + late_s + uneven_s
        moves += [(sent_s, note_on(pitch, velocity)), (arrival_s, Received(arrival_s, back, "cable"))]
        moves += [(arrival_s + 0.001, Received(arrival_s + 0.001, note_off(pitch), "cable"))]
        moves += [(arrival_s + 0.002, Received(arrival_s + 0.002, note_on(20, 80), "keys"))]  # played beside it
    found = []
    for at_s, move in sorted(moves, key=lambda each: each[0]):
        if isinstance(move, bytes):
            loopback.sent(at_s, move, is_own=True)
        elif loopback.is_closed_by(move):
            found.append((move.port, strikes(move.message)))
    assert found[:1] == [("cable", True)] and len(found) == 1


def test_one_strike_of_another_hand_starts_the_count_again() -> None:
    loopback = Loopback()
    for number in range(40):
        sent_s, message = 10.0 + number, note_on(40 + number, 80)
        loopback.sent(sent_s, message, is_own=True)
        assert not loopback.is_closed_by(Received(sent_s + 0.005, message, "keys"))
        if number % 15 == 14:
            assert not loopback.is_closed_by(Received(sent_s + 0.5, note_on(40, 80), "keys"))


@given(st.integers(0, 2**32), st.floats(0.0, 0.15))
@settings(max_examples=30)
def test_a_hand_that_doubles_the_machine_is_none(seed: int, late_s: float) -> None:
    """A thousand notes after another, each some 20 ms from where it is aimed, as good players are."""
    loopback, rng = Loopback(), random.Random(seed)
    moves = []
    for number in range(1000):
        sent_s, pitch = 10.0 + number / 5, rng.randrange(48, 84)
        moves += [(sent_s, True, pitch), (sent_s + rng.gauss(late_s, 0.02), False, pitch)]
    for at_s, is_own, pitch in sorted(moves):
        if is_own:
            loopback.sent(at_s, note_on(pitch, 80), is_own=True)
        else:
            assert not loopback.is_closed_by(Received(at_s, note_on(pitch, 80), "keys"))


@pytest.mark.parametrize("gap_s", [0.05, 0.1, 0.2])
def test_a_key_that_is_repeated_evenly_and_sent_on_is_none(gap_s: float) -> None:
    """A drum machine could not do it more evenly."""
    loopback = Loopback()
    for number in range(200):
        at_s, message = 10.0 + number * gap_s, note_on(60, 80)
        assert not loopback.is_closed_by(Received(at_s, message, "pads"))
        loopback.sent(at_s + 0.0005, message, is_own=False)


@pytest.mark.parametrize("late_s", [0.005, 0.04, 0.1])
def test_a_loop_that_sends_on_what_it_brings_is_found(late_s: float) -> None:
    """With thru, a note that comes back goes out again, and comes back again."""
    loopback = Loopback()
    waiting: list[tuple[float, bytes]] = []
    for number in range(400):
        now_s = 10.0 + number * 0.01
        if number % 13 == 0:
            message = note_on(40 + number // 13, 80)
            loopback.sent(now_s, message, is_own=True)
            waiting.append((now_s + late_s, message))
        while waiting and waiting[0][0] <= now_s:
            at_s, message = waiting.pop(0)
            if loopback.is_closed_by(Received(at_s, message, "cable")):
                return
            loopback.sent(at_s, message, is_own=False)
            waiting.append((at_s + late_s, message))
            waiting.sort()
    raise AssertionError("it hears itself to the end")
