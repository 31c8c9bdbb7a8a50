"""Segments of many recordings side by side, each following on from the last, so that the hidden state is carried."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.training.augmentation import Augmentation
from perfrnn_live.training.corpus import TokenCorpus

IGNORE = -100  # a target that counts for nothing: the padding after a recording's end


@dataclass(frozen=True)
class Batch:
    """Arrays (streams, segment): `inputs` begin with the start symbol, `targets` are one event ahead.

    `fresh` (streams,) marks the streams that begin a recording here and need a new hidden state.
    """

    inputs: NDArray[np.int64]
    targets: NDArray[np.int64]
    fresh: NDArray[np.bool_]


@dataclass
class CarriedBatches:
    """An endless supply of batches. Which recording is drawn as the n-th, and how it is augmented, follows from `seed`
    and n alone, so `drawn` (the next n) and `places` are all that a resumed run needs. Of several processes, each
    begins with `drawn` at its rank and draws every `stride`-th."""

    corpus: TokenCorpus
    streams: int
    segment: int
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 0
    drawn: int = 0
    stride: int = 1
    places: list[tuple[int, int]] = field(default_factory=list)  # (n of the recording, events of it already used)

    def __post_init__(self) -> None:
        self._playing: dict[int, NDArray[np.int64]] = {}
        if not self.places:
            self.places = [(self._draw(), 0) for _ in range(self.streams)]

    def next(self) -> Batch:
        """The next segment of every stream."""
        start = self.corpus.vocabulary.start
        inputs = np.full((self.streams, self.segment), start, np.int64)
        targets = np.full((self.streams, self.segment), IGNORE, np.int64)
        fresh = np.zeros(self.streams, np.bool_)
        for row, (n, place) in enumerate(self.places):
            tokens = self._recording(n)
            if place >= len(tokens):
                del self._playing[n]
                n, place = self._draw(), 0
                tokens = self._recording(n)
            fresh[row] = place == 0
            target = tokens[place : place + self.segment]
            targets[row, : len(target)] = target
            source = tokens[max(place - 1, 0) : place + len(target) - 1]
            inputs[row, len(target) - len(source) : len(target)] = source
            self.places[row] = (n, place + len(target))
        return Batch(inputs, targets, fresh)

    def _draw(self) -> int:
        self.drawn += self.stride
        return self.drawn - self.stride

    def _recording(self, n: int) -> NDArray[np.int64]:
        if n not in self._playing:
            epoch, turn = divmod(n, len(self.corpus))
            order = np.random.default_rng((self.seed, epoch)).permutation(len(self.corpus))
            rng = np.random.default_rng((self.seed, epoch, turn))
            tokens = self.augmentation.draw(self.corpus.recording(int(order[turn])), self.corpus.vocabulary, rng)
            self._playing[n] = tokens.astype(np.int64)
        return self._playing[n]
