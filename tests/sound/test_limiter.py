from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.sound.limiter import Limiter

RATE = 48_000
LEVELS = st.lists(st.floats(0, 30), min_size=1, max_size=20)


@given(LEVELS, st.integers(0, 1000))
def test_nothing_goes_beyond_full_scale(levels: list[float], seed: int) -> None:
    limiter, rng = Limiter(RATE), np.random.default_rng(seed)
    for level in levels:
        limited = limiter.limit(rng.uniform(-level, level, (256, 2)).astype(np.float32))
        assert limited.shape == (256, 2) and limited.dtype == np.float32
        assert np.isfinite(limited).all() and np.abs(limited).max() <= 1


def test_below_the_threshold_it_is_not_there() -> None:
    limiter = Limiter(RATE)
    sound = np.random.default_rng(0).uniform(-0.69, 0.69, (256, 2)).astype(np.float32)
    assert np.array_equal(limiter.limit(sound), sound)


def test_it_comes_back_after_a_loud_moment() -> None:
    limiter = Limiter(RATE)
    tone = 0.5 * np.sin(np.arange(256) / 7)[:, None].repeat(2, axis=1).astype(np.float32)
    limiter.limit(10 * tone)
    soon, later = limiter.limit(tone), [limiter.limit(tone) for _ in range(2 * RATE // 256)][-1]
    assert np.abs(soon).max() < 0.3 and np.allclose(later, tone, atol=0.01)


def test_gain_moves_without_steps() -> None:
    limiter = Limiter(RATE)
    still = np.full((256, 2), 0.5, np.float32)
    blocks = [still, 4 * still, still, still, 2 * still, still]
    gains = np.concatenate([(limiter.limit(block) / block)[:, 0] for block in blocks])
    assert np.abs(np.diff(gains)).max() < 0.02 or np.abs(np.diff(gains))[256::256].max() < 0.02
