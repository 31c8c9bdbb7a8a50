"""The sustain pedal: its rules as a table, and streaming against whole recordings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.music.pedal import Gesture, Move, Sustain, resolve
from perfrnn_live.music.performance import Note


def down(time_s: float, pitch: int = 60) -> Gesture:
    return Gesture(time_s, Move.STRIKE, pitch, 80)


def up(time_s: float, pitch: int = 60) -> Gesture:
    return Gesture(time_s, Move.RELEASE, pitch, 0)


def pedal(time_s: float, position: int) -> Gesture:
    return Gesture(time_s, Move.PEDAL, 0, position)


def let_go(time_s: float, channel: int = 0) -> Gesture:
    return Gesture(time_s, Move.RELEASE_ALL, 0, 0, channel)


def silence(time_s: float, channel: int = 0) -> Gesture:
    return Gesture(time_s, Move.SILENCE, 0, 0, channel)


CASES: dict[str, tuple[list[Gesture], list[tuple[float, float, int]]]] = {
    "no pedal": ([down(0), up(1)], [(0, 1, 60)]),
    "63 is up": ([pedal(0, 63), down(1), up(2), pedal(5, 0)], [(1, 2, 60)]),
    "64 is down": ([pedal(0, 64), down(1), up(2), pedal(5, 0)], [(1, 5, 60)]),
    "from 64 to 63 lets go": ([pedal(0, 64), down(1), up(2), pedal(3, 63), pedal(5, 0)], [(1, 3, 60)]),
    "pedal after the strike": ([down(0), pedal(1, 127), up(2), pedal(3, 0)], [(0, 3, 60)]),
    "pedal after the release is too late": ([down(0), up(1), pedal(2, 127), pedal(3, 0)], [(0, 1, 60)]),
    "struck again under the pedal": (
        [pedal(0, 127), down(1), up(2), down(3), up(4), pedal(5, 0)],
        [(1, 3, 60), (3, 5, 60)],
    ),
    "struck again, pedal up, key down": (
        [pedal(0, 127), down(1), up(2), down(3), pedal(4, 0), up(6)],
        [(1, 3, 60), (3, 6, 60)],
    ),
    "struck twice without a release": ([down(0), down(1), up(2)], [(0, 1, 60), (1, 2, 60)]),
    "pedal up with the key still down": ([down(0), pedal(1, 127), pedal(2, 0), up(3)], [(0, 3, 60)]),
    "one key held, one released": (
        [pedal(0, 127), down(1, 60), down(1, 64), up(2, 64), pedal(3, 0), up(4, 60)],
        [(1, 4, 60), (1, 3, 64)],
    ),
    "release without a press": ([up(0), down(1), up(2), up(3)], [(1, 2, 60)]),
    "release without a press under the pedal": ([pedal(0, 127), up(1), pedal(2, 0)], []),
    "second release under the pedal": ([pedal(0, 127), down(1), up(2), up(3), pedal(4, 0)], [(1, 4, 60)]),
    "several pedal changes between notes": (
        [down(0), pedal(1, 127), up(2), pedal(3, 0), pedal(4, 127), pedal(5, 70), pedal(6, 0), down(7), up(8)],
        [(0, 3, 60), (7, 8, 60)],
    ),
    "half pedalling above the threshold holds": (
        [pedal(0, 127), down(1), up(2), pedal(3, 70), pedal(4, 100), pedal(5, 20)],
        [(1, 5, 60)],
    ),
    "the end of the file under the pedal": ([pedal(0, 127), down(1), up(2), down(3, 62)], [(1, 3, 60), (3, 3, 62)]),
    "the end of the file with a key down": ([down(0, 62), down(1), up(4)], [(0, 4, 62), (1, 4, 60)]),
    "all keys let go": ([down(0, 60), down(1, 64), let_go(2), up(3, 64)], [(0, 2, 60), (1, 2, 64)]),
    "all keys let go under the pedal": ([pedal(0, 127), down(1), let_go(2), pedal(3, 0)], [(1, 3, 60)]),
    "silence under the pedal": (
        [pedal(0, 127), down(1, 60), up(2, 60), down(2, 64), silence(3), down(4), up(5), pedal(6, 0)],
        [(1, 3, 60), (2, 3, 64), (4, 6, 60)],
    ),
    "another channel's release, pedal and silence": (
        [down(0), up(1)._replace(channel=1), let_go(2, 1), silence(3, 1), pedal(4, 127)._replace(channel=1), up(5)],
        [(0, 5, 60)],
    ),
    "nothing": ([], []),
}


@pytest.mark.parametrize(("gestures", "expected"), CASES.values(), ids=CASES.keys())
def test_rules(gestures: list[Gesture], expected: list[tuple[float, float, int]]) -> None:
    assert resolve(gestures) == [Note(onset_s, offset_s, pitch, 80) for onset_s, offset_s, pitch in expected]


def test_open_notes_end_where_the_recording_does() -> None:
    assert resolve([down(1), pedal(2, 0)], last_s=9.0) == [Note(1, 9.0, 60, 80)]
    assert resolve([down(1), pedal(2, 0)], last_s=0.5) == [Note(1, 2, 60, 80)]  # never before the last gesture


def test_a_pedal_may_hold_other_channels() -> None:
    gestures = [pedal(0, 127), down(1), down(1, 64)._replace(channel=1), up(2), up(2, 64)._replace(channel=1)]
    gestures += [pedal(3, 0)._replace(channel=1), pedal(4, 0)]
    ends = {}
    for held_by in ({}, {0: (0, 1)}, {0: (0, 1), 1: ()}, {0: ()}):
        ends[tuple(held_by.items())] = [note.offset_s for note in resolve(gestures, held_by=held_by)]
    assert list(ends.values()) == [[4, 2], [4, 3], [4, 4], [2, 2]]


def test_moves_of_one_moment_sort_release_then_pedal_then_strike() -> None:
    moment = [down(1.0), pedal(1.0, 127), up(1.0)]
    assert [gesture.move for gesture in sorted(moment)] == [Move.RELEASE, Move.PEDAL, Move.STRIKE]
    # a key let go in the moment in which the pedal falls is not caught; one struck then is another note
    assert resolve(sorted([down(0.0), *moment, up(2.0), pedal(3.0, 0)])) == [Note(0, 1, 60, 80), Note(1, 3, 60, 80)]


moves = st.lists(
    st.one_of(
        st.builds(down, st.just(0.0), st.integers(60, 63)),
        st.builds(up, st.just(0.0), st.integers(60, 63)),
        st.builds(pedal, st.just(0.0), st.integers(0, 127)),
        st.just(Gesture(0.0, Move.RELEASE_ALL, 0, 0)),
        st.just(Gesture(0.0, Move.SILENCE, 0, 0)),
    ),
    max_size=60,
)


@given(moves)
def test_move_by_move_sounds_what_the_whole_recording_says(moves: list[Gesture]) -> None:
    gestures = [move._replace(time_s=float(index)) for index, move in enumerate(moves)]
    notes = resolve(gestures, last_s=float(len(gestures)))
    sustain = Sustain()
    for gesture in gestures:
        now = gesture.time_s
        if gesture.move is Move.STRIKE:
            ended = {gesture.pitch} if sustain.strike(gesture.pitch) else set()
        elif gesture.move is Move.RELEASE:
            ended = {gesture.pitch} if sustain.release(gesture.pitch) else set()
        elif gesture.move is Move.PEDAL:
            ended = set(sustain.pedal(gesture.value))
        else:
            ended = set(sustain.release_all() if gesture.move is Move.RELEASE_ALL else sustain.silence())
        assert ended == {note.pitch for note in notes if note.offset_s == now}
        assert sustain.sounding == {note.pitch for note in notes if note.onset_s <= now < note.offset_s}
    strikes = [(gesture.time_s, gesture.pitch, gesture.value) for gesture in gestures if gesture.move is Move.STRIKE]
    assert [(note.onset_s, note.pitch, note.velocity) for note in notes] == strikes
