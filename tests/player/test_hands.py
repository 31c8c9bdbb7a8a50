"""Several keyboards as one pair of hands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.music.midi import control_change, note_off, note_on, releases, strikes
from perfrnn_live.player.hands import Hands

C, E = 60, 64
PEDAL_DOWN, PEDAL_UP = control_change(64, 127), control_change(64, 0)


def on_channel(channel: int, message: bytes) -> bytes:
    return bytes((message[0] | channel - 1, *message[1:]))


def test_one_keyboard_is_passed_on_as_it_is() -> None:
    hands = Hands()
    for message in (note_on(C, 80), PEDAL_DOWN, control_change(64, 90), note_off(C), note_off(C), PEDAL_UP):
        assert hands.move("piano", 0.0, message) == [message]
    for message in (control_change(1, 64), b"\xc0\x05", b"\xe0\x00\x40", b"\xd0\x11", b"\xa0\x3c\x11"):
        assert hands.move("piano", 0.0, message) == [message]
    assert not hands.down


@pytest.mark.parametrize("other", [("organ", 1), ("piano", 2)])  # another input, or another half of a split keyboard
def test_a_key_is_up_when_the_last_hand_leaves_it(other: tuple[str, int]) -> None:
    port, channel = other
    hands = Hands()
    hands.move("piano", 0.0, note_on(C, 80))
    assert hands.move(port, 0.0, on_channel(channel, note_on(C, 90))) == [
        note_off(C),
        on_channel(channel, note_on(C, 90)),
    ]
    assert hands.move("piano", 0.0, note_off(C)) == []
    assert hands.holds(C)
    last = on_channel(channel, note_on(C, 0))
    assert hands.move(port, 0.0, last) == [last]
    assert not hands.holds(C)


@pytest.mark.parametrize("velocity", [1, 64, 127])
def test_a_key_is_held_however_hard_it_was_struck(velocity: int) -> None:
    """64 is what a release says of its own velocity."""
    hands = Hands()
    hands.move("piano", 0.0, note_on(C, velocity))
    assert hands.holds(C) and hands.down == {note_off(C)}


def test_the_pedal_rises_with_the_last_foot() -> None:
    hands = Hands()
    hands.move("piano", 0.0, PEDAL_DOWN)
    hands.move("organ", 0.0, control_change(64, 64))
    assert hands.move("piano", 0.0, control_change(64, 63)) == []
    assert hands.down == {PEDAL_UP}
    assert hands.move("organ", 0.0, PEDAL_UP) == [PEDAL_UP]
    assert not hands.down


def test_letting_go_of_an_input_lifts_what_only_it_held() -> None:
    hands = Hands()
    for port, message in (("piano", note_on(C, 80)), ("organ", note_on(C, 80)), ("piano", note_on(E, 80))):
        hands.move(port, 0.0, message)
    hands.move("piano", 0.0, on_channel(16, note_on(E + 1, 80)))
    hands.move("piano", 0.0, PEDAL_DOWN)
    assert hands.let_go("piano") == [note_off(E), note_off(E + 1), PEDAL_UP]
    assert hands.let_go("piano") == []
    assert hands.down == {note_off(C)}


@pytest.mark.parametrize("controller", [123, 124, 125, 126, 127])
def test_all_notes_off_lets_go_of_the_keys_of_its_channel_and_of_nothing_else(controller: int) -> None:
    """Many keyboards send it whenever their last key goes up: the pedal stays down."""
    hands = Hands()
    for port, message in (
        ("piano", PEDAL_DOWN),
        ("piano", note_on(C, 80)),
        ("piano", on_channel(2, note_on(C + 1, 80))),
        ("organ", note_on(E, 80)),
    ):
        hands.move(port, 0.0, message)
    assert hands.move("piano", 1.0, on_channel(3, control_change(controller, 0))) == []
    assert hands.move("piano", 1.0, control_change(controller, 0)) == [note_off(C)]
    assert hands.down == {note_off(C + 1), note_off(E), PEDAL_UP}
    hands.move("piano", 2.0, on_channel(4, note_on(E, 80)))
    assert hands.move("piano", 3.0, on_channel(4, control_change(controller, 0))) == []  # the organ holds it still


def test_all_sound_off_ends_what_the_pedal_holds_too() -> None:
    hands = Hands()
    for message in (control_change(64, 90), note_on(C, 80), on_channel(2, note_on(E, 80))):
        hands.move("piano", 0.0, message)
    off = control_change(120, 0)
    assert hands.move("piano", 1.0, off) == [note_off(C), PEDAL_UP, control_change(64, 90)]
    assert hands.down == {note_off(E), PEDAL_UP}
    hands.move("organ", 2.0, PEDAL_DOWN)
    assert hands.move("piano", 3.0, off) == []  # another foot holds what sounds


def test_the_reset_of_controllers_raises_the_pedals_of_its_channel_half_pedals_too() -> None:
    hands = Hands()
    for message in (note_on(C, 80), control_change(64, 50), control_change(67, 127), on_channel(2, PEDAL_DOWN)):
        hands.move("piano", 0.0, message)
    hands.move("organ", 0.0, control_change(67, 127))
    assert hands.move("piano", 1.0, control_change(121, 0)) == []  # two feet are down elsewhere
    assert hands.move("piano", 2.0, on_channel(2, control_change(121, 0))) == [PEDAL_UP]
    assert hands.down == {note_off(C), control_change(67, 0)}
    hands.move("piano", 3.0, control_change(66, 40))
    assert hands.move("piano", 4.0, control_change(121, 0)) == [control_change(66, 0)]


def test_an_input_that_is_let_go_leaves_nothing_bent_or_half_down() -> None:
    hands = Hands()
    turned = [control_change(64, 50), control_change(66, 40), control_change(67, 60), b"\xe3\x10\x50", b"\xd0\x22"]
    turned += [control_change(1, 30), control_change(11, 90)]
    for message in [*turned, note_on(C, 80), control_change(7, 20)]:  # a volume is where somebody has put it
        assert hands.move("piano", 0.0, message) == [message]
    rest = [control_change(64, 0), control_change(66, 0), control_change(67, 0), b"\xe0\x00\x40", b"\xd0\x00"]
    rest += [control_change(1, 0), control_change(11, 127)]
    assert hands.down == {note_off(C)} and hands.held_at(None) == {*rest, note_off(C)}
    assert hands.move("piano", 1.0, b"\xe3\x00\x40") == [b"\xe3\x00\x40"]  # let go already
    assert {*hands.let_go("piano")} == {*rest, note_off(C)} - {b"\xe0\x00\x40"}
    assert not hands.held_at(None) and not hands.inputs


@pytest.mark.parametrize("controller", [122])
def test_what_is_for_the_keyboard_alone_is_not_passed_on(controller: int) -> None:
    assert Hands().move("piano", 0.0, control_change(controller, 0)) == []


@pytest.mark.parametrize(
    ("down", "up"),
    [(note_on(C, 80), note_off(C)), (PEDAL_DOWN, PEDAL_UP), (control_change(67, 80), control_change(67, 0))],
)
def test_what_went_down_on_one_channel_comes_up_on_another(down: bytes, up: bytes) -> None:
    """The keyboard's channel was switched meanwhile."""
    hands = Hands()
    assert hands.move("piano", 0.0, down) == [down]
    assert hands.move("organ", 1.0, up) == []  # another keyboard is another matter
    other = on_channel(2, up)
    assert hands.move("piano", 1.0, other) == [other]
    assert not hands.down
    for message in (down, up, on_channel(2, down), other):
        assert hands.move("piano", 2.0, message) == [message]


def test_a_key_whose_release_was_lost_is_forgotten() -> None:
    hands = Hands()
    hands.move("piano", 5.0, note_on(C, 80))
    hands.move("piano", 6.0, PEDAL_DOWN)  # a foot may stay
    hands.move("piano", 9.0, note_on(C, 80))  # struck anew
    hands.move("organ", 8.0, note_on(E, 80))
    assert hands.next_due_s == 38.0
    assert hands.overdue(37.9) == []
    assert hands.overdue(38.0) == [("organ", note_off(E))]
    assert hands.next_due_s == 39.0
    assert hands.overdue(39.0) == [("piano", note_off(C))]
    assert hands.down == {PEDAL_UP} and hands.next_due_s is None
    assert hands.move("piano", 40.0, note_off(C)) == [note_off(C)]


def test_a_key_that_another_hand_holds_sounds_on_when_one_is_forgotten() -> None:
    hands = Hands()
    hands.move("piano", 0.0, note_on(C, 80))
    hands.move("organ", 10.0, note_on(C, 80))
    assert hands.overdue(30.0) == []
    assert hands.overdue(40.0) == [("organ", note_off(C))]


def test_an_input_whose_active_sensing_stops_lets_go() -> None:
    hands = Hands()
    sensing = b"\xfe"
    for port in ("piano", "organ"):
        hands.move(port, 0.0, note_on(C, 80))
    hands.move("piano", 0.0, note_on(E, 80))
    hands.move("piano", 0.0, PEDAL_DOWN)
    assert hands.overdue(5.0) == []  # neither ever sent it
    hands.hear("piano", 5.0, sensing)
    hands.hear("piano", 5.3, b"\xf8")  # anything will do
    assert hands.next_due_s == pytest.approx(5.63)
    assert hands.overdue(5.6) == []
    assert hands.overdue(5.7) == [("piano", note_off(E)), ("piano", PEDAL_UP)]  # the organ holds the other key
    assert hands.next_due_s == 30.0
    hands.hear("piano", 6.0, note_on(E, 80))  # it is back, and does not say so yet
    hands.move("piano", 6.0, note_on(E, 80))
    assert hands.overdue(7.0) == []
    hands.hear("piano", 7.0, sensing)
    assert hands.overdue(8.0) == [("piano", note_off(E))]


moves = st.tuples(
    st.sampled_from(["piano", "organ"]),
    st.integers(1, 2),
    st.one_of(
        st.builds(note_on, st.integers(60, 62), st.integers(0, 127)),
        st.builds(note_off, st.integers(60, 62)),
        st.builds(control_change, st.sampled_from([1, 64, 66, 120, 121, 123]), st.integers(0, 127)),
    ),
)


@given(st.lists(moves))
def test_what_is_passed_on_never_strikes_a_key_that_is_down_and_ends_as_the_hands_do(
    played: list[tuple[str, int, bytes]],
) -> None:
    hands, down = Hands(), set[int]()
    for port, channel, message in played:
        for each in hands.move(port, 0.0, on_channel(channel, message)):
            if strikes(each):
                assert each[1] not in down
                down.add(each[1])
            elif releases(each):
                down.discard(each[1])
        assert down == {pitch for pitch in range(128) if hands.holds(pitch)}
    for port in ("piano", "organ"):
        down -= {up[1] for up in hands.let_go(port) if releases(up)}
    assert not down and not hands.down
