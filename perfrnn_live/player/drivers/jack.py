"""JACK through the system's own libjack, by the package JACK-Client.

No call holds the interpreter's lock while it waits for the server; a server that ends is noticed, and so is a program
that ends and is back at once. The price, against RtMidi's JACK, is a callback in Python at each of JACK's periods: 6 µs
(1.6 % of a core at periods of 2.7 ms).
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from perfrnn_live.player.drivers import PORT_NAME, System, client_name
from perfrnn_live.player.messages import Direction

_LEFT_OUT = {0xF0, 0xF1}  # sysex, time code
_LONGEST_PERIOD_S = 0.1
_DRAIN_PERIODS = 20  # a buffer of JACK's shortest period takes a few dozen messages
_PASS_ON_PERIODS = 2  # the listener hears them in the next period at the latest


def systems() -> list[System]:
    """JACK; nothing where the package or libjack is missing."""
    try:
        import jack  # noqa: F401
    except (ImportError, OSError):
        return []
    return [System("jack", "JACK", JackClient)]


class JackClient:
    """See `Client`. What is sent leaves, and what comes in arrives, at the next of JACK's periods."""

    def __init__(self, direction: Direction) -> None:
        import jack

        _close_if_ended()
        self._out = direction == "output"
        self._client = jack.Client(client_name(direction), no_start_server=True)
        self._error = jack.JackError
        self._port: Any = None
        self._known: list[str] = []
        self._alive = True
        self._waiting: deque[bytes] = deque()
        self._received: Callable[[bytes], None] | None = None
        self._period = threading.Event()
        _open.append(self)
        self._client.set_shutdown_callback(self._end)
        self._client.set_process_callback(self._deliver if self._out else self._collect)

    def ports(self) -> list[str]:
        if not self._alive:
            return []
        with contextlib.suppress(self._error, UnicodeDecodeError):  # one went while they were listed: the next time
            ports = self._client.get_ports(is_midi=True, is_input=self._out, is_output=not self._out)
            self._known = [port.name for port in ports]
        return list(self._known)

    def open(self, port: str) -> None:
        self.open_own()
        self._client.connect(*((self._port, port) if self._out else (port, self._port)))

    def open_own(self) -> None:
        if self._port is None:
            self._port = (self._client.midi_outports if self._out else self._client.midi_inports).register(PORT_NAME)
            self._client.activate()

    def send(self, message: bytes) -> str | None:
        if not self._alive:
            return "the JACK server has ended"
        self._waiting.append(message)
        return None

    def listen(self, received: Callable[[bytes], None]) -> None:
        self._received = received

    def alive(self) -> bool:
        return self._alive

    def connected(self) -> bool:
        with contextlib.suppress(self._error):
            return self._port is not None and bool(self._client.get_all_connections(self._port))
        return False

    def close(self) -> None:
        self._received = None
        if self in _open:
            _open.remove(self)
            if self._out and self._port is not None:
                self._drain()
            self._client.close()

    def _drain(self) -> None:
        """Let what waits leave, and get to who hears it: the last releases are sent just before the end."""
        for _ in range(_DRAIN_PERIODS):
            if not self._waiting:
                break
            self._pass_period()
        for _ in range(_PASS_ON_PERIODS):
            self._pass_period()

    def _pass_period(self) -> None:
        if self._alive:
            self._period.clear()
            self._period.wait(_LONGEST_PERIOD_S)

    def _deliver(self, frames: int) -> None:
        self._port.clear_buffer()
        with contextlib.suppress(self._error):  # this period's buffer is full: the rest in the next
            while self._waiting:
                self._port.write_midi_event(0, self._waiting[0])
                self._waiting.popleft()
        self._period.set()

    def _collect(self, frames: int) -> None:
        for _, event in self._port.incoming_midi_events():
            message, received = bytes(event), self._received
            if received is not None and message[:1] >= b"\x80" and message[0] not in _LEFT_OUT:
                received(message)

    def _end(self, status: Any, reason: str) -> None:
        self._alive = False
        self._period.set()


_open: list[JackClient] = []


def _close_if_ended() -> None:
    """libjack serves one server at a time: a client of one that has ended must be closed before there is a client of
    the next, or even the attempt at one; closed later it brings the process down."""
    if any(not client.alive() for client in _open):
        for client in list(_open):
            client._alive = False  # it may not have been told yet
            client.close()
