"""The keyboard as a token stream has left it: where in time, how loud, which keys sound and since when.

An immutable value. The plan keeps one beside every event, the masks and the note-length bound read it, and the model
is told it (`features`) so that it need not remember which keys it holds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.music.reminders import Strikes
from perfrnn_live.music.vocabulary import PITCHES, VELOCITY_AT_FIRST, Event, EventKind

KEY_FEATURES = 2 * PITCHES
_NEVER = -(10**9)


@dataclass(frozen=True, slots=True, eq=False)
class Keyboard:
    """State after some events. `step` counts from the start; arrays have shape (128,) and are never written to."""

    step: int
    velocity_bin: int
    sounding: NDArray[np.bool_]
    struck_step: NDArray[np.int64]
    released_step: NDArray[np.int64]
    strikes: Strikes

    @classmethod
    def silent(cls) -> Keyboard:
        """Nothing has been played yet; a note without a velocity before it gets the middle bin."""
        never = np.full(PITCHES, _NEVER, np.int64)
        return cls(0, VELOCITY_AT_FIRST, np.zeros(PITCHES, np.bool_), never, never, Strikes.none())

    @property
    def silent_steps(self) -> int:
        """Steps since a key was last released, or since the start."""
        return self.step - max(int(self.released_step.max()), 0)

    def allows(self, event: Event) -> bool:
        """False for a release of what does not sound and a strike of what does."""
        if event.kind is EventKind.NOTE_ON:
            return not self.sounding[event.value]
        if event.kind is EventKind.NOTE_OFF:
            return bool(self.sounding[event.value])
        return True

    def after(self, event: Event) -> Keyboard:
        """The keyboard after `event`."""
        if event.kind is EventKind.TIME_SHIFT:
            return replace(self, step=self.step + event.value)
        if event.kind is EventKind.VELOCITY:
            return replace(self, velocity_bin=event.value)
        sounding = self.sounding.copy()
        sounding[event.value] = event.kind is EventKind.NOTE_ON
        if event.kind is EventKind.NOTE_OFF:
            released_step = self.released_step.copy()
            released_step[event.value] = self.step
            return replace(self, sounding=sounding, released_step=released_step)
        struck_step = self.struck_step.copy()
        struck_step[event.value] = self.step
        strikes = self.strikes.and_then(event.value, self.step, self.velocity_bin)
        return replace(self, sounding=sounding, struck_step=struck_step, strikes=strikes)

    def features(self, steps_per_second: int) -> NDArray[np.float32]:
        """What the model is told, shape (256,): 1 for each key that sounds, then how lately each was struck.

        The second half is 1 / (1 + seconds since the strike), 0 for a key never struck: close for old notes, sharp for
        new ones.
        """
        age_s = (self.step - self.struck_step) / steps_per_second
        recency = np.where(self.struck_step == _NEVER, 0.0, 1.0 / (1.0 + age_s))
        return np.concatenate([self.sounding, recency]).astype(np.float32)

    def reminders(self) -> NDArray[np.int64]:
        """What the recent past says will come, shape (REMINDERS,)."""
        return self.strikes.reminders(self.step, self.velocity_bin)
