"""Transposition and stretch on tokens, and recordings entered in the middle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from perfrnn_live.music.codec import decode, encode
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.performance import Note
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS, EventKind, Vocabulary
from perfrnn_live.training.augmentation import AUGMENTATIONS, Augmentation, entered, stretch, transpose
from tests.strategies import performances, vocabularies

factors = st.sampled_from(sorted({*AUGMENTATIONS["less"].stretches, *AUGMENTATIONS["more"].stretches}))


def tokens_of(notes: list[Note], vocabulary: Vocabulary = PERFORMANCE_8MS) -> NDArray[np.int16]:
    return np.array(encode(notes, vocabulary), np.int16)


def timed(tokens: NDArray[np.int16], vocabulary: Vocabulary) -> tuple[list[int], list[int]]:
    """All but the time shifts, and the step at which each comes."""
    step, others, steps = 0, [], []
    for token in tokens.tolist():
        event = vocabulary.decode(token)
        if event.kind is EventKind.TIME_SHIFT:
            step += event.value
        else:
            others.append(token)
            steps.append(step)
    return others, steps


@given(performances(min_notes=1), st.integers(-12, 12), vocabularies)
def test_transposition_moves_every_note_and_back_again(
    notes: list[Note], semitones: int, vocabulary: Vocabulary
) -> None:
    assume(all(0 <= note.pitch + semitones <= 127 for note in notes))
    tokens = tokens_of(notes, vocabulary)
    moved = transpose(tokens, semitones, vocabulary)
    before, after = decode(tokens.tolist(), vocabulary), decode(moved.tolist(), vocabulary)
    assert after == [Note(n.onset_s, n.offset_s, n.pitch + semitones, n.velocity) for n in before]
    np.testing.assert_array_equal(transpose(moved, -semitones, vocabulary), tokens)


@pytest.mark.parametrize(
    ("pitch", "semitones", "moved_pitch"),
    [(126, 1, 127), (127, 1, 127), (122, 6, 122), (1, -1, 0), (0, -1, 0), (4, -5, 4), (60, 6, 66)],
)
def test_a_recording_that_would_leave_the_pitches_stays(pitch: int, semitones: int, moved_pitch: int) -> None:
    middle = Note(0.5, 1.0, 64, 80)
    moved = transpose(tokens_of([Note(0.0, 0.4, pitch, 80), middle]), semitones, PERFORMANCE_8MS)
    by = moved_pitch - pitch
    expected = tokens_of([Note(0.0, 0.4, moved_pitch, 80), Note(0.5, 1.0, 64 + by, 80)])
    np.testing.assert_array_equal(moved, expected)


@given(performances(min_notes=1), factors, vocabularies)
def test_stretch_moves_each_event_to_the_nearest_step(notes: list[Note], factor: float, vocabulary: Vocabulary) -> None:
    tokens = tokens_of(notes, vocabulary)
    stretched = stretch(tokens, factor, vocabulary)
    assert stretched.dtype == np.int16
    (others, steps), (stretched_others, stretched_steps) = timed(tokens, vocabulary), timed(stretched, vocabulary)
    assert stretched_others == others
    for step, stretched_step in zip(steps, stretched_steps, strict=True):
        assert abs(stretched_step - step * factor) <= 0.5 + 1e-6


@given(st.integers(1, 2_000), factors, vocabularies)
def test_stretched_gaps_are_cut_like_encoded_ones(gap: int, factor: float, vocabulary: Vocabulary) -> None:
    """A gap of any length becomes longest shifts and a rest, as the encoder would write it, and never a shift of 0."""
    step_s = vocabulary.step_s
    stretched = stretch(tokens_of([Note(0.0, gap * step_s, 60, 80)], vocabulary), factor, vocabulary)
    length_s = int(gap * factor + 0.5) * step_s
    np.testing.assert_array_equal(stretched, tokens_of([Note(0.0, length_s, 60, 80)], vocabulary))


@given(st.data(), factors, vocabularies)
def test_stretch_never_leaves_the_vocabulary(data: st.DataObject, factor: float, vocabulary: Vocabulary) -> None:
    shifts = vocabulary.tokens_of(EventKind.TIME_SHIFT)
    crowded = st.lists(st.integers(shifts.start, shifts.stop - 1) | st.sampled_from([60, 188]), max_size=60)
    tokens = np.array([*data.draw(crowded), 60], np.int16)
    stretched = stretch(tokens, factor, vocabulary)
    assert set(stretched.tolist()) <= {60, 188, *range(shifts.start, shifts.stop)}
    assert stretched[-1] == 60


def test_a_factor_of_one_and_an_empty_recording_change_nothing() -> None:
    tokens = tokens_of([Note(0.0, 3.3, 60, 80), Note(1.0, 1.5, 62, 20)])
    np.testing.assert_array_equal(stretch(tokens, 1.0, PERFORMANCE_8MS), tokens)
    empty = np.array([], np.int16)
    assert stretch(empty, 0.9, PERFORMANCE_8MS).size == transpose(empty, 3, PERFORMANCE_8MS).size == 0


def test_the_original_is_never_written_to() -> None:
    tokens = tokens_of([Note(0.0, 3.3, 60, 80)])
    before = tokens.copy()
    transpose(tokens, 5, PERFORMANCE_8MS)
    stretch(tokens, 1.1, PERFORMANCE_8MS)
    np.testing.assert_array_equal(tokens, before)


def test_draws_cover_all_choices_and_follow_the_seed() -> None:
    tokens = tokens_of([Note(0.0, 1.0, 60, 80)])
    augmentation = Augmentation((-1, 0, 2), (0.9, 1.0))

    def drawn(seed: int) -> list[tuple[int, ...]]:
        rng = np.random.default_rng(seed)
        return [tuple(augmentation.draw(tokens, PERFORMANCE_8MS, rng).tolist()) for _ in range(60)]

    lengths_s = (113 * 0.008, 1.0)  # 0.9 of 125 steps is 112.5
    expected = {
        tuple(encode([Note(0.0, length_s, pitch, 80)], PERFORMANCE_8MS))
        for pitch in (59, 60, 62)
        for length_s in lengths_s
    }
    assert set(drawn(1)) == expected
    assert drawn(1) == drawn(1) != drawn(2)


@given(performances(min_notes=1), vocabularies, st.data())
def test_what_is_entered_is_the_rest_of_the_music(
    notes: list[Note], vocabulary: Vocabulary, data: st.DataObject
) -> None:
    tokens = tokens_of(notes, vocabulary)
    place = data.draw(st.integers(0, len(tokens)))
    before = tokens.copy()
    rest = entered(tokens, place, vocabulary)
    np.testing.assert_array_equal(tokens, before)
    assert rest.dtype == np.int16
    missed = sum(vocabulary.decode(token).kind is EventKind.NOTE_ON for token in tokens[:place].tolist())
    expected = decode(tokens.tolist(), vocabulary)[missed:]
    heard = decode(rest.tolist(), vocabulary)
    assert [in_steps(note, heard, vocabulary) for note in heard] == [
        in_steps(note, expected, vocabulary) for note in expected
    ]
    keyboard = Keyboard.silent()
    for event in map(vocabulary.decode, rest.tolist()):
        assert keyboard.allows(event)  # above all, no release of what was struck before
        keyboard = keyboard.after(event)
    kinds = [vocabulary.decode(token).kind for token in rest[:2].tolist()]
    assert kinds == ([EventKind.VELOCITY, EventKind.NOTE_ON] if expected else [])  # at once


def in_steps(note: Note, notes: list[Note], vocabulary: Vocabulary) -> tuple[int, int, int, int]:
    """A note, its times counted from the first of `notes`."""
    onset, offset, first = (
        round(time_s * vocabulary.steps_per_second) for time_s in (note.onset_s, note.offset_s, notes[0].onset_s)
    )
    return onset - first, offset - first, note.pitch, note.velocity


def test_coming_in_while_keys_sound() -> None:
    on, off, shift, velocity = (PERFORMANCE_8MS.offsets[kind] for kind in EventKind)
    struck = [velocity + 9, on + 60, velocity + 5, on + 64, shift + 10, off + 64]
    later = [on + 67, shift + 20, off + 60, on + 60, shift + 30, off + 60, off + 67]
    tokens = np.array([*struck, *later], np.int16)
    without = [velocity + 5, on + 67, shift + 20, on + 60, shift + 30, off + 60, off + 67]
    for place in (4, 5, 6):  # from the second strike on, the next is the third
        assert entered(tokens, place, PERFORMANCE_8MS).tolist() == without
    last = [velocity + 5, on + 60, shift + 30, off + 60]  # without the release of 67 either
    for place in (7, 8, 9):
        assert entered(tokens, place, PERFORMANCE_8MS).tolist() == last
    assert entered(tokens, 0, PERFORMANCE_8MS).tolist() == tokens.tolist()
    for place in (10, len(tokens)):
        assert not len(entered(tokens, place, PERFORMANCE_8MS))


def test_the_papers_two_recipes() -> None:
    less, more = AUGMENTATIONS["less"], AUGMENTATIONS["more"]
    assert (less.semitones, more.semitones) == (tuple(range(-4, 5)), tuple(range(-5, 7)))
    assert (len(less.stretches), min(less.stretches), max(less.stretches)) == (5, 0.95, 1.05)
    assert (len(more.stretches), min(more.stretches), max(more.stretches)) == (9, 0.9, 1.1)
    assert AUGMENTATIONS["none"] == Augmentation((0,), (1.0,))
