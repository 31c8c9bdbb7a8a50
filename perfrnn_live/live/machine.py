"""The machine's side of playing together: facts go in, orders come out. It asks nobody, waits for nothing and knows no
clock: told the same facts in the same order, it gives the same orders."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

from perfrnn_live.engines.handles import Place
from perfrnn_live.live.beats import Beats, Quantise
from perfrnn_live.live.controls import Action, Mode, Settings
from perfrnn_live.live.course import Part
from perfrnn_live.live.detours import Detours
from perfrnn_live.live.happenings import Happening, PlayerBack, PlayerGone, Time
from perfrnn_live.live.improviser import Improviser
from perfrnn_live.live.orders import Order, Orders
from perfrnn_live.live.pads import Pads, Sight
from perfrnn_live.live.steering import Steering
from perfrnn_live.live.turns import Turns
from perfrnn_live.live.wayback import WayBack
from perfrnn_live.live.wishes import Do, Turn, Wish
from perfrnn_live.music.scales import HELD
from perfrnn_live.player.messages import PortBack, PortLost, Pulse, Received, Said, Sent, TakeBack, TakenBack, Transport

_KNOB_S = 0.025  # a turning knob sends a hundred messages a second; the plan is taken back this often at most
_HAND_S = 0.02  # what the other player's hands make of scale and split is looked at this often
_OVERDUE_S = 2.0  # a message that is not reported so long after it was due: something is wrong with the player


class Machine:
    """Turns and detours joined, with the knobs. `settings` are where the knobs stand; `quantise` is what answers begin
    on while somebody's clock runs. Seconds on the player's clock."""

    def __init__(
        self,
        improviser: Improviser,
        settings: Settings,
        steering: Steering,
        pads: Pads,
        began_s: float,
        quantise: Quantise = "off",
    ) -> None:
        self.improviser, self.settings = improviser, settings
        self._steering, self._orders = steering, Orders()
        self._way_back = WayBack(improviser.heard, began_s)
        self._turns = Turns(improviser, self._orders, steering, self._way_back, Beats(quantise), began_s)
        self._detours = Detours(improviser, self._orders, self._turns, self._way_back, pads, steering)
        self._wishes: deque[Wish] = deque()  # in line, while an answer of the player's is waited for
        self._now_s = began_s
        self._turned_s: float | None = None  # since when a knob waits to be obeyed
        self._morphed = False  # one of the knobs was the one between two pads
        self._swapped_s = began_s
        self._looked_s = -math.inf  # when the other player's hands were last looked at
        self._interrupted = False  # it would play if there were something to play on
        improviser.course.controls = steering.controls(settings, began_s)
        if settings.mode is Mode.TRADE:
            improviser.rest(began_s)

    @property
    def state(self) -> str:
        """What it does, in a word or two for the screen."""
        if not self._detours.playing:
            return "silent"
        if self._detours.frozen:
            return "frozen"
        if self.settings.mode is Mode.TRADE:
            return "listening" if self.improviser.silent else "answering"
        return "playing"

    @property
    def pads(self) -> Mapping[int, Sight]:
        """How what each filled pad holds looks, by number, the one used last at the end."""
        return self._detours.pads

    def nearly_over(self, now_s: float) -> float | None:
        """How sure it is that the other player's phrase is over, 0 to 1; None if there is none."""
        return self._turns.nearly_over(now_s)

    @property
    def place(self) -> Place | None:
        """Where in the model's latent space the manner lies that likeness keeps to."""
        return self._steering.place

    @property
    def said(self) -> str:
        """The latest that it has to say."""
        return self._orders.said

    @property
    def planned_until_s(self) -> float | None:
        """When the last planned event is due; None if nothing is planned."""
        return self.improviser.planned_until_s() if self._detours.playing else None

    @property
    def wakes_s(self) -> float:
        """When it wants to be told the time even if nothing happens before; infinity if it does not."""
        if self._orders.waits:
            return math.inf
        if self._wishes or self._turns.asked is not None:
            return self._now_s
        moments_s = (
            self.improviser.wakes_s if self._detours.playing else None,
            self._turns.over_at_s,
            None if self._turned_s is None else self._swapped_s + _KNOB_S,
        )
        return min((each for each in moments_s if each is not None), default=math.inf)

    def react(self, happening: Happening) -> list[Order]:
        """What it wants, now that this has happened."""
        match happening:
            case Time(now_s):
                self._now_s = max(self._now_s, now_s)
                self._tick(self._now_s)
            case Sent():
                self._hear_sent(happening)
            case Received(arrival_s, message, steers=False):
                held = self._steering.held
                self._turns.receive(arrival_s, message)
                self._looked_s = -math.inf
                if self.settings.scale == HELD and self._steering.held - held and self._turned_s is None:
                    self._turned_s = arrival_s  # what is held is a knob
            case TakenBack(at_s=at_s, asked=True):
                self._orders.answered(at_s)
            case TakenBack(at_s=at_s, silenced=True):
                self.improviser.silenced(at_s)
            case TakenBack(at_s=at_s):
                self._turns.lost_plan(at_s)
            case PortLost(direction=direction):
                self._orders.said = happening.sentence
                if direction == "output":
                    self._interrupt(self._now_s)
            case PortBack(direction=direction):
                self._orders.said = happening.sentence
                if direction == "output":
                    self._play_on()
            case PlayerGone(at_s):
                self._orders.answered(at_s)
                self._turns.lost_sight(at_s)  # what is released before there is another player, nobody tells
                self._interrupt(at_s)
            case PlayerBack():
                self._play_on()
            case Transport(at_s, plays):
                if plays:
                    self._turns.beats.start(at_s)
                self._wishes.append(Do(at_s, Action.START if plays else Action.STOP))
            case Pulse():
                self._turns.beats.hear(happening)
            case Said(sentence):
                self._orders.said = sentence
            case Turn() | Do():
                self._wishes.append(happening)
        return self._orders.taken()

    def _tick(self, now_s: float) -> None:
        """First what was planned is handed over, judged by this moment; then it is decided; then more is planned, but
        not before that schedule has left. So it leaves at a moment that is a fact, however long the planning takes."""
        orders, detours = self._orders, self._detours
        self.improviser.pass_time(now_s)  # a slow piano sounds its last note when nothing more is sent
        if orders.waits:
            return
        schedule = self.improviser.hand_over(now_s)
        if schedule is not None:
            self._turns.handed_over(schedule, now_s)
        elif (
            self.improviser.wakes_s > now_s
        ):  # the plan reaches as far as it should, and nothing of it is to be sent yet
            self._turns.planned(now_s)
        while self._wishes and not orders.waits:
            self._obey(self._wishes.popleft(), now_s)
        if not orders.waits:
            detours.start_in_time(now_s)
        for decide in (self._take_turns, self._turn_knobs, self._stay_well, self._look_after):
            if not orders.waits:
                decide(now_s)
        if schedule is None and not orders.waits and detours.playing:
            self.improviser.extend(now_s)

    def _hear_sent(self, report: Sent) -> None:
        """The one order in which all take note of what was sent: first the music, then those who look at it."""
        if report.number is not None:
            self.improviser.sent(report.number, report.sent_s)
        self._way_back.sent(report, self.improviser.heard)
        self._turns.sent(report)
        self._detours.sent(report)

    def _obey(self, wish: Wish, now_s: float) -> None:
        if isinstance(wish, Do):
            self._detours.do(wish.action, wish.at_s, now_s, self.settings)
            return
        before, self.settings = self.settings, self.settings.turned(wish.name, wish.value)
        if self.settings.mode is not before.mode:
            self._orders.said = ""
            if not self._detours.frozen:
                self._turns.change_mode(self.settings.mode, wish.at_s, now_s)
        between, was = (self.settings.morph, self.settings.across), (before.morph, before.across)
        self._morphed = self._morphed or between != was
        if self._turned_s is None:
            self._turned_s = wish.at_s

    def _take_turns(self, now_s: float) -> None:
        self._turns.turn(now_s, self.settings, self._detours.playing and not self._detours.frozen)

    def _turn_knobs(self, now_s: float) -> None:
        improviser, detours = self.improviser, self._detours
        if self._turned_s is None:  # only the other player's hands may have moved the scale or the split
            if now_s - self._looked_s >= _HAND_S:
                self._looked_s = now_s
                improviser.course.controls = self._steering.controls(self.settings, now_s)
        elif now_s >= self._swapped_s + _KNOB_S:  # written as in `wakes_s`: a difference may round to less
            since_s, morphed = self._turned_s, self._morphed
            if morphed:
                detours.morph(self.settings, since_s)
            controls = self._steering.controls(self.settings, now_s)
            changed, improviser.course.controls = controls != improviser.course.controls, controls
            self._swapped_s, self._turned_s, self._morphed = now_s, None, False
            plays = detours.playing and not detours.frozen and improviser.course.part is Part.PLAYING
            if changed and plays and not morphed:
                self._turns.plan_anew("knob", since_s)

    def _stay_well(self, now_s: float) -> None:
        if self._detours.playing and not self._detours.frozen:
            self._detours.stay_well(now_s, self.settings)

    def _look_after(self, now_s: float) -> None:
        """Let no time pass in a long silence, and no player hang in silence."""
        self.improviser.stand_still(now_s)
        awaited_s = self.improviser.awaited_s()
        if awaited_s is not None and now_s - awaited_s > _OVERDUE_S:  # make it answer
            self._orders.ask(TakeBack(self.improviser.plan_number), self._turns.lost_plan)

    def _interrupt(self, at_s: float) -> None:
        if self._detours.playing:
            self._interrupted = True
            self._detours.fall_silent(at_s)

    def _play_on(self) -> None:
        if self._interrupted:
            self._interrupted = False
            self._detours.resume(self._now_s)
