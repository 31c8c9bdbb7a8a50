"""Two networks that read frames: an LSTM, and a stack of dilated causal convolutions.

The convolutions are WaveNet's (van den Oord et al. 2016), two frames wide: layer by layer they look back 1, 2, 4 …
frames, and add what they see, as far as a gate lets it through, to what is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.engines.arrays import model_in, shaped
from perfrnn_live.engines.base import Arrays
from perfrnn_live.engines.card import Card
from perfrnn_live.engines.frames import Chances, FrameEngine
from perfrnn_live.music.vocabulary import PITCHES

LSTM, CONVOLUTIONS = "roll-lstm", "roll-convolutions"

Numbers = NDArray[np.float32]
Rows = tuple[Numbers, ...]


def lstm(folder: Path) -> FrameEngine[Rows]:
    """The LSTM in a model folder. Raises CheckpointMismatch."""
    return model_in(folder, lambda card, weights, known: FrameEngine(card.vocabulary, RollLstm(card, weights), known))


def convolutions(folder: Path) -> FrameEngine[Rows]:
    """The convolutions in a model folder. Raises CheckpointMismatch."""
    return model_in(
        folder, lambda card, weights, known: FrameEngine(card.vocabulary, RollConvolutions(card, weights), known)
    )


@dataclass(frozen=True)
class _Remembering:
    """A memory that is arrays of known shapes."""

    shapes: tuple[tuple[int, ...], ...]

    def nothing(self) -> Rows:
        return tuple(np.zeros(shape, np.float32) for shape in self.shapes)

    def arrays(self, memory: Rows) -> Arrays:
        return {f"memory.{place}": each for place, each in enumerate(memory)}

    def memory_of(self, arrays: Arrays) -> Rows:
        return tuple(shaped(arrays, f"memory.{place}", *shape) for place, shape in enumerate(self.shapes))


class RollLstm(_Remembering):
    """`layers` of LSTM cells. The memory is h and c of each layer, (2, cells)."""

    def __init__(self, card: Card, weights: Arrays) -> None:
        """Raises KeyError, TypeError or ValueError if these are not the weights of what the card says."""
        layers, cells = int(card.network["layers"]), int(card.network["cells"])
        super().__init__(((2, cells),) * layers)
        self._layers = [
            (
                shaped(weights, f"{place}.told", cells if place else PITCHES, 4 * cells),
                shaped(weights, f"{place}.kept", cells, 4 * cells),
                shaped(weights, f"{place}.always", 4 * cells),
            )
            for place in range(layers)
        ]
        self._expects, self._always = shaped(weights, "expects", cells, PITCHES), shaped(weights, "always", PITCHES)

    def next(self, memory: Rows, frame: NDArray[np.bool_]) -> tuple[Rows, Chances]:
        music, after = frame.astype(np.float32), []
        for (told, kept, always), (h, c) in zip(self._layers, memory, strict=True):
            lets_in, keeps, new, lets_out = np.split(music @ told + h @ kept + always, 4)
            c = _sigmoid(keeps) * c + _sigmoid(lets_in) * np.tanh(new)
            music = _sigmoid(lets_out) * np.tanh(c)
            after.append(np.stack([music, c]))
        return tuple(after), _sigmoid(music @ self._expects + self._always)


class RollConvolutions(_Remembering):
    """`layers` of gated convolutions with `channels`. The memory is what each layer was told of late, (frames that it
    looks back, channels), the oldest first."""

    def __init__(self, card: Card, weights: Arrays) -> None:
        """Raises KeyError, TypeError or ValueError if these are not the weights of what the card says."""
        layers, channels = int(card.network["layers"]), int(card.network["channels"])
        super().__init__(tuple((2**place, channels) for place in range(layers)))
        self._told = shaped(weights, "told", PITCHES, channels)
        self._layers = [
            (
                shaped(weights, f"{place}.before", channels, 2 * channels),
                shaped(weights, f"{place}.now", channels, 2 * channels),
                shaped(weights, f"{place}.always", 2 * channels),
            )
            for place in range(layers)
        ]
        self._expects, self._always = shaped(weights, "expects", channels, PITCHES), shaped(weights, "always", PITCHES)

    def next(self, memory: Rows, frame: NDArray[np.bool_]) -> tuple[Rows, Chances]:
        music, after = frame.astype(np.float32) @ self._told, []
        for (before, now, always), told in zip(self._layers, memory, strict=True):
            after.append(np.concatenate([told[1:], music[None]]))
            seen, gate = np.split(told[0] @ before + music @ now + always, 2)
            music = music + np.tanh(seen) * _sigmoid(gate)
        return tuple(after), _sigmoid(np.maximum(music, 0) @ self._expects + self._always)


def _sigmoid(values: Numbers) -> Numbers:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * values)), np.float32)
