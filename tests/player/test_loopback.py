"""An input that brings what the output is sent, and those that only seem to."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.music.midi import note_off, note_on
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


def test_sixteen_strikes_in_a_row_as_they_were_sent_are_no_chance() -> None:
    loopback = Loopback()
    for number in range(16):
        sent_s, message = 10.0 + number, note_on(40 + number, 80)
        loopback.sent(sent_s, message)
        loopback.sent(sent_s + 0.1, note_off(40 + number))
        found = loopback.is_closed_by(Received(sent_s + 0.005, message, "cable"))
        assert not loopback.is_closed_by(Received(sent_s + 0.1, note_off(40 + number), "cable"))
        assert not loopback.is_closed_by(Received(sent_s + 0.005, note_on(20, 80), "keys"))  # played beside it
        assert found == (number == 15)


def test_one_strike_of_another_hand_starts_the_count_again() -> None:
    loopback = Loopback()
    for number in range(40):
        sent_s, message = 10.0 + number, note_on(40 + number, 80)
        loopback.sent(sent_s, message)
        assert not loopback.is_closed_by(Received(sent_s + 0.005, message, "keys"))
        if number % 15 == 14:
            assert not loopback.is_closed_by(Received(sent_s + 0.5, note_on(40, 80), "keys"))


@given(st.lists(st.tuples(pitches, velocities, st.floats(0.031, 1.0)), min_size=16, max_size=30))
def test_an_echo_that_takes_longer_or_is_not_exact_is_none(played: list[tuple[int, int, float]]) -> None:
    slow, inexact = Loopback(), Loopback()
    for number, (pitch, velocity, delay_s) in enumerate(played):
        sent_s = 10.0 + 2 * number
        slow.sent(sent_s, note_on(pitch, velocity))
        assert not slow.is_closed_by(Received(sent_s + delay_s, note_on(pitch, velocity), "piano"))
        inexact.sent(sent_s, note_on(pitch, velocity))
        assert not inexact.is_closed_by(Received(sent_s + 0.001, note_on(pitch, velocity % 127 + 1), "piano"))
