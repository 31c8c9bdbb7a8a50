"""Pitch classes more and less welcome, with strikes as likely as they were; bounds in steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from perfrnn_live.engines.handles import Handles
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS, PERFORMANCE_10MS, EventKind, Vocabulary
from perfrnn_live.sampling.controls import Controls
from perfrnn_live.sampling.shaping import shaped
from tests.strategies import vocabularies

ON = PERFORMANCE_8MS.tokens_of(EventKind.NOTE_ON)
WEIGHTS = (1.0, 0.02, 0.5, 0.0, 1.0, 0.1, 1e-9, 1.0, 0.0, 0.3, 0.0, 1.0)
EXTREME = (0.0,) * 11 + (5e-324,)

temperatures = st.floats(0.2, 5.0)


def random_logits(seed: int, vocabulary: Vocabulary = PERFORMANCE_8MS) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(scale=2.0, size=vocabulary.size).astype(np.float32)


def chances(logits: NDArray[np.float32], temperature: float = 1.0) -> NDArray[np.float64]:
    weights = np.exp((logits - logits.max()).astype(np.float64) / temperature)
    return np.asarray(weights / weights.sum())


@given(st.integers(0, 1000), temperatures, st.floats(0.1, 8.0), st.integers(0, 127), st.floats(0, 30))
def test_with_all_pitch_classes_alike_the_logits_are_left_as_they_are(
    seed: int, temperature: float, max_note_s: float, lowest: int, density: float
) -> None:
    controls = Controls(temperature, handles=Handles(density), lowest=lowest, max_note_s=max_note_s)
    logits = random_logits(seed)
    assert shaped(controls, PERFORMANCE_8MS).applied(logits, temperature) is logits


@given(st.integers(0, 1000), temperatures, st.sampled_from([WEIGHTS, EXTREME]), vocabularies)
def test_striking_stays_as_likely_as_the_model_has_it(
    seed: int, temperature: float, weights: tuple[float, ...], vocabulary: Vocabulary
) -> None:
    logits = random_logits(seed, vocabulary)
    tilted = shaped(Controls(temperature, pitch_classes=weights), vocabulary).applied(logits, temperature)
    on = vocabulary.tokens_of(EventKind.NOTE_ON)
    assert chances(tilted, temperature)[on].sum() == pytest.approx(chances(logits, temperature)[on].sum(), rel=1e-4)
    others = np.delete(np.arange(vocabulary.size), on)
    np.testing.assert_array_equal(tilted[others], logits[others])
    np.testing.assert_array_equal(logits, random_logits(seed, vocabulary))  # and what was given is not written to


@given(st.integers(0, 1000), temperatures)
def test_pitch_classes_multiply_the_chance_of_striking(seed: int, temperature: float) -> None:
    logits = random_logits(seed)
    before = chances(logits, temperature)[ON]
    tilted = shaped(Controls(temperature, pitch_classes=WEIGHTS), PERFORMANCE_8MS).applied(logits, temperature)
    after = chances(tilted, temperature)[ON]
    for pitch in range(12, 128):
        weight = WEIGHTS[pitch % 12]
        assert after[pitch] / after[0] == pytest.approx(weight * before[pitch] / before[0], rel=1e-4, abs=1e-12)
        assert (after[pitch] == 0) == (weight == 0)


@pytest.mark.parametrize("temperature", [5e-324, 1e-300, 1.0, 100.0])
@pytest.mark.parametrize("weights", [WEIGHTS, EXTREME], ids=["weights", "extreme"])
def test_the_ends_of_all_ranges_give_numbers(temperature: float, weights: tuple[float, ...]) -> None:
    controls = Controls(temperature, 1.0, pitch_classes=weights)
    logits = shaped(controls, PERFORMANCE_8MS).applied(random_logits(1), temperature)
    assert not np.isnan(logits).any() and logits.max() < np.inf
    never = [pitch for pitch in range(128) if weights[pitch % 12] == 0]
    assert np.isneginf(logits[ON][never]).all() and np.isfinite(np.delete(logits, never)).all()


def test_only_what_is_in_range_and_welcome_at_all_can_be_struck() -> None:
    assert shaped(Controls(), PERFORMANCE_8MS).strikable.all()
    in_range = shaped(Controls(lowest=60, highest=62), PERFORMANCE_8MS)
    assert np.flatnonzero(in_range.strikable).tolist() == [60, 61, 62]
    welcome = shaped(Controls(pitch_classes=WEIGHTS, lowest=60, highest=71), PERFORMANCE_8MS)
    assert np.flatnonzero(welcome.strikable).tolist() == [60, 61, 62, 64, 65, 66, 67, 69, 71]


def test_bounds_in_steps_on_both_grids() -> None:
    controls = Controls(polyphony=3, min_note_s=0.1, max_note_s=1.0, max_rest_s=2.0)
    eight, ten = shaped(controls, PERFORMANCE_8MS), shaped(controls, PERFORMANCE_10MS)
    assert (eight.min_note_steps, eight.max_note_steps, eight.max_rest_steps) == (13, 125, 250)
    assert (ten.min_note_steps, ten.max_note_steps, ten.max_rest_steps) == (10, 100, 200)
    assert eight.polyphony == 3
    assert shaped(Controls(max_note_s=0.001), PERFORMANCE_8MS).max_note_steps == 1
    assert shaped(Controls(min_note_s=0.009, max_note_s=0.01), PERFORMANCE_8MS).max_note_steps == 2


def test_a_setting_is_worked_out_once() -> None:
    one, other = (Controls(pitch_classes=WEIGHTS, handles=Handles(density=3.0)) for _ in range(2))
    assert shaped(one, PERFORMANCE_8MS) is shaped(other, PERFORMANCE_8MS)
