"""The player in a process of its own: `python -m perfrnn_live.live.player_process OUTPUT INPUT [thru]`.

It owns the ports. Commands come pickled on standard input, reports go pickled to standard output. Its own process,
because a screen or a model in the same interpreter makes every sixth note over a millisecond late, and because MIDI
drivers can hang for ever holding the interpreter's lock. When the session dies, however it dies, the pipe closes and
everything that sounds is released.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import signal
import sys
import threading
from queue import Empty, SimpleQueue
from typing import BinaryIO

from perfrnn_live.errors import MidiUnavailable, PerfRNNError
from perfrnn_live.live.clock import Clock, SystemClock
from perfrnn_live.live.messages import Command, Failed, Ready, Received, Report, Stop
from perfrnn_live.live.player import Player
from perfrnn_live.live.ports import MidiIn, MidiOut, SilentPort, open_input, open_output

_SHORT_S = 0.002  # waits shorter than this are left to the clock, which is exact; longer ones can be woken by a command
_IDLE_S = 0.25
_SESSION_SILENT_S = 6.0  # longer than any note: a session that says nothing for so long while a key sounds is stuck


class _Inbox:
    """Commands as a thread reads them, and what the driver's thread brings. The end of the stream, or a signal, is a
    `Stop`."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._commands: SimpleQueue[Command | Received] = SimpleQueue()  # its `put` may be called by a signal handler
        threading.Thread(target=self._read, daemon=True).start()

    def put(self, command: Command | Received) -> None:
        self._commands.put(command)

    def take(self, timeout_s: float) -> list[Command | Received]:
        """Everything that has arrived; waits for something up to `timeout_s`."""
        commands: list[Command | Received] = []
        with contextlib.suppress(Empty):
            commands.append(self._commands.get(timeout=max(timeout_s, 0)))
            while True:
                commands.append(self._commands.get_nowait())
        return commands

    def _read(self) -> None:
        with contextlib.suppress(Exception):  # torn pickles raise whatever they like
            while True:
                self.put(pickle.load(self._stream))
        self.put(Stop())


def run(player: Player, inbox: _Inbox, clock: Clock) -> None:
    """Play until a `Stop` has been obeyed."""
    heard_s = clock.now()
    while not player.stopped:
        due_s = player.next_due_s
        commands = inbox.take(_IDLE_S if due_s is None else due_s - clock.now() - _SHORT_S)
        for command in commands:
            player.handle(command)
        if any(not isinstance(command, Received) for command in commands):
            heard_s = clock.now()
        elif player.sounding and clock.now() - heard_s > _SESSION_SILENT_S:
            player.silence()
        due_s = player.next_due_s
        if due_s is not None and due_s - clock.now() <= _SHORT_S:
            clock.wait_until(due_s)
            player.play_due()


def _ask_for_realtime() -> None:
    """A realtime priority cuts the latest notes' lateness several times; most systems refuse it, and we go on."""
    if hasattr(os, "sched_setscheduler"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))


def main() -> None:
    """Open the ports, say so, play."""
    commands, reports = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a driver's library prints must not come between the reports
    output_name, input_name, *options = sys.argv[1:]
    # Ctrl-C and a closed terminal reach both processes; the session decides what they mean. Ctrl-Z must not stop this
    # one with keys down: it plays what it has and, hearing no more, releases them.
    for name in ("SIGINT", "SIGHUP", "SIGTSTP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)

    def report(message: Report) -> None:
        with contextlib.suppress(OSError):  # a session that died cannot be told, but its notes must still end
            pickle.dump(message, reports)
            reports.flush()

    clock = SystemClock()
    inbox = _Inbox(commands)
    output: MidiOut | None = None
    midi_in: MidiIn | None = None
    try:
        output = SilentPort() if output_name == "none" else open_output(output_name)
        if input_name != "none":
            midi_in = open_input(input_name, clock, lambda arrival_s, message: inbox.put(Received(arrival_s, message)))
    except PerfRNNError as error:
        report(Failed(str(error), missing_system=isinstance(error, MidiUnavailable)))
        if output is not None:
            output.close()
        os._exit(1)
    player = Player(output, clock, report, thru="thru" in options)
    signal.signal(signal.SIGTERM, lambda *_: inbox.put(Stop()))
    report(Ready(output.name, midi_in.name if midi_in else None))
    _ask_for_realtime()
    gc.freeze()
    gc.disable()  # nothing here makes cycles, and a collection would come between two notes
    try:
        run(player, inbox, clock)
    except PerfRNNError as error:
        report(Failed(str(error), missing_system=False))
    finally:
        with contextlib.suppress(PerfRNNError):  # a port that takes no notes takes no releases either
            player.stop()
        if midi_in is not None:
            midi_in.close()
    os._exit(0)  # the thread that reads commands may be waiting still, and the interpreter would trip over it


if __name__ == "__main__":
    main()
