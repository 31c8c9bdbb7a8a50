"""From controls to numbers: how the model's expectations are tilted, and the bounds in steps.

All this follows from the controls alone, so it is worked out when a knob turns and not at every event.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.model.controls import Controls
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.vocabulary import PITCHES, VELOCITY_BINS, EventKind, Vocabulary

Tilts = tuple[tuple[slice, NDArray[np.float64]], ...]
"""Tokens of one kind of event, and what is added to their logits: nats, minus infinity for never."""

# The model hears itself and follows, so a little goes a long way. With these the shipped model plays 0.32, 0.54, 2.2
# and 4.6 times as many notes a second at densities of 0.25, 0.5, 2 and 4, 26 velocities softer and 23 louder with the
# loudness at its ends, 18 semitones lower and 16 higher with the register (`python -m tests.bench.knobs --streams 64`).
_DENSITY, _DENSITY_CUBED = 0.22, 0.18  # per e-fold of a shift's length, times the e-folds asked for and their cube
_LOUDNESS = 2.4  # from the middle velocity to the loudest
_REGISTER = 0.5  # per octave


@dataclass(frozen=True, slots=True, eq=False)
class Shaping:
    """Controls as the choosing rule applies them: the tilts of the knobs that are not neutral, the pitches (128,) that
    may be struck at all, the bounds in steps."""

    vocabulary: Vocabulary
    tilts: Tilts
    strikable: NDArray[np.bool_]
    polyphony: int
    min_note_steps: int
    max_note_steps: int
    min_gap_steps: int
    max_rest_steps: int

    def applied(self, logits: NDArray[np.float32], keyboard: Keyboard, temperature: float) -> NDArray[np.float32]:
        """What the model expects, `logits` (size,), as these controls have it; untouched where they are neutral.

        A tilted kind of event stays as likely as the model has it, and is tilted only in itself. Tilts would otherwise
        feed on themselves: louder velocities would make velocities likelier, a strike follows each, and at full
        loudness the shipped model played nearly three times as many notes. The chance of a strike too soon after its
        key's release goes to the shortest time shift. Spread over all that is left, it would mostly fall on wrong
        notes: a third of the shipped model's strikes come within 0.1 s, most of them pedalled keys struck again.
        """
        if self.tilts or self.min_gap_steps:
            logits = logits.copy()
        for tokens, tilt in self.tilts:
            tilted = logits[tokens] + temperature * tilt
            logits[tokens] = tilted + (_together(logits[tokens], temperature) - _together(tilted, temperature))
        if self.min_gap_steps:
            wait = self.vocabulary.tokens_of(EventKind.TIME_SHIFT).start
            early = self.strikable & ~keyboard.sounding & ~self.rested(keyboard)
            strikes = logits[self.vocabulary.tokens_of(EventKind.NOTE_ON)][early]
            logits[wait] = _together(np.append(strikes, logits[wait]), temperature)
        return logits

    def rested(self, keyboard: Keyboard) -> NDArray[np.bool_]:
        """The keys (128,) that were released long enough ago to be struck again."""
        return keyboard.released_step <= keyboard.step - self.min_gap_steps


@lru_cache(maxsize=64)
def shaped(controls: Controls, vocabulary: Vocabulary) -> Shaping:
    """The shaping of `controls`. A note lasts at least one step; bounds from below are rounded up."""
    rate = vocabulary.steps_per_second
    pitches = np.arange(PITCHES)
    in_range = (controls.lowest <= pitches) & (pitches <= controls.highest)
    min_note_steps = max(math.ceil(controls.min_note_s * rate), 1)
    return Shaping(
        vocabulary,
        _tilts(controls, vocabulary),
        in_range & (_weights(controls) > 0),
        controls.polyphony,
        min_note_steps,
        max(round(controls.max_note_s * rate), min_note_steps),
        math.ceil(controls.min_gap_s * rate),
        round(controls.max_rest_s * rate),
    )


def _tilts(controls: Controls, vocabulary: Vocabulary) -> Tilts:
    shifts = vocabulary.range_of(EventKind.TIME_SHIFT)
    e_folds = math.log(controls.density)
    octaves = (np.arange(PITCHES) - 64) / 12
    with np.errstate(divide="ignore"):
        log_weights = np.log(_weights(controls))
    tilts = {
        EventKind.TIME_SHIFT: -(_DENSITY * e_folds + _DENSITY_CUBED * e_folds**3)
        * np.log(np.arange(shifts.first, shifts.last + 1)),
        EventKind.VELOCITY: _LOUDNESS * controls.loudness * np.linspace(-1, 1, VELOCITY_BINS),
        EventKind.NOTE_ON: _REGISTER * controls.register * octaves + log_weights,
    }
    return tuple((vocabulary.tokens_of(kind), tilt) for kind, tilt in tilts.items() if tilt.any())


def _weights(controls: Controls) -> NDArray[np.float64]:
    return np.array(controls.pitch_classes, np.float64)[np.arange(PITCHES) % 12]


def _together(logits: NDArray[np.floating], temperature: float) -> float:
    """The one logit that is as likely as all these."""
    top = logits.max()
    with np.errstate(over="ignore"):  # as in `sample`
        weights = np.exp((logits - top).astype(np.float64) / temperature)
    return float(top + temperature * np.log(weights.sum()))
