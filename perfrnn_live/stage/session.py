"""One sitting at the instrument: plan, send, hear back, record, show. One loop, no threads of its own."""

from __future__ import annotations

import contextlib
from array import array
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from queue import Empty, SimpleQueue
from typing import Protocol

import numpy as np

from perfrnn_live.errors import PlayerLost
from perfrnn_live.live.controls import Action, Pad, Settings
from perfrnn_live.live.improviser import Improviser
from perfrnn_live.live.journal import Journal
from perfrnn_live.live.partner import Ask, Partner
from perfrnn_live.music.midi import is_played, releases, strikes
from perfrnn_live.player.clock import Clock
from perfrnn_live.player.link import Link
from perfrnn_live.player.messages import (
    Failed,
    Panic,
    PortBack,
    PortLost,
    Received,
    Report,
    Said,
    Sent,
    Stopped,
    TakeBack,
    TakenBack,
)
from perfrnn_live.stage.desk import Desk
from perfrnn_live.stage.recorder import Recorder

_TICK_S = 0.02  # how long to wait for a report before looking at the plan, the keys and the screen again
_SCREEN_S = 0.2  # drawing it is what costs the most while playing
_ANSWER_S = 2.0


@dataclass(frozen=True, slots=True)
class Summary:
    """What was played. Lateness is from due to sent, in milliseconds, over all planned messages; `delays` is how long
    what the other player did took to be answered, see `Journal.delays`."""

    notes: int
    events: int
    seconds: float
    lateness_p50_ms: float
    lateness_p99_ms: float
    lateness_max_ms: float
    dropped: int
    delays: dict[str, dict[str, float]] = field(default_factory=dict)

    def __str__(self) -> str:
        late = f"{self.lateness_p50_ms:.2f}/{self.lateness_p99_ms:.2f}/{self.lateness_max_ms:.2f} ms"
        played = f"{self.notes} notes, {self.events} events in {self.seconds:.1f} s"
        return f"{played}; lateness p50/p99/max {late}; {self.dropped} dropped"

    def to_json(self) -> dict[str, object]:
        """For programs: figures by name."""
        return {name: round(value, 3) if isinstance(value, float) else value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Status:
    """A snapshot for a face to show. `sounding` are the pitches that the machine sounds, `held` the other player's;
    `state` is what the machine does, `said` the latest thing that it has to say."""

    elapsed_s: float
    state: str
    settings: Settings
    selected: str
    said: str
    events_per_s: float
    lookahead_s: float
    lateness_p99_ms: float
    dropped: int
    sounding: frozenset[int]
    held: frozenset[int]


class Face(Protocol):
    """Something that shows how the session stands."""

    def show(self, status: Status) -> None:
        """Show it; called five times a second."""
        ...


class Session:
    """Plays until told to end. `link` leads to the player, `keys` is where key presses come from, and `partner` makes
    the machine's side, given how to ask the player for something."""

    def __init__(
        self,
        link: Link,
        clock: Clock,
        improviser: Improviser,
        partner: Callable[[Ask], Partner],
        desk: Desk,
        journal: Journal,
        recorder: Recorder | None = None,
        face: Face | None = None,
        keys: SimpleQueue[str] | None = None,
    ) -> None:
        self._link = link
        self._clock = clock
        self._improviser = improviser
        self._desk = desk
        self._journal = journal
        self._recorder = recorder
        self._face = face
        self._keys: SimpleQueue[str] = keys or SimpleQueue()
        self._ended = self._stopped = False
        self._wanted: deque[tuple[float, Action | Pad | None]] = deque()
        self._waits_for_output = False
        self._began_s = self._shown_s = clock.now()
        self._lateness_ms = array("d")
        self._notes = self._dropped = 0
        self._sounding: set[int] = set()
        self._pace: deque[tuple[float, int]] = deque(maxlen=round(4 / _SCREEN_S))
        self._partner = partner(self._ask)

    def end(self) -> None:
        """Ask the loop to end; safe to call from a signal handler or another thread."""
        self._ended = True

    def run(self, seconds: float | None = None) -> Summary:
        """Play for `seconds`, or until asked to end. Whatever happens, all is released and the recording is whole.

        Raises PlayerLost when the player process dies or hangs.
        """
        try:
            while not self._ended and (seconds is None or self._clock.now() - self._began_s < seconds):
                self._turn()
        except PlayerLost:
            if not (self._ended and self._stopped):  # a signal to the whole process group ends the player as well
                raise
        finally:
            played_s = self._clock.now() - self._began_s
            for report in self._link.close():
                if isinstance(report, Sent | Stopped):
                    self._handle(report)
            self._journal.close()
            if self._recorder is not None:
                self._recorder.close()
        if not self._stopped:
            raise PlayerLost("the player process did not answer at the end: keys may be sounding still")
        return self._summary(played_s)

    def _turn(self) -> None:
        schedule = self._partner.plan()
        if schedule is not None:
            self._link.send(schedule)
        report = self._link.receive(0 if schedule else self._patience_s())
        while report is not None:
            self._handle(report)
            report = self._link.receive(0)
        self._obey_all()
        self._partner.turn()
        now_s = self._clock.now()
        awaited_s = self._improviser.awaited_s()
        if awaited_s is not None and now_s - awaited_s > _ANSWER_S:  # a player that hangs: make it answer
            self._partner.lost_plan(self._ask(TakeBack()))
        if self._recorder is not None:
            self._recorder.flush(now_s)
        if self._face is not None and now_s - self._shown_s >= _SCREEN_S:
            self._face.show(self._status(now_s))
            self._shown_s = now_s

    def _patience_s(self) -> float:
        """How long nothing needs to be done."""
        wakes_s = self._partner.wakes_s
        return _TICK_S if wakes_s is None else min(max(wakes_s - self._clock.now(), 0.0), _TICK_S)

    def _handle(self, report: Report) -> None:
        match report:
            case Sent():
                self._note(report)
            case Received(arrival_s, message):
                self._wanted.append((arrival_s, self._desk.receive(message)))
                if not self._desk.consumes(message):
                    self._partner.receive(arrival_s, message)
                    if self._recorder is not None and is_played(message):
                        self._recorder.other(arrival_s, message)
            case TakenBack(at_s, asked=False, dropped=dropped):
                self._dropped += dropped
                self._partner.lost_plan(at_s)
            case PortLost(name, direction):
                self._partner.said = f"the {direction} {name!r} is gone: waiting for it to come back"
                if direction == "output" and self._partner.playing:
                    self._partner.fall_silent(self._clock.now())
                    self._waits_for_output = True
            case PortBack(name, direction):
                self._partner.said = f"the {direction} {name!r} is back"
                if direction == "output" and self._waits_for_output:
                    self._waits_for_output = False
                    self._partner.resume()
            case Said(sentence):
                self._partner.said = sentence
            case Failed(sentence):
                raise PlayerLost(sentence)
            case Stopped():
                self._stopped = True

    def _note(self, sent: Sent) -> None:
        """Something has been sent."""
        self._partner.sent(sent)
        if sent.number is not None:
            self._lateness_ms.append((sent.sent_s - sent.due_s) * 1000)
        if strikes(sent.message):
            self._notes += 1
            self._sounding.add(sent.message[1])
        elif releases(sent.message):
            self._sounding.discard(sent.message[1])
        if self._recorder is not None:
            self._recorder.machine(sent.sounds_s, sent.message)

    def _ask(self, command: TakeBack | Panic) -> float:
        """Have the plan dropped; returns when it was. All that was sent before has been handled by then."""
        self._link.send(command)
        while (report := self._link.receive(_ANSWER_S)) is not None:
            if isinstance(report, TakenBack) and report.asked:
                return report.at_s
            self._handle(report)
        raise PlayerLost("the player process stopped answering: its MIDI system may have hung")

    def _obey_all(self) -> None:
        """What controllers and keys asked for, one after the other: not while the player is being asked something."""
        with contextlib.suppress(Empty):
            while True:
                key = self._keys.get_nowait()
                self._wanted.append((self._clock.now(), self._desk.press(key)))
        while self._wanted:
            at_s, action = self._wanted.popleft()
            if self._desk.settings != self._partner.settings:
                self._partner.obey(self._desk.settings, at_s)
            if action is Action.QUIT:
                self.end()
            elif action is not None:
                self._partner.do(action, at_s)

    def _status(self, now_s: float) -> Status:
        self._pace.append((now_s, self._improviser.events))
        (then_s, before), (_, events) = self._pace[0], self._pace[-1]
        until_s = self._improviser.planned_until_s() if self._partner.playing else None
        return Status(
            elapsed_s=now_s - self._began_s,
            state=self._partner.state,
            settings=self._partner.settings,
            selected=self._desk.selected,
            said=self._desk.said or self._partner.said,
            events_per_s=(events - before) / max(now_s - then_s, _SCREEN_S),
            lookahead_s=0.0 if until_s is None else max(until_s - now_s, 0.0),
            lateness_p99_ms=float(np.percentile(self._lateness_ms[-1000:], 99)) if self._lateness_ms else 0.0,
            dropped=self._dropped,
            sounding=frozenset(self._sounding),
            held=self._improviser.memory.held,
        )

    def _summary(self, played_s: float) -> Summary:
        late = np.array(self._lateness_ms or [0.0])
        p50, p99 = np.percentile(late, [50, 99]).tolist()
        figures = played_s, p50, p99, float(late.max())
        return Summary(
            self._notes, self._improviser.heard_events, *figures, self._dropped, delays=self._journal.delays()
        )
