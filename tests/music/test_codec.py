"""Notes → tokens → notes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.music.codec import StreamEncoder, decode, encode
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.performance import Note, seconds_to_step, velocity_to_bin
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS, VOCABULARIES, Event, EventKind, Vocabulary
from tests.strategies import performances, token_streams, velocities, vocabularies

each_vocabulary = pytest.mark.parametrize("vocabulary", VOCABULARIES.values(), ids=VOCABULARIES.keys())


def by_pitch(notes: Sequence[Note]) -> list[Note]:
    return sorted(notes, key=lambda note: (note.pitch, note.onset_s))


def assert_never_open_or_doubled(tokens: Sequence[int], vocabulary: Vocabulary) -> None:
    """What encoded music promises: strikes of silent keys and releases of sounding ones, none sounding at the end."""
    sounding: set[int] = set()
    for event in map(vocabulary.decode, tokens):
        if event.kind is EventKind.NOTE_ON:
            assert event.value not in sounding
            sounding.add(event.value)
        elif event.kind is EventKind.NOTE_OFF:
            sounding.remove(event.value)
    assert not sounding


def test_a_chord_token_by_token() -> None:
    notes = [Note(2.0, 2.5, 64, 90), Note(2.001, 4.1, 60, 90), Note(2.5, 4.1, 64, 10)]
    on, off, shift, velocity = 0, 128, 255, 381
    assert encode(notes, PERFORMANCE_8MS) == [
        velocity + 22,
        on + 60,
        on + 64,
        shift + 63,  # from step 250 to step 313
        off + 64,
        velocity + 2,
        on + 64,
        shift + 125,
        shift + 75,  # to step 513
        off + 60,
        off + 64,
    ]


@given(performances(), vocabularies)
def test_round_trip(notes: list[Note], vocabulary: Vocabulary) -> None:
    tokens = encode(notes, vocabulary)
    assert_never_open_or_doubled(tokens, vocabulary)
    decoded = by_pitch(decode(tokens, vocabulary))
    assert [note.pitch for note in decoded] == [note.pitch for note in by_pitch(notes)]
    rate = vocabulary.steps_per_second
    start_s = seconds_to_step(notes[0].onset_s, rate) / rate if notes else 0.0
    half_step_s = 0.5 / rate + 1e-9
    for note, played in zip(by_pitch(notes), decoded, strict=True):
        assert abs(start_s + played.onset_s - note.onset_s) <= half_step_s
        assert abs(start_s + played.offset_s - note.offset_s) <= half_step_s
        assert velocity_to_bin(played.velocity) == velocity_to_bin(note.velocity)


@given(performances(shortest_s=0.0), vocabularies)
def test_notes_shorter_than_the_grid(notes: list[Note], vocabulary: Vocabulary) -> None:
    tokens = encode(notes, vocabulary)
    assert_never_open_or_doubled(tokens, vocabulary)
    rate = vocabulary.steps_per_second
    start = seconds_to_step(notes[0].onset_s, rate) if notes else 0
    struck = {(seconds_to_step(note.onset_s, rate) - start, note.pitch) for note in notes}
    decoded = decode(tokens, vocabulary)
    assert {(round(note.onset_s * rate), note.pitch) for note in decoded} == struck
    assert all(round((note.offset_s - note.onset_s) * rate) >= 1 for note in decoded)


@given(performances(), vocabularies)
def test_encoding_what_was_decoded_changes_nothing(notes: list[Note], vocabulary: Vocabulary) -> None:
    tokens = encode(notes, vocabulary)
    assert encode(decode(tokens, vocabulary), vocabulary) == tokens


@given(performances(min_notes=1), st.integers(1, 5_000))
def test_leading_silence_is_left_out(notes: list[Note], steps: int) -> None:
    # notes on the grid, so that moving them by whole steps moves no rounding
    on_grid = decode(encode(notes, PERFORMANCE_8MS), PERFORMANCE_8MS)
    later = [Note(n.onset_s + steps * 0.008, n.offset_s + steps * 0.008, n.pitch, n.velocity) for n in on_grid]
    assert encode(later, PERFORMANCE_8MS) == encode(on_grid, PERFORMANCE_8MS)


@given(st.data(), vocabularies)
def test_any_tokens_decode(data: st.DataObject, vocabulary: Vocabulary) -> None:
    tokens = data.draw(token_streams(vocabulary))
    notes = decode(tokens, vocabulary)
    step, strikes, releases = 0, set(), set()
    for event in map(vocabulary.decode, tokens):
        if event.kind is EventKind.TIME_SHIFT:
            step += event.value
        elif event.kind is EventKind.NOTE_ON:
            strikes.add((step, event.value))
        elif event.kind is EventKind.NOTE_OFF:
            releases.add((step, event.value))
    rate = vocabulary.steps_per_second
    for note in notes:
        onset, offset = round(note.onset_s * rate), round(note.offset_s * rate)
        assert onset <= offset
        assert (onset, note.pitch) in strikes
        assert (offset, note.pitch) in releases or offset == step  # what still sounds ends with the stream
        assert 1 <= note.velocity <= 127
    assert {note.pitch for note in notes} == {pitch for _, pitch in strikes}
    for note, following in pairwise(by_pitch(notes)):
        assert note.pitch < following.pitch or note.offset_s <= following.onset_s


def test_impossible_events_are_passed_over() -> None:
    on, off, shift, velocity = 60, 128 + 60, 256 + 124, 381
    tokens = [off, velocity + 4, on, shift, velocity + 9, on, shift, off, off, shift]
    assert decode(tokens, PERFORMANCE_8MS) == [Note(0.0, 2.0, 60, 18)]
    assert decode([on, shift], PERFORMANCE_8MS) == [Note(0.0, 1.0, 60, 66)]  # the middle bin until told


def test_a_note_ends_at_the_latest_where_its_pitch_is_struck_again() -> None:
    tokens = encode([Note(0.0, 2.0, 60, 66), Note(1.0, 3.0, 60, 66)], PERFORMANCE_8MS)
    assert decode(tokens, PERFORMANCE_8MS) == [Note(0.0, 1.0, 60, 66), Note(1.0, 3.0, 60, 66)]


def test_a_continuation_is_timed_from_its_own_beginning() -> None:
    start = Keyboard.silent().after(Event(EventKind.TIME_SHIFT, 100)).after(Event(EventKind.VELOCITY, 31))
    tokens = [380, 60, 380, 188]
    assert decode(tokens, PERFORMANCE_8MS, start) == [Note(1.0, 2.0, 60, 126)]


@each_vocabulary
@pytest.mark.parametrize("gap_steps", [1.3, 7.4999, 31.5001, 130.49])
def test_nothing_drifts(vocabulary: Vocabulary, gap_steps: float) -> None:
    gap_s = gap_steps * vocabulary.step_s
    notes = [Note(i * gap_s, (i + 1) * gap_s, 36 + i % 48, 64) for i in range(2_000)]
    decoded = decode(encode(notes, vocabulary), vocabulary)
    assert [note.pitch for note in decoded] == [note.pitch for note in notes]
    for note, played in zip(notes, decoded, strict=True):
        assert abs(played.onset_s - note.onset_s) <= vocabulary.step_s / 2 + 1e-9


steps_of_play = st.lists(  # how many steps later, and what the hands do there: pitch → velocity
    st.tuples(st.integers(1, 400), st.dictionaries(st.integers(58, 66), velocities, max_size=4)), max_size=30
)


@given(steps_of_play, vocabularies)
def test_live_play_gets_the_tokens_of_its_recording(
    play: list[tuple[int, dict[int, int]]], vocabulary: Vocabulary
) -> None:
    """A key named while it sounds is released, half of the time to be struck again in the same step."""
    step = 0
    sounding: dict[int, tuple[int, int]] = {}
    notes, happenings = [], []
    for later, keys in [*play, (1, {})]:
        step += later
        last = not keys and later == 1
        released = sorted(sounding) if last else [pitch for pitch in keys if pitch in sounding]
        struck = [(pitch, velocity) for pitch, velocity in keys.items() if pitch not in released or velocity % 2]
        for pitch in released:
            onset, velocity = sounding.pop(pitch)
            notes.append(Note(onset * vocabulary.step_s, step * vocabulary.step_s, pitch, velocity))
        sounding.update((pitch, (step, velocity)) for pitch, velocity in struck)
        if released or struck:
            happenings.append((step, released, struck))
    encoder = StreamEncoder(vocabulary, step=happenings[0][0] if happenings else 0)
    tokens = [token for happening in happenings for token in encoder.encode(*happening)]
    assert tokens == encode(sorted(notes, key=lambda note: (note.onset_s, note.pitch)), vocabulary)


def test_a_stream_encoder_goes_on_from_where_it_stands() -> None:
    encoder = StreamEncoder(PERFORMANCE_8MS, step=10, velocity_bin=5)
    assert encoder.encode(12, [], [(60, 22)]) == [257, 60]  # the bin is in force already: no VELOCITY
    assert encoder.advance(12) == []
    assert encoder.advance(5) == []  # never backwards
    assert encoder.step == 12
    assert encoder.advance(12 + 251) == [380, 380, 256]
    assert encoder.encode(263, [60], [(61, 25)]) == [188, 387, 61]
    assert encoder.velocity_bin == 6
