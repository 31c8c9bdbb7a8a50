"""What is to come in a recording, measured at every event: what the handles are taught by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.engines.handles import CLASSES_WINDOW_S, PITCH_CLASSES, WINDOW_S
from perfrnn_live.music.performance import bin_to_velocity
from perfrnn_live.music.timeline import Timeline
from perfrnn_live.music.vocabulary import Vocabulary

MEASURED = 3 + PITCH_CLASSES


def measured(tokens: NDArray[np.integer], vocabulary: Vocabulary) -> NDArray[np.float32]:
    """Before the first of `tokens` (n,) and after each, what the strikes from there on are: (n + 1, MEASURED).

    Notes a second, mean velocity and mean pitch of the next WINDOW_S, how many of each pitch class in the next
    CLASSES_WINDOW_S. NaN where nothing is struck, and for a density whose window goes beyond the end.
    """
    line = Timeline.of(tokens, vocabulary)
    step, first = line.step, line.been

    def until(window_s: float) -> NDArray[np.int64]:
        window_steps = round(window_s * vocabulary.steps_per_second)
        return np.asarray(np.searchsorted(line.struck_step, step + window_steps))

    def summed(values: NDArray[np.floating], last: NDArray[np.int64]) -> NDArray[np.floating]:
        upto = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
        return np.asarray(upto[last] - upto[first])

    last = until(WINDOW_S)
    count = (last - first).astype(np.float64)
    struck = np.where(count > 0, count, np.nan)
    density = np.where(step + WINDOW_S * vocabulary.steps_per_second <= step[-1], count / WINDOW_S, np.nan)
    loudness = summed(bin_to_velocity(line.struck_bin).astype(np.float64), last) / struck
    register = summed(line.pitch.astype(np.float64), last) / struck
    classes = summed(np.eye(PITCH_CLASSES)[line.pitch % PITCH_CLASSES], until(CLASSES_WINDOW_S))
    classes[classes.sum(axis=1) == 0] = np.nan
    return np.concatenate([np.stack([density, loudness, register], axis=1), classes], axis=1).astype(np.float32)
