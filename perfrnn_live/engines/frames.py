"""Music as frames, twenty a second: which keys sound in each. What came before events, playable like them.

A *roll* network reads one frame after the other and says how likely each key is to sound in the next. Its music has no
loudness, and a note is one run of frames, so none is struck twice in a row and none begins between two frames.

To the rest of the program it is an engine of events like any other. Where a frame begins, each key may change, in the
order of pitch, with the chance that the network gives it; then time goes on to the next frame. So the chance of an
event is that of its key's change times that of no change in the keys below it that are still to be decided; the
product over a frame is exactly the network's chance of the frame. Events that no frame of its own would hold (somebody
else's, between two frames) are heard, and have a very small chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.engines.base import Arrays, Logits, StepEngine
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.vocabulary import PITCHES, VELOCITY_AT_FIRST, EventKind, Vocabulary

FRAMES_PER_SECOND = 20
_SURPRISE = 1e-4  # the chance, all in all, of what no frame of its own would hold

Memory = TypeVar("Memory")
Chances = NDArray[np.float32]  # (128,)


class RollNetwork(Protocol[Memory]):
    """What reads frames."""

    def nothing(self) -> Memory:
        """Before the first frame."""
        ...

    def next(self, memory: Memory, frame: NDArray[np.bool_]) -> tuple[Memory, Chances]:
        """Read a frame, (128,), of which `memory` is left as it was; and how likely each key sounds in the next."""
        ...

    def arrays(self, memory: Memory) -> Arrays:
        """The memory as arrays by name."""
        ...

    def memory_of(self, arrays: Arrays) -> Memory:
        """The memory that `arrays` were made of. Raises KeyError or ValueError."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Framed(Generic[Memory]):
    """Within a frame: what the network remembers of those before, the chances of this one, and which keys were struck
    in it. Keys from `undecided` on may still change; `passed` is how much of it is over, as steps × frames a second."""

    memory: Memory
    chances: Chances
    struck: NDArray[np.bool_]
    undecided: int
    passed: int


class FrameEngine(StepEngine[Framed[Memory]]):
    """Plays a roll network event by event."""

    def __init__(self, vocabulary: Vocabulary, network: RollNetwork[Memory], known: str) -> None:
        """`known` is the network's fingerprint."""
        self.vocabulary, self._network, self._known = vocabulary, network, known
        tokens_of = vocabulary.tokens_of
        self._on, self._off = tokens_of(EventKind.NOTE_ON), tokens_of(EventKind.NOTE_OFF)
        self._shift, self._velocity = tokens_of(EventKind.TIME_SHIFT), tokens_of(EventKind.VELOCITY)

    @property
    def fingerprint(self) -> str:
        return self._known

    def start(self, streams: int) -> list[Framed[Memory]]:
        memory, chances = self._network.next(self._network.nothing(), np.zeros(PITCHES, np.bool_))
        return [Framed(memory, chances, np.zeros(PITCHES, np.bool_), 0, 0)] * streams

    def step(
        self, tokens: Sequence[int], states: Sequence[Framed[Memory]], keyboards: Sequence[Keyboard]
    ) -> tuple[Logits, list[Framed[Memory]]]:
        after = [self._heard(*each) for each in zip(tokens, states, keyboards, strict=True)]
        return np.stack([self._logits(*each) for each in zip(after, keyboards, strict=True)]), after

    def arrays(self, state: Framed[Memory]) -> Arrays:
        place = np.array([state.undecided, state.passed])
        return {"chances": state.chances, "struck": state.struck, "place": place, **self._network.arrays(state.memory)}

    def state_of(self, arrays: Arrays) -> Framed[Memory]:
        chances, struck = arrays["chances"].astype(np.float32), arrays["struck"].astype(np.bool_)
        undecided, passed = (int(each) for each in arrays["place"])
        within = 0 <= undecided <= PITCHES and 0 <= passed < self.vocabulary.steps_per_second
        if not (chances.shape == struck.shape == (PITCHES,) and within):
            raise ValueError("no place in a frame")
        return Framed(self._network.memory_of(arrays), chances, struck, undecided, passed)

    def _heard(self, token: int, state: Framed[Memory], keyboard: Keyboard) -> Framed[Memory]:
        """The state after an event, or after a symbol that is none."""
        if token >= self.vocabulary.size:
            return state
        event = self.vocabulary.events[token]
        if event.kind is EventKind.TIME_SHIFT:
            return self._later(event.value, state, keyboard.sounding)
        if event.kind is EventKind.VELOCITY:
            return state
        struck = state.struck
        if event.kind is EventKind.NOTE_ON:
            struck = struck.copy()
            struck[event.value] = True
        return replace(state, struck=struck, undecided=max(state.undecided, event.value + 1))

    def _later(self, steps: int, state: Framed[Memory], sounding: NDArray[np.bool_]) -> Framed[Memory]:
        frames, passed = divmod(state.passed + steps * FRAMES_PER_SECOND, self.vocabulary.steps_per_second)
        if not frames:
            return replace(state, undecided=PITCHES, passed=passed)
        memory, chances = self._network.next(state.memory, sounding | state.struck)
        for _ in range(frames - 1):
            memory, chances = self._network.next(memory, sounding)
        return Framed(memory, chances, np.zeros(PITCHES, np.bool_), 0, passed)

    def _logits(self, state: Framed[Memory], keyboard: Keyboard) -> NDArray[np.float32]:
        tokens = np.full(self.vocabulary.size, _SURPRISE / self.vocabulary.size)
        if keyboard.velocity_bin != VELOCITY_AT_FIRST and state.undecided < PITCHES:
            tokens[self._velocity.start + VELOCITY_AT_FIRST] += 1
            return np.asarray(np.log(tokens), np.float32)
        changes = np.where(keyboard.sounding, 1 - state.chances, state.chances).astype(np.float64)
        changes[: state.undecided] = 0
        first = changes * np.cumprod(np.append(1, 1 - changes[:-1]))  # this key, and none before it
        tokens[self._on] += np.where(keyboard.sounding, 0, first)
        tokens[self._off] += np.where(keyboard.sounding, first, 0)
        steps = -((state.passed - self.vocabulary.steps_per_second) // FRAMES_PER_SECOND)
        tokens[self._shift.start + steps - 1] += max(1 - first.sum(), 0)
        return np.asarray(np.log(tokens), np.float32)
