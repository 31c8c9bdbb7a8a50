"""How alike sets are: distances by hand, and what the same and different sets give."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perfrnn_live.evaluation.distances import between, likeness, within


def test_distances_by_hand() -> None:
    values = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    assert between(values, values[:2]).tolist() == pytest.approx(np.array([[0, 5], [5, 0], [1, math.sqrt(18)]]))
    assert sorted(within(values)) == pytest.approx([1, math.sqrt(18), 5])


def normal(seed: int, mean: float, spread: float, count: int = 150) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, spread, (count, 1))


def test_another_draw_of_the_same_is_alike_and_of_something_else_is_not() -> None:
    people = normal(0, 10, 2)
    alike, shifted, far = (likeness(normal(1, mean, 2), people) for mean in (10, 13, 60))
    assert alike.overlap > 0.95 and alike.divergence < 0.02
    assert 0.4 < shifted.overlap < 0.85 and 0.05 < shifted.divergence < 2
    assert far.overlap < 0.01 and far.divergence > 3


def test_always_the_same_is_not_like_people_though_its_mean_is_theirs() -> None:
    people, same = normal(0, 10, 2), np.full((150, 1), 10.0)
    assert likeness(same, people).overlap < 0.9


def test_the_densities_of_distances_between_normal_numbers_are_those_of_the_formula() -> None:
    """Distances within N(0, 1) are |N(0, 2)|; to N(3, 1) they are |N(3, 2)|: the overlap is a known integral."""
    people, music = normal(0, 0, 1, 1500), normal(1, 3, 1, 1500)
    grid = np.linspace(0, 12, 20_000)

    def folded(mean: float) -> np.ndarray:
        density = np.exp(-((grid - mean) ** 2) / 4) + np.exp(-((grid + mean) ** 2) / 4)
        return np.asarray(density / math.sqrt(4 * math.pi))

    truth = float(np.minimum(folded(0), folded(3)).sum() * (grid[1] - grid[0]))
    assert likeness(music, people).overlap == pytest.approx(truth, abs=0.04)


def test_sets_without_any_spread_have_figures_too() -> None:
    same = np.full((5, 1), 3.0)
    assert likeness(same, same).overlap == pytest.approx(1.0)
    assert likeness(same + 1, same).overlap == pytest.approx(0.0, abs=0.01)
