"""The session's end of the pipe to the player: a real process, or one in this process on a fake clock."""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import tempfile
import threading
from collections import deque
from queue import Empty, SimpleQueue
from typing import Protocol

from perfrnn_live.errors import MidiUnavailable, PerfRNNError, PlayerLost, PortNotFound
from perfrnn_live.player.clock import FakeClock
from perfrnn_live.player.messages import Command, Failed, Ready, Received, Report, Setup, Stop, Stopped
from perfrnn_live.player.player import Player
from perfrnn_live.player.ports import MidiOut
from perfrnn_live.player.profiles import DAW, Profile
from perfrnn_live.player.start import player_command

_ANSWER_S = 5.0  # a player that takes longer to open its ports or to stop hangs in a driver


class Link(Protocol):
    """Commands go, reports come."""

    def send(self, command: Command) -> None:
        """Hand a command over. Raises PlayerLost."""
        ...

    def receive(self, timeout_s: float) -> Report | None:
        """The next report, or None when `timeout_s` has passed without one. Raises PlayerLost."""
        ...

    def close(self) -> list[Report]:
        """Silence and end the player; returns the reports that were still to come. Never raises; twice is no error."""
        ...


class ProcessLink:
    """The player in its own process; see `player_process`."""

    def __init__(self, setup: Setup) -> None:
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the link)
        commands, write_end = os.pipe()
        self._commands = os.fdopen(write_end, "wb")
        self.send(setup)  # before there is a process: it opens its ports even if this one is stopped now
        self._process = subprocess.Popen(
            player_command(),
            stdin=commands,
            stdout=subprocess.PIPE,
            stderr=self._complaints,  # drivers write to it from their own threads: not over the screen
        )
        os.close(commands)
        self._closed = False
        self._reports: SimpleQueue[Report | None] = SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def pid(self) -> int:
        """The player's process number."""
        return self._process.pid

    def ready(self) -> Ready:
        """Wait for the ports to be open. Raises MidiUnavailable, PortNotFound or PlayerLost."""
        report = self.receive(_ANSWER_S)
        if isinstance(report, Failed):
            self.close()
            raise (MidiUnavailable if report.missing_system else PortNotFound)(report.sentence)
        if not isinstance(report, Ready):
            self._process.kill()
            raise PlayerLost("the MIDI system did not answer within five seconds")
        return report

    def send(self, command: Setup | Command) -> None:
        try:
            pickle.dump(command, self._commands)
            self._commands.flush()
        except OSError as error:
            raise self._lost() from error

    def receive(self, timeout_s: float) -> Report | None:
        try:
            report = self._reports.get(timeout=max(timeout_s, 0))
        except Empty:
            return None
        if report is None:
            self._reports.put(None)  # nothing will ever come again: say so each time
            raise self._lost()
        return report

    def close(self) -> list[Report]:
        rest: list[Report] = []
        if self._closed:
            return rest
        self._closed = True
        with contextlib.suppress(PlayerLost):
            self.send(Stop())
            while (report := self.receive(_ANSWER_S)) is not None:
                rest.append(report)
                if isinstance(report, Stopped):
                    break
            else:
                self._process.kill()  # it hangs, and would do so for ever
        with contextlib.suppress(OSError):
            self._commands.close()
        try:
            self._process.wait(_ANSWER_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._complaints.close()
        return rest

    def _lost(self) -> PlayerLost:
        self._complaints.seek(0)
        last = self._complaints.read().decode(errors="replace").strip().rpartition("\n")[2]
        return PlayerLost("the player process ended unexpectedly" + (f": {last}" if last else ""))

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream, contextlib.suppress(Exception):  # torn pickles raise whatever they like
            while True:
                self._reports.put(pickle.load(stream))
        self._reports.put(None)


class LocalLink:
    """A player in this process. Waiting for a report is what makes the fake clock's time pass."""

    def __init__(self, output: MidiOut, clock: FakeClock, thru: bool = False, profile: Profile = DAW) -> None:
        self._reports: deque[Report] = deque()
        self.player = Player(output, clock, self._reports.append, thru, profile)
        self._clock = clock

    def send(self, command: Command) -> None:
        self.player.handle(command)

    def report(self, report: Report) -> None:
        """Let the player say something of its own accord."""
        self._reports.append(report)

    def bring(self, message: bytes, port: str = "") -> None:
        """Let a message come in, as a port would."""
        self.player.handle(Received(self._clock.now(), message, port))

    def receive(self, timeout_s: float) -> Report | None:
        until_s = self._clock.now() + max(timeout_s, 0)
        while not self._reports:
            due_s = self.player.next_due_s
            if due_s is None or due_s > until_s:
                self._clock.wait_until(until_s)
                return None
            self._clock.wait_until(due_s)
            self.player.play_due()
        return self._reports.popleft()

    def close(self) -> list[Report]:
        with contextlib.suppress(PerfRNNError):  # as in `player_process`
            self.player.stop()
        rest = list(self._reports)
        self._reports.clear()
        return rest
