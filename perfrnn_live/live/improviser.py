"""The plan: music imagined ahead of its sound, and the way back to what was really heard.

Beside every planned event stands the `Moment` after it. Moments are values, so going back is picking one up: deep
lookahead and an instant response at once, and the model never remembers music that nobody heard.

Where the future is settled already, because a slow piano has been sent it, because it is kept while the other player's
notes are woven in, or because a passage goes round, the plan follows that, and only its moments are worked out anew.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Set

import numpy as np

from perfrnn_live.live.course import Course, Part
from perfrnn_live.live.hearing import Change
from perfrnn_live.live.memory import Memory
from perfrnn_live.live.plan import Passage, Plan, Planned, Score, Settled, message_of
from perfrnn_live.music.midi import note_off, strikes
from perfrnn_live.music.vocabulary import EventKind
from perfrnn_live.player.messages import Schedule
from perfrnn_live.sampling.continuation import Choice, Continuation, Moment
from perfrnn_live.sampling.controls import Controls

LOOKAHEAD_S = 0.5
_START_S = 0.05  # from the first look at the clock to the first event
_REACH_S = 0.003  # an event must be planned this long before it is due to reach the player in time
_WEAVE_S = 0.25  # with so much settled, its moments need not be worked out yet
_BEAMS_S = 0.2  # with this much planned there is time to compare several continuations of it
_YIELD_S = 0.25  # a key that is given up sounds as long as planned, but no longer than this
_STILL_S = 4.0  # nobody rests for longer in what the model has learned: after so much silence, time stands still


class Improviser:
    """Plans from `start`: where the music stands when it begins. What is free is chosen by its `course`, what was heard
    is kept in its `memory`.

    `lead_s` is how long before it sounds a message must leave at the latest: what is planned anew cannot sound sooner.
    Where there is time, the likeliest of as many continuations as there are `beams` is planned.
    """

    def __init__(
        self,
        continuation: Continuation,
        start: Moment,
        controls: Controls,
        rng: np.random.Generator,
        lead_s: float = 0.0,
        beams: int = 1,
    ) -> None:
        self._lead_s = lead_s
        self._continuation = continuation
        self._vocabulary = continuation.vocabulary
        self.memory = Memory(continuation, start)
        self._plan = Plan(continuation.vocabulary.step_s)
        self._score = Score()
        self._waited_steps = 0  # time passed since the last event heard, not yet part of the plan
        self.course = Course(continuation, controls, rng, beams)
        self._loop: Passage | None = None
        self._loop_step = 0  # where it begins the next time
        self._burst: list[Planned] = []  # planned and not handed over
        self.plan_number = 0  # counts what was taken back
        self.events = 0  # planned so far, those taken back included
        self.heard_events = 0

    @property
    def heard(self) -> Moment:
        """Where the music stands after the last event that sounded."""
        return self.memory.heard

    @property
    def resting(self) -> bool:
        """True if nothing more is to be planned."""
        return self.course.part is Part.RESTING and not self._score and self._loop is None

    @property
    def silent(self) -> bool:
        """True if nothing more is to be planned, and what was has sounded."""
        return self.resting and not self._plan.sounds

    def planned_until_s(self) -> float | None:
        """When the last planned event is due; None while time stands still."""
        return None if self.memory.origin_s is None else self._due_s(self._head)

    def awaited_s(self) -> float | None:
        """When the next message that the player has not reported is due; None if there is none."""
        return self._plan.awaited_s()

    def extend(self, now_s: float) -> None:
        """Plan one more event, or one beam, unless the plan reaches the lookahead already; then call `hand_over`.
        Only one at a time, so that whatever happens meanwhile waits for one step of the model at most."""
        if self.memory.origin_s is None and not self.resting:
            self._waited_steps = self.memory.begin(now_s + self._lead_s + _START_S)
        if now_s < self.wakes_s:
            return
        is_free = self.course.is_free and not (self._score or self._waited_steps)
        if self.course.beams > 1 and is_free and self._due_s(self._head) - now_s - self._lead_s > _BEAMS_S:
            self._plan_beam(now_s)
            return
        planned = None
        while planned is None and now_s >= self.wakes_s:
            planned = self._plan_event()
        if planned is not None and self._plan.is_new(planned):
            self._burst.append(planned)

    def hand_over(self, now_s: float) -> Schedule | None:
        """What was planned and is to be sent; None if there is nothing. It leaves at `now_s`: if the model has fallen
        behind, time itself moves on, so that what comes is late as a whole and not in a heap."""
        burst, self._burst = self._burst, []
        if not burst:
            return None
        self.memory.delay(max(0.0, now_s + self._lead_s + _REACH_S - self._due_s(burst[0].after)))
        return Schedule(self.plan_number, self._plan.hand_over((self._due_s(each.after), each) for each in burst))

    @property
    def wakes_s(self) -> float:
        """The time from which there is something to plan or to hand over; infinity if there is nothing."""
        if self._burst:
            return -math.inf
        if self.resting:
            return math.inf
        if self.memory.origin_s is None:
            return -math.inf
        if self._score.is_with_player:  # of what is woven in until then, not each for itself
            settled_s = self.memory.time_s(self._score.last_step) - self._lead_s - _WEAVE_S
        else:
            settled_s = -math.inf
        return max(settled_s, self._due_s(self._head) - self._lead_s - LOOKAHEAD_S)

    def sent(self, number: int, sent_s: float) -> None:
        """The player has sent the message of event `number`. What has sounded by `sent_s` has been heard."""
        self._plan.sent(number)
        self.pass_time(sent_s)

    def pass_time(self, now_s: float) -> None:
        """What was sent and has sounded by `now_s` has been heard."""
        for moment in self._plan.sounded(now_s):
            self.memory.heard = moment
            self.heard_events += 1

    def taken_back(self, at_s: float, changes: Iterable[Change] = ()) -> None:
        """The player has dropped what was not sent by `at_s`: return to the last event heard and plan anew from there.

        What the other player did meanwhile, in `changes`, becomes part of the music first. Time has passed since the
        last event: the next time shift is chosen among those at least as long, which is what the model expects given
        that nothing has happened yet; a shift cut short would tell it that something had.
        """
        self.plan_number += 1
        ends = self._plan.ends()
        self._return(at_s, changes, self._plan.sent_ahead)
        if self.course.part is Part.RESTING:
            self._give_up_keys(ends)

    def woven(self, at_s: float, changes: Iterable[Change]) -> None:
        """What the other player did becomes part of the music, and what is planned stays."""
        self._return(at_s, changes, self._plan.with_player)

    def silenced(self, at_s: float) -> None:
        """The player has dropped the plan and released its keys: hear that; time stands still until more is planned."""
        self._follow(at_s)
        self.pass_time(math.inf)
        self.plan_number += 1
        ahead = frozenset(self._plan.sent_ahead)  # before something that was not sent: it is struck all the same
        self._return(at_s, (), ahead)
        self._score.keep(ahead, new=False)
        self._follow(math.inf)
        self.pass_time(math.inf)
        self._return(at_s, (), frozenset())
        self.memory.hear_silence(self._waited_steps)
        self._waited_steps = 0
        self._loop_step = self.heard.keyboard.step  # what goes round begins anew

    def stand_still(self, now_s: float) -> None:
        """If nothing sounds, is planned or has happened for some seconds, let no more time pass until something does:
        the model never learned what comes after ten minutes, and would have to hear every second of them."""
        busy = self._plan.sounds or self._score or self.memory.heard.keyboard.sounding.any()
        if not busy and self.memory.steps_until(now_s) * self.memory.step_s > _STILL_S:
            self.memory.stand_still(round(_STILL_S / self.memory.step_s))
            self._waited_steps = 0

    def go_over(self, moment: Moment, at_s: float) -> None:
        """The player has dropped what was not sent by `at_s`: go on from a moment `at_rest` instead. Notes that sound
        go on sounding and become part of the new music; so does the time since the last event."""
        self.taken_back(at_s)
        steps = self.memory.go_over(moment)
        self._score.move(steps)
        self.course.move(steps)
        self._loop_step += steps

    def play(self) -> None:
        """Go on without end."""
        self.course.play()
        self._loop = None

    def begin_on(self, at_s: float) -> int:
        """Strike nothing before `at_s`; returns the step at which that is, for the course to begin."""
        self._loop = None
        if self.memory.origin_s is None:
            self.memory.begin(at_s + self._lead_s)
        self.woven(at_s, ())
        self._waited_steps = max(math.floor(self.memory.steps_until(at_s + self._lead_s)), 0)
        step = self.heard.keyboard.step + self._waited_steps
        self._score.add([Settled(step)])
        return step

    def close(self) -> None:
        """Strike nothing beyond what is planned, and come to rest."""
        if self.course.part is Part.PLAYING:
            self.course.close(self._head.keyboard.step)

    def rest(self, at_s: float, changes: Iterable[Change] = ()) -> None:
        """Stop: the player has dropped what was not sent by `at_s`. The machine gives up its keys."""
        self.course.rest()
        self._loop = None
        self._score.keep(self._plan.with_player, new=False)
        self.taken_back(at_s, changes)

    def repeat(self, passage: Passage) -> None:
        """Play `passage` round and round, and nothing else."""
        self.course.rest()
        self._loop = passage
        self._loop_step = self._head.keyboard.step + self._waited_steps

    @property
    def _head(self) -> Moment:
        return self._plan.head if self._plan else self.memory.heard

    def _due_s(self, moment: Moment) -> float:
        return self.memory.time_s(moment.keyboard.step)

    def _return(self, at_s: float, changes: Iterable[Change], stays: Set[int]) -> None:
        """Back to the last event heard; what has a number in `stays` will sound as it was planned."""
        changes = list(changes)
        self._follow(min((change.time_s for change in changes), default=at_s))
        self.pass_time(at_s)
        self._burst.clear()
        self._score.keep(stays, new=True)
        self._score.add(self._plan.clear(stays))
        self.memory.hear(changes)
        self._waited_steps = max(math.ceil(self.memory.steps_until(at_s + self._lead_s)), 0)

    def _follow(self, time_s: float) -> None:
        """Plan what is settled until then: it comes before anything that the other player does now."""
        memory = self.memory
        while memory.origin_s is not None and (first := self._score.first) and memory.time_s(first.step) <= time_s:
            self._plan_event()

    def _give_up_keys(self, ends: dict[int, int]) -> None:
        """Release the machine's keys where `ends` says, and none later than a short while from now."""
        soonest = self.heard.keyboard.step + self._waited_steps
        latest = soonest + round(_YIELD_S * self._vocabulary.steps_per_second)
        own = self.memory.own(self.heard)
        own |= {each.message[1] for each in self._score if each.message}  # about to sound, as it was sent ahead
        own -= {each.message[1] for each in self._score if each.message and not strikes(each.message)}
        if self._score:
            soonest = max(soonest, self._score.last_step + 1)
        self._score.add(Settled(max(min(ends.get(pitch, latest), latest), soonest), note_off(pitch)) for pitch in own)

    def _plan_event(self) -> Planned | None:
        """Plan one event; None where what was settled is no longer possible, or there is nothing left to do."""
        moment = self._head
        if self._loop is not None and not self._score:
            self._loop_step = max(self._loop_step, moment.keyboard.step + self._waited_steps)  # later after a silence
            self._score.add(Settled(self._loop_step + at, message) for at, message in self._loop.messages)
            self._loop_step += self._loop.steps
        settled = self._score.first
        if settled is None:
            choice = self.course.next_choice(moment, self.memory.own(moment), self.memory.held, self._waited_steps)
        else:
            token = settled.next_token(moment, self.memory.held, self._vocabulary)
            choice = None if token is None else Choice(token, moment.quote)
            if choice is None:
                self._score.done()
        if choice is None:
            return None
        return self._planned(choice.token, self._continuation.foreseen(moment, choice), settled)

    def _plan_beam(self, now_s: float) -> None:
        """Plan the likeliest of several continuations, as far as the lookahead and to the music's ending."""
        for token, after in self.course.likeliest(self._head, self.memory.held):
            is_beyond = self._due_s(self._head) > now_s + self._lead_s + LOOKAHEAD_S
            if is_beyond or not self.course.goes_on_after(self._head):
                break
            planned = self._planned(token, after, None)
            if self._plan.is_new(planned):
                self._burst.append(planned)

    def _planned(self, token: int, after: Moment, settled: Settled | None) -> Planned:
        """The plan with one more event, which is a step towards `settled` or free."""
        moment = self._head
        event = self._vocabulary.events[token]
        self.events += 1
        number, message = None, message_of(event, moment)
        if event.kind is EventKind.TIME_SHIFT:
            self._waited_steps = max(self._waited_steps - event.value, 0)
            self.course.shifts(moment, event.value)
        elif message:
            if settled is not None and strikes(settled.message) != strikes(message):
                message = b""  # what the other player sounds ends where the machine strikes
            elif settled is not None:
                self._score.done()
                message, number = settled.message, settled.number
            if strikes(message):
                self.course.struck()
        return self._plan.append(after, message, number)
