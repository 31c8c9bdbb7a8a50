"""Tilts that keep each kind of event as likely as it was, and the shipped model following them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import mean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from perfrnn_live.model.continuation import Continuation
from perfrnn_live.model.controls import Controls
from perfrnn_live.model.engine import OnnxEngine
from perfrnn_live.model.generation import generate
from perfrnn_live.model.shaping import shaped
from perfrnn_live.music.codec import decode
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.performance import Note
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS, PERFORMANCE_10MS, Event, EventKind, Vocabulary
from tests.strategies import vocabularies

ON, OFF, SHIFT, VELOCITY = (PERFORMANCE_8MS.tokens_of(kind) for kind in EventKind)
SILENT = Keyboard.silent()
EVEN = (1.0,) * 12
WEIGHTS = (1.0, 0.02, 0.5, 0.0, 1.0, 0.1, 1e-9, 1.0, 0.0, 0.3, 0.0, 1.0)

temperatures, ends = st.floats(0.2, 5.0), st.floats(-1, 1)


def random_logits(seed: int, vocabulary: Vocabulary = PERFORMANCE_8MS) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(scale=2.0, size=vocabulary.size).astype(np.float32)


def chances(logits: NDArray[np.float32], temperature: float = 1.0) -> NDArray[np.float64]:
    weights = np.exp((logits - logits.max()).astype(np.float64) / temperature)
    return np.asarray(weights / weights.sum())


def applied(controls: Controls, logits: NDArray[np.float32], keyboard: Keyboard = SILENT) -> NDArray[np.float64]:
    shaping = shaped(controls, PERFORMANCE_8MS)
    return chances(shaping.applied(logits, keyboard, controls.temperature), controls.temperature)


@given(st.integers(0, 1000), temperatures, st.floats(0.1, 8.0), st.integers(0, 127))
def test_neutral_knobs_leave_the_logits_as_they_are(
    seed: int, temperature: float, max_note_s: float, lowest: int
) -> None:
    controls = Controls(temperature, lowest=lowest, max_note_s=max_note_s)
    logits = random_logits(seed)
    assert shaped(controls, PERFORMANCE_8MS).applied(logits, SILENT, temperature) is logits


@given(
    st.integers(0, 1000), temperatures, st.floats(0.25, 4), ends, ends, st.sampled_from([EVEN, WEIGHTS]), vocabularies
)
def test_every_kind_of_event_stays_as_likely_as_the_model_has_it(
    seed: int,
    temperature: float,
    density: float,
    loudness: float,
    register: float,
    weights: tuple[float, ...],
    vocabulary: Vocabulary,
) -> None:
    controls = Controls(temperature, 1.0, density, loudness, register, pitch_classes=weights)
    logits = random_logits(seed, vocabulary)
    before = chances(logits, temperature)
    after = chances(shaped(controls, vocabulary).applied(logits, SILENT, temperature), temperature)
    for kind in EventKind:
        tokens = vocabulary.tokens_of(kind)
        assert after[tokens].sum() == pytest.approx(before[tokens].sum(), rel=1e-4)
    np.testing.assert_array_equal(logits, random_logits(seed, vocabulary))


@given(st.integers(0, 1000), temperatures)
def test_pitch_classes_multiply_the_chance_of_striking(seed: int, temperature: float) -> None:
    logits = random_logits(seed)
    before = chances(logits, temperature)[ON]
    after = applied(Controls(temperature, pitch_classes=WEIGHTS), logits)[ON]
    for pitch in range(12, 128):
        weight = WEIGHTS[pitch % 12]
        assert after[pitch] / after[0] == pytest.approx(weight * before[pitch] / before[0], rel=1e-4, abs=1e-12)
        assert (after[pitch] == 0) == (weight == 0)


@given(st.integers(0, 1000), st.sampled_from([0.3, 1.0, 3.0]))
def test_each_knob_turns_its_own_way(seed: int, temperature: float) -> None:
    logits = random_logits(seed)

    def means(controls: Controls) -> list[float]:
        after = applied(controls, logits)
        kinds = (after[tokens] / after[tokens].sum() for tokens in (ON, SHIFT, VELOCITY))
        return [float(kind @ np.arange(len(kind))) for kind in kinds]

    neutral = means(Controls(temperature))
    knobs = {
        0: (Controls(temperature, register=-1), Controls(temperature, register=1)),
        1: (Controls(temperature, density=2), Controls(temperature, density=0.5)),
        2: (Controls(temperature, loudness=-1), Controls(temperature, loudness=1)),
    }
    for own, (down, up) in knobs.items():
        lower, higher = means(down), means(up)
        assert lower[own] < neutral[own] < higher[own]
        for other in {0, 1, 2} - {own}:
            assert [lower[other], higher[other]] == pytest.approx([neutral[other]] * 2, rel=1e-4)


@pytest.mark.parametrize("temperature", [5e-324, 1e-300, 1.0, 100.0])
@pytest.mark.parametrize("density", [1e-300, 1e300])
def test_the_ends_of_all_ranges_give_numbers(temperature: float, density: float) -> None:
    for sign in (-1, 1):
        controls = Controls(temperature, 1.0, density, sign, sign, pitch_classes=WEIGHTS, min_gap_s=1.0)
        logits = shaped(controls, PERFORMANCE_8MS).applied(random_logits(1), SILENT, temperature)
        assert not np.isnan(logits).any() and logits.max() < np.inf
        never = [pitch for pitch in range(128) if WEIGHTS[pitch % 12] == 0]
        assert np.isneginf(logits[ON][never]).all() and np.isfinite(np.delete(logits, never)).all()


@given(st.integers(0, 1000), temperatures, st.sets(st.integers(0, 127), max_size=5), st.integers(1, 30))
def test_what_is_struck_too_soon_waits_a_step(seed: int, temperature: float, pitches: set[int], steps: int) -> None:
    keyboard = SILENT
    for pitch in pitches | {60}:
        keyboard = keyboard.after(Event(EventKind.NOTE_ON, pitch)).after(Event(EventKind.NOTE_OFF, pitch))
    keyboard = keyboard.after(Event(EventKind.NOTE_ON, 60)).after(Event(EventKind.TIME_SHIFT, steps))
    controls, logits = Controls(temperature, min_gap_s=0.1, lowest=40), random_logits(seed)
    before = chances(logits, temperature)
    after = applied(controls, logits, keyboard)
    early = [pitch for pitch in pitches if pitch >= 40 and pitch != 60 and steps < 12.5]
    after[early] = 0  # as the rule does
    after /= after.sum()
    assert after[SHIFT.start] == pytest.approx(before[SHIFT.start] + before[early].sum(), rel=1e-4)
    rest = np.delete(np.arange(len(logits)), [*early, SHIFT.start])
    np.testing.assert_allclose(after[rest], before[rest], rtol=1e-4)


def test_bounds_in_steps_on_both_grids() -> None:
    controls = Controls(min_note_s=0.1, min_gap_s=0.001, max_note_s=1.0, max_rest_s=2.0, lowest=60, highest=62)
    eight, ten = shaped(controls, PERFORMANCE_8MS), shaped(controls, PERFORMANCE_10MS)
    assert (eight.min_note_steps, eight.min_gap_steps, eight.max_note_steps, eight.max_rest_steps) == (13, 1, 125, 250)
    assert (ten.min_note_steps, ten.min_gap_steps, ten.max_note_steps, ten.max_rest_steps) == (10, 1, 100, 200)
    assert np.flatnonzero(eight.strikable).tolist() == [60, 61, 62]
    assert shaped(Controls(max_note_s=0.001), PERFORMANCE_8MS).max_note_steps == 1
    assert shaped(Controls(min_note_s=0.009, max_note_s=0.01), PERFORMANCE_8MS).max_note_steps == 2


def test_a_setting_is_worked_out_once() -> None:
    assert shaped(Controls(density=2.0), PERFORMANCE_8MS) is shaped(Controls(density=2.0), PERFORMANCE_8MS)


@pytest.mark.parametrize(
    ("less", "more", "measure", "apart"),
    [
        (Controls(density=0.5), Controls(density=2), lambda notes: len(notes) / 240, 5),
        (Controls(loudness=-1), Controls(loudness=1), lambda notes: mean(note.velocity for note in notes), 30),
        (Controls(register=-1), Controls(register=1), lambda notes: mean(note.pitch for note in notes), 12),
    ],
    ids=["density", "loudness", "register"],
)
def test_the_shipped_model_follows(
    less: Controls, more: Controls, measure: Callable[[list[Note]], float], apart: float, shipped: Path
) -> None:
    """From `less` to `more` of a knob, by how much at least; `python -m tests.bench.knobs` measures it properly."""
    continuation = Continuation(OnnxEngine(shipped))
    (start,) = continuation.beginning()

    def played(controls: Controls) -> list[Note]:
        pieces = generate(continuation, start, 10, controls, np.random.default_rng(1), count=24)
        return [note for tokens in pieces for note in decode(tokens, continuation.vocabulary)]

    assert measure(played(more)) - measure(played(less)) > apart
