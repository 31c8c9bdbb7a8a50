"""The player in a process of its own: `python -m perfrnn_live.player.process`.

It owns the ports. A `Setup` and then commands come pickled on standard input, reports go pickled to standard output.
Its own process, because a screen or a model in the same interpreter makes every sixth note over a millisecond late, and
because MIDI drivers can hang for ever holding the interpreter's lock. When the session dies, however it dies, the pipe
closes and everything that sounds is released.
"""

from __future__ import annotations

import contextlib
import gc
import math
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import BinaryIO

from perfrnn_live.errors import NoSound, PerfRNNError, PortNotFound
from perfrnn_live.music.midi import PEDALS, control_change, note_off
from perfrnn_live.music.vocabulary import PITCHES
from perfrnn_live.player.clock import Clock, SystemClock
from perfrnn_live.player.loopback import probe
from perfrnn_live.player.messages import Command, Failed, Ready, Received, Report, Setup, Stop
from perfrnn_live.player.piano import Beside, PianoPort
from perfrnn_live.player.player import Player
from perfrnn_live.player.ports import MidiIn, MidiOut, SilentPort, open_input, open_output
from perfrnn_live.player.start import leave_signals_to_the_session
from perfrnn_live.player.watch import Watch

_SHORT_S = 0.002  # waits shorter than this are left to the clock, which is exact; longer ones can be woken by a command
_IDLE_S = 0.25
_AT_ONCE = 16  # a flood is taken in by the half millisecond, with what is due sent in between
_SESSION_SILENT_S = 2.0  # a session beats twice a second: one that says nothing for so long stands still
_MOST_WAITING = 100_000  # reports that nobody reads; what comes in after so many is not told any more
_LAST_WORDS_S = 1.0
_CABLE_S = 0.001  # what a message takes on a MIDI cable; and JACK's listeners lose notes of larger bursts


class Outbox:
    """Reports on their way to the session, written by a thread of their own: a session that has stopped reading must
    not stop the player."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._waiting: SimpleQueue[Report | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def put(self, report: Report) -> None:
        """Add at the end; returns at once."""
        if not isinstance(report, Received) or self._waiting.qsize() < _MOST_WAITING:
            self._waiting.put(report)

    def close(self) -> None:
        """Write what is left, if somebody reads it in time."""
        self._waiting.put(None)
        self._thread.join(_LAST_WORDS_S)

    def _write(self) -> None:
        with contextlib.suppress(OSError):  # a session that died cannot be told, but its notes must still end
            while (report := self._waiting.get()) is not None:
                pickle.dump(report, self._stream)
                if self._waiting.empty():
                    self._stream.flush()
            self._stream.flush()


class Inbox:
    """Commands as a thread reads them, and what the driver's threads bring."""

    def __init__(self) -> None:
        self._arrived: SimpleQueue[Command | Received] = SimpleQueue()  # its `put` may be called by a signal handler

    def read(self, stream: BinaryIO) -> None:
        """Put in what comes pickled, until the stream ends: then a `Stop`."""
        with contextlib.suppress(Exception):  # torn pickles raise whatever they like
            while True:
                self.put(pickle.load(stream))
        self.put(Stop())

    def put(self, arrived: Command | Received) -> None:
        """Add at the end."""
        self._arrived.put(arrived)

    def take(self, timeout_s: float) -> list[Command | Received]:
        """What has arrived, `_AT_ONCE` at most; waits for something up to `timeout_s`."""
        taken: list[Command | Received] = []
        with contextlib.suppress(Empty):
            taken.append(self._arrived.get(timeout=max(timeout_s, 0)))
            while len(taken) < _AT_ONCE:
                taken.append(self._arrived.get_nowait())
        return taken


class Loop:
    """The player's loop, one turn at a time. `take` waits for at most so many seconds for commands and input."""

    def __init__(
        self, player: Player, take: Callable[[float], list[Command | Received]], watch: Watch, clock: Clock
    ) -> None:
        self._player, self._take, self._watch, self._clock = player, take, watch, clock
        self._heard_s = clock.now()  # when the session last said something

    def turn(self) -> None:
        """Wait for what comes next, a command, a message or a moment at which something is due, and see to it."""
        player, clock = self._player, self._clock
        due_s = player.next_due_s
        arrived = self._take(_IDLE_S if due_s is None else min(due_s - clock.now() - _SHORT_S, _IDLE_S))
        for each in arrived:
            player.handle(each)
        if any(not isinstance(each, Received) for each in arrived):
            self._heard_s = clock.now()
        elif clock.now() - self._heard_s > _SESSION_SILENT_S:
            player.give_up()
        due_s = player.next_due_s
        if due_s is not None and due_s - clock.now() <= _SHORT_S:
            clock.wait_until(due_s)
            player.play_due()
        else:
            for news in self._watch.look(math.inf if due_s is None else due_s - clock.now()):
                player.handle(news)


def run(player: Player, take: Callable[[float], list[Command | Received]], watch: Watch, clock: Clock) -> None:
    """Play until a `Stop` has been obeyed."""
    loop = Loop(player, take, watch, clock)
    while not player.stopped:
        loop.turn()


def release_every_key(output: MidiOut, clock: Clock) -> None:
    """Release all keys and pedals on channel 1: a player that was lost may not have reported what it sent last."""
    for up in (*map(note_off, range(PITCHES)), *(control_change(pedal, 0) for pedal in PEDALS)):
        output.send(up)
        clock.wait_until(clock.now() + _CABLE_S)


def _ask_for_realtime() -> None:
    """A realtime priority cuts the latest notes' lateness several times; most systems refuse it, and we go on."""
    if hasattr(os, "sched_setscheduler"):
        with contextlib.suppress(OSError):
            own = getattr(os, "SCHED_RESET_ON_FORK", 0)  # and not that of a piano that is started later
            os.sched_setscheduler(0, os.SCHED_FIFO | own, os.sched_param(10))


def _open_ports(setup: Setup, inbox: Inbox, clock: Clock, opened: contextlib.ExitStack) -> tuple[MidiOut, list[MidiIn]]:
    """The setup's ports, with their closing handed to `opened`. An input that is named twice is opened once."""
    output: MidiOut
    match setup.output:
        case "none":
            output = SilentPort()
        case "piano":
            output = PianoPort(setup.audio, clock, setup.soundfont)
        case name:
            output = open_output(name)
    opened.callback(output.close)
    inputs: dict[str, MidiIn] = {}
    for wanted in setup.inputs:

        def bring(arrival_s: float, message: bytes, wanted: str = wanted) -> None:
            if wanted in inputs:  # its full name is known, then
                inbox.put(Received(arrival_s, message, inputs[wanted].name))

        port = open_input(wanted, clock, bring)
        opened.callback(port.close)
        if port.name not in (other.name for other in inputs.values()):
            inputs[wanted] = port
    return output, list(inputs.values())


def _wait_for_sound(output: MidiOut, piano: PianoPort | None) -> tuple[str, str]:
    """What the piano sounds through, and why it does not; both empty where there is none. Raises NoSound if it is the
    output."""
    if isinstance(output, PianoPort):
        return output.wait(), ""
    try:
        return piano.wait() if piano is not None else "", ""
    except NoSound as error:
        return "", str(error)


def main() -> None:
    """Open the ports, say so, play; then leave without waiting for the thread that reads commands: it may be waiting
    still, and the interpreter would trip over it."""
    status = 1
    try:
        status = _play()
    except BaseException:
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(status)


def _play() -> int:
    """Returns the exit status."""
    commands, reports = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a driver's library prints must not come between the reports
    leave_signals_to_the_session()

    clock = SystemClock()
    inbox, outbox = Inbox(), Outbox(reports)
    with contextlib.ExitStack() as opened:
        try:
            setup: Setup = pickle.load(commands)
            threading.Thread(target=inbox.read, args=(commands,), daemon=True).start()
            piano = PianoPort(setup.audio, clock, setup.soundfont) if setup.beside else None  # it takes the longest
            if piano is not None:
                opened.callback(piano.close)
            output, inputs = _open_ports(setup, inbox, clock, opened)
            controller = None if setup.controller is None else open_output(setup.controller)
            if controller is not None:
                opened.callback(controller.close)
            loop, early = probe(output, inbox.take, clock) if inputs else (None, [])
            if loop is not None:
                what = f"the input {loop!r} is what the output {output.name!r} sends"
                raise PortNotFound(f"{what}: the instrument would hear itself; choose another input.")
            sound, no_sound = _wait_for_sound(output, piano)
        except PerfRNNError as error:
            outbox.put(Failed(str(error), type(error).__name__))
            opened.close()
            outbox.close()
            return 1
        piano = piano if sound else None
        sounding = output if piano is None else Beside(output, piano)
        left = setup.left or frozenset()
        player = Player(sounding, clock, outbox.put, setup.thru, setup.profile, left, controller, setup.transport)
        signal.signal(signal.SIGTERM, lambda *_: inbox.put(Stop()))
        if setup.left is not None:
            player.silence()
            release_every_key(sounding, clock)
        outbox.put(Ready(output.name, tuple(port.name for port in inputs), sound, no_sound))
        _ask_for_realtime()
        gc.freeze()
        gc.disable()  # nothing here makes cycles, and a collection would come between two notes
        try:
            for each in early:
                player.handle(each)
            run(player, inbox.take, Watch(output, inputs, clock, piano, controller), clock)
        except PerfRNNError as error:
            outbox.put(Failed(str(error)))
        finally:
            with contextlib.suppress(PerfRNNError):  # a port that takes no notes takes no releases either
                player.stop()
    outbox.close()
    return 0


if __name__ == "__main__":
    main()
