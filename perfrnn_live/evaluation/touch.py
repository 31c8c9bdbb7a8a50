"""Two things that pianists do and that Oore et al. (2018) look for in what their model plays: higher notes are louder,
and a melody comes a little before what accompanies it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.evaluation.excerpts import Excerpt

MIDDLE_C = 60
LEAD_S = 0.030
_FEWEST = 20  # strikes of a pitch in all, for it to say something

Values = NDArray[np.float64]


def velocities_by_pitch(excerpts: Sequence[Excerpt]) -> tuple[Values, Values, Values]:
    """Pitches, ascending, how often each is struck, and how hard in the mean; of those that are struck often enough."""
    pitch = np.concatenate([each.pitch for each in excerpts])
    velocity = np.concatenate([each.velocity for each in excerpts])
    count = np.bincount(pitch, minlength=128)
    total = np.bincount(pitch, weights=velocity, minlength=128)
    pitches = np.flatnonzero(count >= _FEWEST)
    return pitches.astype(float), count[pitches].astype(float), total[pitches] / count[pitches]


def curve(pitches: Values, counts: Values, velocities: Values, degree: int) -> Values:
    """The polynomial of that degree through mean velocities, weighed by how often each pitch is struck: coefficients
    for pitches counted in octaves from middle C, the highest power first."""
    return np.asarray(np.polyfit((pitches - MIDDLE_C) / 12, velocities, degree, w=np.sqrt(counts)))


def melody_leads_s(excerpts: Sequence[Excerpt]) -> Values:
    """For each strike above middle C that has one at or below within 30 ms: by how much it comes first, in seconds, by
    the nearest of them."""
    leads: list[Values] = []
    for excerpt in excerpts:
        high, low = excerpt.onset_s[excerpt.pitch > MIDDLE_C], excerpt.onset_s[excerpt.pitch <= MIDDLE_C]
        if len(high) and len(low):
            after = np.searchsorted(low, high).clip(max=len(low) - 1)
            before = (after - 1).clip(min=0)
            nearest = np.where(np.abs(low[after] - high) <= np.abs(low[before] - high), after, before)
            lead = low[nearest] - high
            leads.append(lead[np.abs(lead) <= LEAD_S])
    return np.concatenate(leads) if leads else np.zeros(0)
