"""Markov chains: what followed the last event, or the last two, in the music that was counted.

An order is smoothed by the one below it (Witten & Bell 1991): the more different events followed a context, the more is
left to what follows the shorter one; below the first order all events are equally likely.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.engines.arrays import model_in
from perfrnn_live.engines.base import Arrays, Logits, StepEngine
from perfrnn_live.engines.card import Card
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.vocabulary import Vocabulary

KIND, COUNTS = "markov", "counts.npz"
ORDERS = (1, 2)

Context = tuple[int, ...]


class Table:
    """How often each event followed each context of one length: context `contexts[i]` was followed `counts[j]` times by
    `events[j]`, for j from `starts[i]` to `starts[i + 1]`."""

    def __init__(
        self, contexts: NDArray[Any], starts: NDArray[Any], events: NDArray[Any], counts: NDArray[Any]
    ) -> None:
        """Raises ValueError if these do not belong together."""
        self.contexts, self.starts = contexts.astype(np.int64), starts.astype(np.int64)
        self.events, self.counts = events.astype(np.int64), counts.astype(np.float64)
        ascending = (np.diff(self.contexts) > 0).all() and (np.diff(self.starts) > 0).all()
        if not (ascending and len(self.starts) == len(self.contexts) + 1 and self.starts[0] == 0):
            raise ValueError("contexts that are in no order")
        if not self.starts[-1] == len(self.events) == len(self.counts) or (self.counts <= 0).any():
            raise ValueError("counts that are none")

    @classmethod
    def of(cls, contexts: NDArray[np.int64], events: NDArray[np.int64], size: int) -> Table:
        """Count them, event by event."""
        both, counts = np.unique(contexts * size + events, return_counts=True)
        known, starts = np.unique(both // size, return_index=True)
        return cls(known, np.append(starts, len(both)), both % size, counts)

    def smooth(self, context: int, chances: NDArray[np.float64]) -> NDArray[np.float64]:
        """What follows a context, where the `chances` (size,) are those of a shorter one."""
        place = int(np.searchsorted(self.contexts, context))
        if place == len(self.contexts) or self.contexts[place] != context:
            return chances
        rows = slice(self.starts[place], self.starts[place + 1])
        counts = self.counts[rows]
        kinds = len(counts)
        mixed = chances * kinds
        mixed[self.events[rows]] += counts
        return np.asarray(mixed / (counts.sum() + kinds))


class MarkovEngine(StepEngine[Context]):
    """A chain of the order of its tables; its state is the last events."""

    def __init__(self, vocabulary: Vocabulary, tables: Sequence[Table], known: str) -> None:
        """`tables` of contexts of one event, of two and so on; `known` is its fingerprint."""
        self.vocabulary, self._tables, self._known = vocabulary, tables, known

    @classmethod
    def of(cls, folder: Path) -> MarkovEngine:
        """The chain in a model folder. Raises CheckpointMismatch."""
        return model_in(folder, cls._made, COUNTS)

    @classmethod
    def _made(cls, card: Card, arrays: Arrays, known: str) -> MarkovEngine:
        order, names = int(card.network["order"]), ("contexts", "starts", "events", "counts")
        if order not in ORDERS:
            raise ValueError(f"the order is {order}")
        tables = [Table(*(arrays[f"{length}.{name}"] for name in names)) for length in range(1, order + 1)]
        if any((table.events >= card.vocabulary.size).any() or table.events.min() < 0 for table in tables):
            raise ValueError("events of another vocabulary")
        return cls(card.vocabulary, tables, known)

    @property
    def fingerprint(self) -> str:
        return self._known

    def start(self, streams: int) -> list[Context]:
        return [()] * streams

    def step(
        self, tokens: Sequence[int], states: Sequence[Context], keyboards: Sequence[Keyboard]
    ) -> tuple[Logits, list[Context]]:
        order = len(self._tables)
        after = [(*state, token)[-order:] for state, token in zip(states, tokens, strict=True)]
        return np.stack([self._logits(context) for context in after]), after

    def arrays(self, state: Context) -> Arrays:
        return {"last": np.array(state, np.int64)}

    def state_of(self, arrays: Arrays) -> Context:
        last = tuple(arrays["last"].astype(np.int64).tolist())
        if len(last) > len(self._tables) or not all(0 <= token < self.vocabulary.inputs for token in last):
            raise ValueError(f"{last} are no last events")
        return last

    def _logits(self, context: Context) -> NDArray[np.float32]:
        chances = np.full(self.vocabulary.size, 1 / self.vocabulary.size)
        for length, table in enumerate(self._tables[: len(context)], 1):
            chances = table.smooth(number_of(context[-length:], self.vocabulary.inputs), chances)
        return np.asarray(np.log(chances), np.float32)


def number_of(context: Context, symbols: int) -> int:
    """A context as one number."""
    number = 0
    for token in context:
        number = number * symbols + token
    return number
