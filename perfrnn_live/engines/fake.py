"""Engines for the tests of programs that play: no model, no randomness, and states that tell what was fed.

`FakeEngine` plays busily and remembers its whole history: two streams that heard the same have equal states, and two
that did not have different ones. `ConstantEngine` always expects what it is told to, so that a test knows which event
comes. Both go wherever a `StepEngine` goes, and say exactly the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.engines.base import Arrays, Logits, StepEngine
from perfrnn_live.engines.handles import PITCH_CLASSES, TAUGHT, Asked, HandleSpace, Place
from perfrnn_live.music.keyboard import KEY_FEATURES, Keyboard
from perfrnn_live.music.performance import bin_to_velocity
from perfrnn_live.music.reminders import REMINDERS
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS, PITCHES, VELOCITY_BINS, EventKind, Vocabulary

_PRIME = 16_777_213  # products of two numbers below it, some hundred times, are far from the end of int64
_NUMBERS = 4
_MOODS = 61
_LAST = 32  # strikes

History = NDArray[np.int64]
"""What `FakeEngine` was ever fed, as eight numbers (2, 4): of its tokens and keyboards, and of its reminders."""


class FakeEngine(StepEngine[History]):
    """Linear recurrences modulo a prime over all that was ever fed. It plays about 40 events a second, mostly short
    notes, and leans to what is asked. A place in its latent space is how high and how loud the last strikes were, in
    octaves and eights from the middle. `on_step` is called at each step, and may take its time."""

    def __init__(self, vocabulary: Vocabulary = PERFORMANCE_8MS, on_step: Callable[[], None] = lambda: None) -> None:
        self.vocabulary = vocabulary
        self.on_step = on_step
        rng = np.random.default_rng(8)
        self._of_history = rng.integers(1, 4096, (_NUMBERS, _NUMBERS))
        self._of_token = rng.integers(1, _PRIME, (vocabulary.size + 1, _NUMBERS))
        self._of_keys = rng.integers(1, 1 << 30, (KEY_FEATURES, _NUMBERS))
        self._moods = rng.normal(0.0, 0.8, (2, _MOODS, vocabulary.size)).astype(np.float32)
        self._moods[0, :, vocabulary.tokens_of(EventKind.NOTE_OFF)] += 3.5
        shift = vocabulary.tokens_of(EventKind.TIME_SHIFT)
        self._moods[0, :, shift] += 3.0 - 0.15 * np.arange(shift.stop - shift.start)
        self._moods[0, :, vocabulary.tokens_of(EventKind.VELOCITY)] -= 2.0
        self._of_token = np.vstack([self._of_token, rng.integers(1, _PRIME, _NUMBERS)])  # the symbol for the middle
        self._of_reminders = rng.integers(1, _PRIME, (REMINDERS, _NUMBERS))
        self._leanings = _leanings(vocabulary, TAUGHT, rng)

    @property
    def fingerprint(self) -> str:
        """One for each vocabulary."""
        return f"fake {self.vocabulary.name}"

    @property
    def handles(self) -> HandleSpace:
        return TAUGHT

    def start(self, streams: int) -> list[History]:
        return [np.zeros((2, _NUMBERS), np.int64)] * streams

    def step(
        self, tokens: Sequence[int], states: Sequence[History], keyboards: Sequence[Keyboard]
    ) -> tuple[Logits, list[History]]:
        self.on_step()
        keys = np.stack([keyboard.features(self.vocabulary.steps_per_second) for keyboard in keyboards])
        told = self._of_token[list(tokens)] + (keys * 4096).astype(np.int64) @ self._of_keys
        reminded = np.stack([keyboard.reminders() for keyboard in keyboards]) @ self._of_reminders
        after = (np.stack(states) @ self._of_history + np.stack([told, reminded], axis=1)) % _PRIME
        logits = self._moods[0, after[:, 0, 0] % _MOODS] + self._moods[1, after[:, 0, 1] % _MOODS]
        return logits, list(after)

    def mixed(self, one: History, other: History, share: float) -> History:
        return np.rint((1 - share) * one + share * other).astype(np.int64)

    def arrays(self, state: History) -> Arrays:
        return {"history": state}

    def state_of(self, arrays: Arrays) -> History:
        return arrays["history"].astype(np.int64).reshape(2, _NUMBERS)

    def handled(self, state: History, asked: Asked) -> Logits:
        mood = self._moods[1, state[0, 2] % _MOODS] / 4
        return np.asarray(asked @ self._leanings + mood)

    @property
    def place_size(self) -> int:
        return 2

    def place_of(self, keyboard: Keyboard) -> Place | None:
        strikes = keyboard.strikes
        if not len(strikes.pitch):
            return None
        return float(strikes.pitch[-_LAST:].mean() - 64) / 12, float(strikes.velocity_bin[-_LAST:].mean() - 16) / 8

    def likened(self, state: History, place: Place) -> Logits:
        added = np.zeros(self.vocabulary.size, np.float32)
        strikes, velocities = map(self.vocabulary.tokens_of, (EventKind.NOTE_ON, EventKind.VELOCITY))
        added[strikes] = 2 - abs(np.arange(PITCHES) - 64 - 12 * place[0]) / 6
        added[velocities] = -abs(np.arange(VELOCITY_BINS) - 16 - 8 * place[1]) / 2
        return added


class ConstantEngine(StepEngine[int]):
    """Always expects `logits` (size,), zeros unless they are given; its state counts the steps. What is asked adds what
    `handling` (handles, size) says; without one nothing can be asked."""

    def __init__(
        self,
        logits: Logits | None = None,
        vocabulary: Vocabulary = PERFORMANCE_8MS,
        handling: NDArray[np.float32] | None = None,
    ) -> None:
        self.vocabulary = vocabulary
        self._logits = np.zeros(vocabulary.size, np.float32) if logits is None else logits
        self._handling = handling

    @property
    def fingerprint(self) -> str:
        """One for each vocabulary."""
        return f"constant {self.vocabulary.name}"

    @property
    def handles(self) -> HandleSpace | None:
        return None if self._handling is None else TAUGHT

    def start(self, streams: int) -> list[int]:
        return [0] * streams

    def step(
        self, tokens: Sequence[int], states: Sequence[int], keyboards: Sequence[Keyboard]
    ) -> tuple[Logits, list[int]]:
        return np.tile(self._logits, (len(tokens), 1)), [steps + 1 for steps in states]

    def arrays(self, state: int) -> Arrays:
        return {"steps": np.array(state)}

    def state_of(self, arrays: Arrays) -> int:
        return int(arrays["steps"])

    def handled(self, state: int, asked: Asked) -> Logits:
        assert self._handling is not None, "nothing can be asked"
        return np.asarray(asked @ self._handling)


def _leanings(vocabulary: Vocabulary, space: HandleSpace, rng: np.random.Generator) -> NDArray[np.float32]:
    """What is added for each corner of a handle, (handles, size): to all strikes, to velocities and to strikes near by,
    to those of a pitch class; for a composer, to anything; for keys sounding, to releases."""
    densities, loudnesses, registers, classes, composers, soundings = (
        np.zeros((corners, vocabulary.size), np.float32)
        for corners in (
            *map(len, (space.densities, space.loudnesses, space.registers)),
            PITCH_CLASSES,
            *map(len, (space.composers, space.soundings)),
        )
    )
    strikes, velocities = vocabulary.tokens_of(EventKind.NOTE_ON), vocabulary.tokens_of(EventKind.VELOCITY)
    pitches, loud = np.arange(PITCHES), bin_to_velocity(np.arange(VELOCITY_BINS))
    densities[:, strikes] = np.log(np.array(space.densities) / 8)[:, None]
    loudnesses[:, velocities] = -abs(loud - np.array(space.loudnesses)[:, None]) / 8
    registers[:, strikes] = 2 - abs(pitches - np.array(space.registers)[:, None]) / 6
    classes[:, strikes] = 2.0 * (pitches % 12 == np.arange(PITCH_CLASSES)[:, None])
    composers += rng.normal(0.0, 0.3, composers.shape).astype(np.float32)
    releases = vocabulary.tokens_of(EventKind.NOTE_OFF)
    soundings[:, releases] = np.log(4 / np.array(space.soundings))[:, None]
    return np.concatenate([densities, loudnesses, registers, classes, composers, soundings])
