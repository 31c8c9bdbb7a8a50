"""What the machine does of its own accord: it plays, without end or up to the end of an answer; it comes to rest."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

import numpy as np

from perfrnn_live.music.vocabulary import EventKind
from perfrnn_live.sampling.continuation import Choice, Continuation, Moment
from perfrnn_live.sampling.controls import Constraint, Controls
from perfrnn_live.sampling.generation import Beam, likeliest
from perfrnn_live.sampling.recall import Quote, opening

_EARLY, _BREATH_S = 0.75, 0.3  # from this share of its length on, an answer ends at the first rest of so many seconds
_OVERTIME, _OVERTIME_S = 1.5, 2.0  # an answer that still lacks strikes may last so many times its length, and so long
_RING_S = 1.5  # what still sounds when an answer is over may ring for so long


class Part(Enum):
    """What the machine does at the moment."""

    PLAYING = "playing"
    CLOSING = "closing"  # strikes nothing more, and lets what sounds come to its end
    RESTING = "resting"  # plays what is settled, and nothing else


class Course:
    """Whether the music plays on, comes to its end or rests, and which event comes next.

    Chooses by `controls` with one random generator; of several continuations, as many as there are `beams`, the
    likeliest. `part` is what it does now.
    """

    def __init__(
        self, continuation: Continuation, controls: Controls, rng: np.random.Generator, beams: int = 1
    ) -> None:
        self._continuation = continuation
        self._rate = continuation.vocabulary.steps_per_second
        self._rng = rng
        self.controls = controls
        self.beams = beams
        self.part = Part.PLAYING
        self._must_strike = False
        self._opening: Quote | None = None  # what an answer is to begin with
        # from the first step on a rest ends the answer; at the second it ends in any case
        self._ending: tuple[int, int] | None = None
        self._answer_step = self._latest_step = 0  # an answer's first strike; where it ends whatever it lacks
        self._fewest = 0  # strikes of an answer
        self._ring_step = 0  # where a closing music's last notes end

    @property
    def is_free(self) -> bool:
        """True if it plays, and anything may come next."""
        return self.part is Part.PLAYING and not self._must_strike

    def play(self) -> None:
        """Go on without end."""
        self.part, self._must_strike, self._ending = Part.PLAYING, False, None

    def enter(self) -> None:
        """Strike first, and go on from there."""
        self._must_strike, self._opening = True, None

    def answer(self, step: int, length_s: float, fewest: int = 1, called: int = 0) -> None:
        """Strike at `step`, and come to an end after about `length_s`; later, within bounds, if the `fewest` strikes
        are not planned by then. The call was the last `called` strikes. The answer may begin with the same notes; the
        higher the recall, the likelier it does."""
        length_steps = round(length_s * self._rate)
        self._answer_step, self._fewest = step, fewest
        self._latest_step = step + round((_OVERTIME * length_s + _OVERTIME_S) * self._rate)
        self.part, self._must_strike = Part.PLAYING, True
        self._opening = opening(called, self.controls.recall, self._rng)
        self._ending = step + round(_EARLY * length_steps), step + length_steps

    def close(self, step: int) -> None:
        """Strike nothing more from `step` on."""
        self.part, self._ending = Part.CLOSING, None
        self._ring_step = step + round(_RING_S * self._rate)

    def rest(self) -> None:
        """Stop: nothing more is chosen."""
        self.part, self._ending = Part.RESTING, None

    def struck(self) -> None:
        """A note-on has been planned, so the answer has begun."""
        self._must_strike = False

    def shifts(self, moment: Moment, steps: int) -> None:
        """After `moment` a time shift of so many `steps` is planned: if an answer is nearly over, a rest ends it."""
        step = moment.keyboard.step
        if self._ending is None or step < self._ending[0] or steps < _BREATH_S * self._rate:
            return
        if self._has_enough(moment):
            self.close(step)

    def goes_on_after(self, moment: Moment) -> bool:
        """Whether the music still goes on when the plan has reached `moment`; an answer may end there."""
        if self._ending is not None and moment.keyboard.step >= self._ending[1] and self._has_enough(moment):
            self.close(moment.keyboard.step)
        return self.part is Part.PLAYING

    def move(self, steps: int) -> None:
        """The step count has been raised by `steps`: raise the steps at which something ends as well."""
        self._ring_step += steps
        self._answer_step += steps
        self._latest_step += steps
        if self._ending is not None:
            self._ending = self._ending[0] + steps, self._ending[1] + steps

    def next_choice(self, moment: Moment, own: set[int], held: frozenset[int], waited_steps: int) -> Choice | None:
        """The next event as the model has it, `waited_steps` after `moment`, where the machine sounds the pitches `own`
        and the other player holds `held`; None if the music has come to rest."""
        step, ring_steps = moment.keyboard.step, None
        plays = self.goes_on_after(moment)
        if self.part is Part.CLOSING:
            if not own:
                self.rest()
                return None
            ring_steps = self._ring_step - step
            if ring_steps <= 0:
                return Choice(self._continuation.vocabulary.offsets[EventKind.NOTE_OFF] + min(own), moment.quote)
        constraint = Constraint(waited_steps, held, ring_steps, plays, not self._must_strike)
        if self._must_strike and self._opening is not None:
            moment = replace(moment, quote=self._opening)
        return self._continuation.chosen(moment, self.controls, self._rng, constraint)

    def likeliest(self, moment: Moment, held: frozenset[int]) -> Beam:
        """The likeliest of several continuations."""
        constraint = Constraint(held=held)
        (found,) = likeliest(self._continuation, [moment], self.controls, self._rng, self.beams, constraint=constraint)
        return found

    def _has_enough(self, moment: Moment) -> bool:
        """Whether an answer may end: the music itself tells what was struck, so nothing taken back is counted."""
        keyboard = moment.keyboard
        struck = int(np.count_nonzero(keyboard.strikes.step >= self._answer_step))
        return struck >= self._fewest or keyboard.step >= self._latest_step
