"""The plan: music imagined ahead of its sound, and the way back to what was really heard.

Beside every planned event stands the `Moment` after it. Moments are values, so going back is picking one up: deep
lookahead and an instant response at once, and the model never remembers music that nobody heard.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from perfrnn_live.live.clock import Clock
from perfrnn_live.live.hearing import Change
from perfrnn_live.live.messages import Schedule, Timed, note_off, note_on
from perfrnn_live.model.continuation import Continuation, Controls, Moment
from perfrnn_live.music.codec import StreamEncoder
from perfrnn_live.music.performance import bin_to_velocity
from perfrnn_live.music.vocabulary import Event, EventKind

LOOKAHEAD_S = 0.5
_START_S = 0.05  # from the first look at the clock to the first event
_REACH_S = 0.003  # an event must be planned this long before it is due to reach the player in time
_URGENT_S = 0.05  # what is due sooner than this is handed over at once, not with the rest of its burst
_BURST = 16  # events planned in one go, under 10 ms: knobs and keys are looked at in between


@dataclass(frozen=True, slots=True)
class _Planned:
    """An event of the plan, and where the music stands after it. `number` is None where no `message` is to be sent."""

    number: int | None
    message: bytes
    after: Moment


@dataclass(frozen=True, slots=True)
class _Chord:
    """What the other player did within one step, and where the music stood `before` and stands `after` it."""

    step: int
    released: frozenset[int]
    struck: dict[int, int]
    before: Moment
    after: Moment


class Improviser:
    """Plans with one continuation and one random generator, from `start`: where the music stands when it begins."""

    def __init__(self, continuation: Continuation, start: Moment, controls: Controls, rng: np.random.Generator) -> None:
        self._continuation = continuation
        self._step_s = continuation.vocabulary.step_s
        self._rng = rng
        self.controls = controls
        self._heard = start
        self._plan: deque[_Planned] = deque()
        self._origin_s: float | None = None  # the moment of step 0
        self._waited_steps = 0  # time passed since the last event heard, not yet part of the plan
        self._held: frozenset[int] = frozenset()  # what sounds because the other player struck it
        self._chord: _Chord | None = None
        self._plans = 0
        self._numbers = 0
        self.events = 0  # planned so far, those taken back included
        self.heard_events = 0

    @property
    def heard(self) -> Moment:
        """Where the music stands after the last event that sounded."""
        return self._heard

    def planned_until_s(self) -> float | None:
        """When the last planned event is due; None before the first."""
        return None if self._origin_s is None else self._due_s(self._head)

    def awaited_s(self) -> float | None:
        """When the next message that the player has not reported is due; None if there is none."""
        return next((self._due_s(planned.after) for planned in self._plan if planned.number is not None), None)

    def extend(self, clock: Clock) -> Schedule | None:
        """Plan on to the lookahead. Returns what is to be sent, or None if nothing came of it yet."""
        if self._origin_s is None:
            self._origin_s = clock.now() + _START_S - self._head.keyboard.step * self._step_s
        burst: list[tuple[int, _Planned]] = []  # what sounds, with its number
        for _ in range(_BURST):
            if self._due_s(self._head) > clock.now() + LOOKAHEAD_S:
                break
            planned = self._plan_event()
            if planned.number is not None:
                burst.append((planned.number, planned))
            if burst and self._due_s(burst[0][1].after) < clock.now() + _URGENT_S:
                break
        if not burst:
            return None
        # When the model falls behind, time itself moves on, so that what comes is late as a whole and not in a heap.
        self._origin_s += max(0.0, clock.now() + _REACH_S - self._due_s(burst[0][1].after))
        messages = (Timed(self._due_s(planned.after), number, planned.message) for number, planned in burst)
        return Schedule(self._plans, tuple(messages))

    def sent(self, number: int) -> None:
        """The player has sent the message of event `number`: everything planned up to it has been heard."""
        while self._plan:
            planned = self._plan.popleft()
            self._heard = planned.after
            self.heard_events += 1
            if planned.number == number:
                return

    def taken_back(self, at_s: float, changes: Iterable[Change] = ()) -> None:
        """The player has dropped what was not sent by `at_s`: return to the last event heard and plan anew from there.

        What the other player did meanwhile, in `changes`, becomes part of the music first. Time has passed since the
        last event: the next time shift is chosen among those at least as long, which is what the model expects given
        that nothing has happened yet; a shift cut short would tell it that something had.
        """
        self._plans += 1
        self._plan.clear()
        for change in changes:
            self._hear(change)
        if self._origin_s is None:
            return
        passed_steps = math.ceil((at_s - self._origin_s) / self._step_s) - self._heard.keyboard.step
        self._waited_steps = max(passed_steps, 0)

    def _hear(self, change: Change) -> None:
        """Within one step, what is heard is put in the order that training has: a chord is the same however it came."""
        if self._origin_s is None:  # the music begins with the other player
            self._origin_s = change.time_s - self._heard.keyboard.step * self._step_s
        step = max(round((change.time_s - self._origin_s) / self._step_s), self._heard.keyboard.step)
        chord = self._chord
        if chord is None or chord.step != step or chord.after is not self._heard:
            chord = _Chord(step, frozenset(), {}, self._heard, self._heard)
        elif not chord.struck.keys().isdisjoint(change.released):  # a note is at least one step long
            chord = _Chord(step + 1, frozenset(), {}, self._heard, self._heard)
        released = chord.released | set(change.released)
        struck = dict(change.struck) | chord.struck
        keyboard, after = chord.before.keyboard, chord.before
        encoder = StreamEncoder(self._continuation.vocabulary, keyboard.step, keyboard.velocity_bin)
        ended = {pitch for pitch in released | struck.keys() if keyboard.sounding[pitch]}
        for token in encoder.encode(chord.step, ended, struck.items()):
            (after,) = self._continuation.feed([after], [token])
        self._heard = after
        self._chord = _Chord(chord.step, released, struck, chord.before, after)
        self._held = (self._held - set(change.released)) | {pitch for pitch, _ in change.struck}

    def silenced(self, at_s: float) -> None:
        """The player has dropped the plan and released its keys: hear that; rest until `extend` is called."""
        self.taken_back(at_s)
        vocabulary = self._continuation.vocabulary
        encoder = StreamEncoder(vocabulary)
        pitches = set(np.flatnonzero(self._heard.keyboard.sounding).tolist()) - self._held
        for token in encoder.encode(self._waited_steps, pitches, ()):
            (self._heard,) = self._continuation.feed([self._heard], [token])
        self._waited_steps = 0
        self._origin_s = None

    @property
    def _head(self) -> Moment:
        return self._plan[-1].after if self._plan else self._heard

    def _due_s(self, moment: Moment) -> float:
        assert self._origin_s is not None
        return self._origin_s + moment.keyboard.step * self._step_s

    def _plan_event(self) -> _Planned:
        moment = self._head
        token = self._continuation.choose(moment, self.controls, self._rng, self._waited_steps, self._held)
        event = self._continuation.vocabulary.events[token]
        if event.kind is EventKind.TIME_SHIFT:
            self._waited_steps = max(self._waited_steps - event.value, 0)
        (after,) = self._continuation.feed([moment], [token])
        self.events += 1
        message = _message(event, moment)
        number = None
        if message:
            number = self._numbers
            self._numbers += 1
        planned = _Planned(number, message, after)
        self._plan.append(planned)
        return planned


def _message(event: Event, moment: Moment) -> bytes:
    """What `event` sends; nothing for a time shift or a velocity."""
    if event.kind is EventKind.NOTE_ON:
        return note_on(event.value, bin_to_velocity(moment.keyboard.velocity_bin))
    if event.kind is EventKind.NOTE_OFF:
        return note_off(event.value)
    return b""
