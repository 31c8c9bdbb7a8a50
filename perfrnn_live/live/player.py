"""The player: sends what is due, knows what sounds, and silences it whatever happens.

No thread and no waiting of its own: `player_process` calls it on the machine's clock, tests on a fake one.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

from perfrnn_live.live.clock import Clock
from perfrnn_live.live.hearing import is_played
from perfrnn_live.live.messages import (
    SUSTAIN,
    Command,
    Panic,
    Received,
    Report,
    Schedule,
    Sent,
    Stop,
    Stopped,
    TakeBack,
    TakenBack,
    Timed,
    control_change,
    note_off,
    releases,
    strikes,
)
from perfrnn_live.live.ports import MidiOut

HOPELESS_S = (
    0.1  # a backlog this late (a machine that slept, a driver that hung) is dropped rather than played in a heap
)


class Player:
    """Schedule and ledger of one output. Everything it does goes to `report`.

    What comes in is reported too, and with `thru` sent on to the output at once. A key that the other player holds down
    is theirs: its machine note ends, and no planned message touches it.
    """

    def __init__(self, output: MidiOut, clock: Clock, report: Callable[[Report], None], thru: bool = False) -> None:
        self._output = output
        self._clock = clock
        self._report = report
        self._heap: list[tuple[float, int, bytes]] = []
        self._thru = thru
        self._sounding: set[int] = set()
        self._theirs: set[int] = set()  # keys that the other player holds down
        self._plan = self._dropped_plan = -1
        self.stopped = False

    @property
    def next_due_s(self) -> float | None:
        """When the next message is due; None if there is none."""
        return self._heap[0][0] if self._heap else None

    @property
    def sounding(self) -> frozenset[int]:
        """Pitches struck and not yet released."""
        return frozenset(self._sounding)

    def handle(self, command: Command | Received) -> None:
        """Do what the session says, or hear what came in."""
        match command:
            case Received(_, message):
                self._report(command)
                self._hear(message)
            case Schedule(plan, messages):
                if plan > self._dropped_plan:
                    self._plan = plan
                    for timed in messages:
                        heapq.heappush(self._heap, (timed.due_s, timed.number, timed.message))
            case TakeBack():
                self._heap.clear()
                self._report(TakenBack(self._clock.now(), asked=True))
            case Panic():
                self.silence()
                self._report(TakenBack(self._clock.now(), asked=True))
            case Stop():
                self.stop()

    def play_due(self) -> None:
        """Send what is due by now."""
        if self._heap and self._clock.now() - self._heap[0][0] > HOPELESS_S:
            self._drop_plan(sum(strikes(message) for _, _, message in self._heap))
        while self._heap and self._heap[0][0] <= self._clock.now():
            due_s, number, message = heapq.heappop(self._heap)
            if message[1] in self._theirs:  # the session does not know yet: what it planned is out of date
                self._drop_plan()
            else:
                self._send(Timed(due_s, number, message))

    def silence(self) -> None:
        """Drop the plan and release everything that sounds, the pedal included."""
        self._heap.clear()
        for pitch in sorted(self._sounding):
            self._send_now(note_off(pitch))
        if self._thru:
            for pitch in sorted(self._theirs):
                self._output.send(note_off(pitch))
        self._send_now(control_change(SUSTAIN, 0))

    def stop(self) -> None:
        """Silence and close. Safe to call twice."""
        if self.stopped:
            return
        self.stopped = True
        try:
            self.silence()
        finally:
            self._output.close()
        self._report(Stopped())

    def _hear(self, message: bytes) -> None:
        if strikes(message):
            self._theirs.add(message[1])
            if message[1] in self._sounding:
                self._send_now(note_off(message[1]))
        elif releases(message):
            self._theirs.discard(message[1])
        if self._thru and is_played(message):
            self._output.send(message)

    def _drop_plan(self, dropped: int = 0) -> None:
        """Take the plan back without having been asked."""
        self._heap.clear()
        self._dropped_plan = self._plan  # the session may have more of it on the way
        self._report(TakenBack(self._clock.now(), asked=False, dropped=dropped))

    def _send(self, timed: Timed) -> None:
        self._output.send(timed.message)
        self._note(timed.message)
        self._report(Sent(timed.number, timed.due_s, self._clock.now(), timed.message))

    def _send_now(self, message: bytes) -> None:
        self._output.send(message)
        self._note(message)
        now_s = self._clock.now()
        self._report(Sent(None, now_s, now_s, message))

    def _note(self, message: bytes) -> None:
        if strikes(message):
            self._sounding.add(message[1])
        elif releases(message):
            self._sounding.discard(message[1])
