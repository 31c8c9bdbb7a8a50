"""Whole sessions with a sequencer: its Start and Stop, and answers on its beats."""

from __future__ import annotations

import pytest

from perfrnn_live.live.beats import Quantise
from perfrnn_live.live.controls import Mode, Settings
from perfrnn_live.music.midi import note_off, note_on
from perfrnn_live.stage.desk import Put
from tests.sittings import BEGAN_S, Sitting

QUARTER_S = 0.5
CLOCK, START, STOP = b"\xf8", b"\xfa", b"\xfc"


def clock(sitting: Sitting, from_s: float, to_s: float) -> None:
    for number in range(round((to_s - from_s) / QUARTER_S * 24)):
        at_s = from_s + number * QUARTER_S / 24
        sitting.link.at(at_s, lambda: sitting.link.bring(CLOCK, "daw"))


def send(sitting: Sitting, at_s: float, message: bytes) -> None:
    sitting.link.at(at_s, lambda: sitting.link.bring(message, "daw"))


@pytest.mark.parametrize(("quantise", "every_s"), [("beat", QUARTER_S), ("bar", 4 * QUARTER_S)])
def test_an_answer_begins_on_the_beat(quantise: Quantise, every_s: float) -> None:
    sitting = Sitting(settings=Settings(mode=Mode.TRADE), quantise=quantise)
    send(sitting, BEGAN_S + 0.2, START)
    clock(sitting, BEGAN_S + 0.2, BEGAN_S + 30)
    begins_s = []
    for number in range(3):
        over_s = sitting.phrase_at(BEGAN_S + 2.13 + 9 * number, range(60, 67), gap_s=0.21)
        begins_s.append(over_s)
    sitting.session.run(28)
    for over_s in begins_s:
        first_s = min(at_s for at_s, message in sitting.sent if at_s > over_s and message[0] == 0x90)
        off_s = (first_s - BEGAN_S - 0.2) % every_s
        assert min(off_s, every_s - off_s) < 0.012, (first_s, off_s)
        assert first_s - over_s < 2.5 + every_s
    sitting.check_silent()


def test_with_off_and_without_a_clock_it_answers_when_the_phrase_is_over() -> None:
    firsts = []
    for clocked, quantise in ((False, "bar"), (True, "off")):
        sitting = Sitting(settings=Settings(mode=Mode.TRADE), quantise=quantise)  # type: ignore[arg-type]
        if clocked:
            clock(sitting, BEGAN_S, BEGAN_S + 12)
        over_s = sitting.phrase_at(BEGAN_S + 2.13, range(60, 67))
        sitting.session.run(12)
        firsts.append(min(at_s for at_s, message in sitting.sent if at_s > over_s and message[0] == 0x90))
    assert firsts[0] == pytest.approx(firsts[1], abs=0.05)


@pytest.mark.parametrize("mode", list(Mode))
def test_it_stops_and_starts_with_the_sequencer(mode: Mode) -> None:
    sitting = Sitting(settings=Settings(mode=mode))
    send(sitting, BEGAN_S + 4, STOP)
    send(sitting, BEGAN_S + 8, START)
    sitting.phrase_at(BEGAN_S + 1, range(60, 64))
    sitting.phrase_at(BEGAN_S + 5, range(60, 64))
    sitting.phrase_at(BEGAN_S + 9, range(60, 66))
    sitting.session.run(20)
    assert not sitting.struck_between(BEGAN_S + 4.05, BEGAN_S + 8)
    assert sitting.struck_between(BEGAN_S + 8, BEGAN_S + 20)
    down = {message[1] for at_s, message in sitting.sent if at_s <= BEGAN_S + 4.05 and message[0] == 0x90}
    up = {message[1] for at_s, message in sitting.sent if at_s <= BEGAN_S + 4.05 and message[0] == 0x80}
    assert down <= up, "its own keys are released at once"
    sitting.check_silent()


def test_stop_leaves_the_other_players_keys_alone() -> None:
    sitting = Sitting(thru=True)
    sitting.play_at(BEGAN_S + 2, note_on(50, 70))
    send(sitting, BEGAN_S + 3, STOP)
    sitting.play_at(BEGAN_S + 5, note_off(50))
    sitting.session.run(6)
    released_s = [at_s for at_s, message in sitting.sent if message[:2] == bytes((0x80, 50)) and at_s > BEGAN_S + 2.5]
    assert released_s == [pytest.approx(BEGAN_S + 5, abs=0.01)]


def test_a_clock_that_stops_without_a_stop_and_one_that_jumps_hold_nothing_up() -> None:
    sitting = Sitting(settings=Settings(mode=Mode.TRADE), quantise="bar")
    clock(sitting, BEGAN_S, BEGAN_S + 4)
    over_s = sitting.phrase_at(BEGAN_S + 6, range(60, 67))
    sitting.session.run(14)
    first_s = min(at_s for at_s, message in sitting.sent if at_s > over_s and message[0] == 0x90)
    assert first_s - over_s < 2.5


@pytest.mark.parametrize("mode", [Mode.SOLO, Mode.DUET])
@pytest.mark.parametrize("runs_before", [True, False])
@pytest.mark.parametrize(("quantise", "every_s"), [("beat", QUARTER_S), ("bar", 4 * QUARTER_S)])
def test_what_it_plays_alone_begins_on_the_beat_after_a_start(
    quantise: Quantise, every_s: float, runs_before: bool, mode: Mode
) -> None:
    sitting = Sitting(settings=Settings(mode=mode), quantise=quantise)
    starts_s = BEGAN_S + 6.13
    send(sitting, BEGAN_S + 3, STOP)
    if runs_before:
        clock(sitting, BEGAN_S, starts_s - 0.01)
    send(sitting, starts_s, START)
    clock(sitting, starts_s, starts_s + 9)
    sitting.session.run(14)
    assert not sitting.struck_between(BEGAN_S + 3.05, starts_s)
    first_s = min(at_s for at_s, message in sitting.sent if at_s > starts_s and message[0] == 0x90)
    off_s = (first_s - starts_s) % every_s
    assert min(off_s, every_s - off_s) < 0.012, first_s - starts_s
    assert first_s - starts_s < every_s + 2 * QUARTER_S
    assert sitting.struck_between(starts_s + 3, starts_s + 7)
    sitting.check_silent()


def test_after_turns_it_goes_on_alone_on_the_beat() -> None:
    sitting = Sitting(settings=Settings(mode=Mode.TRADE), quantise="bar")
    clock(sitting, BEGAN_S, BEGAN_S + 20)
    sitting.link.at(BEGAN_S + 5.3, lambda: sitting.session.wish(Put("mode", Mode.SOLO)))
    sitting.session.run(16)
    first_s = min(at_s for at_s, message in sitting.sent if at_s > BEGAN_S + 5 and message[0] == 0x90)
    assert first_s == pytest.approx(BEGAN_S + 6, abs=0.012)


def test_a_start_without_a_clock_is_not_waited_for_long() -> None:
    sitting = Sitting(quantise="bar")
    send(sitting, BEGAN_S + 3, STOP)
    send(sitting, BEGAN_S + 6, START)
    sitting.session.run(10)
    first_s = min(at_s for at_s, message in sitting.sent if at_s > BEGAN_S + 3.1 and message[0] == 0x90)
    assert first_s - BEGAN_S - 6 < 2
