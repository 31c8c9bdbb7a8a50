"""MIDI ports: the two protocols the instrument speaks through, the system's ports behind them, and one in memory.

An existing port may vanish, when its cable is pulled or its program ends, and come back; one of our own does not.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from perfrnn_live.errors import MidiUnavailable, PerfRNNError
from perfrnn_live.player.drivers import VIRTUAL, clients, drop, open_client, quiet, returned
from perfrnn_live.player.messages import Direction

if TYPE_CHECKING:
    from perfrnn_live.player.clock import Clock

WINDOWS_SYNTHESISER = "Microsoft GS Wavetable Synth"

Received = Callable[[float, bytes], None]
"""Takes the arrival in seconds on the clock given at opening, and the raw message. Called in the driver's thread."""

_DRAIN_S = 0.05  # long enough for a callback that waits for the interpreter lock to get through it


class Port(Protocol):
    """What both directions share. `name` stays the same for good."""

    name: str

    def look(self) -> bool:
        """Whether it is still there. Once it is not, nothing goes through it before it is reopened."""
        ...

    def reopen(self) -> bool:
        """Open a port that has vanished; False if it is not there, or not yet to be had."""
        ...

    def close(self) -> None:
        """Give the port back; twice is no error."""
        ...


class MidiOut(Port, Protocol):
    """Where messages go. One thread sends, looks and closes. Closing releases no notes: that is the player's."""

    def send(self, message: bytes) -> None:
        """Send one raw MIDI message at once, or nowhere if the port has vanished. Raises MidiUnavailable if the driver
        refuses it though the port is there, and if the port is closed."""
        ...


class MidiIn(Port, Protocol):
    """Where messages come from while it is open; they go to the callback given at opening, none after closing. The
    callback must not close it."""


@dataclass(frozen=True, slots=True)
class PortName:
    """A port as its driver calls it; `api` is the driver, in rtmidi's words ("alsa", "jack", "core", "winmm")."""

    api: str
    name: str


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports there are now. Where no MIDI system works there are none, and `problem` is a sentence that says so."""

    outputs: tuple[PortName, ...]
    inputs: tuple[PortName, ...]
    problem: str | None = None


class MemoryPort:
    """An output that sounds nowhere and keeps what it was sent, with the moment in seconds on its clock."""

    def __init__(self, clock: Clock, name: str = "none") -> None:
        self.name = name
        self.sent: list[tuple[float, bytes]] = []
        self.closed = False
        self._clock = clock

    def send(self, message: bytes) -> None:
        if self.closed:
            raise MidiUnavailable(f"The MIDI output {self.name!r} is closed.")
        self.sent.append((self._clock.now(), bytes(message)))

    def look(self) -> bool:
        return True

    def reopen(self) -> bool:
        return True

    def close(self) -> None:
        self.closed = True


class SilentPort:
    """An output that sounds nowhere and keeps nothing: `--output none`."""

    name = "none"

    def send(self, message: bytes) -> None:
        pass

    def look(self) -> bool:
        return True

    def reopen(self) -> bool:
        return True

    def close(self) -> None:
        pass


class _DriverPort:
    """A client of a MIDI system with its port open."""

    def __init__(self, direction: Direction, name: str) -> None:
        self._direction = direction
        self._own = name == VIRTUAL
        self._client: Any | None
        self._client, self.name = open_client(direction, name)
        self._listed = self.name  # as the system calls it now
        self._gone = self._closed = False

    def look(self) -> bool:
        if self._client is not None and not self._own and not self._gone:
            names = self._names()
            # Windows numbers all devices anew when one goes; elsewhere another number is another device.
            known = returned(self._listed, names) if sys.platform == "win32" else self._listed
            self._gone = known not in names
        return not self._gone

    def reopen(self) -> bool:
        if self._client is not None:
            listed = returned(self._listed, self._names())
            if listed is None:
                return False
            self._listed = listed
        with quiet():
            self._drop()  # the old client first: it bears the name that the new one is to have
            try:
                self._client, self._listed = open_client(self._direction, self._listed)
            except PerfRNNError:  # another program was quicker, perhaps: it can be tried again
                return False
        self._attach()
        self._gone = False
        return True

    def close(self) -> None:
        self._closed = True
        with quiet():
            self._drop()

    def _attach(self) -> None:
        """Set a new client's callbacks."""
        raise NotImplementedError

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            drop(client)

    def _names(self) -> list[str]:
        assert self._client is not None
        return [name or "" for name in self._client.get_ports()]


class _DriverOut(_DriverPort):
    def __init__(self, name: str) -> None:
        super().__init__("output", name)
        self._complaints: list[str] = []
        self._attach()

    def send(self, message: bytes) -> None:
        if self._closed:  # a deleted rtmidi object does not raise: it brings the process down
            raise MidiUnavailable(f"The MIDI output {self.name!r} is closed.")
        if self._client is None or self._gone:
            return
        self._complaints.clear()
        self._client.send_message(message)
        if self._complaints and self.look():
            raise MidiUnavailable(f"The MIDI output {self.name!r} took no message: {self._complaints[0]}")

    def _attach(self) -> None:
        assert self._client is not None
        self._client.set_error_callback(lambda kind, text, data: self._complaints.append(text))


class _DriverIn(_DriverPort):
    def __init__(self, name: str, clock: Clock, received: Received) -> None:
        super().__init__("input", name)
        self._clock = clock
        self._received = received
        self._attach()

    def look(self) -> bool:
        there = super().look()
        if not there and self._client is not None:
            self._client.cancel_callback()
        return there

    def close(self) -> None:
        if self._client is not None and not self._closed:
            self._closed = True
            self._client.cancel_callback()
            time.sleep(_DRAIN_S)  # closing waits for the driver's thread with the interpreter lock held: let it out
        super().close()

    def _attach(self) -> None:
        client = self._client
        assert client is not None

        def stamp(event: tuple[list[int], float], data: object) -> None:
            if not self._closed:
                self._received(self._clock.now(), bytes(event[0]))

        client.set_error_callback(lambda kind, text, data: None)
        client.ignore_types(sysex=True, timing=True, active_sense=True)
        client.set_callback(stamp)
        # rtmidi hands its driver's thread a pair of callback and data, and frees it when the callback is cancelled,
        # though the thread may be on its way in with a message: closing in a flood crashed within 150 times. So the
        # pair is held here, found by what it holds.
        self._pair = [holder for holder in gc.get_referrers(stamp) if type(holder) is tuple]


def open_output(name: str) -> MidiOut:
    """Open an output: "virtual" for a port of our own called `perfrnn-live`, else an existing port.

    An existing port is named exactly, or by a part of its name that no other has, in any case. Windows has no virtual
    ports: there "virtual" is its built-in synthesiser. Raises PortNotFound if no port or several match,
    MidiUnavailable if no MIDI system works or the port cannot be opened.
    """
    if name == VIRTUAL and sys.platform == "win32":
        name = WINDOWS_SYNTHESISER
    with quiet():
        return _DriverOut(name)


def open_input(name: str, clock: Clock, received: Received) -> MidiIn:
    """Open an input, named as for `open_output`; each message is stamped on arrival and handed to `received`.

    Sysex, MIDI clock and active sensing are left out. Raises the same errors; on Windows "virtual" is one of them.
    """
    if name == VIRTUAL and sys.platform == "win32":
        raise MidiUnavailable(
            "Windows has no virtual MIDI inputs: install loopMIDI, make a port with it and give that port's name."
        )
    with quiet():
        return _DriverIn(name, clock, received)


def list_ports() -> Ports:
    """The ports of every MIDI system that works here. Never raises for want of one."""
    found: dict[Direction, list[PortName]] = {"output": [], "input": []}
    try:
        with quiet():
            for direction, names in found.items():
                for api, client in clients(direction):
                    names += [PortName(api, name) for name in client.get_ports() if name]
                    drop(client)
    except MidiUnavailable as error:
        return Ports((), (), str(error))
    return Ports(tuple(found["output"]), tuple(found["input"]))
