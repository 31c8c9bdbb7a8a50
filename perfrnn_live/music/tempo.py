"""MIDI ticks → seconds under a map of tempo changes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

DEFAULT_TEMPO_US = 500_000  # microseconds a quarter note: what a file without a tempo means


def ticks_to_seconds(
    ticks: ArrayLike, tempo_changes: Sequence[tuple[int, int]], ticks_per_quarter: int
) -> NDArray[np.float64]:
    """Seconds of absolute `ticks`. `tempo_changes` are (tick, microseconds a quarter note), ascending."""
    if not tempo_changes or tempo_changes[0][0] > 0:
        tempo_changes = [(0, DEFAULT_TEMPO_US), *tempo_changes]
    change_ticks = np.array([tick for tick, _ in tempo_changes], np.float64)
    tick_s = np.array([tempo for _, tempo in tempo_changes], np.float64) / (1e6 * ticks_per_quarter)
    change_s = np.concatenate([[0.0], np.cumsum(np.diff(change_ticks) * tick_s[:-1])])
    ticks = np.asarray(ticks, np.float64)
    segment = np.searchsorted(change_ticks, ticks, side="right") - 1
    return np.asarray(change_s[segment] + (ticks - change_ticks[segment]) * tick_s[segment])
