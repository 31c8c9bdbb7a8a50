"""One sitting at the instrument: plan, send, hear back, record, show. One loop, no threads of its own."""

from __future__ import annotations

from array import array
from collections import deque
from dataclasses import asdict, dataclass, replace
from queue import Empty, SimpleQueue
from typing import Protocol

import numpy as np

from perfrnn_live.errors import PlayerLost
from perfrnn_live.live.clock import Clock
from perfrnn_live.live.controls import TEMPERATURE_CC, nudged, temperature_of_cc
from perfrnn_live.live.hearing import Change, Hearing, is_played
from perfrnn_live.live.improviser import Improviser
from perfrnn_live.live.link import Link
from perfrnn_live.live.messages import (
    CONTROL_CHANGE,
    Failed,
    Panic,
    Received,
    Report,
    Sent,
    Stopped,
    TakeBack,
    TakenBack,
    releases,
    strikes,
)
from perfrnn_live.live.terminal import Key
from perfrnn_live.music.midifile import MidiFileWriter

_TICK_S = 0.02  # how long to wait for a report before looking at the plan, the keys and the screen again
_KNOB_S = 0.025  # a turning knob sends a hundred messages a second; the plan is taken back this often at most
_SCREEN_S = 0.2  # drawing it is what costs the most while playing
_FLUSH_S = 0.5  # what a power cut may cost the recording
_ANSWER_S = 2.0


@dataclass(frozen=True, slots=True)
class Summary:
    """What was played. Lateness is from due to sent, in milliseconds, over all planned messages."""

    notes: int
    events: int
    seconds: float
    lateness_p50_ms: float
    lateness_p99_ms: float
    lateness_max_ms: float
    dropped: int

    def __str__(self) -> str:
        late = f"{self.lateness_p50_ms:.2f}/{self.lateness_p99_ms:.2f}/{self.lateness_max_ms:.2f} ms"
        played = f"{self.notes} notes, {self.events} events in {self.seconds:.1f} s"
        return f"{played}; lateness p50/p99/max {late}; {self.dropped} dropped"

    def to_json(self) -> dict[str, float | int]:
        """For programs: figures by name."""
        return {name: round(value, 3) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Status:
    """A snapshot for a face to show. `sounding` are the pitches that sound."""

    elapsed_s: float
    playing: bool
    temperature: float
    events_per_s: float
    lookahead_s: float
    lateness_p99_ms: float
    dropped: int
    sounding: frozenset[int]


class Face(Protocol):
    """Something that shows how the session stands."""

    def show(self, status: Status) -> None:
        """Show it; called five times a second."""
        ...


class Session:
    """Plays until told to end. `keys` is where key presses come from; `link` leads to the player."""

    def __init__(
        self,
        link: Link,
        clock: Clock,
        improviser: Improviser,
        recorder: MidiFileWriter | None = None,
        face: Face | None = None,
        keys: SimpleQueue[Key] | None = None,
    ) -> None:
        self._link = link
        self._clock = clock
        self._improviser = improviser
        self._recorder = recorder
        self._face = face
        self._keys: SimpleQueue[Key] = keys or SimpleQueue()
        self._controls = improviser.controls
        self._hearing = Hearing()
        self._changes: list[Change] = []
        self._playing = True
        self._ended = self._stopped = False
        self._began_s = self._shown_s = self._flushed_s = self._taken_back_s = clock.now()
        self._lateness_ms = array("d")
        self._notes = self._dropped = 0
        self._sounding: set[int] = set()
        self._pace: deque[tuple[float, int]] = deque(maxlen=round(4 / _SCREEN_S))

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
            if self._recorder is not None:
                self._recorder.close()
        if not self._stopped:
            raise PlayerLost("the player process did not answer at the end: keys may be sounding still")
        return self._summary(played_s)

    def _turn(self) -> None:
        schedule = self._improviser.extend(self._clock) if self._playing else None
        if schedule is not None:
            self._link.send(schedule)
        report = self._link.receive(0 if schedule else _TICK_S)
        while report is not None:
            self._handle(report)
            report = self._link.receive(0)
        self._obey_keys()
        now_s = self._clock.now()
        turned = self._controls != self._improviser.controls and now_s - self._taken_back_s >= _KNOB_S
        if turned:
            self._improviser.controls = self._controls
            self._taken_back_s = now_s
        awaited_s = self._improviser.awaited_s()
        overdue = awaited_s is not None and now_s - awaited_s > _ANSWER_S  # a player that hangs: make it answer
        if self._playing and (self._changes or turned or overdue):
            self._improviser.taken_back(self._ask(TakeBack()), self._heard())
        elif self._changes:
            self._improviser.taken_back(now_s, self._heard())
        if self._recorder is not None and now_s - self._flushed_s >= _FLUSH_S:
            self._recorder.flush()
            self._flushed_s = now_s
        if self._face is not None and now_s - self._shown_s >= _SCREEN_S:
            self._face.show(self._status(now_s))
            self._shown_s = now_s

    def _handle(self, report: Report) -> None:
        match report:
            case Sent(number, due_s, sent_s, message):
                if number is not None:
                    self._improviser.sent(number)
                    self._lateness_ms.append((sent_s - due_s) * 1000)
                if strikes(message):
                    self._notes += 1
                    self._sounding.add(message[1])
                elif releases(message):
                    self._sounding.discard(message[1])
                if self._recorder is not None:
                    self._recorder.add(sent_s - self._began_s, message)
            case Received(arrival_s, message):
                change = self._hearing.receive(arrival_s, message)
                if change is not None:
                    self._changes.append(change)
                if self._recorder is not None and is_played(message):  # on channel 2, to be told apart
                    self._recorder.add(arrival_s - self._began_s, bytes((message[0] & 0xF0 | 1, *message[1:])))
                if len(message) == 3 and message[0] & 0xF0 == CONTROL_CHANGE and message[1] == TEMPERATURE_CC:
                    self._turn_temperature(temperature_of_cc(message[2]))
            case TakenBack(at_s, asked=False, dropped=dropped):
                self._dropped += dropped
                self._improviser.taken_back(at_s, self._heard())
            case Failed(sentence):
                raise PlayerLost(sentence)
            case Stopped():
                self._stopped = True

    def _heard(self) -> list[Change]:
        """What the other player did since the plan was last taken back."""
        changes, self._changes = self._changes, []
        return changes

    def _ask(self, command: TakeBack | Panic) -> float:
        """Have the plan dropped; returns when it was. All that was sent before has been handled by then."""
        self._link.send(command)
        while (report := self._link.receive(_ANSWER_S)) is not None:
            if isinstance(report, TakenBack) and report.asked:
                return report.at_s
            self._handle(report)
        raise PlayerLost("the player process stopped answering: its MIDI system may have hung")

    def _obey_keys(self) -> None:
        while True:
            try:
                key = self._keys.get_nowait()
            except Empty:
                return
            if key is Key.QUIT:
                self.end()
            elif key is Key.PANIC:
                if self._playing:
                    self._improviser.silenced(self._ask(Panic()))
                self._playing = not self._playing
            else:
                self._turn_temperature(nudged(self._controls.temperature, 1 if key is Key.WARMER else -1))

    def _turn_temperature(self, temperature: float) -> None:
        self._controls = replace(self._controls, temperature=temperature)

    def _status(self, now_s: float) -> Status:
        self._pace.append((now_s, self._improviser.events))
        (then_s, before), (_, events) = self._pace[0], self._pace[-1]
        until_s = self._improviser.planned_until_s() if self._playing else None
        return Status(
            elapsed_s=now_s - self._began_s,
            playing=self._playing,
            temperature=self._controls.temperature,
            events_per_s=(events - before) / max(now_s - then_s, _SCREEN_S),
            lookahead_s=0.0 if until_s is None else max(until_s - now_s, 0.0),
            lateness_p99_ms=float(np.percentile(self._lateness_ms[-1000:], 99)) if self._lateness_ms else 0.0,
            dropped=self._dropped,
            sounding=frozenset(self._sounding),
        )

    def _summary(self, played_s: float) -> Summary:
        late = np.array(self._lateness_ms or [0.0])
        p50, p99 = np.percentile(late, [50, 99]).tolist()
        return Summary(self._notes, self._improviser.heard_events, played_s, p50, p99, float(late.max()), self._dropped)
