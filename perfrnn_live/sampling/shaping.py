"""From controls to numbers: how welcome each strike is, and the bounds in steps.

All this follows from the controls alone, so it is worked out when a knob turns and not at every event.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.music.vocabulary import PITCHES, EventKind, Vocabulary
from perfrnn_live.sampling.controls import Controls


@dataclass(frozen=True, slots=True, eq=False)
class Shaping:
    """Controls as the choosing rule applies them: what is added to the logits of strikes, `welcome` (128,), nats, None
    where all pitch classes are alike; the pitches (128,) that may be struck at all; the bounds in steps."""

    strikes: slice
    welcome: NDArray[np.float64] | None
    strikable: NDArray[np.bool_]
    polyphony: int
    min_note_steps: int
    max_note_steps: int
    max_rest_steps: int

    def applied(self, logits: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
        """The model's `logits` (size,) with these controls applied; unchanged where they are neutral. The chance that
        some key is struck stays as the model has it; only which key it is changes. Otherwise fewer welcome keys would
        mean fewer notes, and the model would hear that and go on so."""
        if self.welcome is None:
            return logits
        logits = logits.copy()
        strikes = logits[self.strikes]
        tilted = strikes + temperature * self.welcome
        logits[self.strikes] = tilted + (_together(strikes, temperature) - _together(tilted, temperature))
        return logits


@lru_cache(maxsize=64)
def shaped(controls: Controls, vocabulary: Vocabulary) -> Shaping:
    """The shaping of `controls`. A note lasts at least one step; bounds from below are rounded up."""
    rate = vocabulary.steps_per_second
    pitches = np.arange(PITCHES)
    weights = np.array(controls.pitch_classes, np.float64)[pitches % 12]
    with np.errstate(divide="ignore"):
        welcome = np.log(weights)
    min_note_steps = max(math.ceil(controls.min_note_s * rate), 1)
    return Shaping(
        vocabulary.tokens_of(EventKind.NOTE_ON),
        welcome if np.ptp(weights) else None,
        (controls.lowest <= pitches) & (pitches <= controls.highest) & (weights > 0),
        controls.polyphony,
        min_note_steps,
        max(round(controls.max_note_s * rate), min_note_steps),
        round(controls.max_rest_s * rate),
    )


def _together(logits: NDArray[np.floating], temperature: float) -> float:
    """The log-sum-exp of these logits at this temperature: the logit of an event as likely as all of them together."""
    top = logits.max()
    with np.errstate(over="ignore"):  # as in `sample`
        weights = np.exp((logits - top).astype(np.float64) / temperature)
    return float(top + temperature * np.log(weights.sum()))
