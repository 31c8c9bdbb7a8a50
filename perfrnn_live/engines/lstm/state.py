"""What an LSTM remembers, and what it is told of the past beside its events; torch and ONNX Runtime alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.engines.base import Arrays, Logits, StepEngine
from perfrnn_live.engines.handles import HandleSpace
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.vocabulary import Vocabulary

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class HiddenState:
    """One stream's: `h` and `c`, each (layers, 1, cells); and `inner` (cells,), what the last layer hands to the output
    and to whatever is asked. Never written to, so it may be a part of a whole batch's arrays."""

    h: Array
    c: Array
    inner: Array


@dataclass(frozen=True, slots=True, eq=False)
class HiddenStates(Sequence[HiddenState]):
    """Those of several streams as the network steps them: `h` and `c`, each (layers, streams, cells), and `inner`
    (streams, cells)."""

    h: Array
    c: Array
    inner: Array

    @classmethod
    def start(cls, layers: int, streams: int, cells: int) -> HiddenStates:
        """Before anything was heard: zeros."""
        h, c = np.zeros((2, layers, streams, cells), np.float32)
        return cls(h, c, np.zeros((streams, cells), np.float32))

    @classmethod
    def joined(cls, states: Sequence[HiddenState]) -> HiddenStates:
        """Many into one batch; nothing is copied where they are one already, or where there is one only."""
        if isinstance(states, HiddenStates):
            return states
        if len(states) == 1:
            return cls(states[0].h, states[0].c, states[0].inner[None])
        h, c = (np.concatenate(each, axis=1) for each in ([s.h for s in states], [s.c for s in states]))
        return cls(h, c, np.stack([each.inner for each in states]))

    def __len__(self) -> int:
        return len(self.inner)

    def __iter__(self) -> Iterator[HiddenState]:
        if len(self.inner) == 1:  # as it mostly is when playing: nothing to cut out
            return iter((HiddenState(self.h, self.c, self.inner[0]),))
        return (self[place] for place in range(len(self)))

    @overload
    def __getitem__(self, place: int) -> HiddenState: ...
    @overload
    def __getitem__(self, place: slice) -> HiddenStates: ...
    def __getitem__(self, place: int | slice) -> HiddenState | HiddenStates:
        if isinstance(place, slice):
            return HiddenStates(self.h[:, place], self.c[:, place], self.inner[place])
        if not -len(self) <= place < len(self):
            raise IndexError(f"there are {len(self)} streams, and none is number {place}")
        place %= len(self)
        return HiddenState(self.h[:, place : place + 1], self.c[:, place : place + 1], self.inner[place])


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """What the past of several streams tells beside their last events: `keys` (streams, 256), each
    `Keyboard.features`, and `reminders` (streams, REMINDERS), each `Keyboard.reminders`."""

    keys: Array
    reminders: NDArray[np.int64]

    @classmethod
    def of(cls, keyboards: Sequence[Keyboard], steps_per_second: int) -> Context:
        """The context that these keyboards give."""
        return cls(
            np.stack([keyboard.features(steps_per_second) for keyboard in keyboards]),
            np.stack([keyboard.reminders() for keyboard in keyboards]),
        )


class LstmEngine(StepEngine[HiddenState]):
    """All of stepping an LSTM but the matrix products, which a subclass brings as `_stepped` and `handled`."""

    def __init__(self, vocabulary: Vocabulary, layers: int, cells: int, handles: HandleSpace) -> None:
        self.vocabulary = vocabulary
        self._layers, self._cells, self._handles = layers, cells, handles

    @property
    def handles(self) -> HandleSpace:
        return self._handles

    def start(self, streams: int) -> HiddenStates:
        return HiddenStates.start(self._layers, streams, self._cells)

    def step(
        self, tokens: Sequence[int], states: Sequence[HiddenState], keyboards: Sequence[Keyboard]
    ) -> tuple[Logits, HiddenStates]:
        context = Context.of(keyboards, self.vocabulary.steps_per_second)
        return self._stepped(np.array(tokens, np.int64), context, HiddenStates.joined(states))

    def mixed(self, one: HiddenState, other: HiddenState, share: float) -> HiddenState:
        between = (
            ((1 - share) * a + share * b).astype(np.float32)
            for a, b in ((one.h, other.h), (one.c, other.c), (one.inner, other.inner))
        )
        return HiddenState(*between)

    def arrays(self, state: HiddenState) -> Arrays:
        return {"h": state.h, "c": state.c, "inner": state.inner}

    def state_of(self, arrays: Arrays) -> HiddenState:
        h, c, inner = (np.asarray(arrays[name], np.float32) for name in ("h", "c", "inner"))
        shapes, wanted = (h.shape, c.shape, inner.shape), (self._layers, 1, self._cells)
        if shapes != (wanted, wanted, wanted[2:]):
            raise ValueError(f"a state of shapes {shapes} is not one of {self._layers} layers of {self._cells} cells")
        return HiddenState(h, c, inner)

    def _stepped(
        self, tokens: NDArray[np.int64], context: Context, states: HiddenStates
    ) -> tuple[Logits, HiddenStates]:
        """One step of a batch: the logits (streams, size), and the new states in arrays of their own."""
        raise NotImplementedError
