"""What controllers send, put together: finer halves, parameters by number; and where to it is sent back."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.music.midi import control_change, note_on
from perfrnn_live.stage.controllers import Controllers, Move, messages_to


def heard(controllers: Controllers, *told: tuple[int, int], channel: int = 0, port: str = "keys") -> list[Move]:
    messages = (bytes((0xB0 | channel, number, value)) for number, value in told)
    moves = (controllers.hear(port, message) for message in messages)
    return [move for move in moves if move is not None]


def test_a_controller_and_a_key_stand_where_they_say() -> None:
    controllers = Controllers()
    assert heard(controllers, (74, 0), (74, 100)) == [Move("CC 74", 0), Move("CC 74", 100)]
    assert controllers.hear("keys", note_on(60, 5)) == Move("note 60", 5)
    assert controllers.hear("keys", b"\xf8") is controllers.hear("keys", b"") is None


def test_a_finer_half_follows_its_coarse_one() -> None:
    controllers = Controllers()
    first, second = heard(controllers, (7, 64), (39, 32))
    assert first == Move("CC 7", 64)
    assert second == Move("CC 7", 64.25, is_finer=True)
    assert controllers.paired == {7}
    assert heard(controllers, (39, 1)) == [Move("CC 39", 1)]  # alone it is itself


def test_a_slow_turn_in_fourteen_bits_never_turns_back() -> None:
    controllers = Controllers()
    up = range(64 * 128 - 300, 64 * 128 + 300)
    for sequence in (up, up[::-1], up):
        told = [part for value in sequence for part in ((7, value >> 7), (39, value & 127))]
        positions = [move.position for move in heard(controllers, *told)][2:]
        forward = sequence[0] < sequence[-1]
        assert all((b >= a) if forward else (b <= a) for a, b in pairwise(positions))
        assert positions[-1] == sequence[-1] / 128


def test_other_channels_and_inputs_do_not_come_between_nor_mix() -> None:
    controllers = Controllers()
    heard(controllers, (7, 64))
    assert heard(controllers, (39, 1), channel=3) == [Move("CC 39", 1)]
    assert heard(controllers, (39, 1), port="faders") == [Move("CC 39", 1)]
    assert heard(controllers, (39, 64)) == [Move("CC 7", 64.5, is_finer=True)]


def test_a_controller_that_does_something_itself_is_no_half() -> None:
    controllers = Controllers()
    controllers.hear("keys", control_change(7, 64))
    assert controllers.hear("keys", control_change(39, 9), whole={"CC 39"}) == Move("CC 39", 9)
    assert not controllers.paired


def test_a_parameter_of_the_makers_own_is_one_control() -> None:
    controllers = Controllers()
    told = [(99, 2), (98, 44), (6, 100), (38, 64), (6, 101)]
    assert heard(controllers, *told) == [
        Move("NRPN 300", 100),
        Move("NRPN 300", 100.5, is_finer=True),
        Move("NRPN 300", 101),
    ]
    assert heard(controllers, (101, 0), (100, 0), (6, 12)) == [Move("CC 6", 12)]  # bend range is everybody's, and none
    assert heard(controllers, (99, 3), (6, 12)) == [Move("CC 6", 12)]  # a number half told is none


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from([1, 33, 6, 38, 98, 99, 100, 101, 74]), st.integers(0, 127)))
)
def test_whatever_comes_a_position_is_one(told: list[tuple[int, int, int]]) -> None:
    controllers = Controllers()
    for channel, number, value in told:
        for move in heard(controllers, (number, value), channel=channel):
            assert value - 1 < move.position < 128 or move.is_finer
            assert 0 <= move.position < 128


@pytest.mark.parametrize("control", ["CC 74", "CC 7", "NRPN 0", "NRPN 300", "NRPN 16383"])
@given(position=st.integers(0, 127), channel=st.integers(0, 15), paired=st.sets(st.sampled_from([6, 7])))
def test_what_is_sent_back_says_the_same_as_what_came_in(
    control: str, position: int, channel: int, paired: set[int]
) -> None:
    controllers = Controllers()
    messages = messages_to(control, channel, position, paired)
    moves = [move for move in (controllers.hear("keys", each) for each in messages) if move is not None]
    assert {message[0] for message in messages} == {0xB0 | channel}
    assert moves[-1].control == control and moves[-1].position == position
