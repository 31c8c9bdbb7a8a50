"""A token stream as arrays: where in time each event leaves it, and its strikes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.music.vocabulary import VELOCITY_AT_FIRST, EventKind, Vocabulary


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """Of n tokens: the `step` and `velocity_bin` before the first and after each, (n + 1,), and how many strikes there
    have `been`; of each strike its `pitch`, its step and its velocity bin."""

    step: NDArray[np.int64]
    velocity_bin: NDArray[np.int64]
    been: NDArray[np.int64]
    pitch: NDArray[np.int64]
    struck_step: NDArray[np.int64]
    struck_bin: NDArray[np.int64]

    @classmethod
    def of(cls, tokens: NDArray[np.integer], vocabulary: Vocabulary) -> Timeline:
        """Read a stream from its beginning."""
        tokens = tokens.astype(np.int64)
        on, shift, velocity = map(vocabulary.tokens_of, (EventKind.NOTE_ON, EventKind.TIME_SHIFT, EventKind.VELOCITY))
        is_shift = (tokens >= shift.start) & (tokens < shift.stop)
        step = np.concatenate([[0], np.cumsum(np.where(is_shift, tokens - shift.start + 1, 0))])
        is_velocity = np.concatenate([[True], (tokens >= velocity.start) & (tokens < velocity.stop)])
        set_at = np.maximum.accumulate(np.where(is_velocity, np.arange(len(step)), 0))
        bins = np.concatenate([[VELOCITY_AT_FIRST], tokens - velocity.start])[set_at]
        struck = (tokens >= on.start) & (tokens < on.stop)
        been = np.concatenate([[0], np.cumsum(struck)])
        return cls(step, bins, been, tokens[struck] - on.start, step[1:][struck], bins[1:][struck])
