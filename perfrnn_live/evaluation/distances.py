"""How like one set of music another is: distances within and between sets, after Yang & Lerch (2020).

For a statistic, the distances between all pairs of excerpts within people's set have a density, and so have those
between a model's excerpts and people's. Where both are the same the model is, in this, like another evening of people:
the densities overlap wholly and their divergence is 0. Both are estimated with Gaussian kernels (Scott's width) on one
grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_GRID = 512
_REACH = 4.0  # kernel widths beyond the smallest and the largest distance
_LEAST = 1e-12  # of a density, whose logarithm is taken

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Likeness:
    """`overlap` of both densities, 1 if they are the same, 0 if they have nothing in common; `divergence` of people's
    from the model's (Kullback-Leibler) in nats, 0 if they are the same."""

    overlap: float
    divergence: float


def within(values: Values) -> Values:
    """Euclidean distances between all pairs of rows of (excerpts, n): (excerpts * (excerpts - 1) / 2,)."""
    return between(values, values)[np.triu_indices(len(values), 1)]


def between(some: Values, others: Values) -> Values:
    """Euclidean distances of each row to each: (some, others)."""
    squared = (some**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * some @ others.T
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))


def likeness(music: Values, people: Values) -> Likeness:
    """Of a statistic of a set of excerpts to that of people's, each (excerpts, n), at least three each."""
    own, mixed = within(people), between(music, people).ravel()
    widths = [max(_width(each), _LEAST) for each in (own, mixed)]
    low = min(own.min(), mixed.min()) - _REACH * max(widths)
    high = max(own.max(), mixed.max()) + _REACH * max(widths)
    grid = np.linspace(low, high, _GRID)
    step = grid[1] - grid[0]
    p, q = (_density(each, max(width, step), grid) for each, width in zip((own, mixed), widths, strict=True))
    logs = np.log(np.maximum(p, _LEAST)) - np.log(np.maximum(q, _LEAST))
    return Likeness(float(np.minimum(p, q).sum() * step), float((p * logs).sum() * step))


def _width(distances: Values) -> float:
    """Scott's rule."""
    return float(distances.std() * len(distances) ** -0.2)


def _density(distances: Values, width: float, grid: Values) -> Values:
    """Kernels over the distances, each counted into the grid's nearest point first; adds up to 1 over the grid."""
    step, size = grid[1] - grid[0], len(grid)
    counts = np.bincount(np.rint((distances - grid[0]) / step).astype(int), minlength=size).astype(float)
    reach = np.arange(1 - size, size) * step
    smooth = np.convolve(counts, np.exp(-0.5 * (reach / width) ** 2))[size - 1 : 2 * size - 1]
    return np.asarray(smooth / (smooth.sum() * step))
