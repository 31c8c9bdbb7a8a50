"""Notes of a performance in seconds, and the conversions between seconds and steps, velocities and bins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.music.vocabulary import VELOCITY_BINS

_BIN_WIDTH = 128 // VELOCITY_BINS


@dataclass(frozen=True, slots=True)
class Note:
    """One sounding note. Times in seconds from the start of the performance; pitch 0–127, velocity 1–127."""

    onset_s: float
    offset_s: float
    pitch: int
    velocity: int


def duration_s(notes: Iterable[Note]) -> float:
    """When the last note ends, in seconds; 0 for no notes."""
    return max((note.offset_s for note in notes), default=0.0)


def without_pauses(
    times_s: NDArray[np.float64], strikes_s: NDArray[np.float64], longest_s: float
) -> NDArray[np.float64]:
    """Times in seconds on a clock that stands still from `longest_s` after each strike until the next one.

    `strikes_s` ascend; there is at least one, and no time is before it.
    """
    latest = np.searchsorted(strikes_s, times_s, side="right") - 1  # strike
    lost_s = np.cumsum(np.maximum(np.diff(strikes_s, prepend=strikes_s[0]) - longest_s, 0.0))
    stood_still_s = lost_s[latest] + np.maximum(times_s - strikes_s[latest] - longest_s, 0.0)
    return np.asarray(times_s - stood_still_s)


@overload
def seconds_to_step(time_s: float, steps_per_second: int) -> int: ...
@overload
def seconds_to_step(time_s: NDArray[np.float64], steps_per_second: int) -> NDArray[np.int64]: ...
def seconds_to_step(time_s: float | NDArray[np.float64], steps_per_second: int) -> int | NDArray[np.int64]:
    """The step nearest to an absolute time. Absolute times are rounded, never gaps: rounding gaps drifts."""
    if isinstance(time_s, np.ndarray):
        return (time_s * steps_per_second + 0.5).astype(np.int64)
    return int(time_s * steps_per_second + 0.5)


def step_to_seconds(step: int, steps_per_second: int) -> float:
    """The time of a step in seconds."""
    return step / steps_per_second


@overload
def velocity_to_bin(velocity: int) -> int: ...
@overload
def velocity_to_bin(velocity: NDArray[np.int64]) -> NDArray[np.int64]: ...
def velocity_to_bin(velocity: int | NDArray[np.int64]) -> int | NDArray[np.int64]:
    """The bin of a MIDI velocity 1–127: four velocities a bin."""
    return (velocity - 1) // _BIN_WIDTH


@overload
def bin_to_velocity(velocity_bin: int) -> int: ...
@overload
def bin_to_velocity(velocity_bin: NDArray[np.int64]) -> NDArray[np.int64]: ...
def bin_to_velocity(velocity_bin: int | NDArray[np.int64]) -> int | NDArray[np.int64]:
    """The velocity in the middle of a bin."""
    return velocity_bin * _BIN_WIDTH + _BIN_WIDTH // 2
