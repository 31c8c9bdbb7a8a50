"""Logits → a token, as often as softmax says and never what is masked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from perfrnn_live.sampling.draw import log_softmax, sample

DRAWS = 4000
LOGITS = np.array([2.0, 1.0, 0.5, 0.0, -1.0, -3.0], np.float32)
finite = st.floats(-30, 30, width=32)


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    weights = np.exp(logits.astype(np.float64))
    return np.asarray(weights / weights.sum())


def draws(logits: NDArray[np.float32], temperature: float = 1.0, top_p: float = 1.0) -> NDArray[np.int64]:
    """How often each token came."""
    rng = np.random.default_rng(1)
    return np.bincount([sample(logits, rng, temperature, top_p) for _ in range(DRAWS)], minlength=len(logits)).astype(
        np.int64
    )


def assert_as_often_as(counts: NDArray[np.int64], chances: NDArray[np.float64]) -> None:
    """Pearson's chi-square below its 99.9 % point for at most five degrees of freedom."""
    possible = chances > 0
    assert not counts[~possible].any()
    expected = chances[possible] * DRAWS
    assert (((counts[possible] - expected) ** 2) / expected).sum() < 20.5


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_frequencies_are_those_of_softmax(temperature: float) -> None:
    assert_as_often_as(draws(LOGITS, temperature), softmax(LOGITS / np.float32(temperature)))


@pytest.mark.parametrize("top_p, kept", [(0.01, 1), (0.55, 1), (0.6, 2), (0.8, 3), (0.97, 5), (1.0, 6)])
def test_top_p_keeps_the_fewest_that_reach_it(top_p: float, kept: int) -> None:
    chances = softmax(LOGITS)  # 0.58, 0.21, 0.13, 0.08, … in falling order
    assert chances[: kept - 1].sum() < top_p <= chances[:kept].sum() + 1e-9
    chances[kept:] = 0
    assert_as_often_as(draws(LOGITS, top_p=top_p), chances / chances.sum())


@pytest.mark.parametrize("top_p, kept", [(0.5, [1]), (0.7, [1, 2]), (1.0, [1, 2, 3])])
def test_top_p_of_some_tokens_leaves_the_others_as_likely(top_p: float, kept: list[int]) -> None:
    chances = softmax(LOGITS)  # of 1, 2 and 3: 0.21, 0.13, 0.08
    own = chances[1:4].sum()
    expected = np.where(np.isin(np.arange(6), kept), chances, 0)
    expected *= own / expected.sum()
    expected[[0, 4, 5]] = chances[[0, 4, 5]]
    rng = np.random.default_rng(1)
    drawn = [sample(LOGITS, rng, top_p=top_p, nucleus=slice(1, 4)) for _ in range(DRAWS)]
    assert_as_often_as(np.bincount(drawn, minlength=6).astype(np.int64), expected)


def test_top_p_of_tokens_that_are_all_masked_changes_nothing() -> None:
    allowed = np.array([True, False, False, False, False, False])
    assert sample(LOGITS, np.random.default_rng(0), 1.0, 0.5, allowed, slice(1, 4)) == 0


def test_temperature_0_takes_the_likeliest_that_is_allowed() -> None:
    rng = np.random.default_rng(0)
    assert sample(LOGITS, rng, temperature=0) == 0
    assert sample(LOGITS, rng, temperature=0, allowed=np.array([False, False, True, True, True, True])) == 2


@pytest.mark.parametrize("temperature", [1e-3, 1e-60, 1e30])
def test_extreme_temperatures_still_give_tokens(temperature: float) -> None:
    token = sample(LOGITS, np.random.default_rng(0), temperature)
    assert token == 0 if temperature < 1 else token in range(6)


@given(st.lists(st.tuples(finite, st.booleans()), min_size=1, max_size=30), st.floats(0, 3), st.floats(0.01, 1))
def test_masks_are_never_violated(rows: list[tuple[float, bool]], temperature: float, top_p: float) -> None:
    logits = np.array([row[0] for row in rows], np.float32)
    allowed = np.array([row[1] for row in rows])
    allowed[0] |= not allowed.any()
    given_logits = logits.copy()
    assert allowed[sample(logits, np.random.default_rng(0), temperature, top_p, allowed)]
    np.testing.assert_array_equal(logits, given_logits)


def test_the_same_generator_draws_the_same() -> None:
    def drawn(seed: int) -> list[int]:
        rng = np.random.default_rng(seed)
        return [sample(LOGITS, rng) for _ in range(50)]

    assert drawn(3) == drawn(3) != drawn(4)


def test_log_softmax_along_the_last_axis() -> None:
    logits = np.stack([LOGITS, LOGITS[::-1] + 500])
    np.testing.assert_allclose(np.exp(log_softmax(logits)), [softmax(LOGITS), softmax(LOGITS[::-1])], atol=1e-6)
