"""A latent space: the manner of some music as a few numbers, and what these change in what an LSTM expects.

An encoder reads the last strikes and says where in the space they lie, as in a variational autoencoder (Kingma &
Welling 2014; MusicVAE, Roberts et al. 2018). Since places are held close to a normal distribution, what lies between
two of them is music too. The place says how somebody plays, not what: it is too small to hold any notes.

A model folder may have it or not; it changes nothing as long as no place is asked for.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.engines.arrays import shaped, weights_in
from perfrnn_live.engines.base import Arrays, Logits
from perfrnn_live.engines.handles import Place
from perfrnn_live.errors import CheckpointMismatch
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.vocabulary import PITCHES, VELOCITY_BINS

LATENT = "latent.npz"
NOTES = 96  # strikes that are read at once: about ten seconds
FEWEST_NOTES = 12
REACH = 2  # notes on either side that each layer of the encoder reads beside each
FURTHEST = 3.0  # from the middle, in each direction
# steps between strikes that are told apart
WAITS = (1, 2, 4, 7, 10, 14, 19, 25, 32, 40, 50, 64, 80, 100, 128, 160, 200, 300)
# steps that keys were held which are told apart
LENGTHS = (3, 6, 9, 13, 18, 25, 35, 50, 70, 100, 150, 220, 350)
UNKNOWN = -1  # how long a key was held that was struck again since
_MOST_BYTES = 50_000_000

# what each note is told as, and how many values that has
TOLD = {"pitch": PITCHES, "velocity": VELOCITY_BINS, "wait": len(WAITS) + 1, "held": len(LENGTHS) + 2}


class Latent:
    """`size` numbers are a place. Arrays: `pitch`, `velocity`, `wait` and `held`, each (values, width), are what each
    note is told as; `around.N` ((2 * REACH + 1) * width, width) the encoder's layers; `place` (2 * width, size). Then,
    for an LSTM of so many cells, `expected` (cells, hidden), `asked` (size, hidden), `hidden` (hidden, hidden) and
    `output` (hidden, events), each but `asked` with its bias, `….bias`."""

    def __init__(self, arrays: Arrays, cells: int, events: int) -> None:
        """Raises KeyError or ValueError if these are not such arrays."""
        (self.size, hidden), (_, width) = arrays["asked"].shape, arrays["pitch"].shape
        around = (2 * REACH + 1) * width
        self._note = tuple(shaped(arrays, name, count, width) for name, count in TOLD.items())
        self._around = [_product(arrays, f"around.{layer}", around, width) for layer in range(2)]
        self._place = _product(arrays, "place", 2 * width, self.size)
        self._asked = shaped(arrays, "asked", self.size, hidden)
        self._expected = _product(arrays, "expected", cells, hidden)
        self._hidden = _product(arrays, "hidden", hidden, hidden)
        self._output = _product(arrays, "output", hidden, events)

    @classmethod
    def beside(cls, folder: Path, cells: int, events: int) -> Latent | None:
        """That of a model folder, or None. Raises CheckpointMismatch."""
        path = folder / LATENT
        if not path.exists():
            return None
        try:
            return cls(weights_in(path, _MOST_BYTES), cells, events)
        except Exception as error:  # numpy and zipfile raise whatever a broken file makes them trip over
            raise CheckpointMismatch(f"{path} does not fit its model: {error}") from error

    def place_of(self, keyboard: Keyboard) -> Place | None:
        """Where the music of the last NOTES strikes lies; None after fewer than FEWEST_NOTES."""
        if len(keyboard.strikes.pitch) < FEWEST_NOTES:
            return None
        notes = notes_of(keyboard)
        x = np.asarray(sum(table[of] for table, of in zip(self._note, notes, strict=True)))
        for weight, bias in self._around:
            beside = np.pad(x, ((REACH, REACH), (0, 0)))
            near = [beside[place : place + len(x)] for place in range(2 * REACH + 1)]
            x = x + _silu(np.concatenate(near, axis=1) @ weight + bias)
        weight, bias = self._place
        place = np.concatenate([x.mean(axis=0), x.max(axis=0)]) @ weight + bias
        return tuple(np.clip(np.nan_to_num(place), -FURTHEST, FURTHEST).tolist())

    def added(self, inner: NDArray[np.float32], place: Place) -> Logits:
        """What to add to the logits, (events,), where the LSTM's last layer says `inner`, (cells,)."""
        (expected, first), (hidden, second), (output, third) = self._expected, self._hidden, self._output
        x = _silu(inner @ expected + first + np.array(place, np.float32) @ self._asked)
        return np.asarray(_silu(x @ hidden + second) @ output + third)


def notes_of(keyboard: Keyboard) -> tuple[NDArray[np.integer], ...]:
    """The last strikes, at most NOTES, as the encoder is told them."""
    strikes = keyboard.strikes
    pitch, step, velocity_bin = (each[-NOTES:] for each in (strikes.pitch, strikes.step, strikes.velocity_bin))
    ended = np.where(keyboard.sounding, step[-1], keyboard.released_step)[pitch]
    latest = keyboard.struck_step[pitch] == step
    return notes_read(pitch, step, velocity_bin, np.where(latest, np.minimum(ended, step[-1]) - step, UNKNOWN))


def notes_read(
    pitch: NDArray[np.integer],
    step: NDArray[np.integer],
    velocity_bin: NDArray[np.integer],
    held_steps: NDArray[np.integer],
) -> tuple[NDArray[np.integer], ...]:
    """Strikes, each (n,), as the encoder is told them: pitch, velocity bin, which of WAITS they waited for, and for
    which of LENGTHS they were held up to the last of them, if that is not UNKNOWN."""
    waited = np.searchsorted(WAITS, np.diff(step, prepend=step[:1]), side="right")
    held = np.searchsorted(LENGTHS, held_steps, side="right") + 1
    return pitch, velocity_bin, waited, np.where(held_steps == UNKNOWN, 0, held)


def _product(arrays: Arrays, name: str, inputs: int, outputs: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return shaped(arrays, name, inputs, outputs), shaped(arrays, f"{name}.bias", outputs)


def _silu(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(x / (1 + np.exp(-np.clip(x, -60, 60))))
