"""A plain recurrent network, tanh cells and nothing else: the yardstick between a Markov chain and an LSTM.

It is told the last event and remembers what its cells hold; neither keys nor reminders.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.engines.base import Arrays, Logits, StepEngine, arrays_in, fingerprint
from perfrnn_live.engines.card import CARD, read_card
from perfrnn_live.errors import CheckpointMismatch
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.vocabulary import Vocabulary

KIND, WEIGHTS = "rnn", "weights.npz"
_MOST_BYTES = 200_000_000

Cells = NDArray[np.float32]


class RnnEngine(StepEngine[Cells]):
    """h' = tanh(`told`[token] + h @ `kept`); logits = h' @ `expects` + `always`. `told` is (symbols, cells), `kept`
    (cells, cells), `expects` (cells, size), `always` (size,); its state is h, (cells,)."""

    def __init__(self, vocabulary: Vocabulary, weights: Arrays, known: str) -> None:
        """Raises KeyError or ValueError if these are not the weights of such a network; `known` is its fingerprint."""
        self.vocabulary, self._known = vocabulary, known
        names = ("told", "kept", "expects", "always")
        self._told, self._kept, self._expects, self._always = (weights[name].astype(np.float32) for name in names)
        cells = len(self._kept)
        shapes = [each.shape for each in (self._told, self._kept, self._expects, self._always)]
        if shapes != [(vocabulary.inputs, cells), (cells, cells), (cells, vocabulary.size), (vocabulary.size,)]:
            raise ValueError(f"weights of shapes {shapes}")
        if not all(np.isfinite(each).all() for each in (self._told, self._kept, self._expects, self._always)):
            raise ValueError("weights that are no numbers")

    @classmethod
    def of(cls, folder: Path) -> RnnEngine:
        """The network in a model folder. Raises CheckpointMismatch."""
        card, path = read_card(folder), folder / WEIGHTS
        try:
            with path.open("rb") as file:
                weights = arrays_in(file, _MOST_BYTES)
            return cls(card.vocabulary, weights, fingerprint(path.read_bytes()))
        except Exception as error:  # numpy and zipfile raise whatever a broken file makes them trip over
            raise CheckpointMismatch(f"{path} is not what {CARD} says: {error}") from error

    @property
    def fingerprint(self) -> str:
        return self._known

    def start(self, streams: int) -> list[Cells]:
        return [np.zeros(len(self._kept), np.float32)] * streams

    def step(
        self, tokens: Sequence[int], states: Sequence[Cells], keyboards: Sequence[Keyboard]
    ) -> tuple[Logits, list[Cells]]:
        cells = np.tanh(self._told[list(tokens)] + np.stack(list(states)) @ self._kept)
        return np.asarray(cells @ self._expects + self._always), list(cells)

    def mixed(self, one: Cells, other: Cells, share: float) -> Cells:
        return ((1 - share) * one + share * other).astype(np.float32)

    def arrays(self, state: Cells) -> Arrays:
        return {"h": state}

    def state_of(self, arrays: Arrays) -> Cells:
        cells = np.asarray(arrays["h"], np.float32)
        if cells.shape != (len(self._kept),):
            raise ValueError(f"a state of {cells.shape} cells is not one of {len(self._kept)}")
        return cells
