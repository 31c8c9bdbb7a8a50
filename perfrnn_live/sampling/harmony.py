"""Harmony kept as narrow as a composer's.

Told only whose music is asked for, a model modulates as if it had nobody's harmony in mind. So where the last seconds
went through more pitch classes than that composer's do, the same ones are asked for, the rarer made rarer; where they
did not, it is free to go where it likes.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from perfrnn_live.engines.handles import HARMONY_WINDOW_S, PITCH_CLASSES
from perfrnn_live.music.harmony import FEWEST, entropy_bits
from perfrnn_live.music.reminders import Strikes

_NOT_YET = 0.3  # strikes: a pitch class not heard so far is rare, not forbidden
_POWERS = np.linspace(1, 8, 29)


@lru_cache(maxsize=8)  # between two strikes nothing changes
def narrowed(strikes: Strikes, wanted_bits: float, steps_per_second: int) -> tuple[float, ...] | None:
    """The pitch classes (12,) of the last HARMONY_WINDOW_S up to the last strike, as weights raised to the power at
    which their entropy is `wanted_bits`; None where it is no more than that already, or where little was struck."""
    if len(strikes.step) < FEWEST:
        return None
    first = int(np.searchsorted(strikes.step, strikes.step[-1] - HARMONY_WINDOW_S * steps_per_second))
    if len(strikes.step) - first < FEWEST:
        return None
    counts = np.bincount(strikes.pitch[first:] % PITCH_CLASSES, minlength=PITCH_CLASSES) + _NOT_YET
    bits = entropy_bits(counts ** _POWERS[:, None])
    if bits[0] <= wanted_bits:
        return None
    power = np.interp(-wanted_bits, -bits, _POWERS)
    return tuple((counts**power / (counts**power).sum()).tolist())
