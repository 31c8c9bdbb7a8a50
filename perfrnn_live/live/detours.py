"""What leads the music away from its course: going back, pads, loops, ways between two pads, silence."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from perfrnn_live.engines.handles import Place
from perfrnn_live.live.controls import Action, Mode, Pad, Settings
from perfrnn_live.live.improviser import Improviser
from perfrnn_live.live.orders import KeepPads, Orders
from perfrnn_live.live.pads import Pads, Sight
from perfrnn_live.live.plan import Passage
from perfrnn_live.live.played import Played
from perfrnn_live.live.steering import Steering
from perfrnn_live.live.turns import Turns
from perfrnn_live.live.wayback import WayBack
from perfrnn_live.music.midi import releases, strikes
from perfrnn_live.player.messages import Panic, Release, Sent, TakeBack
from perfrnn_live.sampling.continuation import Moment

_PLAIN = Settings()
_UNUSUAL = ("density", "loudness", "register", "polyphony", "scale")  # turned, these ask for what people seldom play
_LOOP_S = 8.0  # what goes round when nothing was an answer
_SHORTEST_LOOP_S = 1.0  # an answer that has only just begun would be a buzz


class Detours:
    """Does what is asked for once, and goes back by itself when the music has left what people play.

    `playing` is False after a silence, until the music is resumed; `frozen` is True while a passage goes round.
    """

    def __init__(
        self, improviser: Improviser, orders: Orders, turns: Turns, way_back: WayBack, pads: Pads, steering: Steering
    ) -> None:
        self._improviser, self._orders, self._turns, self._steering = improviser, orders, turns, steering
        self._way_back, self._pads, self._played = way_back, pads, Played()
        self._frozen_last: dict[float, Passage] = {}  # by when it began: an answer may be frozen again
        self.playing = True
        self.frozen = False
        self._starts = False

    @property
    def pads(self) -> Mapping[int, Sight]:
        """How what each filled pad holds looks, by number, the one used last at the end."""
        return self._pads.sights

    def sent(self, report: Sent) -> None:
        """The player sent something: keep it, because `freeze` may repeat it."""
        if strikes(report.message) or releases(report.message):
            self._played.add(report.sounds_s, report.message)

    def do(self, action: Action | Pad, at_s: float, now_s: float, settings: Settings) -> None:
        """Do what was asked for at `at_s`."""
        match action:
            case Action.PANIC if self.playing:
                self._silence(at_s, Panic(self._improviser.plan_number))
            case Action.PANIC:
                self.resume(now_s)
            case Action.STOP if self.playing:
                self._silence(at_s, Release(self._improviser.plan_number))
            case Action.START if not self.playing:
                self._starts = True
            case Action.START | Action.STOP:
                pass
            case Action.PHRASE_OVER:
                self._turns.end_phrase(at_s, now_s, settings, self.playing and not self.frozen)
            case Action.AGAIN:
                self._again(at_s, settings.mode)
            case Action.FREEZE if self.frozen:
                self._thaw(settings.mode)
            case Action.FREEZE:
                self._freeze(at_s, settings.mode)
            case Action.MOMENT:
                self._orders.said = "this moment is marked"
            case Action.SAVE_PADS:
                self._orders.give(KeepPads(self._pads.copy()))
            case Pad(number, store=True):
                self._pads.store(number, self._improviser.memory.at_rest(self._improviser.heard))
                self._keep_to(self._pads.place(number))
                self._orders.said = f"pad {number} holds this moment"
            case Pad(number):
                moment = self._pads.recall(number)
                self._orders.said = f"pad {number} is empty" if moment is None else f"from pad {number}"
                if moment is not None:
                    self._keep_to(self._pads.place(number))
                    self._go_on_from(moment, settings.mode)

    def fall_silent(self, at_s: float) -> None:
        """The player has released the machine's keys already: play nothing until `resume`."""
        self._improviser.silenced(at_s)
        self._way_back.paused(at_s)
        self._turns.fell_silent()
        self.playing = self._starts = False

    def resume(self, now_s: float) -> None:
        """Play on after a silence."""
        self.playing = True
        self._way_back.left(now_s)

    def start_in_time(self, now_s: float) -> None:
        """If it is to start, it does: on the next beat or bar, if there is a clock."""
        if self._starts and not self._turns.beats.awaits_first(now_s):
            self._starts = False
            self.resume(now_s)
            self._turns.enter_in_time(now_s)

    def morph(self, settings: Settings, since_s: float) -> None:
        """Go over to a place between the two pads used last; notes that sound go on sounding. `since_s`: when it was
        asked for. A passage that goes round ends."""
        morphed = self._pads.morph(settings.morph, settings.across)
        if morphed is None:
            return
        moment, place = morphed
        self._keep_to(place)
        if self.frozen:
            self._go_on_from(moment, settings.mode)
            return

        def taken_back(at_s: float) -> None:
            self._improviser.go_over(moment, at_s)
            self._way_back.left(at_s)
            self._turns.asked = "knob", since_s

        self._orders.ask(TakeBack(self._improviser.plan_number), taken_back)

    def stay_well(self, now_s: float, settings: Settings) -> None:
        """Go back if the music has left what people play, and nobody asked for that. It does not go back while it
        listens: the music that it would leave is the other player's."""
        if settings.mode is Mode.TRADE and self._improviser.silent:
            return
        if any(getattr(settings, knob) != getattr(_PLAIN, knob) for knob in _UNUSUAL):
            self._way_back.left(now_s)
        back = self._way_back.mark(now_s, self._improviser.heard)
        if back is not None:
            complaint, moment = back
            self._go_on_from(moment, settings.mode)
            self._orders.said = f"{complaint}: going on from before"
            self._orders.tell(now_s, "steered", complaint=complaint)

    def _keep_to(self, place: Place | None) -> None:
        """From now on its manner is that of this place, as far as likeness is asked for."""
        if place is not None:
            self._steering.place = place

    def _silence(self, asked_s: float, how: Panic | Release) -> None:
        def silenced(at_s: float) -> None:
            self._orders.took("panic" if isinstance(how, Panic) else "stop", asked_s, at_s)
            self.fall_silent(at_s)

        self._orders.ask(how, silenced)

    def _again(self, asked_s: float, mode: Mode) -> None:
        turns = self._turns
        before = turns.before if mode is Mode.TRADE else self._way_back.earlier(asked_s)

        def gone_back(at_s: float) -> None:
            if mode is Mode.TRADE:
                turns.answer(at_s, at_s, turns.length_s, turns.fewest)
            turns.before = before

        self._go_on_from(before, mode, gone_back)
        self._orders.said = "again, differently"

    def _freeze(self, asked_s: float, mode: Mode) -> None:
        began_s, ended_s = asked_s - _LOOP_S, asked_s
        if mode is Mode.TRADE:
            began_s = self._turns.began_s
            ended_s = max(self._turns.ended_s or asked_s, began_s + _SHORTEST_LOOP_S)
        step_s = self._improviser.memory.step_s
        passage = self._frozen_last.get(began_s) or self._played.passage(began_s, ended_s, step_s)
        if passage is None:
            self._orders.said = "nothing has been played yet that could go round"
            return
        self._frozen_last = {began_s: passage}

        def released(at_s: float) -> None:
            self._improviser.silenced(at_s)
            self._improviser.repeat(passage)
            self.frozen = True
            self._orders.said = f"{passage.steps * step_s:.1f} s go round"

        self._orders.ask(Release(self._improviser.plan_number), released)

    def _thaw(self, mode: Mode) -> None:
        def taken_back(at_s: float) -> None:
            self._improviser.rest(at_s)
            self.frozen = False
            self._turns.ended_s = at_s
            if mode is not Mode.TRADE:
                self._improviser.play()

        self._orders.ask(TakeBack(self._improviser.plan_number), taken_back)

    def _go_on_from(self, moment: Moment, mode: Mode, then: Callable[[float], None] = lambda at_s: None) -> None:
        def released(at_s: float) -> None:
            self._improviser.silenced(at_s)
            self._improviser.memory.recall(self._improviser.memory.at_rest(moment))
            self.frozen = False
            self._turns.take_up(mode, at_s)
            self._way_back.left(at_s)
            then(at_s)

        self._orders.ask(Release(self._improviser.plan_number), released)
