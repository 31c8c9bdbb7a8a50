"""Musical statistics of excerpts: nine after Yang & Lerch (2020, On the evaluation of generative models in music), and
some of what performances have beside. Each is a number or a vector; what is a histogram adds up to 1.

Yang & Lerch count transitions; here they are shares, so that they say nothing of how many notes there are. Their note
lengths are parts of a bar. A performance has none, so there are twelve classes of length, whose bounds go up from 31 ms
to 4 s, each 2 ** 0.7 times the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.evaluation.excerpts import Excerpt
from perfrnn_live.evaluation.patterns import CHORD_S, between_strikes, repeated
from perfrnn_live.music.scales import SCALES

_CLASSES = 12
_LENGTHS_S = 2.0 ** (np.arange(_CLASSES - 1) * 0.7 - 5)  # where one class of length ends and the next begins
_PATTERN = 4  # intervals

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Statistic:
    """A statistic by its name; `of` an excerpt of at least two notes it is a vector (n,), n being 1 for a number."""

    name: str
    of: Callable[[Excerpt], Values]
    unit: str = ""


def _pitch_count(excerpt: Excerpt) -> Values:
    return _number(len(np.unique(excerpt.pitch)))


def _pitch_classes(excerpt: Excerpt) -> Values:
    return _shares(excerpt.pitch % _CLASSES, _CLASSES)


def _class_transitions(excerpt: Excerpt) -> Values:
    return _transitions(excerpt.pitch % _CLASSES)


def _pitch_range(excerpt: Excerpt) -> Values:
    return _number(int(np.ptp(excerpt.pitch)))


def _mean_interval(excerpt: Excerpt) -> Values:
    return _number(np.abs(np.diff(excerpt.pitch)).mean())


def _note_count(excerpt: Excerpt) -> Values:
    return _number(len(excerpt))


def _between_onsets(excerpt: Excerpt) -> Values:
    """The mean time from note to note; that of a chord's notes is 0."""
    return _number(np.diff(excerpt.onset_s).mean())


def _note_lengths(excerpt: Excerpt) -> Values:
    return _shares(_length_classes(excerpt), _CLASSES)


def _length_transitions(excerpt: Excerpt) -> Values:
    return _transitions(_length_classes(excerpt))


def _velocity(excerpt: Excerpt) -> Values:
    return _number(excerpt.velocity.mean())


def _velocity_spread(excerpt: Excerpt) -> Values:
    return _number(excerpt.velocity.std())


def _keys_sounding(excerpt: Excerpt) -> Values:
    return _number((excerpt.end - excerpt.onset).sum() / excerpt.steps)


def _in_chords(excerpt: Excerpt) -> Values:
    """The share of strikes within 24 ms of another."""
    near = np.diff(excerpt.onset_s) <= CHORD_S
    return _number((np.append(near, False) | np.append(False, near)).mean())


def _in_best_key(excerpt: Excerpt) -> Values:
    """The share of notes in the major or minor scale that has the most of them."""
    shares = _pitch_classes(excerpt)
    return _number(min(max(shares[list(classes)].sum() for classes in SCALES.values()), 1.0))  # sums are rounded


def _repetition(excerpt: Excerpt) -> Values:
    """The share of patterns of four intervals that were heard before in the excerpt."""
    return _number(repeated(between_strikes(excerpt.onset_s, excerpt.pitch), _PATTERN))


def _silence(excerpt: Excerpt) -> Values:
    """The share of time in which no key sounds."""
    changes = np.zeros(excerpt.steps + 1, np.int64)
    np.add.at(changes, excerpt.onset, 1)
    np.add.at(changes, excerpt.end, -1)
    return _number((np.cumsum(changes)[:-1] == 0).mean())


def _number(value: float) -> Values:
    return np.array([value], np.float64)


def _shares(values: NDArray[np.int64], size: int) -> Values:
    return np.bincount(values, minlength=size) / max(len(values), 1)


def _transitions(classes: NDArray[np.int64]) -> Values:
    return _shares(classes[:-1] * _CLASSES + classes[1:], _CLASSES**2)


def _length_classes(excerpt: Excerpt) -> NDArray[np.int64]:
    return np.asarray(np.digitize((excerpt.end - excerpt.onset) * excerpt.step_s, _LENGTHS_S), np.int64)


STATISTICS = (
    Statistic("pitch count", _pitch_count, "keys"),
    Statistic("pitch classes", _pitch_classes),
    Statistic("pitch-class transitions", _class_transitions),
    Statistic("pitch range", _pitch_range, "semitones"),
    Statistic("mean interval", _mean_interval, "semitones"),
    Statistic("note count", _note_count, "notes"),
    Statistic("time between onsets", _between_onsets, "s"),
    Statistic("note lengths", _note_lengths),
    Statistic("note-length transitions", _length_transitions),
    Statistic("velocity", _velocity),
    Statistic("velocity spread", _velocity_spread),
    Statistic("keys sounding", _keys_sounding, "keys"),
    Statistic("strikes in chords", _in_chords),
    Statistic("notes in the best key", _in_best_key),
    Statistic("repetition", _repetition),
    Statistic("silence", _silence),
)


def measured(excerpts: Sequence[Excerpt]) -> dict[str, Values]:
    """Every statistic of every excerpt, (excerpts, n), by name."""
    return {each.name: np.stack([each.of(excerpt) for excerpt in excerpts]) for each in STATISTICS}
