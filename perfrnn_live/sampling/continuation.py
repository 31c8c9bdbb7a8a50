"""Going on from a moment in the music: the one rule by which the live plan and `generate` choose the next event.

The rule keeps a young model's hands free. It never releases what does not sound or strikes what does, no note is
shorter than a step, and two velocities never follow each other; so time goes on even where the model sees no reason for
it, and every piece comes to an end. No key is held longer than `max_note_s`: people hold 99 % of their notes under
3.8 s, pedal included, but a model that forgets a key holds it for ever, and what it then hears of itself makes it
forget more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.engines.base import Context, Expectation, HiddenState, StepEngine
from perfrnn_live.engines.handles import Handles
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.vocabulary import EventKind, Vocabulary
from perfrnn_live.sampling.controls import FREE, Constraint, Controls
from perfrnn_live.sampling.draw import sample, softmax
from perfrnn_live.sampling.recall import Quote, recalled
from perfrnn_live.sampling.shaping import Shaping, shaped


@dataclass(frozen=True, slots=True)
class Moment:
    """Where the music stands after some events: the model's state and what it expects next, `logits` (size,) and
    `inner` (cells,), the keyboard, whether the last event was a velocity, and what is being quoted. Immutable, so
    keeping one is keeping the way back to it. It knows nothing of what was asked for: `Continuation.expected` does."""

    state: HiddenState
    logits: NDArray[np.float32]
    inner: NDArray[np.float32]
    keyboard: Keyboard
    velocity_set: bool = False
    quote: Quote | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """An event that was chosen, and the quotation that it belongs to or interrupts."""

    token: int
    quote: Quote | None


class Continuation:
    """Moves moments on, one event each; holds no music itself."""

    def __init__(self, engine: StepEngine) -> None:
        self._engine = engine
        self.vocabulary: Vocabulary = engine.vocabulary
        tokens_of = self.vocabulary.tokens_of
        self._on, self._off = tokens_of(EventKind.NOTE_ON), tokens_of(EventKind.NOTE_OFF)
        self._shift, self._velocity = tokens_of(EventKind.TIME_SHIFT), tokens_of(EventKind.VELOCITY)

    def beginning(self, streams: int = 1, symbol: int | None = None) -> list[Moment]:
        """The moment before the first event, for each stream: of a piece, or after the vocabulary's `middle` symbol."""
        first = np.full(streams, self.vocabulary.start if symbol is None else symbol, np.int64)
        keyboards = [Keyboard.silent()] * streams
        expected, state = self._engine.step(first, self._engine.start(streams), self._context(keyboards))
        return self._moments(expected, state, keyboards, [False] * streams, [None] * streams)

    def primed(self, tokens: Sequence[int], symbol: int | None = None) -> Moment:
        """The moment after `beginning` and hearing `tokens`, with every key then released."""
        (moment,) = self.beginning(symbol=symbol)
        for token in tokens:
            (moment,) = self.feed([moment], [token])
        for pitch in np.flatnonzero(moment.keyboard.sounding).tolist():
            (moment,) = self.feed([moment], [self._off.start + pitch])
        return moment

    def feed(self, moments: list[Moment], tokens: list[int]) -> list[Moment]:
        """One event heard by each stream, whoever plays it; all go through the engine as one batch."""
        return self.follow(moments, [Choice(token, m.quote) for m, token in zip(moments, tokens, strict=True)])

    def follow(self, moments: list[Moment], choices: list[Choice]) -> list[Moment]:
        """One event heard by each stream as it was chosen."""
        tokens = [choice.token for choice in choices]
        events = [self.vocabulary.events[token] for token in tokens]
        keyboards = [moment.keyboard.after(event) for moment, event in zip(moments, events, strict=True)]
        quotes = [
            choice.quote.after(moment.keyboard.strikes, event.value)
            if choice.quote is not None and event.kind is EventKind.NOTE_ON
            else choice.quote
            for moment, choice, event in zip(moments, choices, events, strict=True)
        ]
        state = moments[0].state if len(moments) == 1 else _joined([moment.state for moment in moments])
        expected, state = self._engine.step(np.array(tokens, np.int64), state, self._context(keyboards))
        velocity = self._velocity
        set_now = [velocity.start <= token < velocity.stop for token in tokens]
        return self._moments(expected, state, keyboards, set_now, quotes)

    def expected(self, moment: Moment, handles: Handles) -> NDArray[np.float32]:
        """The logits (size,) of what comes next where this is asked for."""
        if not handles.anything:
            return moment.logits
        asked, counts = handles.terms
        added = self._engine.handled(np.repeat(moment.inner[None], len(asked), axis=0), asked)
        return np.asarray(moment.logits + counts @ added)

    def choose(
        self, moment: Moment, controls: Controls, rng: np.random.Generator, constraint: Constraint = FREE
    ) -> int:
        """The next event of one stream: a release that is due, or else a sample of what is possible.

        The demands rank as follows, each obeyed as far as those before it allow, and so there always is an event:

        1. nothing impossible, `held`, `may_strike`, `within_steps`, the range, polyphony, shortest note;
        2. after `waited_steps` comes a time shift, at least as long;
        3. a key held for `max_note_s` is released, the oldest first, and no time shift goes beyond;
        4. where it must not wait, a strike, its velocity before it; after `waited_steps`, no more time than those;
        5. no silence goes beyond `max_rest_s`.

        The last two are void while nothing can be struck: then time passes.
        """
        return self.chosen(moment, controls, rng, constraint).token

    def chosen(
        self, moment: Moment, controls: Controls, rng: np.random.Generator, constraint: Constraint = FREE
    ) -> Choice:
        """The same with what it quotes, to be followed."""
        keyboard, shaping = moment.keyboard, shaped(controls, self.vocabulary)
        own = keyboard.sounding
        if constraint.held:
            own = own.copy()
            own[list(constraint.held)] = False
        due_steps = None
        if np.count_nonzero(own):
            oldest = int(np.where(own, keyboard.struck_step, keyboard.step + 1).argmin())
            due_steps = int(keyboard.struck_step[oldest]) + shaping.max_note_steps - keyboard.step
            if due_steps <= 0 and not constraint.waited_steps:
                return Choice(int(self._off.start + oldest), moment.quote)
        allowed = self._allowed(moment, own, due_steps, shaping, constraint)
        logits = shaping.applied(self.expected(moment, controls.handles), controls.temperature)
        token = sample(logits, rng, controls.temperature, controls.top_p, allowed, self._on)
        if not controls.recall or not self._on.start <= token < self._on.stop:
            return Choice(token, moment.quote)
        chances = softmax(np.where(allowed, logits, -np.inf)[self._on], controls.temperature)
        key, quote = recalled(moment.quote, token - self._on.start, chances, keyboard.strikes, controls.recall, rng)
        return Choice(self._on.start + key, quote)

    def _allowed(
        self, moment: Moment, own: NDArray[np.bool_], due_steps: int | None, shaping: Shaping, constraint: Constraint
    ) -> NDArray[np.bool_]:
        """The tokens that obey every demand, shape (size,), where one of the keys in `own` is due in `due_steps`."""
        keyboard = moment.keyboard
        strikable = shaping.strikable & ~keyboard.sounding
        strikable[list(constraint.held)] = False
        finger_free = np.count_nonzero(own) < shaping.polyphony
        can_strike = constraint.may_strike and finger_free and bool(np.count_nonzero(strikable))
        may_wait = constraint.may_wait or not can_strike

        max_shift = self.vocabulary.max_shift
        longest_steps = most_steps = min(constraint.within_steps or max_shift, max_shift)
        if due_steps is not None:
            longest_steps = min(most_steps, due_steps)
        elif can_strike:
            longest_steps = min(most_steps, shaping.max_rest_steps - keyboard.silent_steps)

        allowed = np.zeros(self.vocabulary.size, np.bool_)
        if constraint.waited_steps:
            passed_steps = min(constraint.waited_steps, most_steps)
            allowed[self._shifts(passed_steps, max(passed_steps, longest_steps if may_wait else 0))] = True
            return allowed
        if can_strike:
            allowed[self._on] = strikable
            allowed[self._velocity] = not moment.velocity_set
        if may_wait:
            allowed[self._off] = own & (keyboard.struck_step <= keyboard.step - shaping.min_note_steps)
            allowed[self._shifts(1, longest_steps)] = True
        return allowed

    def _shifts(self, shortest_steps: int, longest_steps: int) -> slice:
        """The tokens of time shifts from one length to another; none where the second is below the first."""
        return slice(self._shift.start + shortest_steps - 1, self._shift.start + max(longest_steps, 0))

    def _context(self, keyboards: list[Keyboard]) -> Context:
        return Context.of(keyboards, self.vocabulary.steps_per_second)

    @staticmethod
    def _moments(
        expected: Expectation,
        state: HiddenState,
        keyboards: list[Keyboard],
        velocity_set: list[bool],
        quotes: list[Quote | None],
    ) -> list[Moment]:
        if len(keyboards) == 1:
            return [Moment(state, expected.logits[0], expected.inner[0], keyboards[0], velocity_set[0], quotes[0])]
        return [
            Moment(
                HiddenState(state.h[:, row : row + 1], state.c[:, row : row + 1]),
                expected.logits[row],
                expected.inner[row],
                keyboard,
                velocity,
                quote,
            )
            for row, (keyboard, velocity, quote) in enumerate(zip(keyboards, velocity_set, quotes, strict=True))
        ]


def _joined(states: list[HiddenState]) -> HiddenState:
    return HiddenState(
        np.concatenate([state.h for state in states], axis=1), np.concatenate([state.c for state in states], axis=1)
    )
