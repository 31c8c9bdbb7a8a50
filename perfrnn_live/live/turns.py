"""Who plays when: alone, in turns, or both at once. The other player's phrases, the answers to them, and giving way."""

from __future__ import annotations

from perfrnn_live.engines.handles import NOTHING
from perfrnn_live.live.beats import Beats
from perfrnn_live.live.controls import Mode, Settings
from perfrnn_live.live.hearing import Change, Hearing
from perfrnn_live.live.improviser import Improviser
from perfrnn_live.live.orders import Orders
from perfrnn_live.live.phrases import Phrase
from perfrnn_live.live.steering import Steering, manner_of
from perfrnn_live.live.wayback import WayBack
from perfrnn_live.music.midi import is_played, strikes
from perfrnn_live.player.messages import Schedule, Sent, TakeBack

_SHORTEST_S, _LONGEST_S = 1.5, 60.0  # of an answer
_MANY, _FEWEST, _SHARE = 5, 4, 0.4  # a call of so many strikes is answered with so many at least, and such a share
_AHEAD_S = 0.05  # an answer is planned so long before the beat on which it begins
FIRST_LENGTH_S = 8.0  # of an answer that is asked for before there was one


class Turns:
    """Takes in what the other player does, and decides whose turn it is.

    Of the latest answer: `before` is where the music stood when it began, `length_s` how long it was to last, `fewest`
    how many strikes it was to have at least, `began_s` and `ended_s` when it began and ended (None while it sounds).
    Before the first answer they describe the music itself. Seconds of one clock throughout.
    """

    def __init__(
        self,
        improviser: Improviser,
        orders: Orders,
        steering: Steering,
        way_back: WayBack,
        beats: Beats,
        began_s: float,
    ) -> None:
        self._improviser, self._orders = improviser, orders
        self._steering, self._way_back, self.beats = steering, way_back, beats
        self._hearing, self._phrase = Hearing(), Phrase()
        self._call: list[tuple[float, int, int]] = []  # of the phrase so far: when, which key, how loud
        self._changes: list[Change] = []  # what the other player did and the music does not know yet
        self.asked: tuple[str, float] | None = None  # what the next schedule is there for, and since when
        self._over_s: float | None = None  # when the phrase ended whose answer has not sounded yet
        self.before = improviser.heard
        self.length_s, self.fewest = FIRST_LENGTH_S, 1
        self.began_s = began_s
        self.ended_s: float | None = began_s

    @property
    def over_at_s(self) -> float | None:
        """When the other player's phrase will be over if nothing more happens; None if there is none. In time for the
        beat on which the answer is to begin: until then the phrase may go on."""
        over_s = self._phrase.over_at_s()
        return None if over_s is None else max(over_s, self.beats.next_s(over_s) - _AHEAD_S)

    def nearly_over(self, now_s: float) -> float | None:
        """How sure it is that the other player's phrase is over: 0 at the last strike, then up to 1; None if there is
        none."""
        struck_s, over_s = self._phrase.last_strike_s, self._phrase.over_at_s()
        if struck_s is None or over_s is None:
            return None
        return min(max((now_s - struck_s) / max(over_s - struck_s, 1e-6), 0.0), 1.0)

    def receive(self, arrival_s: float, message: bytes) -> None:
        """The other player moved a key or a pedal."""
        if not is_played(message):
            return
        self._hear(arrival_s, self._hearing.receive(arrival_s, message))

    def lost_sight(self, at_s: float) -> None:
        """Nobody knows any more what the other player holds: nothing, until it is struck again."""
        self._hear(at_s, self._hearing.let_go(at_s))

    def sent(self, report: Sent) -> None:
        """The player sent something: it may be the first note of an answer."""
        if strikes(report.message) and self._over_s is not None:
            self._orders.took("answer", self._over_s, report.sent_s)
            self._over_s = None

    def handed_over(self, schedule: Schedule, now_s: float) -> None:
        """The player gets a part of the plan: it may be the first of a new one."""
        self._orders.give(schedule)
        self.planned(now_s)

    def planned(self, now_s: float) -> None:
        """The new plan is there, if one was asked for: its first part is with the player, or it begins with a rest."""
        if self.asked is not None:
            what, since_s = self.asked
            self._orders.took(what, since_s, now_s)
            self.asked = None

    def lost_plan(self, at_s: float) -> None:
        """The player dropped what was not sent by `at_s`, for reasons of its own."""
        self._improviser.taken_back(at_s, self._take_changes())

    def plan_anew(self, what: str, since_s: float) -> None:
        """Have the plan taken back and made anew because of `what`, which happened at `since_s`."""

        def taken_back(at_s: float) -> None:
            self._improviser.taken_back(at_s, self._take_changes() if what == "note" else ())
            self.asked = (what, since_s)

        self._orders.ask(TakeBack(self._improviser.plan_number), taken_back)

    def turn(self, now_s: float, settings: Settings, plays: bool) -> None:
        """Take in what the other player did, and decide whose turn it is; the machine takes no turn unless it
        `plays`."""
        if self._changes:
            self._take_in(now_s, settings.mode, plays)
        if self._orders.waits:
            return
        over_s = self.over_at_s
        if over_s is not None and now_s >= over_s:
            self.end_phrase(over_s, now_s, settings, plays)
        if self.ended_s is None and self._improviser.silent:
            self.ended_s = now_s
            self._way_back.paused(now_s)
            self._orders.tell(now_s, "answered")

    def end_phrase(self, over_s: float, now_s: float, settings: Settings, plays: bool) -> None:
        """The other player's phrase was over at `over_s`, if there was one: in turns, it is the machine's."""
        began_s, last_s = self._phrase.began_s, self._phrase.last_strike_s
        if began_s is None or last_s is None:
            return
        self._phrase.clear()
        call, self._call = self._call, []
        self._way_back.phrase_ended(now_s, self._improviser.heard)
        self._orders.tell(over_s, "phrase", seconds=round(last_s - began_s, 3))
        if settings.mode is not Mode.SOLO:
            self._steering.manner = manner_of(call)
        if settings.mode is Mode.TRADE and plays:
            length_s = (last_s - began_s) * settings.answer_length
            least = round(_SHARE * len(call) * settings.answer_length)
            fewest = max(_FEWEST, least) if len(call) >= _MANY else 1
            self._improviser.course.controls = self._steering.controls(settings, now_s)
            self.answer(over_s, now_s, min(max(length_s, _SHORTEST_S), _LONGEST_S), fewest, len(call))

    def answer(self, over_s: float, now_s: float, length_s: float, fewest: int, called: int = 0) -> None:
        """Answer for `length_s`, with the `fewest` strikes, a call that was over at `over_s` and is the last `called`
        strikes."""
        before = self._improviser.heard
        step = self._improviser.begin_on(max(now_s, self.beats.next_s(now_s)))
        self._improviser.course.answer(step, length_s, fewest, called)
        self.before, self._over_s = before, over_s
        self.length_s, self.fewest = length_s, fewest
        self.began_s, self.ended_s = now_s, None

    def take_up(self, mode: Mode, now_s: float) -> None:
        """After a detour: in turns it is the other player's turn, otherwise the machine plays on."""
        if mode is Mode.TRADE:
            self._improviser.rest(now_s)
        else:
            self._improviser.play()
        self._over_s = None

    def change_mode(self, mode: Mode, at_s: float, now_s: float) -> None:
        """From now on the two play in this mode."""
        if mode is Mode.TRADE:
            self._improviser.close()
            self.ended_s = at_s
        else:
            self._improviser.woven(now_s, ())
            was_silent = self._improviser.silent
            self._improviser.play()
            if was_silent:
                self.enter_in_time(now_s)
        if mode is Mode.SOLO:
            self._steering.manner = NOTHING

    def enter_in_time(self, now_s: float) -> None:
        """If the machine is to play by itself, and a clock is there, it begins on the next beat or bar."""
        begins_s = self.beats.next_s(now_s + _AHEAD_S)
        if self.beats.runs(now_s) and not self._improviser.resting:
            self._improviser.begin_on(begins_s)
            self._improviser.course.enter()

    def fell_silent(self) -> None:
        """Nothing is answered any more, and no phrase goes on."""
        self._over_s = self.asked = None
        self._phrase.clear()
        self._call = []

    def _hear(self, at_s: float, change: Change | None) -> None:
        if change is not None:
            self._changes.append(change)
            for pitch, velocity in change.struck:
                self._call.append((at_s, pitch, velocity))
                self._phrase.strike(at_s, pitch, velocity)
                self._steering.struck(at_s, pitch)
        self._steering.held = self._hearing.keys
        self._phrase.rest(at_s, bool(self._hearing.keys), self._hearing.pedal_down)

    def _take_in(self, now_s: float, mode: Mode, plays: bool) -> None:
        struck_s = next((change.time_s for change in self._changes if change.struck), None)
        if not plays or struck_s is None or mode is Mode.SOLO or (mode is Mode.TRADE and self._improviser.silent):
            self._improviser.woven(now_s, self._take_changes())
        elif mode is Mode.DUET:
            self.plan_anew("note", struck_s)
        else:
            self._give_way(struck_s)

    def _give_way(self, struck_s: float) -> None:
        """The other player struck a key while the machine answered."""

        def taken_back(at_s: float) -> None:
            self._improviser.rest(at_s, self._take_changes())
            self._orders.took("yielded", struck_s, at_s)
            self._over_s = None

        self._orders.ask(TakeBack(self._improviser.plan_number), taken_back)

    def _take_changes(self) -> list[Change]:
        changes, self._changes = self._changes, []
        return changes
