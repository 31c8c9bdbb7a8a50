"""Faults thrown in at random instants while `tests.bench.together --faults` plays: to processes and keyboards.

The player is killed and never stopped, for JACK waits for a client that stands still, and all others lose notes then.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.jack_lab import Sender

_CHANNEL = 4  # the performer's
LOST = 21  # a key whose release never comes: from then on nobody holds it
_GAP_S = (6.0, 14.0)  # between two faults
_FLOOD, _FLOOD_GAP_S = 800, 0.0025


class Faults:
    """Throws faults at a session whose keyboard is `hand`, until it is told to end."""

    def __init__(self, session: subprocess.Popen[str], hand: Sender, rng: random.Random) -> None:
        self._session, self._hand, self._rng = session, hand, rng
        self._ended = threading.Event()
        self.thrown: Counter[str] = Counter()
        self._kinds: dict[str, Callable[[], None]] = {
            "player killed": lambda: os.kill(self._player(), signal.SIGKILL),
            "session stopped for a second": lambda: self._stop(session.pid, 1.0),
            "session stopped for three seconds": lambda: self._stop(session.pid, 3.0),
            "all notes off": lambda: self._send(bytes((0xB0 | _CHANNEL, 123, 0))),
            "a DAW's stop": self._daw_stops,
            "a torn sysex": lambda: self._send(b"\xf0\x7e\x7f"),
            "a flood": self._flood,
            "a release that is lost": lambda: self._send(bytes((0x90 | _CHANNEL, LOST, 60))),
            "a pedal half down": lambda: self._send(bytes((0xB0 | _CHANNEL, 67, 50))),
            "a bend": lambda: self._send(bytes((0xE0 | _CHANNEL, 0, 80))),
        }

    @contextlib.contextmanager
    def thrown_in(self) -> Iterator[None]:
        """While the block lasts."""
        thread = threading.Thread(target=self._throw)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _throw(self) -> None:
        order = list(self._kinds)
        while not self._ended.wait(self._rng.uniform(*_GAP_S)):
            if not self.thrown or sum(self.thrown.values()) % len(order) == 0:
                self._rng.shuffle(order)  # each once before any comes again
            kind = order[sum(self.thrown.values()) % len(order)]
            self._kinds[kind]()
            self.thrown[kind] += 1

    def _player(self) -> int:
        children = Path(f"/proc/{self._session.pid}/task/{self._session.pid}/children")
        return int(children.read_text().split()[-1])

    def _stop(self, process: int, seconds: float) -> None:
        os.kill(process, signal.SIGSTOP)
        self._ended.wait(seconds)
        os.kill(process, signal.SIGCONT)

    def _send(self, message: bytes) -> None:
        self._hand.send(message)

    def _daw_stops(self) -> None:
        for channel in range(16):
            for controller in (120, 121, 123):
                self._send(bytes((0xB0 | channel, controller, 0)))

    def _flood(self) -> None:
        for number in range(_FLOOD):
            self._send(bytes((0xB0 | _CHANNEL, 2, number % 128)))
            if self._ended.wait(_FLOOD_GAP_S):
                break
