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
        assert hands.move("piano", message) == [message]
    for message in (control_change(1, 64), b"\xc0\x05", b"\xe0\x00\x40", b"\xd0\x11", b"\xa0\x3c\x11"):
        assert hands.move("piano", message) == [message]
    assert not hands.down


@pytest.mark.parametrize("other", [("organ", 1), ("piano", 2)])  # another input, or another half of a split keyboard
def test_a_key_is_up_when_the_last_hand_leaves_it(other: tuple[str, int]) -> None:
    port, channel = other
    hands = Hands()
    hands.move("piano", note_on(C, 80))
    assert hands.move(port, on_channel(channel, note_on(C, 90))) == [note_off(C), on_channel(channel, note_on(C, 90))]
    assert hands.move("piano", note_off(C)) == []
    assert hands.holds(C)
    last = on_channel(channel, note_on(C, 0))
    assert hands.move(port, last) == [last]
    assert not hands.holds(C)


def test_the_pedal_rises_with_the_last_foot() -> None:
    hands = Hands()
    hands.move("piano", PEDAL_DOWN)
    hands.move("organ", control_change(64, 64))
    assert hands.move("piano", control_change(64, 63)) == []
    assert hands.down == {PEDAL_UP}
    assert hands.move("organ", PEDAL_UP) == [PEDAL_UP]
    assert not hands.down


def test_letting_go_of_an_input_lifts_what_only_it_held() -> None:
    hands = Hands()
    for port, message in (("piano", note_on(C, 80)), ("organ", note_on(C, 80)), ("piano", note_on(E, 80))):
        hands.move(port, message)
    hands.move("piano", on_channel(16, note_on(E + 1, 80)))
    hands.move("piano", PEDAL_DOWN)
    assert hands.let_go("piano") == [note_off(E), note_off(E + 1), PEDAL_UP]
    assert hands.let_go("piano") == []
    assert hands.down == {note_off(C)}


@pytest.mark.parametrize("controller", [120, 123])
def test_all_notes_off_is_told_key_by_key(controller: int) -> None:
    hands = Hands()
    hands.move("piano", note_on(C, 80))
    hands.move("organ", note_on(E, 80))
    assert hands.move("piano", control_change(controller, 0)) == [note_off(C)]
    assert hands.down == {note_off(E)}


moves = st.tuples(
    st.sampled_from(["piano", "organ"]),
    st.integers(1, 2),
    st.one_of(
        st.builds(note_on, st.integers(60, 62), st.integers(0, 127)),
        st.builds(note_off, st.integers(60, 62)),
        st.builds(control_change, st.sampled_from([1, 64, 66, 123]), st.integers(0, 127)),
    ),
)


@given(st.lists(moves))
def test_what_is_passed_on_never_strikes_a_key_that_is_down_and_ends_as_the_hands_do(
    played: list[tuple[str, int, bytes]],
) -> None:
    hands, down = Hands(), set[int]()
    for port, channel, message in played:
        for each in hands.move(port, on_channel(channel, message)):
            if strikes(each):
                assert each[1] not in down
                down.add(each[1])
            elif releases(each):
                down.discard(each[1])
        assert down == {pitch for pitch in range(128) if hands.holds(pitch)}
    for port in ("piano", "organ"):
        down -= {up[1] for up in hands.let_go(port) if releases(up)}
    assert not down and not hands.down
