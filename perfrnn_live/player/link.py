"""The session's end of the pipe to the player: to one in a process of its own, or to one in this process on any
clock."""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import threading
from collections import deque
from enum import Enum
from queue import Empty, SimpleQueue
from typing import Protocol

from perfrnn_live import errors
from perfrnn_live.errors import PerfRNNError, PlayerLost, PortNotFound
from perfrnn_live.player.clock import Clock
from perfrnn_live.player.messages import Command, Failed, Ready, Received, Report, Sent, Setup, Stop, Stopped
from perfrnn_live.player.player import Player
from perfrnn_live.player.ports import MidiOut
from perfrnn_live.player.process import Loop
from perfrnn_live.player.profiles import DAW, Profile
from perfrnn_live.player.start import player_command
from perfrnn_live.player.watch import Watch

_LAST_WORDS_S = 0.5  # for what a player that ended had to say; what it started may hold its standard error open
_LONGEST_LINE = 4096
_LEAST_S = 1e-6  # to wait for: after an hour a clock that is only a number stands still at a millionth of that
_ANSWER_S = 5.0  # a player that takes longer to open its ports or to stop hangs in a driver
_OPENS_S = 15.0  # the piano reads its samples meanwhile


class _Mark(Enum):
    """An entry in the queue of reports that is not a report."""

    WAKE = "somebody wants to be looked after"
    END = "nothing will come any more"


class Link(Protocol):
    """The session's end of the connection to a player: commands go out, reports come in."""

    def send(self, command: Command) -> None:
        """Hand a command over. Raises PlayerLost."""
        ...

    def receive(self, timeout_s: float) -> Report | None:
        """The next report, or None when `timeout_s` has passed without one. Raises PlayerLost."""
        ...

    def wake(self) -> None:
        """Let a `receive` that waits return None at once; safe to call from any thread and from a signal handler."""
        ...

    def close(self) -> list[Report]:
        """Silence and end the player; returns the reports that were still to come. Never raises; twice is no error."""
        ...

    def kill(self) -> None:
        """End a player that is lost, without asking it. Never raises."""
        ...


class ProcessLink:
    """The player in its own process; see `player.process`."""

    def __init__(self, setup: Setup) -> None:
        commands, write_end = os.pipe()
        self._commands = os.fdopen(write_end, "wb")
        self.send(setup)  # before there is a process: it opens its ports even if this one is stopped now
        self._process = subprocess.Popen(
            player_command(),
            stdin=commands,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,  # drivers write to it from their own threads: not over the screen
        )
        os.close(commands)
        self._closed = False
        self._reports: SimpleQueue[Report | _Mark] = SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        self._complaint = b""  # the last line that the player or a driver of its wrote
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    @property
    def pid(self) -> int:
        """The player's process number."""
        return self._process.pid

    def ready(self) -> Ready:
        """Wait for the ports to be open. Raises MidiUnavailable, NoSound, PortNotFound or PlayerLost."""
        report = self.receive(_OPENS_S)
        while isinstance(report, Sent):  # what a lost player left sounding is released first
            report = self.receive(_OPENS_S)
        if isinstance(report, Failed):
            self.close()
            raise getattr(errors, report.error, PortNotFound)(report.sentence)
        if not isinstance(report, Ready):
            self._process.kill()
            raise PlayerLost("the MIDI system did not answer within fifteen seconds")
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
        if report is _Mark.END:
            self._reports.put(report)  # nothing will ever come again: say so each time
            raise self._lost()
        return None if isinstance(report, _Mark) else report

    def wake(self) -> None:
        self._reports.put(_Mark.WAKE)

    def close(self) -> list[Report]:
        rest: list[Report] = []
        if self._closed:
            return rest
        self._closed = True
        with contextlib.suppress(PlayerLost):  # a signal may have ended it: what it said before is still to be read
            self.send(Stop())
        while not (rest and isinstance(rest[-1], Stopped)):
            try:
                report = self._reports.get(timeout=_ANSWER_S)
            except Empty:
                self._process.kill()  # it hangs, and would do so for ever
                break
            if report is _Mark.END:
                break
            if not isinstance(report, _Mark):
                rest.append(report)
        self._end()
        return rest

    def kill(self) -> None:
        if not self._closed:
            self._closed = True
            self._process.kill()
            self._end()

    def _end(self) -> None:
        with contextlib.suppress(OSError):
            self._commands.close()
        try:
            self._process.wait(_ANSWER_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listening.join(_LAST_WORDS_S)

    def _lost(self) -> PlayerLost:
        self._listening.join(_LAST_WORDS_S)
        last = self._complaint.decode(errors="replace").strip()
        return PlayerLost("the player process ended unexpectedly" + (f": {last}" if last else ""))

    def _listen(self) -> None:
        """Read the player's standard error and keep only its last line: drivers may write to it for hours."""
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            while line := stream.readline(_LONGEST_LINE):
                self._complaint = line if line.strip() else self._complaint

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream, contextlib.suppress(Exception):  # torn pickles raise whatever they like
            while True:
                self._reports.put(pickle.load(stream))
        self._reports.put(_Mark.END)


class LocalLink:
    """A player in this process, with the loop of the real one, on any port and clock. Waiting for a report is what lets
    a fake clock's time pass, and never beyond what was waited for. On the system's clock it plays in time, but only as
    exactly as the program around it leaves it time to. `left` is as in a `Setup`."""

    def __init__(
        self,
        output: MidiOut,
        clock: Clock,
        thru: bool = False,
        profile: Profile = DAW,
        left: frozenset[int] | None = None,
    ) -> None:
        self._clock = clock
        self._until_s = clock.now()
        self._reports: deque[Report] = deque()
        self._arrived: deque[Command | Received] = deque()
        self.player = Player(output, clock, self._reports.append, thru, profile, left or frozenset())
        if left is not None:
            self.player.silence()
            self._reports.append(Ready(output.name, ()))
        self._loop = Loop(self.player, self._take, Watch(output, [], clock), self)

    def now(self) -> float:
        """The clock for the player's loop; it waits no longer than the session does."""
        return self._clock.now()

    def wait_until(self, moment_s: float) -> None:
        self._clock.wait_until(min(moment_s, self._until_s))

    def send(self, command: Command) -> None:
        self._arrived.append(command)

    def report(self, report: Report) -> None:
        """Let the player say something of its own accord."""
        self._reports.append(report)

    def bring(self, message: bytes, port: str = "") -> None:
        """Let a message come in, as a port would."""
        self._arrived.append(Received(self._clock.now(), message, port))

    def wake(self) -> None:
        pass

    def receive(self, timeout_s: float) -> Report | None:
        until_s = self._clock.now() + max(timeout_s, 0)
        while not self._reports and self._goes_on(until_s):
            self._loop.turn()
        return self._reports.popleft() if self._reports else None

    def pass_time(self, seconds: float) -> None:
        """Let time pass while the session is busy: the player plays on."""
        until_s = self._clock.now() + seconds
        while self._goes_on(until_s):
            self._loop.turn()

    def close(self) -> list[Report]:
        with contextlib.suppress(PerfRNNError):  # as in `player.process`
            self.player.stop()
        rest = list(self._reports)
        self._reports.clear()
        return rest

    def kill(self) -> None:
        self._reports.clear()

    def _goes_on(self, until_s: float) -> bool:
        """Whether the player has something to do until then."""
        self._until_s = until_s
        now_s, due_s = self._clock.now(), self.player.next_due_s
        return bool(self._arrived) or now_s < until_s or (due_s is not None and due_s <= now_s)

    def _take(self, timeout_s: float) -> list[Command | Received]:
        if not self._arrived and timeout_s > 0:
            self.wait_until(self._clock.now() + max(timeout_s, _LEAST_S))
        taken = list(self._arrived)
        self._arrived.clear()
        return taken
