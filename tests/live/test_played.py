"""Passages cut from what was played: whole notes, none left down."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.live.played import Played
from perfrnn_live.music.midi import note_off, note_on, releases, strikes

STEP_S = 0.008


def test_a_passage_is_the_notes_struck_in_it() -> None:
    played = Played()
    for at_s, message in (
        (0.5, note_on(40, 9)),
        (1.0, note_on(60, 50)),
        (1.2, note_off(40)),
        (1.4, note_off(60)),
        (1.8, note_on(62, 50)),
        (2.5, note_off(62)),
    ):
        played.add(at_s, message)
    passage = played.passage(0.9, 2.0, STEP_S)
    assert passage is not None
    assert passage.steps == 138
    assert passage.messages == (
        (12, note_on(60, 50)),
        (62, note_off(60)),
        (112, note_on(62, 50)),
        (138, note_off(62)),
    )


def test_silence_is_no_passage() -> None:
    played = Played()
    played.add(1.0, note_on(60, 50))
    played.add(1.1, note_off(60))
    assert played.passage(2.0, 5.0, STEP_S) is None


def test_what_was_played_long_ago_is_forgotten() -> None:
    played = Played()
    played.add(1.0, note_on(60, 50))
    played.add(1000.0, note_on(62, 50))
    assert played.passage(0.0, 5.0, STEP_S) is None


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(60, 63), st.booleans()), max_size=40), st.floats(0, 9))
def test_a_passage_strikes_and_releases_in_turns(moves: list[tuple[float, int, bool]], began_s: float) -> None:
    played, sounding = Played(), set[int]()
    for at_s, pitch, strike in sorted(moves):
        if strike != (pitch in sounding):
            sounding ^= {pitch}
            played.add(at_s, note_on(pitch, 50) if strike else note_off(pitch))
    passage = played.passage(began_s, began_s + 3.0, STEP_S)
    down: set[int] = set()
    last_step = 0
    for step, message in passage.messages if passage else ():
        assert last_step <= step <= 375
        last_step = step
        assert strikes(message) != (message[1] in down)
        assert releases(message) == (message[1] in down)
        down ^= {message[1]}
    assert not down
