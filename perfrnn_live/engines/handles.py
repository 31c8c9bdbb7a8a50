"""Handles: what a performer asks of the music to come, as the network is told it.

Every handle is a point between corners: a density lies between two of some densities, a composer is one of some names,
or between two. It is written as weights of the corners that add up to one. A handle that is not given has only weights
of zero, so no flag has to say so (Magenta's Performance RNN has one). Its meaning was taught by the notes that were to
come in the recording. Which corners there are belongs to the model, so its card says it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.errors import BadValue
from perfrnn_live.music.composers import COMPOSERS

WINDOW_S = 3.0  # density, loudness, register and keys sounding are those of so long from now on
CLASSES_WINDOW_S = 5.0  # pitch classes likewise
HARMONY_WINDOW_S = 20.0  # a composer's pitch-class entropy is that of so long
PITCH_CLASSES = 12
_MEASURED = "density", "loudness", "register", "sounding"
_ENTROPY = "entropy"
_MANNER = (*_MEASURED, _ENTROPY)
_STRESSABLE = "density", "composers", "sounding"

Place = tuple[float, ...]  # in a model's latent space
Asked = NDArray[np.float32]  # (..., handles): weights of all the corners of a `HandleSpace`


@dataclass(frozen=True)
class Handles:
    """What is asked; None or empty is left to the model. Raises BadValue.

    `density` in notes a second, `loudness` as mean velocity, `register` as mean pitch; `pitch_classes` are 12 weights
    of C, C♯ … B, of which only the proportions count; `composers` are weights by name, likewise. `sounding` is how many
    keys sound on average, by hand or by pedal. `like` is the place of some music in the model's latent space, whose
    manner counts `likeness` times.
    """

    density: float | None = None
    loudness: float | None = None
    register: float | None = None
    pitch_classes: tuple[float, ...] | None = None
    composers: tuple[tuple[str, float], ...] = ()
    sounding: float | None = None
    like: Place | None = None
    likeness: float = 0.0

    def __post_init__(self) -> None:
        for name in _MEASURED:
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise BadValue(f"the {name} asked for must be a number from 0 up, not {value}")
        if not all(map(math.isfinite, (*(self.like or ()), self.likeness))):
            raise BadValue(f"a place in a latent space is numbers, not {self.like}, {self.likeness} times")
        if self.pitch_classes is not None:
            _check_weights("pitch classes", self.pitch_classes)
            if len(self.pitch_classes) != PITCH_CLASSES:
                raise BadValue(f"there are 12 pitch classes, not {len(self.pitch_classes)}")
        if self.composers:
            _check_weights("composers", [weight for _, weight in self.composers])

    @property
    def anything(self) -> bool:
        """False if all is left to the model."""
        measured = (getattr(self, name) for name in _MEASURED)
        return bool(self.composers) or any(each is not None for each in (*measured, self.pitch_classes))


NOTHING = Handles()


@dataclass(frozen=True)
class HandleSpace:
    """What a model can be asked for: the corners between which each handle lies, in the order in which the model knows
    them. A handle that the model does not have has no corners. Raises ValueError.

    `densities` in notes a second, `loudnesses` as mean velocities, `registers` as mean pitches, each ascending; after
    them come the 12 pitch classes, `composers` by name, and `soundings` as mean numbers of keys, ascending. `stress`:
    how many times more the handles density, composers and sounding are to count. `manners`: how dense, loud, high and
    so on a composer's recordings are, by the handles' names, and `entropy`, the bits of pitch-class entropy that their
    HARMONY_WINDOW_S have: asked for with the composer, where nothing else is.
    """

    densities: tuple[float, ...]
    loudnesses: tuple[float, ...]
    registers: tuple[float, ...]
    composers: tuple[str, ...]
    soundings: tuple[float, ...] = ()
    stress: Mapping[str, float] = field(default_factory=dict, hash=False)
    manners: Mapping[str, Mapping[str, float]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for corners in self._measured:
            if not all(math.isfinite(each) for each in corners) or list(corners) != sorted({*corners}):
                raise ValueError(f"corners must be different numbers in ascending order, not {corners}")
        if len({*self.composers}) != len(self.composers):
            raise ValueError(f"composers must be different names, not {self.composers}")
        for name, times in self.stress.items():
            if name not in _STRESSABLE or not math.isfinite(times):
                raise ValueError(f"{', '.join(_STRESSABLE)} can be stressed, each by a number, not {name} by {times}")
        for composer, manner in self.manners.items():
            numbers = all(math.isfinite(value) and value >= 0 for value in manner.values())
            if composer not in self.composers or not {*manner} <= {*_MANNER} or not numbers:
                raise ValueError(f"a manner is a composer's {', '.join(_MANNER)}, not {composer}: {manner}")

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> HandleSpace:
        """The space that a card describes. Raises KeyError, TypeError or ValueError."""
        densities, loudnesses, registers, soundings = (
            tuple(map(_number, _listed({"soundings": [], **fields}, name)))  # earlier models have no such handle
            for name in ("densities", "loudnesses", "registers", "soundings")
        )
        composers = tuple(_listed(fields, "composers"))
        if not all(isinstance(name, str) for name in composers):
            raise TypeError(f"composers must be names, not {composers}")
        stress = fields["stress"]
        if not isinstance(stress, dict):
            raise TypeError(f"stress must name handles, not {stress!r}")
        stressed = {name: _number(times) for name, times in stress.items()}
        manners = fields.get("manners", {})
        if not isinstance(manners, dict) or not all(isinstance(manner, dict) for manner in manners.values()):
            raise TypeError(f"manners must be by composer and handle, not {manners!r}")
        told = {
            composer: {name: _number(value) for name, value in manner.items()} for composer, manner in manners.items()
        }
        return cls(densities, loudnesses, registers, composers, soundings, stressed, told)

    def to_json(self) -> dict[str, Any]:
        """As a card says it; what a model has not got is left out of what later models have."""
        later = {
            "soundings": list(self.soundings),
            "manners": {name: dict(each) for name, each in self.manners.items()},
        }
        return {
            "densities": list(self.densities),
            "loudnesses": list(self.loudnesses),
            "registers": list(self.registers),
            "composers": list(self.composers),
            "stress": dict(self.stress),
            **{name: value for name, value in later.items() if value},
        }

    @property
    def text(self) -> str:
        """All of it in one line; equal spaces have equal lines."""
        return json.dumps(self.to_json(), sort_keys=True)

    @property
    def size(self) -> int:
        """Number of corners in all: handles as the network counts them."""
        return sum(map(len, self._measured)) + PITCH_CLASSES + len(self.composers)

    @property
    def unknown(self) -> tuple[str, ...]:
        """The handles that a model with these corners has not got, by name. Never the pitch classes."""
        known = {**dict(zip(_MEASURED, self._measured, strict=True)), "composer": self.composers}
        return tuple(name for name, corners in known.items() if not corners)

    def check(self, handles: Handles) -> None:
        """Raises BadValue on the first thing asked that such a model does not know. Pitch classes it is told in any
        case."""
        for name in _MEASURED:
            if getattr(handles, name) is not None and name in self.unknown:
                what = "so many keys sounding" if name == "sounding" else f"a {name}"
                raise BadValue(f"this model cannot be asked for {what}")
        for name, _ in handles.composers:
            if name not in self.composers:
                known = ", ".join(self.composers) or "none"
                raise BadValue(f"there is no composer {name!r} to ask this model for; there are {known}")

    def row(self, handles: Handles) -> Asked:
        """`handles` as the network is told them, (size,). What this model does not know is left out; all zeros if
        nothing is asked."""
        composers = np.zeros(len(self.composers))
        for name, weight in handles.composers:
            if name in self.composers:
                composers[self.composers.index(name)] += weight
        *wished, sounding = (self._wished(handles, name) for name in _MEASURED)
        classes = np.full(PITCH_CLASSES, np.nan) if handles.pitch_classes is None else np.array(handles.pitch_classes)
        return self.rows(np.array([*wished, *classes, sounding]), composers)

    def rows(self, measured: NDArray[np.floating], composers: NDArray[np.floating]) -> Asked:
        """What is measured or wished, (..., 16): density, loudness, register, 12 pitch classes, keys sounding, each NaN
        where not given; and weights of `composers`, all 0 where not given → (..., size)."""
        *corners, soundings = self._measured
        parts = [_between(measured[..., place], each) for place, each in enumerate(corners)]
        parts += [_proportions(np.nan_to_num(measured[..., 3 : 3 + PITCH_CLASSES])), _proportions(composers)]
        return np.concatenate([*parts, _between(measured[..., -1], soundings)], axis=-1).astype(np.float32)

    def terms(self, handles: Handles) -> tuple[Asked, NDArray[np.float32]]:
        """What the network is to be told, (terms, size), and how often each term counts, (terms,). The terms are all
        that is asked; each stressed handle alone; and nothing asked, which is subtracted. No terms if nothing is asked
        that the model knows."""
        row = self.row(handles)
        if not row.any():
            return np.zeros((0, self.size), np.float32), np.zeros(0, np.float32)
        asked, counts = [row], [1.0]
        for name, handle in self._stressable:
            if row[handle].any() and name in self.stress:
                alone = np.zeros_like(row)
                alone[handle] = row[handle]
                asked.append(alone)
                counts.append(self.stress[name])
        if len(asked) > 1:
            asked.append(np.zeros_like(row))
            counts.append(1 - sum(counts))
        return np.stack(asked), np.array(counts, np.float32)

    def _wished(self, handles: Handles, name: str) -> float:
        """What is asked for by that name; or else the manner of the composers who are asked for."""
        value = getattr(handles, name)
        return self._manner(handles, name) if value is None else float(value)

    def entropy_bits(self, handles: Handles) -> float | None:
        """The pitch-class entropy of the composers who are asked for; None if nobody's is known, or if pitch classes
        are asked for themselves."""
        bits = math.nan if handles.pitch_classes is not None else self._manner(handles, _ENTROPY)
        return None if math.isnan(bits) else bits

    def _manner(self, handles: Handles, name: str) -> float:
        """How the composers who are asked for are on the whole; or NaN."""
        known = [
            (weight, self.manners[who][name]) for who, weight in handles.composers if name in self.manners.get(who, {})
        ]
        together = sum(weight for weight, _ in known)
        return sum(weight * manner for weight, manner in known) / together if together else math.nan

    @property
    def _measured(self) -> tuple[tuple[float, ...], ...]:
        return self.densities, self.loudnesses, self.registers, self.soundings

    @property
    def _stressable(self) -> tuple[tuple[str, slice], ...]:
        """Where the handles lie that may be stressed."""
        composers_end = self.size - len(self.soundings)
        composers = slice(composers_end - len(self.composers), composers_end)
        places = slice(0, len(self.densities)), composers, slice(composers_end, None)
        return tuple(zip(_STRESSABLE, places, strict=True))


# What models are taught by from now on. How dense the next seconds are, or who composed them, says so little about the
# very next event that the model, which hears what it has played so far, would rather go on like that. Counted so many
# times more (as in Ho & Salimans 2022) they are obeyed; the other handles are as they are. Measured by
# `python -m tests.bench.knobs`.
TAUGHT = HandleSpace(
    densities=(1.0, 2.0, 3.0, 4.5, 6.0, 8.0, 10.0, 13.0, 17.0, 22.0, 30.0),
    loudnesses=(20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 95.0, 110.0),
    registers=(36.0, 44.0, 50.0, 55.0, 60.0, 65.0, 70.0, 76.0, 84.0),
    composers=COMPOSERS,
    soundings=(1.0, 2.0, 3.0, 4.0, 5.5, 7.5, 10.0, 14.0),
    stress={"density": 2.0, "composers": 5.0, "sounding": 4.0},
)


UNASKED = HandleSpace((), (), (), ())  # what an engine without handles knows


def _between(values: NDArray[np.floating], corners: Sequence[float]) -> NDArray[np.floating]:
    """Weights of the corners on either side, (..., corners); beyond the ends the end's; all 0 for NaN."""
    if not corners:
        return np.zeros((*values.shape, 0))
    weights = [np.interp(values, corners, corner) for corner in np.eye(len(corners))]
    return np.asarray(np.nan_to_num(np.stack(weights, axis=-1)))


def _proportions(weights: NDArray[np.floating]) -> NDArray[np.floating]:
    together = weights.sum(axis=-1, keepdims=True)
    return np.asarray(np.divide(weights, together, out=np.zeros(weights.shape), where=together > 0))


def _check_weights(what: str, weights: Sequence[float]) -> None:
    if not all(math.isfinite(weight) and weight >= 0 for weight in weights) or not any(weights):
        raise BadValue(f"weights of {what} are numbers from 0 up, at least one above, not {tuple(weights)}")


def _listed(fields: Mapping[str, Any], name: str) -> list[Any]:
    if not isinstance(fields[name], list):
        raise TypeError(f"{name} must be a list, not {fields[name]!r}")
    return list(fields[name])


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    return float(value)
