"""How narrow a harmony is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FEWEST = 12  # strikes that say something about a harmony


def entropy_bits(weights: NDArray[np.number]) -> NDArray[np.float64]:
    """How evenly weights of pitch classes, (..., 12), are spread, (...): 3.58 bits where all are equal, 0 where only
    one is above 0. None may be negative, and not all 0."""
    shares = weights / weights.sum(axis=-1, keepdims=True)
    return np.asarray(-(shares * np.log2(shares, out=np.zeros(shares.shape), where=shares > 0)).sum(axis=-1))
