"""Harmony kept as narrow as a composer's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from perfrnn_live.engines.base import Logits
from perfrnn_live.engines.fake import ConstantEngine
from perfrnn_live.engines.handles import TAUGHT, Asked, Handles
from perfrnn_live.music.harmony import entropy_bits
from perfrnn_live.music.reminders import Strikes
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS, EventKind
from perfrnn_live.sampling.continuation import Continuation, Moment
from perfrnn_live.sampling.harmony import narrowed

ON, OFF, SHIFT, VELOCITY = (PERFORMANCE_8MS.offsets[kind] for kind in EventKind)
RATE = PERFORMANCE_8MS.steps_per_second
CHROMATIC = tuple(range(60, 72))
BACH = Handles(composers=(("bach", 1.0),))
SPACE = replace(TAUGHT, manners={"bach": {"density": 6.0, "entropy": 2.5}})
CLASSES = slice(29, 41)  # of the corners: after 11 densities, 9 loudnesses, 9 registers


def struck(pitches: tuple[int, ...], apart_s: float = 0.2) -> Strikes:
    count = len(pitches)
    return Strikes.of(np.array(pitches), round(apart_s * RATE) * np.arange(count), np.full(count, 16))


@given(st.lists(st.integers(21, 108), min_size=12, max_size=90), st.floats(1.0, 3.5))
def test_it_is_as_narrow_as_wanted_and_what_is_common_stays_common(pitches: list[int], wanted_bits: float) -> None:
    weights = narrowed(struck(tuple(pitches)), wanted_bits, RATE)
    counts = np.bincount(np.array(pitches) % 12, minlength=12)
    if weights is None:
        assert entropy_bits(counts) <= wanted_bits + 0.01
        return
    assert sum(weights) == pytest.approx(1)
    assert entropy_bits(np.array(weights)) <= entropy_bits(counts + 0.3)
    ranks = np.array(weights)[np.argsort(counts, kind="stable")]
    assert (np.diff(ranks) >= -1e-12).all()
    if len(set(counts.tolist())) == 12:  # else no power tells those apart that are struck as often
        assert entropy_bits(np.array(weights)) == pytest.approx(wanted_bits, abs=0.03)


def test_a_wide_harmony_is_narrowed_to_what_is_wanted() -> None:
    weights = np.array(narrowed(struck(CHROMATIC + (60, 64, 67) * 3), 2.8, RATE))
    assert entropy_bits(weights) == pytest.approx(2.8, abs=0.01)
    assert {*np.argsort(weights)[-3:].tolist()} == {0, 4, 7}


def test_a_narrow_harmony_may_go_where_it_likes() -> None:
    assert narrowed(struck((60, 64, 67) * 8), 2.8, RATE) is None


def test_of_a_few_strikes_nothing_is_said() -> None:
    assert narrowed(struck(CHROMATIC[:11]), 2.0, RATE) is None
    assert narrowed(Strikes.none(), 2.0, RATE) is None


def test_what_was_played_twenty_seconds_ago_is_past() -> None:
    early, late = CHROMATIC * 2, (60, 64, 67) * 8
    pitches = np.array(early + late)
    step = np.concatenate([np.arange(24), 30 * RATE + np.arange(24) * 25])
    assert narrowed(Strikes.of(pitches, step, np.full(48, 16)), 2.8, RATE) is None
    assert narrowed(Strikes.of(pitches, np.arange(48) * 25, np.full(48, 16)), 2.8, RATE) is not None


class MannerlyEngine(ConstantEngine):
    """Knows a composer's manner, and keeps what it was asked."""

    handles = SPACE

    def __init__(self) -> None:
        super().__init__(handling=np.zeros((SPACE.size, PERFORMANCE_8MS.size), np.float32))
        self.asked: list[NDArray[np.float32]] = []

    def handled(self, state: int, asked: Asked) -> Logits:
        self.asked.append(asked[0])
        return super().handled(state, asked)


def heard(continuation: Continuation, pitches: tuple[int, ...]) -> Moment:
    (moment,) = continuation.beginning()
    for pitch in pitches:
        for token in (ON + pitch, SHIFT + 24, OFF + pitch):
            (moment,) = continuation.feed([moment], [token])
    return moment


def asked_for(handles: Handles, pitches: tuple[int, ...]) -> NDArray[np.float32]:
    """The pitch classes that are asked of the model after these."""
    engine = MannerlyEngine()
    continuation = Continuation(engine)
    continuation.expected(heard(continuation, pitches), handles)
    return engine.asked[-1][CLASSES]


def test_a_composer_is_asked_for_with_as_narrow_a_harmony_as_theirs() -> None:
    wide = CHROMATIC + (60, 64, 67) * 4
    classes = asked_for(BACH, wide)
    assert entropy_bits(classes) == pytest.approx(2.5, abs=0.02)
    assert {*np.argsort(classes)[-3:].tolist()} == {0, 4, 7}
    assert not asked_for(BACH, (60, 64, 67) * 8).any()


def test_a_harmony_that_is_asked_for_itself_goes_before() -> None:
    major = tuple(float(each in (0, 2, 4, 5, 7, 9, 11)) for each in range(12))
    both = replace(BACH, pitch_classes=major)
    np.testing.assert_allclose(asked_for(both, CHROMATIC * 2), np.array(major) / 7, rtol=1e-6)


def test_without_a_composer_of_known_manner_the_harmony_is_the_models() -> None:
    assert not asked_for(Handles(density=6.0), CHROMATIC * 2).any()
    assert not asked_for(Handles(composers=(("liszt", 1.0),)), CHROMATIC * 2).any()
