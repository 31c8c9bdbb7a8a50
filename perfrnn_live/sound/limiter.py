"""A limiter: as loud as it was up to a threshold, softer in one piece above it, and never beyond full scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_THRESHOLD = 0.7
_RECOVERY_S = 0.3


class Limiter:
    """Lowers a block, all of it alike, to where its greatest value is the threshold, and comes back slowly.

    Within one block the gain moves in a line, so a sudden chord may overshoot in its first milliseconds; what lies
    beyond the threshold then is bent (tanh) so that it stays below 1.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._gain = 1.0

    def limit(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        """(frames, channels) → the same, within -1 … 1."""
        greatest = float(np.abs(sound).max(initial=0.0))
        recovered = 1 - (1 - self._gain) * float(np.exp(-len(sound) / (_RECOVERY_S * self._rate)))
        gain = min(recovered, _THRESHOLD / greatest) if greatest > _THRESHOLD else recovered
        if gain > 0.9999 and self._gain > 0.9999 and greatest <= _THRESHOLD:
            return sound
        limited = sound * np.linspace(self._gain, gain, len(sound), dtype=np.float32)[:, None]
        self._gain = gain
        over = np.abs(limited) - _THRESHOLD
        bent = _THRESHOLD + (1 - _THRESHOLD) * np.tanh(over / (1 - _THRESHOLD))
        return np.asarray(np.where(over > 0, np.copysign(bent, limited), limited), np.float32)
