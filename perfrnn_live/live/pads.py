"""Eight places in the music to go back to: snapshots of what the model remembers, ways between two, a file of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from perfrnn_live.engines.base import HiddenState
from perfrnn_live.errors import BadValue, CannotWrite
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.reminders import Strikes
from perfrnn_live.sampling.continuation import Moment

PADS = 8


class Pads:
    """Moments by number, 1 to 8, with every key released in them. They are one model's, `model` by name, and `save` to
    one file."""

    def __init__(self, model: str, path: Path) -> None:
        self.model = model
        self._path = path
        self._moments: dict[int, Moment] = {}
        self._used: list[int] = []  # each once, the latest last

    @property
    def filled(self) -> frozenset[int]:
        """The pads that hold something."""
        return frozenset(self._moments)

    def store(self, number: int, moment: Moment) -> None:
        """Keep a silent moment, in place of what the pad held."""
        self._moments[number] = moment
        self._use(number)

    def recall(self, number: int) -> Moment | None:
        """The moment on a pad; None if it is empty."""
        if number in self._moments:
            self._use(number)
        return self._moments.get(number)

    def morph(self, share: float) -> Moment | None:
        """A moment between the two pads used last, at `share` 0 the earlier one's; None with fewer than two.

        What the model remembers and expects is mixed in proportion; the keyboard is the nearer one's.
        """
        if len(self._used) < 2:
            return None
        one, other = (self._moments[number] for number in self._used[-2:])
        nearer = one if share < 0.5 else other
        state = HiddenState(_mixed(one.state.h, other.state.h, share), _mixed(one.state.c, other.state.c, share))
        logits, inner = _mixed(one.logits, other.logits, share), _mixed(one.inner, other.inner, share)
        return Moment(state, logits, inner, nearer.keyboard, nearer.velocity_set)

    def copy(self) -> Pads:
        """These pads as they are now."""
        pads = Pads(self.model, self._path)
        pads._moments, pads._used = dict(self._moments), list(self._used)
        return pads

    def save(self) -> Path:
        """Write all pads into the file; what was there stays whole until then. Raises CannotWrite."""
        path = self._path
        arrays: dict[str, Any] = {"model": np.array(self.model)}
        for number, moment in self._moments.items():
            arrays |= {f"{number}.{name}": array for name, array in _arrays(moment).items()}
        unfinished = path.with_suffix(".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as file:
                np.savez_compressed(file, **arrays)
            unfinished.replace(path)
        except OSError as error:
            raise CannotWrite(f"cannot write {path}: {error.strerror}") from error
        return path

    def load(self, path: Path) -> None:
        """Fill the pads from a file. Raises BadValue if it cannot be read or is another model's."""
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as loaded:
                arrays = {name: loaded[name] for name in loaded.files}
            model = str(arrays.pop("model"))
            numbers = sorted({int(name.partition(".")[0]) for name in arrays})
            moments = {number: _moment(arrays, number) for number in numbers if 1 <= number <= PADS}
        except Exception as error:  # numpy and zipfile raise whatever a broken file makes them trip over
            raise BadValue(f"{path} is not a file of pads") from error
        if model != self.model:
            raise BadValue(f"the pads in {path} are of the model {model!r}, not {self.model!r}")
        for number, moment in moments.items():
            self.store(number, moment)

    def _use(self, number: int) -> None:
        self._used = [each for each in self._used if each != number] + [number]


def _mixed(one: np.ndarray, other: np.ndarray, share: float) -> Any:
    return ((1 - share) * one + share * other).astype(np.float32)


def _arrays(moment: Moment) -> dict[str, Any]:
    keyboard, strikes = moment.keyboard, moment.keyboard.strikes
    return {
        "h": moment.state.h,
        "c": moment.state.c,
        "logits": moment.logits,
        "inner": moment.inner,
        "strikes": np.stack([strikes.pitch, strikes.step, strikes.velocity_bin]),
        "struck_step": keyboard.struck_step,
        "released_step": keyboard.released_step,
        "numbers": np.array([keyboard.step, keyboard.velocity_bin, moment.velocity_set]),
    }


def _moment(arrays: dict[str, Any], number: int) -> Moment:
    names = ("h", "c", "logits", "inner", "strikes", "struck_step", "released_step", "numbers")
    h, c, logits, inner, strikes, struck_step, released_step, numbers = (arrays[f"{number}.{name}"] for name in names)
    step, velocity_bin, velocity_set = map(int, numbers)
    silent = np.zeros(struck_step.shape, np.bool_)
    keyboard = Keyboard(step, velocity_bin, silent, struck_step, released_step, Strikes.of(*strikes))
    return Moment(HiddenState(h, c), logits, inner, keyboard, bool(velocity_set))
