"""The player: sends what is due, knows what sounds, and silences it whatever happens.

It has no thread and does not wait: `process.py` calls it on the machine's clock, tests on a fake one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from perfrnn_live.errors import MidiUnavailable
from perfrnn_live.music.midi import (
    SUSTAIN,
    control_change,
    control_of,
    is_of_channel,
    is_played,
    moves_all_keys,
    note_off,
    releases,
    strikes,
)
from perfrnn_live.music.pedal import PEDAL_DOWN
from perfrnn_live.player.clock import Clock
from perfrnn_live.player.hands import Hands
from perfrnn_live.player.messages import (
    SOUNDLESS,
    Beat,
    Command,
    Panic,
    PortBack,
    PortLost,
    Received,
    Release,
    Report,
    Said,
    Schedule,
    Sent,
    Show,
    Steer,
    Stop,
    Stopped,
    TakeBack,
    TakenBack,
)
from perfrnn_live.player.outlet import Outlet
from perfrnn_live.player.pedalling import Pedalling
from perfrnn_live.player.ports import MidiOut, SilentPort
from perfrnn_live.player.profiles import DAW, Profile
from perfrnn_live.player.realtime import Realtime
from perfrnn_live.player.send_queue import Outgoing, SendQueue
from perfrnn_live.player.sequencer import Sequencer

HOPELESS_S = 0.1  # what is so late (a machine that slept, a driver that hung) is dropped, and not played in a heap
_PEDAL_UP = control_change(SUSTAIN, 0)

News = Command | Received | PortLost | PortBack


class Player:
    """The plan and the ledger of one output, and what the other player does. All it does goes to `report`.

    What comes in is reported too, and with `thru`, or from a SOUNDLESS input, sent on to the output at once, unless it
    steers. A key that the other player holds down is theirs: its machine note ends, and no planned message touches it.
    `left` are pitches that an earlier player on the same output left sounding. The `controller` shows where knobs
    stand. With `transport` the output is sent Start before the first note and Stop at the end.
    """

    def __init__(
        self,
        output: MidiOut,
        clock: Clock,
        report: Callable[[Report], None],
        thru: bool = False,
        profile: Profile = DAW,
        left: frozenset[int] = frozenset(),
        controller: MidiOut | None = None,
        transport: bool = False,
    ) -> None:
        self._output = output
        self._controller: MidiOut = controller or SilentPort()
        self._clock = clock
        self._report = report
        self._thru: frozenset[str] | None = None if thru else frozenset(SOUNDLESS)  # None: of all inputs
        self._profile = profile
        self._queue = SendQueue(profile)
        self._pedalling = Pedalling(profile) if profile.pedal == "cc64" else None
        self._realtime = Realtime(output.send, clock.now(), profile.active_sensing, transport)
        self._sounding = set(left)
        self._hands = Hands()
        self._steering: frozenset[str] = frozenset()
        self._sequencer = Sequencer()
        self._outlet = Outlet(output, clock, profile)
        self._echoes = 0
        self._ignored: set[str] = set()  # inputs through which the instrument would hear itself
        self._left: set[bytes] = set()  # what would have released the keys that were down when the output vanished
        self._plan = self._dropped_plan = -1
        self.stopped = False

    @property
    def next_due_s(self) -> float | None:
        """When the next message is due; None if there is none."""
        due_s = self._queue.next.due_s if self._queue.next else None
        moments_s = due_s, self._realtime.next_due_s, self._hands.next_due_s
        return min((moment_s for moment_s in moments_s if moment_s is not None), default=None)

    @property
    def sounding(self) -> frozenset[int]:
        """Pitches struck and not yet released."""
        return frozenset(self._sounding)

    def handle(self, news: News) -> None:
        """Do what the session says, hear what came in, or go on without a port."""
        match news:
            case Received():
                self._hear(news)
            case Schedule(plan, messages):
                if plan > self._dropped_plan:
                    self._plan = plan
                    self._realtime.begin()
                    self._queue.add(messages)
            case TakeBack(plan):
                self._drop(plan)
                self._report(TakenBack(plan, self._clock.now(), asked=True))
            case Release(plan):
                self._drop(plan)
                self._release_own()
                self._report(TakenBack(plan, self._clock.now(), asked=True, silenced=True))
            case Panic(plan):
                self._drop(plan)
                for port in self._hands.inputs:  # whatever went wrong with them: all begins anew
                    self._let_go(port)
                self._release_all()
                self._report(TakenBack(plan, self._clock.now(), asked=True, silenced=True))
            case Steer(controls):
                self._steering = controls
            case Show(messages):
                with contextlib.suppress(MidiUnavailable):  # the music goes on without lights
                    for each in messages:
                        self._controller.send(each)
            case Beat():
                pass
            case PortLost(name, direction):
                self._report(news)
                if direction == "input":
                    self._let_go(name)
                elif direction == "output":
                    self._lose_output()
            case PortBack(name, direction):
                if direction == "input":
                    self._ignored.discard(name)
                elif direction == "output":
                    self._take_up_output()
                self._report(news)
            case Stop():
                self.stop()

    def play_due(self) -> None:
        """Send what is due by now, and let go of what the other player can no longer be holding."""
        for port, up in self._hands.overdue(self._clock.now()):
            self._follow(Received(self._clock.now(), up, port))
        self._realtime.tick(self._clock.now())
        first = self._queue.next
        if first and self._clock.now() - first.due_s > HOPELESS_S:
            self._drop_plan(self._queue.strikes)
        while (first := self._queue.next) and first.due_s <= self._clock.now():
            self._send(self._queue.pop())

    def silence(self) -> None:
        """Drop the plan and release everything that sounds, the pedal included."""
        self._queue.clear()
        self._release_all()

    def give_up(self) -> None:
        """The session has said nothing for too long: drop what it planned, release its keys, and say so."""
        if self._queue.next or self._sounding:
            dropped = self._queue.strikes
            self._queue.clear()
            self._release_own()
            self._drop_plan(dropped, silenced=True)

    def stop(self) -> None:
        """Silence and close. Safe to call twice."""
        if self.stopped:
            return
        self.stopped = True
        try:
            self.silence()
            self._realtime.end()
        finally:
            self._output.close()
        self._report(Stopped(self._echoes))

    def _release_own(self) -> None:
        """Release what the machine sounds, its pedal included, and nothing that is the other player's."""
        for up in self._release_keys():
            self._outlet.put(up)

    def _release_keys(self) -> list[bytes]:
        """Release the machine's keys; returns what raises its pedal, if that is down."""
        ups = self._pedalling.reset() if self._pedalling is not None else []
        for pitch in sorted(self._sounding):
            self._send_now(note_off(pitch))
        return ups

    def _release_all(self) -> None:
        self._release_keys()
        for up in sorted(self._hands.held_at(self._thru)):
            self._outlet.put(up)
        self._send_now(_PEDAL_UP)

    def _hear(self, received: Received) -> None:
        """Find out whose `received` is: the instrument's own, or the other player's."""
        message = received.message
        self._hands.hear(received.port, received.arrival_s, message)
        for told in self._sequencer.hear(received.port, received.arrival_s, message):
            self._report(told)
        if received.port in self._ignored or not is_of_channel(message):
            return
        if self._outlet.echo.is_echo(received.arrival_s, message):
            self._echoes += 1
        elif self._outlet.loopback.is_closed_by(received):
            self._ignored.add(received.port)
            self._let_go(received.port)
            what = f"The input {received.port!r} brings back what the output {self._output.name!r} is sent"
            self._report(Said(f"{what}: it is not listened to any more."))
        else:
            moved_s = received.arrival_s - self._profile.input_delay_s
            if self._steers(message):
                self._report(Received(moved_s, message, received.port, steers=True))
                return
            for each in self._hands.move(received.port, moved_s, message):
                self._follow(Received(moved_s, each, received.port))

    def _steers(self, message: bytes) -> bool:
        """A key or pedal that went down as music comes up as music, whatever was learned meanwhile."""
        if control_of(message) not in self._steering:
            return False
        up = note_off(message[1]) if releases(message) else control_change(message[1], 0)
        lets_go = is_played(message) and not strikes(message) and (releases(message) or message[2] < PEDAL_DOWN)
        return not (lets_go and up in self._hands.down)

    def _let_go(self, port: str) -> None:
        for up in self._hands.let_go(port):
            self._follow(Received(self._clock.now(), up, port))

    def _follow(self, received: Received) -> None:
        """The other player does something."""
        self._report(received)
        message = received.message
        if self._pedalling is not None and self._hands.down:  # its pedal would hold their notes
            for up in self._pedalling.reset():
                self._outlet.put(up)
        if strikes(message) and message[1] in self._sounding:
            self._send_now(note_off(message[1]))
        one_key_each = moves_all_keys(message) and self._hands.channels(received.port) > 1
        if (self._thru is None or received.port in self._thru) and not one_key_each:
            self._outlet.put(bytes((message[0] & 0xF0, *message[1:])))  # one piano, one channel

    def _lose_output(self) -> None:
        dropped = self._queue.strikes
        self._left |= {note_off(pitch) for pitch in self._sounding} | self._hands.held_at(self._thru)
        self.silence()
        self._drop_plan(dropped, silenced=True)

    def _take_up_output(self) -> None:
        for up in sorted(self._left):
            self._outlet.put(up)
        self._left.clear()
        self._release_all()  # what was struck into nowhere

    def _drop(self, plan: int) -> None:
        self._queue.clear()
        self._dropped_plan = max(self._dropped_plan, plan)  # the session may have more of it on the way

    def _drop_plan(self, dropped: int = 0, silenced: bool = False) -> None:
        """Take the plan back without having been asked."""
        self._drop(self._plan)
        self._report(TakenBack(self._plan, self._clock.now(), asked=False, silenced=silenced, dropped=dropped))

    def _send(self, outgoing: Outgoing) -> None:
        """Send a planned message, unless the other player holds that key now."""
        message = outgoing.message
        moves_key = strikes(message) or releases(message)
        if moves_key and self._hands.holds(message[1]):
            self._drop_plan()  # the session does not know yet: what it planned is out of date
            return
        if strikes(message) and message[1] in self._sounding:  # by a plan that was taken back: it ends first
            self._send_now(note_off(message[1]))
        if self._pedalling is not None:
            upcoming = () if self._hands.down else self._queue.upcoming()
            leaving = self._profile.to_output(message)
            for extra in self._pedalling.messages_before(leaving, self._clock.now(), upcoming):
                self._outlet.put(extra)
        self._put_and_report(message, outgoing.number, outgoing.due_s)

    def _send_now(self, message: bytes) -> None:
        self._put_and_report(message, None, self._clock.now())

    def _put_and_report(self, message: bytes, number: int | None, due_s: float) -> None:
        if releases(message) and message[1] not in self._sounding:  # it ended when the other player struck that key
            delay_s = self._profile.output_delay_s(message)
        else:
            delay_s = self._outlet.put(message, is_own=True, due_s=due_s)
        if strikes(message):
            self._sounding.add(message[1])
        elif releases(message):
            self._sounding.discard(message[1])
        sent_s = self._clock.now()
        self._report(Sent(number, due_s, sent_s, message, sent_s + delay_s))
