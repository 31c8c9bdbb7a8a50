"""A decoder-only Transformer (Vaswani et al. 2017): each event looks back at the last `window` events.

How far back an event lies is told by a penalty on its distance (ALiBi: Press, Smith & Lewis 2022), so no place is
numbered and an evening is no longer than a phrase. Layers are normalised by their root mean square before they are
read, without biases.

Its state is what every layer kept of the events heard (a cache of keys and values), and yet a value: states that follow
each other share one stretch of memory, in which each sees as far as its own length. A step from a state that was taken
back to, when its successors have written on already, gets a copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.engines.arrays import model_in, shaped
from perfrnn_live.engines.base import Arrays, Logits, StepEngine
from perfrnn_live.engines.card import Card
from perfrnn_live.music.keyboard import Keyboard

KIND = "transformer"
_TINY = 1e-6

Numbers = NDArray[np.float32]


def slopes(heads: int) -> Numbers:
    """What each head takes from a score for every event of distance, (heads,): 2^-1 … 2^-8, as the paper has it."""
    return np.asarray(2.0 ** (-8 * np.arange(1, heads + 1) / heads), np.float32)


class _Stretch:
    """Memory for keys and values, each (layers, heads, room, width of a head), of which `filled` places are written."""

    def __init__(self, layers: int, heads: int, room: int, width: int) -> None:
        self.kept = np.zeros((2, layers, heads, room, width), np.float32)
        self.filled = 0


@dataclass(frozen=True, slots=True, eq=False)
class Cache:
    """The first `length` places of a stretch of memory."""

    stretch: _Stretch
    length: int

    def seen(self, window: int) -> Numbers:
        """The keys and values of the last `window` events at most, (2, layers, heads, events, width)."""
        return self.stretch.kept[:, :, :, max(self.length - window, 0) : self.length]

    def with_room(self, window: int) -> Cache:
        """The same music with a place more, to be written."""
        stretch, length = self.stretch, self.length
        if stretch.filled != length or length == stretch.kept.shape[3]:
            seen = self.seen(window - 1)  # the new event sees itself too
            _, layers, heads, length, width = seen.shape
            stretch = _Stretch(layers, heads, 2 * window, width)
            stretch.kept[:, :, :, :length] = seen
        stretch.filled = length + 1
        return Cache(stretch, length + 1)


@dataclass(frozen=True)
class _Layer:
    before: Numbers  # (width,)
    asks: Numbers  # (width, 3 × width): queries, keys and values of all heads
    hears: Numbers  # (width, width)
    between: Numbers  # (width,)
    up: Numbers  # (width, 4 × width)
    down: Numbers  # (4 × width, width)


class TransformerEngine(StepEngine[Cache]):
    """Steps a Transformer with one new event per stream."""

    def __init__(self, card: Card, weights: Arrays, known: str) -> None:
        """Raises KeyError, TypeError or ValueError if these are not the weights of what the card says; `known` is its
        fingerprint."""
        self.vocabulary, self._known = card.vocabulary, known
        names = ("layers", "width", "heads", "window")
        self._layer_count, width, self._heads, self._window = (int(card.network[name]) for name in names)
        if min(self._layer_count, width, self._heads) < 1 or self._window < 2 or width % self._heads:
            raise ValueError(f"a network of {card.network}")
        self._width = width
        self._told = shaped(weights, "told", self.vocabulary.inputs, width)
        self._layers = [
            _Layer(
                shaped(weights, f"{place}.before", width),
                shaped(weights, f"{place}.asks", width, 3 * width),
                shaped(weights, f"{place}.hears", width, width),
                shaped(weights, f"{place}.between", width),
                shaped(weights, f"{place}.up", width, 4 * width),
                shaped(weights, f"{place}.down", 4 * width, width),
            )
            for place in range(self._layer_count)
        ]
        self._last = shaped(weights, "last", width)
        self._expects = shaped(weights, "expects", width, self.vocabulary.size)
        self._penalties = slopes(self._heads)[:, None] * np.arange(1 - self._window, 1, dtype=np.float32)

    @classmethod
    def of(cls, folder: Path) -> TransformerEngine:
        """The network in a model folder. Raises CheckpointMismatch."""
        return model_in(folder, cls)

    @property
    def fingerprint(self) -> str:
        return self._known

    def start(self, streams: int) -> list[Cache]:
        return [Cache(self._stretch(), 0)] * streams

    def step(
        self, tokens: Sequence[int], states: Sequence[Cache], keyboards: Sequence[Keyboard]
    ) -> tuple[Logits, list[Cache]]:
        caches = [state.with_room(self._window) for state in states]
        music = self._told[list(tokens)]
        for place, layer in enumerate(self._layers):
            asked = (_normal(music) * layer.before) @ layer.asks
            asked = asked.reshape(len(caches), 3, self._heads, -1)
            heard = [self._attended(cache, place, *each) for cache, each in zip(caches, asked, strict=True)]
            music += np.stack(heard) @ layer.hears
            music += np.maximum((_normal(music) * layer.between) @ layer.up, 0) @ layer.down
        return np.asarray((_normal(music) * self._last) @ self._expects), caches

    def arrays(self, state: Cache) -> Arrays:
        return {"kept": state.seen(self._window)}

    def state_of(self, arrays: Arrays) -> Cache:
        kept, stretch = np.asarray(arrays["kept"], np.float32), self._stretch()
        length = kept.shape[3] if kept.ndim == 5 else 0
        if kept.shape != stretch.kept[:, :, :, :length].shape or length > self._window:
            raise ValueError(f"a state of the shape {kept.shape}")
        stretch.kept[:, :, :, :length], stretch.filled = kept, length
        return Cache(stretch, length)

    def _stretch(self) -> _Stretch:
        return _Stretch(self._layer_count, self._heads, 2 * self._window, self._width // self._heads)

    def _attended(self, cache: Cache, layer: int, query: Numbers, key: Numbers, value: Numbers) -> Numbers:
        """What all heads bring of the events seen, (width,), the newest among them, whose key and value are written."""
        last = cache.length - 1
        cache.stretch.kept[0, layer, :, last], cache.stretch.kept[1, layer, :, last] = key, value
        keys, values = cache.seen(self._window)[:, layer]
        scores = (keys @ query[:, :, None])[:, :, 0] / np.sqrt(query.shape[1])
        scores += self._penalties[:, -keys.shape[1] :]
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares = weights / weights.sum(axis=1, keepdims=True)
        return np.asarray((shares[:, None, :] @ values)[:, 0].ravel())


def _normal(music: Numbers) -> Numbers:
    return np.asarray(music / np.sqrt(np.mean(music * music, axis=-1, keepdims=True) + _TINY), np.float32)
