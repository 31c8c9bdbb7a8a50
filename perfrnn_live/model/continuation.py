"""Going on from a moment in the music: the one rule by which the live plan and `generate` choose the next event.

The rule keeps a young model's hands free. It never releases what does not sound or strikes what does, no note is
shorter than a step, and two velocities never follow each other; so time goes on even where the model sees no reason for
it, and every piece comes to an end. No key is held longer than `max_note_s`: people hold 99 % of their notes under
3.8 s, pedal included, but a model that forgets a key holds it for ever, and what it then hears of itself makes it
forget more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.errors import BadValue
from perfrnn_live.model.engine import HiddenState, Logits, StepEngine
from perfrnn_live.model.sampling import sample
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.vocabulary import EventKind, Vocabulary


@dataclass(frozen=True, slots=True)
class Moment:
    """Where the music stands after some events: the model's state and what it expects next, logits (size,), the
    keyboard, and whether the last event was a velocity. Immutable, so keeping one is keeping the way back to it."""

    state: HiddenState
    logits: NDArray[np.float32]
    keyboard: Keyboard
    velocity_set: bool = False


@dataclass(frozen=True, slots=True)
class Controls:
    """How events are chosen: one value, swapped whole when a performer turns a knob.

    `temperature` above 0; `top_p` in (0, 1]; `max_note_s` bounds every note and `max_rest_s` every silence, seconds.
    Raises BadValue.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    max_note_s: float = 4.0
    max_rest_s: float = 4.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise BadValue(f"the temperature must be a number above 0, not {self.temperature}")
        if not 0 < self.top_p <= 1:
            raise BadValue(f"top-p must be above 0 and at most 1, not {self.top_p}")


class Continuation:
    """Moves moments on, one event each; holds no music itself."""

    def __init__(self, engine: StepEngine) -> None:
        self._engine = engine
        self.vocabulary: Vocabulary = engine.vocabulary
        tokens_of = self.vocabulary.tokens_of
        self._on, self._off = tokens_of(EventKind.NOTE_ON), tokens_of(EventKind.NOTE_OFF)
        self._shift, self._velocity = tokens_of(EventKind.TIME_SHIFT), tokens_of(EventKind.VELOCITY)

    def beginning(self, streams: int = 1) -> list[Moment]:
        """The moment before the first event, for each stream."""
        start = np.full(streams, self.vocabulary.start, np.int64)
        keyboards = [Keyboard.silent()] * streams
        logits, state = self._engine.step(start, self._engine.start(streams), self._features(keyboards))
        return self._moments(logits, state, keyboards, [False] * streams)

    def primed(self, tokens: Sequence[int]) -> Moment:
        """The moment after hearing `tokens`, with every key then released."""
        (moment,) = self.beginning()
        for token in tokens:
            (moment,) = self.feed([moment], [token])
        for pitch in np.flatnonzero(moment.keyboard.sounding).tolist():
            (moment,) = self.feed([moment], [self._off.start + pitch])
        return moment

    def feed(self, moments: list[Moment], tokens: list[int]) -> list[Moment]:
        """One event heard by each stream; all go through the engine as one batch."""
        keyboards = [
            moment.keyboard.after(self.vocabulary.events[token]) for moment, token in zip(moments, tokens, strict=True)
        ]
        state = moments[0].state if len(moments) == 1 else _joined([moment.state for moment in moments])
        logits, state = self._engine.step(np.array(tokens, np.int64), state, self._features(keyboards))
        velocity = self._velocity
        return self._moments(logits, state, keyboards, [velocity.start <= token < velocity.stop for token in tokens])

    def choose(
        self,
        moment: Moment,
        controls: Controls,
        rng: np.random.Generator,
        waited_steps: int = 0,
        held: frozenset[int] = frozenset(),
    ) -> int:
        """The next event of one stream: a release that is due, or else a sample of what is possible.

        With `waited_steps`, that much time has already passed since the last event, so what comes next can only be a
        time shift at least as long. Pitches `held` by somebody else are neither struck nor released.
        """
        keyboard, shift = moment.keyboard, self._shift
        own = keyboard.sounding.copy()
        own[list(held)] = False
        oldest, steps_left = self._bound(keyboard, own, controls)
        if waited_steps > 0:
            first = min(waited_steps, self.vocabulary.max_shift)
            allowed = np.zeros(self.vocabulary.size, np.bool_)
            allowed[shift.start + first - 1 : shift.start + max(first, steps_left)] = True
            allowed[shift.stop :] = False
        elif oldest is not None and steps_left <= 0:
            return int(self._off.start + oldest)
        else:
            allowed = np.ones(self.vocabulary.size, np.bool_)
            allowed[self._on] = ~keyboard.sounding
            allowed[self._off] = own & (keyboard.struck_step < keyboard.step)
            allowed[shift.start + max(steps_left, 0) : shift.stop] = False  # the first of them is a shift of 1
            allowed[self._velocity] = not moment.velocity_set
        return sample(moment.logits, rng, controls.temperature, controls.top_p, allowed)

    def _bound(self, keyboard: Keyboard, own: NDArray[np.bool_], controls: Controls) -> tuple[int | None, int]:
        """The key held longest, if any, and the steps until it must be released; or the steps left to rest."""
        rate = self.vocabulary.steps_per_second
        if not own.any():
            return None, round(controls.max_rest_s * rate) - (keyboard.step - keyboard.released_step)
        oldest = int(np.where(own, keyboard.struck_step, keyboard.step + 1).argmin())
        return oldest, round(controls.max_note_s * rate) - (keyboard.step - int(keyboard.struck_step[oldest]))

    def _features(self, keyboards: list[Keyboard]) -> NDArray[np.float32]:
        return np.stack([keyboard.features(self.vocabulary.steps_per_second) for keyboard in keyboards])

    @staticmethod
    def _moments(
        logits: Logits, state: HiddenState, keyboards: list[Keyboard], velocity_set: list[bool]
    ) -> list[Moment]:
        if len(keyboards) == 1:
            return [Moment(state, logits[0], keyboards[0], velocity_set[0])]
        return [
            Moment(HiddenState(state.h[:, row : row + 1], state.c[:, row : row + 1]), logits[row], keyboard, velocity)
            for row, (keyboard, velocity) in enumerate(zip(keyboards, velocity_set, strict=True))
        ]


def _joined(states: list[HiddenState]) -> HiddenState:
    return HiddenState(
        np.concatenate([state.h for state in states], axis=1), np.concatenate([state.c for state in states], axis=1)
    )
