"""One sitting: a loop that carries facts to the machine and its commands to the player. It waits for nobody else."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from queue import Empty, SimpleQueue

from perfrnn_live.errors import CannotWrite, PlayerLost
from perfrnn_live.live.controls import Action
from perfrnn_live.live.happenings import Happening, PlayerBack, PlayerGone, Time
from perfrnn_live.live.machine import Machine
from perfrnn_live.live.orders import KeepPads, Order, Told, Took
from perfrnn_live.live.pads import Pads
from perfrnn_live.live.wishes import Do, Wish
from perfrnn_live.player.clock import Clock
from perfrnn_live.player.link import Link
from perfrnn_live.player.messages import (
    Beat,
    Command,
    Failed,
    Panic,
    PortBack,
    Pulse,
    Ready,
    Received,
    Release,
    Report,
    Said,
    Schedule,
    Sent,
    Steer,
    Stopped,
    TakeBack,
    TakenBack,
    Transport,
)
from perfrnn_live.stage.desk import Desk, FaceWish
from perfrnn_live.stage.listeners import Face, Fact, Kept, Listener
from perfrnn_live.stage.status import Figures, Status, Summary

_TICK_S = 0.02  # the machine is told the time at least this often
_SHOW_S = 0.2
_FLUSH_S = 0.4  # a power cut may cost half a second, writing included
_BEAT_S = 0.5
_ANSWER_S = 2.0
_PATIENCE_S = 2.0  # for what is still being written at the end
_LIVES, _LIVED_S = 3, 60.0  # so many players may be lost in so short a time

Arrival = FaceWish | Said | Received | Pulse | Transport
"""What comes in through the inbox: something asked for, something to be read, something played, somebody's beat."""

Reopen = Callable[[frozenset[int]], Link]
"""Starts another player on the same ports, which first releases everything: these pitches for certain."""


class Session:
    """Plays until told to end. `link` leads to the player; where it can be lost, `reopen` brings another one.

    Every fact and decision goes to the `listeners`, a picture five times a second to the `faces`: what they do with it
    must not take time, so what writes or draws is wrapped in `Kept` or `Shown`. `planned` is told what is handed to the
    player, and may be taken back. What others ask for or have to say comes in through the `inbox`.
    """

    def __init__(
        self,
        link: Link,
        clock: Clock,
        machine: Machine,
        desk: Desk,
        listeners: Sequence[Listener] = (),
        faces: Sequence[Face] = (),
        reopen: Reopen | None = None,
        inbox: SimpleQueue[Arrival] | None = None,
        planned: Callable[[Schedule], None] = lambda schedule: None,
    ) -> None:
        self._link, self._clock, self._machine, self._desk = link, clock, machine, desk
        self._listeners, self._faces, self._reopen = listeners, faces, reopen
        self._planned = planned
        self._figures = Figures()
        self._inbox: SimpleQueue[Arrival] = inbox or SimpleQueue()
        self._ended = self._stopped = False
        self._began_s = self._shown_s = self._flushed_s = self._said_s = clock.now()
        self._asked_s: float | None = None  # since when an answer of the player's is waited for
        self._lost_s: deque[float] = deque(maxlen=_LIVES)
        self._steering: frozenset[str] = frozenset()
        self._writing: list[threading.Thread] = []
        self._pace: deque[tuple[float, int]] = deque(maxlen=round(4 / _SHOW_S))

    def end(self) -> None:
        """Ask the loop to end; safe to call from a signal handler or another thread."""
        self._ended = True
        self._link.wake()

    def wish(self, wish: FaceWish) -> None:
        """Ask for something, as a face does: `Put` a knob, an `Action`, a `Pad` and so on. Of what becomes of it
        the listeners are told, as a `Turn` or `Do`. Safe to call from another thread."""
        self._inbox.put(wish)
        self._link.wake()

    def bring(self, arrived: Received | Pulse | Transport) -> None:
        """Let something come in that no port of the player's brought. Safe to call from another thread."""
        self._inbox.put(arrived)
        self._link.wake()

    def run(self, seconds: float | None = None) -> Summary:
        """Play for `seconds`, or until asked to end. Whatever happens, all is released and what is kept is whole.

        Raises PlayerLost when the player is lost and no other one can be had.
        """
        try:
            while not self._ended and (seconds is None or self._clock.now() - self._began_s < seconds):
                self._turn()
        except PlayerLost:
            if not self._ended:  # a signal to the whole process group ends the player as well
                raise
        finally:
            played_s = self._clock.now() - self._began_s
            for report in self._link.close():
                if isinstance(report, Sent | Stopped):
                    self._handle(report)
            complaints = self._close()
        if not self._stopped:
            raise PlayerLost("the player process did not answer at the end: keys may be sounding still")
        return self._figures.summary(self._machine.improviser.heard_events, played_s, complaints)

    def _turn(self) -> None:
        """Hear what happened, then tell the machine the time."""
        self._steer()
        report = self._receive(min(max(self._machine.wakes_s - self._clock.now(), 0.0), _TICK_S))
        while report is not None:
            self._handle(report)
            report = self._receive(0.0)
        with contextlib.suppress(Empty):
            while True:
                self._take_in(self._inbox.get_nowait())
        now_s = self._clock.now()
        self._tell(Time(now_s))
        if now_s - self._said_s >= _BEAT_S:
            self._send(Beat())
        if self._asked_s is not None and now_s - self._asked_s >= _ANSWER_S:
            self._lose_player("the player process stopped answering: its MIDI system may have hung")
        if now_s - self._flushed_s >= _FLUSH_S:
            self._flushed_s = now_s
            for listener in self._listeners:
                listener.flush(now_s)
        if now_s - self._shown_s >= _SHOW_S:
            self._shown_s = now_s
            status = self._status(now_s)
            for face in self._faces:
                face.show(status)

    def _handle(self, report: Report) -> None:
        match report:
            case Received():
                wish = self._desk.receive(report)
                self._tell(report)
                self._want(wish)
            case TakenBack(asked=asked):
                if asked:
                    self._asked_s = None
                self._tell(report)
            case Failed(sentence):
                raise PlayerLost(sentence)
            case Stopped():
                self._stopped = True
            case Ready():
                self._desk.show_all()
                self._tell(PlayerBack(self._clock.now()))
            case PortBack(direction="controller"):
                self._desk.show_all()
                self._tell(report)
            case _:
                self._tell(report)

    def _take_in(self, arrived: Arrival) -> None:
        if isinstance(arrived, Said | Pulse | Transport):
            self._tell(arrived)
        elif isinstance(arrived, Received):
            self._send(arrived)  # the player decides whose it is, as with all that comes in
        else:
            self._want(self._desk.obey(self._clock.now(), arrived))

    def _want(self, wish: Wish | None) -> None:
        if isinstance(wish, Do) and wish.action is Action.QUIT:
            self._ended = True
        if wish is not None:
            self._tell(wish)

    def _tell(self, fact: Happening) -> None:
        """Let everybody know of a fact, and see to what the machine wants then."""
        self._listen(fact)
        for order in self._machine.react(fact):
            self._carry_out(order)

    def _listen(self, fact: Fact) -> None:
        self._figures.hear(fact)
        for listener in self._listeners:
            listener.hear(fact)

    def _carry_out(self, order: Order) -> None:
        match order:
            case Told() | Took():
                self._listen(order)
            case Schedule():
                self._figures.plan(order)
                self._planned(order)
                self._send(order)
            case KeepPads(pads):
                thread = threading.Thread(target=self._keep, args=(pads,), daemon=True)
                self._writing.append(thread)
                thread.start()
            case _:
                if isinstance(order, TakeBack | Release | Panic):
                    self._asked_s = self._clock.now()
                self._send(order)

    def _keep(self, pads: Pads) -> None:
        try:
            self._inbox.put(Said(f"pads kept in {pads.save()}"))
        except CannotWrite as error:
            self._inbox.put(Said(str(error)))

    def _steer(self) -> None:
        """Tell the player which controls steer, whenever that changes, for it decides what is music; and what they are
        to show."""
        if self._desk.steering != self._steering:
            self._steering = self._desk.steering
            self._send(Steer(self._steering))
        for show in self._desk.to_show():
            self._send(show)

    def _send(self, command: Command) -> None:
        self._said_s = self._clock.now()
        with contextlib.suppress(PlayerLost):  # what it said before is read first, and then that it is lost
            self._link.send(command)

    def _receive(self, timeout_s: float) -> Report | None:
        try:
            return self._link.receive(timeout_s)
        except PlayerLost as error:
            self._lose_player(str(error))
            return None

    def _lose_player(self, sentence: str) -> None:
        """Have another one take over, unless this is the end or players are lost all the time. Raises PlayerLost."""
        now_s = self._clock.now()
        often = len(self._lost_s) == _LIVES and now_s - self._lost_s[0] < _LIVED_S
        if self._ended or self._reopen is None or often:
            raise PlayerLost(sentence)
        self._lost_s.append(now_s)
        self._link.kill()
        self._stopped, self._asked_s, self._steering = False, None, frozenset()
        self._link = self._reopen(frozenset(self._figures.sounding))
        self._tell(PlayerGone(now_s))
        self._tell(Said(f"{sentence}; another one takes over"))

    def _close(self) -> tuple[str, ...]:
        """Let those who keep or show something finish, all at once, as far as they do it in time; what is missing, in
        sentences."""
        from concurrent.futures import ThreadPoolExecutor  # and `logging`, which would only make the start longer

        for listener in self._listeners:
            listener.close()
        waits: list[Callable[[], str | None]] = [each.wait for each in self._listeners if isinstance(each, Kept)]
        waits += [self._desk.wait, *(face.close for face in self._faces)]
        waits += [partial(thread.join, _PATIENCE_S) for thread in self._writing]
        with ThreadPoolExecutor(len(waits)) as waiting:
            said = waiting.map(lambda wait: wait(), waits)
            return tuple(sentence for sentence in said if sentence is not None)

    def _status(self, now_s: float) -> Status:
        machine, figures = self._machine, self._figures
        self._pace.append((now_s, machine.improviser.events))
        (then_s, before), (_, events) = self._pace[0], self._pace[-1]
        until_s = machine.planned_until_s
        return Status(
            elapsed_s=now_s - self._began_s,
            state=machine.state,
            settings=machine.settings,
            selected=self._desk.selected,
            said=self._desk.said or machine.said,
            events_per_s=(events - before) / max(now_s - then_s, _SHOW_S),
            lookahead_s=0.0 if until_s is None else max(until_s - now_s, 0.0),
            lateness_p99_ms=figures.lateness_p99_ms,
            dropped=figures.dropped,
            sounding=frozenset(figures.sounding),
            held=machine.improviser.memory.held,
            planned=figures.planned(now_s),
            pads=machine.pads,
            nearly_over=machine.nearly_over(now_s),
            surprise=machine.improviser.memory.surprise,
            late=figures.late,
            helps=self._desk.helps,
        )
