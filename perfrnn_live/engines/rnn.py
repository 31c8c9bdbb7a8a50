"""A plain recurrent network, tanh cells and nothing else: the yardstick between a Markov chain and an LSTM.

It is told the last event and remembers what its cells hold; neither keys nor reminders.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.engines.arrays import model_in, shaped
from perfrnn_live.engines.base import Arrays, Logits, StepEngine
from perfrnn_live.engines.card import Card
from perfrnn_live.music.keyboard import Keyboard

KIND = "rnn"

Cells = NDArray[np.float32]


class RnnEngine(StepEngine[Cells]):
    """h' = tanh(`told`[token] + h @ `kept`); logits = h' @ `expects` + `always`. `told` is (symbols, cells), `kept`
    (cells, cells), `expects` (cells, size), `always` (size,); its state is h, (cells,)."""

    def __init__(self, card: Card, weights: Arrays, known: str) -> None:
        """Raises KeyError, TypeError or ValueError if these are not the weights of what the card says; `known` is its
        fingerprint."""
        self.vocabulary, self._known = card.vocabulary, known
        cells, size = int(card.network["cells"]), self.vocabulary.size
        self._told = shaped(weights, "told", self.vocabulary.inputs, cells)
        self._kept = shaped(weights, "kept", cells, cells)
        self._expects = shaped(weights, "expects", cells, size)
        self._always = shaped(weights, "always", size)

    @classmethod
    def of(cls, folder: Path) -> RnnEngine:
        """The network in a model folder. Raises CheckpointMismatch."""
        return model_in(folder, cls)

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
