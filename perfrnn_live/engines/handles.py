"""Handles: what a performer asks of the music to come, as the network is told it.

Every handle is a point between corners: a density lies between two of some densities, a composer is one of some
names, or between two. As a vector that is weights that add up to one, and a handle that is not given is weights of
nought: the "not given" of Magenta's Performance RNN, with no flag beside it. What each means is what it was taught
by: the notes that were to come in the recording.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.errors import BadValue
from perfrnn_live.music.composers import COMPOSERS

WINDOW_S = 3.0  # density, loudness and register are those of so long from now on
CLASSES_WINDOW_S = 5.0  # pitch classes likewise

DENSITIES = (1.0, 2.0, 3.0, 4.5, 6.0, 8.0, 10.0, 13.0, 17.0, 22.0, 30.0)  # notes struck a second
LOUDNESSES = (20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 95.0, 110.0)  # mean velocity
REGISTERS = (36.0, 44.0, 50.0, 55.0, 60.0, 65.0, 70.0, 76.0, 84.0)  # mean pitch
PITCH_CLASSES = 12
HANDLES = len(DENSITIES) + len(LOUDNESSES) + len(REGISTERS) + PITCH_CLASSES + len(COMPOSERS)

# How dense the next seconds are, or who composed them, says so little about the very next event that the model, which
# hears what it has played so far, would rather go on like that. Counted so many times more (as in Ho & Salimans 2022)
# they are obeyed; the other handles are as they are. Measured by `python -m tests.bench.knobs`.
STRESSED = ((slice(0, len(DENSITIES)), 2.0), (slice(HANDLES - len(COMPOSERS), HANDLES), 5.0))

Asked = NDArray[np.float32]  # (..., HANDLES)


@dataclass(frozen=True)
class Handles:
    """What is asked; None or empty is left to the model. Raises BadValue.

    `density` in notes a second, `loudness` as mean velocity, `register` as mean pitch; `pitch_classes` are 12 weights
    of C, C♯ … B, of which only the proportions count; `composers` are weights by name, likewise.
    """

    density: float | None = None
    loudness: float | None = None
    register: float | None = None
    pitch_classes: tuple[float, ...] | None = None
    composers: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        for name, value in (("density", self.density), ("loudness", self.loudness), ("register", self.register)):
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise BadValue(f"the {name} asked for must be a number from 0 up, not {value}")
        if self.pitch_classes is not None:
            _check_weights("pitch classes", self.pitch_classes)
            if len(self.pitch_classes) != PITCH_CLASSES:
                raise BadValue(f"there are 12 pitch classes, not {len(self.pitch_classes)}")
        if self.composers:
            _check_weights("composers", [weight for _, weight in self.composers])
        for name, _ in self.composers:
            if name not in COMPOSERS:
                raise BadValue(f"there is no composer {name!r} to ask for; there are {', '.join(COMPOSERS)}")

    @cached_property
    def terms(self) -> tuple[Asked, NDArray[np.float32]]:
        """What the network is to be told, (terms, HANDLES), and how often each counts, (terms,): all that is asked; and
        what a stressed handle alone changes, against nothing asked."""
        asked, counts = [self.asked], [1.0]
        for handle, stress in STRESSED:
            if self.asked[handle].any():
                alone = np.zeros_like(self.asked)
                alone[handle] = self.asked[handle]
                asked.append(alone)
                counts.append(stress)
        if len(asked) > 1:
            asked.append(np.zeros_like(self.asked))
            counts.append(1 - sum(counts))
        return np.stack(asked), np.array(counts, np.float32)

    @cached_property
    def asked(self) -> Asked:
        """As the network is told it, (HANDLES,); all nought if nothing is asked."""
        composers = np.zeros(len(COMPOSERS))
        for name, weight in self.composers:
            composers[COMPOSERS.index(name)] += weight
        none = np.nan
        measured = [none if value is None else value for value in (self.density, self.loudness, self.register)]
        classes = np.full(PITCH_CLASSES, none) if self.pitch_classes is None else np.array(self.pitch_classes)
        return asked(np.array([*measured, *classes]), composers)

    @property
    def anything(self) -> bool:
        """False if all is left to the model."""
        measured = (self.density, self.loudness, self.register, self.pitch_classes)
        return bool(self.composers) or any(each is not None for each in measured)


NOTHING = Handles()


def asked(measured: NDArray[np.floating], composers: NDArray[np.floating]) -> Asked:
    """What is measured or wished, (..., 15): density, loudness, register, 12 pitch classes, each NaN where not given;
    and weights of COMPOSERS, (..., 16), all 0 where not given → (..., HANDLES)."""
    parts = [
        _between(measured[..., place], corners) for place, corners in enumerate((DENSITIES, LOUDNESSES, REGISTERS))
    ]
    parts += [_proportions(np.nan_to_num(measured[..., 3:])), _proportions(composers)]
    return np.concatenate(parts, axis=-1).astype(np.float32)


def _between(values: NDArray[np.floating], corners: Sequence[float]) -> NDArray[np.floating]:
    """Weights of the corners on either side, (..., corners); beyond the ends the end's; all 0 for NaN."""
    weights = [np.interp(values, corners, corner) for corner in np.eye(len(corners))]
    return np.asarray(np.nan_to_num(np.stack(weights, axis=-1)))


def _proportions(weights: NDArray[np.floating]) -> NDArray[np.floating]:
    together = weights.sum(axis=-1, keepdims=True)
    return np.asarray(np.divide(weights, together, out=np.zeros(weights.shape), where=together > 0))


def _check_weights(what: str, weights: Sequence[float]) -> None:
    if not all(math.isfinite(weight) and weight >= 0 for weight in weights) or not any(weights):
        raise BadValue(f"weights of {what} are numbers from 0 up, at least one above, not {tuple(weights)}")
