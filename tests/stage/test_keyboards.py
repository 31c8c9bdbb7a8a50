"""Whole sessions with keyboards as they are: they lose releases, switch channels, say too much, and are unplugged."""

from __future__ import annotations

import pytest

from perfrnn_live.live.controls import Mode, Settings
from perfrnn_live.live.orders import Took
from perfrnn_live.music.midi import control_change, note_off, note_on, releases, strikes
from perfrnn_live.player.messages import Received
from tests.sittings import BEGAN_S, PEDAL_UP, Sitting

LOST = 90
PEDAL_DOWN = control_change(64, 127)


def turns(thru: bool = False) -> Sitting:
    return Sitting(settings=Settings(mode=Mode.TRADE), thru=thru)


def told(sitting: Sitting) -> list[bytes]:
    return [fact.message for fact in sitting.facts if isinstance(fact, Received)]


def answers_s(sitting: Sitting) -> list[float]:
    """When answers began that came in time: a second or so after their call, and not five."""
    return [fact.until_s for fact in sitting.facts if isinstance(fact, Took) and fact.what == "answer"]


def test_all_notes_off_after_each_last_key_leaves_the_pedal_down() -> None:
    sitting = turns(thru=True)
    sitting.play_at(BEGAN_S + 0.9, PEDAL_DOWN)
    for place in range(4):
        at_s = BEGAN_S + 1.0 + place / 4
        sitting.play_at(at_s, note_on(60 + place, 80))
        sitting.play_at(at_s + 0.1, note_off(60 + place))
        sitting.play_at(at_s + 0.1, control_change(123, 0))
    sitting.play_at(BEGAN_S + 2.5, PEDAL_UP)
    sitting.session.run(2.6)
    until_s = BEGAN_S + 2.49
    assert PEDAL_UP not in [message for at_s, message in sitting.sent if at_s < until_s]
    assert told(sitting).count(PEDAL_UP) == 1
    assert {message[1] for message in told(sitting) if strikes(message)} == {60, 61, 62, 63}
    assert not sitting.improviser.memory.held  # all ended with the pedal


@pytest.mark.parametrize("thru", [False, True])
def test_a_lost_release_is_made_good_after_half_a_minute(thru: bool) -> None:
    sitting = turns(thru)
    sitting.play_at(BEGAN_S + 1.0, note_on(LOST, 80))
    ended_s = sitting.phrase_at(BEGAN_S + 40.0, range(60, 68))
    sitting.session.run(45.0)
    assert LOST not in sitting.improviser.memory.held
    assert answers_s(sitting)[-1] == pytest.approx(ended_s + 1.0, abs=0.3)
    if thru:
        assert [at_s for at_s, m in sitting.sent if m == note_off(LOST)] == [pytest.approx(BEGAN_S + 31.0, abs=0.01)]


def test_panic_forgets_hands_pedals_and_phrases() -> None:
    sitting = turns(thru=True)
    for at_s, message in ((1.0, note_on(LOST, 80)), (1.1, PEDAL_DOWN), (1.2, control_change(67, 50))):
        sitting.play_at(BEGAN_S + at_s, message)
    sitting.press_at(BEGAN_S + 2.0, " ")
    sitting.press_at(BEGAN_S + 3.0, " ")
    ended_s = sitting.phrase_at(BEGAN_S + 4.0, range(60, 68))
    sitting.session.run(8.0)
    assert told(sitting)[3:6] == [note_off(LOST), PEDAL_UP, control_change(67, 0)]
    assert answers_s(sitting) == [pytest.approx(ended_s + 1.0, abs=0.3)]  # one, and not to what came before
    at_panic = [m for at_s, m in sitting.sent if at_s == pytest.approx(BEGAN_S + 2.0, abs=0.03)]
    assert {note_off(LOST), PEDAL_UP, control_change(67, 0)} <= {*at_panic}


def test_a_keyboard_whose_channel_is_switched_with_keys_down_goes_on_as_one() -> None:
    sitting = turns(thru=True)
    for at_s, message in ((1.0, note_on(LOST, 80)), (1.0, PEDAL_DOWN), (1.5, note_off(LOST)), (1.6, PEDAL_UP)):
        channel = int(at_s >= 1.5)
        sitting.play_at(BEGAN_S + at_s, bytes((message[0] | channel, *message[1:])))
    sitting.session.run(4.0)
    assert not sitting.improviser.memory.held
    down = [m[1] for _, m in sitting.sent if strikes(m)], [m[1] for _, m in sitting.sent if releases(m)]
    assert down[0].count(LOST) == 1 and down[1].count(LOST) == 1
    assert answers_s(sitting) and answers_s(sitting)[0] < BEGAN_S + 3.0


def test_keys_of_an_input_whose_active_sensing_stops_are_let_go() -> None:
    sitting = turns(thru=True)
    for place in range(10):
        sitting.play_at(BEGAN_S + 0.25 * place, b"\xfe", "keys")
    for message in (note_on(LOST, 80), PEDAL_DOWN, control_change(66, 40)):
        sitting.play_at(BEGAN_S + 2.0, message, "keys")
    sitting.session.run(3.0)
    let_go = [(at_s, m) for at_s, m in sitting.sent if m in (note_off(LOST), PEDAL_UP, control_change(66, 0))]
    assert {message for _, message in let_go[:3]} == {note_off(LOST), PEDAL_UP, control_change(66, 0)}
    assert all(at_s == pytest.approx(BEGAN_S + 2.25 + 0.33, abs=0.02) for at_s, _ in let_go[:3])
    assert not sitting.improviser.memory.held


def test_what_a_daw_sends_when_it_stops_cuts_nothing_of_the_machines() -> None:
    """Three messages on each of 16 channels; the machine plays on."""
    sitting = Sitting(thru=True)
    for channel in range(16):
        for controller in (120, 121, 123):
            sitting.play_at(BEGAN_S + 2.0, bytes((0xB0 | channel, controller, 0)))
    other = Sitting(thru=True)
    for each in (sitting, other):
        each.session.run(4.0)
    assert sitting.sent == other.sent
    assert told(sitting) == []
