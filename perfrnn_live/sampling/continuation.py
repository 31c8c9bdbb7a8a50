"""Going on from a moment in the music: the one rule by which the live plan and `generate` choose the next event.

The rule keeps a young model's hands free. It never releases what does not sound or strikes what does, no note is
shorter than a step, and two velocities never follow each other; so time goes on even where the model sees no reason for
it, and every piece comes to an end. No key is held longer than `max_note_s`: people hold 99 % of their notes under
3.8 s, pedal included, but a model that forgets a key holds it for ever, and what it then hears of itself makes it
forget more. And it never strikes more than hands can: at the knobs' ends a model may throw clusters of thousands,
which take longer to imagine than to play.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.engines.base import Logits, StepEngine
from perfrnn_live.engines.handles import UNASKED, Handles
from perfrnn_live.errors import BadValue
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.vocabulary import EventKind, Vocabulary
from perfrnn_live.sampling.controls import FREE, Constraint, Controls
from perfrnn_live.sampling.draw import sample, softmax
from perfrnn_live.sampling.harmony import narrowed
from perfrnn_live.sampling.recall import Quote, faithfulness, now_or_later, recalled
from perfrnn_live.sampling.shaping import Shaping, shaped

_MOST_STRIKES, _HANDS_S = 32, 0.25  # the most that MAESTRO's pianists strike in a quarter of a second is 31


class Outcome(Protocol):
    """What came of a step of the engine: its state, of which nobody else knows what it is, and the logits (size,) of
    the event to follow."""

    @property
    def state(self) -> Any: ...
    @property
    def logits(self) -> Logits: ...


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """The outcome of a step that was taken."""

    state: Any
    logits: Logits


class Awaited:
    """The outcome of a step that is taken when somebody first asks for it."""

    def __init__(self, step: Callable[[], Outcome]) -> None:
        self._step: Callable[[], Outcome] | None = step
        self._outcome: Outcome | None = None

    @property
    def state(self) -> Any:
        return self._taken().state

    @property
    def logits(self) -> Logits:
        return self._taken().logits

    def _taken(self) -> Outcome:
        if self._outcome is None:
            assert self._step is not None
            self._outcome, self._step = self._step(), None  # what it was taken from need not be kept
        return self._outcome


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """Where the music stands after some events: the engine's state and what it expects next, the keyboard, whether the
    last event was a velocity, and what is being quoted. Immutable, so keeping one is keeping the way back to it. It
    knows nothing of what was asked for: `Continuation.expected` does.

    Like everything that holds arrays or states, two moments are equal only if they are one and the same: whether two
    ways led to the same music is for engines to know.
    """

    outcome: Outcome
    keyboard: Keyboard
    velocity_set: bool = False
    quote: Quote | None = None

    @property
    def state(self) -> Any:
        """The engine's state."""
        return self.outcome.state

    @property
    def logits(self) -> Logits:
        """What the engine expects next, (size,)."""
        return self.outcome.logits


@dataclass(frozen=True, slots=True)
class Choice:
    """An event that was chosen, and the quotation that it belongs to or interrupts."""

    token: int
    quote: Quote | None


class Continuation:
    """Moves moments forward by one event each, with its `engine`. It keeps no music itself."""

    def __init__(self, engine: StepEngine[Any]) -> None:
        self.engine = engine
        self._terms = lru_cache(maxsize=64)(engine.handles.terms) if engine.handles is not None else None
        self.vocabulary: Vocabulary = engine.vocabulary
        tokens_of = self.vocabulary.tokens_of
        self._on, self._off = tokens_of(EventKind.NOTE_ON), tokens_of(EventKind.NOTE_OFF)
        self._shift, self._velocity = tokens_of(EventKind.TIME_SHIFT), tokens_of(EventKind.VELOCITY)

    def beginning(self, streams: int = 1, symbol: int | None = None) -> list[Moment]:
        """The moment before the first event, for each stream: of a piece, or after the vocabulary's `middle` symbol."""
        first = [self.vocabulary.start if symbol is None else symbol] * streams
        keyboards = [Keyboard.silent()] * streams
        logits, states = self.engine.step(first, self.engine.start(streams), keyboards)
        return [Moment(Known(*each), keyboard) for *each, keyboard in zip(states, logits, keyboards, strict=True)]

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
        """Feed each stream the event that was chosen for it, and keep what it quotes."""
        ahead = [self._after(moment, choice) for moment, choice in zip(moments, choices, strict=True)]
        tokens, before = [choice.token for choice in choices], [moment.state for moment in moments]
        logits, states = self.engine.step(tokens, before, [keyboard for keyboard, *_ in ahead])
        return [Moment(Known(*each), *rest) for *each, rest in zip(states, logits, ahead, strict=True)]

    def foreseen(self, moment: Moment, choice: Choice) -> Moment:
        """As `follow` for one stream, but the engine's step is taken only when somebody asks what came of it: where
        time is short, what is known already need not wait."""
        state, ahead = moment.state, self._after(moment, choice)

        def step() -> Outcome:
            (logits,), (after,) = self.engine.step([choice.token], [state], [ahead[0]])
            return Known(after, logits)

        return Moment(Awaited(step), *ahead)

    def _after(self, moment: Moment, choice: Choice) -> tuple[Keyboard, bool, Quote | None]:
        """The parts of the moment after a choice that need no step of the engine: keyboard, velocity, quotation."""
        event, quote = self.vocabulary.events[choice.token], choice.quote
        if quote is not None and event.kind is EventKind.NOTE_ON:
            quote = quote.after(moment.keyboard.strikes, event.value)
        return moment.keyboard.after(event), event.kind is EventKind.VELOCITY, quote

    def expected(self, moment: Moment, handles: Handles) -> NDArray[np.float32]:
        """The logits (size,) of the next event when `handles` are asked for. What the engine cannot be asked is left
        out."""
        logits = moment.logits
        if self._terms is not None and handles.anything:
            asked, counts = self._terms(self._in_harmony(moment.keyboard, handles))
            if len(counts):
                logits = logits + counts @ self.engine.handled(moment.state, asked)
        if handles.like is not None and handles.likeness and self.engine.place_size:
            logits = logits + np.float32(handles.likeness) * self.engine.likened(moment.state, handles.like)
        return np.asarray(logits)

    def _in_harmony(self, keyboard: Keyboard, handles: Handles) -> Handles:
        """The same, and where its composers' harmony is narrower than what was played lately, that too."""
        space = self.engine.handles
        bits = None if space is None else space.entropy_bits(handles)
        if bits is None:
            return handles
        classes = narrowed(keyboard.strikes, bits, self.vocabulary.steps_per_second)
        return handles if classes is None else replace(handles, pitch_classes=classes)

    def check(self, handles: Handles) -> None:
        """Raises BadValue on the first thing asked that the engine cannot be asked."""
        (self.engine.handles or UNASKED).check(handles)
        if handles.like is not None and len(handles.like) != self.engine.place_size:
            raise BadValue("this model has no latent space, so it cannot be asked to play like a recording")

    def choose(
        self, moment: Moment, controls: Controls, rng: np.random.Generator, constraint: Constraint = FREE
    ) -> int:
        """The next event of one stream: a release that is due, or else a sample of what is possible.

        The demands rank as follows, each obeyed as far as those before it allow, and so there always is an event:

        1. nothing impossible, `held`, `may_strike`, `within_steps`, the range, polyphony, shortest note, and no more
           than 32 strikes in a quarter of a second, anybody's;
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
        """As `choose`, and with the quotation that the event belongs to; `follow` takes both."""
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
        if moment.quote is not None and rng.random() < faithfulness(controls.recall):
            allowed = self._in_time(moment.quote, keyboard, allowed)
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
        finger_free = np.count_nonzero(own) < shaping.polyphony and not self._hands_full(keyboard)
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

    def _hands_full(self, keyboard: Keyboard) -> bool:
        """Whether as much was struck of late as hands can strike."""
        struck_step = keyboard.strikes.step
        window_steps = _HANDS_S * self.vocabulary.steps_per_second
        return len(struck_step) >= _MOST_STRIKES and bool(struck_step[-_MOST_STRIKES] > keyboard.step - window_steps)

    def _in_time(self, quote: Quote, keyboard: Keyboard, allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The tokens of `allowed` that strike together what was struck together in the quotation, and apart what was
        struck apart; all of `allowed` if there are none."""
        now = now_or_later(quote, keyboard.strikes, keyboard.step)
        if now is None:
            return allowed
        apart = allowed.copy()
        for tokens in (self._off, self._shift) if now else (self._on, self._velocity):
            apart[tokens] = False
        return apart if apart.any() else allowed

    def _shifts(self, shortest_steps: int, longest_steps: int) -> slice:
        """The tokens of time shifts from one length to another; none where the second is below the first."""
        return slice(self._shift.start + shortest_steps - 1, self._shift.start + max(longest_steps, 0))
