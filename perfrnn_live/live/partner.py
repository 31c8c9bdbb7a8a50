"""The machine's side of playing together: when it plays, what it goes on from, and what it does when it is asked to."""

from __future__ import annotations

from collections.abc import Callable

from perfrnn_live.errors import CannotWrite
from perfrnn_live.live.controls import Action, Mode, Pad, Settings
from perfrnn_live.live.hearing import Change, Hearing
from perfrnn_live.live.improviser import Improviser, Part
from perfrnn_live.live.journal import Journal
from perfrnn_live.live.pads import Pads
from perfrnn_live.live.phrases import Phrase
from perfrnn_live.live.played import Played
from perfrnn_live.live.steering import Steering
from perfrnn_live.live.wayback import WayBack
from perfrnn_live.music.midi import is_played, releases, strikes
from perfrnn_live.player.clock import Clock
from perfrnn_live.player.messages import Panic, Schedule, Sent, TakeBack
from perfrnn_live.sampling.continuation import Moment

Ask = Callable[[TakeBack | Panic], float]

_KNOB_S = 0.025  # a turning knob sends a hundred messages a second; the plan is taken back this often at most
_SHORTEST_S, _LONGEST_S = 1.5, 60.0  # of an answer
_PLAIN = Settings()
_UNUSUAL = ("density", "loudness", "register", "polyphony", "scale")  # turned, these ask for what people seldom play
_LOOP_S = 8.0  # what goes round when nothing was an answer


class Partner:
    """Decides; the improviser plans, the session carries.

    `ask` has the player take back the plan or silence everything, and returns when it did.
    """

    def __init__(
        self,
        improviser: Improviser,
        clock: Clock,
        ask: Ask,
        settings: Settings,
        steering: Steering,
        pads: Pads,
        journal: Journal,
    ) -> None:
        self._improviser, self._clock, self._ask = improviser, clock, ask
        self._steering, self._pads, self._journal = steering, pads, journal
        self._hearing, self._phrase, self._played = Hearing(), Phrase(), Played()
        self._changes: list[Change] = []
        self.settings = settings
        self.playing = True
        self.frozen = False
        self.said = ""
        self._turned_s: float | None = None  # since when a knob waits to be obeyed
        self._swapped_s = clock.now()
        self._waiting: tuple[str, float] | None = None  # what the next schedule is the answer to, and since when
        self._over_s: float | None = None  # when the phrase ended whose answer has not sounded yet
        self._began_s = clock.now()  # the latest answer, or the music without one
        self._ended_s: float | None = clock.now()  # the latest answer, None while it sounds
        self._length_s = _LOOP_S
        self._before = improviser.heard  # the latest answer
        self._way_back = WayBack(improviser.heard, clock.now())
        improviser.controls = steering.controls(settings, clock.now())
        if settings.mode is Mode.TRADE:
            improviser.rest(clock.now())

    @property
    def state(self) -> str:
        """What it does, in a word or two for the screen."""
        if not self.playing:
            return "silent"
        if self.frozen:
            return "frozen"
        if self.settings.mode is Mode.TRADE:
            return "listening" if self._improviser.silent else "answering"
        return "playing"

    @property
    def wakes_s(self) -> float | None:
        """When `turn` has something to decide even if nothing more happens; None if it has not."""
        return self._phrase.over_at_s()

    def receive(self, arrival_s: float, message: bytes) -> None:
        """The other player moved a key or a pedal."""
        if not is_played(message):
            return
        change = self._hearing.receive(arrival_s, message)
        if change is not None:
            self._changes.append(change)
            for pitch, velocity in change.struck:
                self._phrase.strike(arrival_s, pitch, velocity)
                self._steering.struck(arrival_s, pitch)
        self._phrase.rest(arrival_s, self._hearing.keys_down, self._hearing.pedal_down)

    def sent(self, report: Sent) -> None:
        """The player sent something."""
        if report.number is not None:
            self._improviser.sent(report.number, report.sent_s)
        self._way_back.sent(report, self._improviser.heard)
        if strikes(report.message) and self._over_s is not None:
            self._journal.took("answer", self._over_s, report.sent_s)
            self._over_s = None
        if strikes(report.message) or releases(report.message):
            self._played.add(report.sounds_s, report.message)

    def lost_plan(self, at_s: float) -> None:
        """The player dropped what was not sent by `at_s`, unasked."""
        self._improviser.taken_back(at_s, self._take_changes())

    def obey(self, settings: Settings, at_s: float) -> None:
        """The settings are these from `at_s` on."""
        before, self.settings = self.settings, settings
        if settings.mode is not before.mode:
            self._change_mode(at_s)
        if settings.morph != before.morph:
            moment = self._pads.morph(settings.morph)
            if moment is not None:
                self._go_on_from(moment)
        if self._turned_s is None:
            self._turned_s = at_s

    def plan(self) -> Schedule | None:
        """More of the plan, to be sent to the player."""
        schedule = self._improviser.extend(self._clock) if self.playing else None
        if schedule is not None and self._waiting is not None:
            what, since_s = self._waiting
            self._journal.took(what, since_s, self._clock.now())
            self._waiting = None
        return schedule

    def turn(self) -> None:
        """Take in what the other player did, decide whose turn it is, obey the knobs."""
        now_s = self._clock.now()
        if self._changes:
            self._take_in(now_s)
        over_s = self._phrase.over_at_s()
        if over_s is not None and now_s >= over_s:
            self._end_phrase(over_s)
        self._turn_knobs(now_s)
        if self._ended_s is None and self._improviser.silent:
            self._ended_s = now_s
            self._way_back.paused(now_s)
            self._journal.tell(now_s, "answered")
        if self.playing and not self.frozen:
            self._stay_well(now_s)

    def silence(self, asked_s: float) -> None:
        """Everything is released at once; `resume` plays on."""
        at_s = self._ask(Panic())
        self._journal.took("panic", asked_s, at_s)
        self.fall_silent(at_s)

    def fall_silent(self, at_s: float) -> None:
        """The player has released everything already."""
        self._improviser.silenced(at_s)
        self._way_back.paused(at_s)
        self.playing = False
        self._over_s = self._waiting = None

    def resume(self) -> None:
        """Play on after a silence."""
        self.playing = True
        self._way_back.left(self._clock.now())

    def do(self, action: Action | Pad, at_s: float) -> None:
        """What a key, a pad or a footswitch asked for at `at_s`; quitting is the session's."""
        match action:
            case Action.PANIC if self.playing:
                self.silence(at_s)
            case Action.PANIC:
                self.resume()
            case Action.PHRASE_OVER:
                if self._phrase.began_s is not None:
                    self._end_phrase(at_s)
            case Action.AGAIN:
                self._again(at_s)
            case Action.FREEZE:
                self._thaw() if self.frozen else self._freeze(at_s)
            case Action.SAVE_PADS:
                try:
                    self.said = f"pads kept in {self._pads.save()}"
                except CannotWrite as error:
                    self.said = str(error)
            case Pad(number, store=True):
                self._pads.store(number, self._improviser.memory.at_rest(self._improviser.heard))
                self.said = f"pad {number} holds this moment"
            case Pad(number):
                moment = self._pads.recall(number)
                self.said = f"pad {number} is empty" if moment is None else f"from pad {number}"
                if moment is not None:
                    self._go_on_from(moment)

    def _take_in(self, now_s: float) -> None:
        struck_s = next((change.time_s for change in self._changes if change.struck), None)
        answering = self.settings.mode is Mode.TRADE and not self._improviser.silent
        together = self.settings.mode is Mode.DUET
        if not self.playing or self.frozen or struck_s is None or not (answering or together):
            self._improviser.woven(now_s, self._take_changes())
            return
        at_s = self._ask(TakeBack())
        if answering:
            self._improviser.rest(at_s, self._take_changes())
            self._journal.took("yielded", struck_s, at_s)
            self._over_s = None
        else:
            self._improviser.taken_back(at_s, self._take_changes())
            self._waiting = ("note", struck_s)

    def _take_changes(self) -> list[Change]:
        changes, self._changes = self._changes, []
        return changes

    def _end_phrase(self, over_s: float) -> None:
        began_s, last_s = self._phrase.began_s, self._phrase.last_strike_s
        assert began_s is not None and last_s is not None
        self._phrase.clear()
        now_s = self._clock.now()
        self._way_back.phrase_ended(now_s, self._improviser.heard)
        self._journal.tell(over_s, "phrase", seconds=round(last_s - began_s, 3))
        if self.settings.mode is Mode.TRADE and self.playing and not self.frozen:
            length_s = (last_s - began_s) * self.settings.answer_length
            self._answer(over_s, min(max(length_s, _SHORTEST_S), _LONGEST_S))

    def _answer(self, over_s: float, length_s: float) -> None:
        now_s = self._clock.now()
        before = self._improviser.heard
        self._improviser.answer(now_s, length_s)
        self._before, self._length_s, self._over_s = before, length_s, over_s
        self._began_s, self._ended_s = now_s, None

    def _again(self, at_s: float) -> None:
        before = self._before
        if self.settings.mode is not Mode.TRADE:
            before = self._way_back.earlier(at_s)
        self._go_on_from(before)
        if self.settings.mode is Mode.TRADE:
            self._answer(self._clock.now(), self._length_s)
        self._before = before
        self.said = "again, differently"

    def _freeze(self, at_s: float) -> None:
        began_s, ended_s = at_s - _LOOP_S, at_s
        if self.settings.mode is Mode.TRADE:
            began_s, ended_s = self._began_s, self._ended_s or at_s
        passage = self._played.passage(began_s, ended_s, self._improviser.memory.step_s)
        if passage is None:
            self.said = "nothing has been played yet that could go round"
            return
        self._improviser.silenced(self._ask(Panic()))
        self._improviser.repeat(passage)
        self.frozen = True
        self.said = f"{ended_s - began_s:.1f} s go round"

    def _thaw(self) -> None:
        self._improviser.rest(self._ask(TakeBack()))
        self.frozen = False
        self._ended_s = self._clock.now()
        if self.settings.mode is not Mode.TRADE:
            self._improviser.play()

    def _go_on_from(self, moment: Moment) -> None:
        self._improviser.silenced(self._ask(Panic()))
        self._improviser.memory.recall(self._improviser.memory.at_rest(moment))
        self.frozen = False
        if self.settings.mode is Mode.TRADE:
            self._improviser.rest(self._clock.now())
        else:
            self._improviser.play()
        self._way_back.left(self._clock.now())
        self._over_s = None

    def _change_mode(self, at_s: float) -> None:
        self.said = ""
        if self.frozen:
            return
        if self.settings.mode is Mode.TRADE:
            self._improviser.close()
            self._ended_s = at_s
        else:
            self._improviser.woven(at_s, ())
            self._improviser.play()

    def _turn_knobs(self, now_s: float) -> None:
        controls = self._steering.controls(self.settings, now_s)
        if self._turned_s is None:  # it is only the other player's hands that moved the scale or the split
            if controls != self._improviser.controls:  # what follows from the old ones has been worked out already
                self._improviser.controls = controls
        elif now_s - self._swapped_s >= _KNOB_S:
            if controls != self._improviser.controls:
                self._improviser.controls = controls
                if self.playing and not self.frozen and self._improviser.part is Part.PLAYING:
                    self._improviser.taken_back(self._ask(TakeBack()))
                    self._waiting = ("knob", self._turned_s)
            self._swapped_s = now_s
            self._turned_s = None

    def _stay_well(self, now_s: float) -> None:
        """Go back if the music has left what people play, and was not asked to."""
        if any(getattr(self.settings, knob) != getattr(_PLAIN, knob) for knob in _UNUSUAL):
            self._way_back.left(now_s)
        back = self._way_back.mark(now_s, self._improviser.heard)
        if back is not None:
            complaint, moment = back
            self._go_on_from(moment)
            self.said = f"{complaint}: going on from before"
            self._journal.tell(now_s, "steered", complaint=complaint)
