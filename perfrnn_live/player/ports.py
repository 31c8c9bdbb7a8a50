"""MIDI ports: the two protocols the instrument speaks through, the system's ports behind them, and one in memory.

An existing port may vanish, when its cable is pulled or its program ends, and come back; one of our own does not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from perfrnn_live.errors import MidiUnavailable
from perfrnn_live.player.drivers import VIRTUAL, Client
from perfrnn_live.player.drivers.systems import clients, open_again, open_client, quiet
from perfrnn_live.player.messages import Direction
from perfrnn_live.player.names import returned, unnumbered

if TYPE_CHECKING:
    from perfrnn_live.player.clock import Clock

WINDOWS_SYNTHESISER = "Microsoft GS Wavetable Synth"

Received = Callable[[float, bytes], None]
"""Takes the arrival in seconds on the clock given at opening, and the raw message. Called in the driver's thread."""


class Port(Protocol):
    """What both directions share. `name` stays the same for good."""

    name: str

    def look(self) -> bool:
        """Whether it is still there. Once it is not, nothing goes through it before it is reopened."""
        ...

    def reopen(self, taken: Collection[str]) -> str | None:
        """Open a port again that has vanished, and return the name that it has now. That name contains the name that
        was asked for, or is the old name apart from its number, and is none of `taken`; the one nearest to the old name
        is tried first. None if it is not there, or cannot be opened yet."""
        ...

    def close(self) -> None:
        """Give the port back; twice is no error."""
        ...


class MidiOut(Port, Protocol):
    """Where messages go. One thread sends, looks and closes. Closing releases no notes: that is the player's."""

    def send(self, message: bytes, due_s: float | None = None) -> None:
        """Send one raw MIDI message at once, or nowhere if the port has vanished. What can sound it at the very moment
        it was due, by default now, does. Raises MidiUnavailable if the driver refuses it though the port is there, and
        if the port is closed."""
        ...


class MidiIn(Port, Protocol):
    """Where messages come from while it is open; they go to the callback given at opening, none after closing. The
    callback must not close it."""


@dataclass(frozen=True, slots=True)
class PortName:
    """A port as its driver calls it; `api` is the MIDI system: "alsa", "jack", "core" or "winmm"."""

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

    def send(self, message: bytes, due_s: float | None = None) -> None:
        if self.closed:
            raise MidiUnavailable(f"The MIDI output {self.name!r} is closed.")
        self.sent.append((self._clock.now(), bytes(message)))

    def look(self) -> bool:
        return True

    def reopen(self, taken: Collection[str]) -> str | None:
        return self.name

    def close(self) -> None:
        self.closed = True


class SilentPort:
    """An output that sounds nowhere and keeps nothing: `--output none`."""

    name = "none"

    def send(self, message: bytes, due_s: float | None = None) -> None:
        pass

    def look(self) -> bool:
        return True

    def reopen(self, taken: Collection[str]) -> str | None:
        return self.name

    def close(self) -> None:
        pass


class _DriverPort:
    """A client of a MIDI system with its port open."""

    def __init__(self, direction: Direction, name: str) -> None:
        self._direction = direction
        self._asked = name
        self._client: Client | None
        self._client, self.name = open_client(direction, name)
        self._listed = self.name  # as the system calls it now
        self._gone = self._closed = False

    def look(self) -> bool:
        if self._client is not None and not self._gone:
            self._gone = not self._client.alive() or (self._asked != VIRTUAL and not self._is_there(self._client))
        return not self._gone

    def reopen(self, taken: Collection[str]) -> str | None:
        if self._client is not None and self._client.alive() and self._asked != VIRTUAL:
            names = [name for name in self._client.ports() if name not in taken]
            if not returned(self._listed, self._asked, names):
                return None  # asking a client costs little, making one much
        with quiet():
            self._drop()  # the old client first: it bears the name that the new one is to have
            try:
                opened = open_again(self._direction, self._asked, self._listed, taken)
            except MidiUnavailable:  # the system itself has ended: it may come back
                opened = None
        if opened is None:
            return None
        self._client, self._listed = opened
        self._attach(self._client)
        self._gone = False
        return self._listed

    def close(self) -> None:
        self._closed = True
        with quiet():
            self._drop()

    def _attach(self, client: Client) -> None:
        """Make a new client ready."""

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _is_there(self, client: Client) -> bool:
        names = client.ports()
        if sys.platform == "win32":  # all devices are numbered anew when one goes; elsewhere that is another device
            return unnumbered(self._listed) in map(unnumbered, names)
        return self._listed in names and client.connected()


class _DriverOut(_DriverPort):
    def __init__(self, name: str) -> None:
        super().__init__("output", name)

    def send(self, message: bytes, due_s: float | None = None) -> None:
        if self._closed:
            raise MidiUnavailable(f"The MIDI output {self.name!r} is closed.")
        if self._client is None or self._gone:
            return
        complaint = self._client.send(message)
        if complaint is not None and self.look():
            raise MidiUnavailable(f"The MIDI output {self.name!r} took no message: {complaint}")


class _DriverIn(_DriverPort):
    def __init__(self, name: str, clock: Clock, received: Received) -> None:
        super().__init__("input", name)
        self._clock = clock
        self._received = received
        assert self._client is not None
        self._attach(self._client)

    def _attach(self, client: Client) -> None:
        def stamp(message: bytes) -> None:
            arrival_s = self._clock.now()
            if not self._closed and not self._gone:
                self._received(arrival_s, message)

        client.listen(stamp)


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

    Sysex is left out. Raises the same errors; on Windows "virtual" is one of them.
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
                for system, client in clients(direction):
                    names += [PortName(system.name, name) for name in client.ports() if name]
                    client.close()
    except MidiUnavailable as error:
        return Ports((), (), str(error))
    return Ports(tuple(found["output"]), tuple(found["input"]))
