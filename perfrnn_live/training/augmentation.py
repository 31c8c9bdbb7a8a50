"""Transposition and time stretch on tokens, drawn afresh whenever a recording is (Oore et al. 2018, section 3.3), and
recordings entered in the middle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.music.codec import with_time_shifts
from perfrnn_live.music.vocabulary import PITCHES, EventKind, Vocabulary


@dataclass(frozen=True)
class Augmentation:
    """Semitones and stretch factors to draw from, each as likely as the other."""

    semitones: tuple[int, ...] = (0,)
    stretches: tuple[float, ...] = (1.0,)

    def draw(self, tokens: NDArray[np.int16], vocabulary: Vocabulary, rng: np.random.Generator) -> NDArray[np.int16]:
        """One variant of a recording."""
        tokens = transpose(tokens, int(rng.choice(self.semitones)), vocabulary)
        return stretch(tokens, float(rng.choice(self.stretches)), vocabulary)


AUGMENTATIONS = {
    "none": Augmentation(),
    "less": Augmentation(tuple(range(-4, 5)), (0.95, 0.975, 1.0, 1.025, 1.05)),
    "more": Augmentation(tuple(range(-5, 7)), (0.9, 0.925, 0.95, 0.975, 1.0, 1.025, 1.05, 1.075, 1.1)),
}


def transpose(tokens: NDArray[np.int16], semitones: int, vocabulary: Vocabulary) -> NDArray[np.int16]:
    """All notes moved by `semitones`; unchanged if one would leave the 128 pitches."""
    moved = tokens.copy()
    for kind in (EventKind.NOTE_ON, EventKind.NOTE_OFF):
        span = vocabulary.tokens_of(kind)
        notes = (tokens >= span.start) & (tokens < span.stop)
        pitches = tokens[notes] - span.start + semitones
        if pitches.size and not 0 <= pitches.min() <= pitches.max() < PITCHES:
            return tokens
        moved[notes] = pitches + span.start
    return moved


def stretch(tokens: NDArray[np.int16], factor: float, vocabulary: Vocabulary) -> NDArray[np.int16]:
    """All absolute times multiplied by `factor` and rounded to steps again, then differenced."""
    if factor == 1.0:
        return tokens
    shift = vocabulary.tokens_of(EventKind.TIME_SHIFT)
    is_shift = (tokens >= shift.start) & (tokens < shift.stop)
    steps = np.floor(np.cumsum(np.where(is_shift, tokens.astype(np.int64) - shift.start + 1, 0)) * factor + 0.5)
    return with_time_shifts(tokens[~is_shift], steps[~is_shift].astype(np.int64), vocabulary).astype(np.int16)


def entered(tokens: NDArray[np.int16], place: int, vocabulary: Vocabulary) -> NDArray[np.int16]:
    """A recording from its first strike at or after `place` on, as somebody hears it who comes in there.

    The releases of what was struck before are left out, and the velocity in force comes first. Empty if there is no
    such strike.
    """
    on, off = vocabulary.tokens_of(EventKind.NOTE_ON), vocabulary.tokens_of(EventKind.NOTE_OFF)
    velocity = vocabulary.tokens_of(EventKind.VELOCITY)
    strikes = np.flatnonzero((tokens[place:] >= on.start) & (tokens[place:] < on.stop))
    if not len(strikes):
        return tokens[:0]
    place += int(strikes[0])
    before, rest = tokens[:place], tokens[place:]
    struck = np.bincount(before[(before >= on.start) & (before < on.stop)] - on.start, minlength=PITCHES)
    released = np.bincount(before[(before >= off.start) & (before < off.stop)] - off.start, minlength=PITCHES)
    ends = [np.flatnonzero(rest == off.start + pitch)[:1] for pitch in np.flatnonzero(struck > released)]
    in_force = before[(before >= velocity.start) & (before < velocity.stop)][-1:]
    return np.concatenate([in_force, np.delete(rest, np.concatenate([np.zeros(0, np.int64), *ends]))])
