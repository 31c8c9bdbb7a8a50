"""MIDI drivers, a file each, behind one protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from perfrnn_live.player.messages import Direction

VIRTUAL = "virtual"
PORT_NAME = "perfrnn-live"


class Client(Protocol):
    """A client of one MIDI system in one direction, with at most one port open.

    It is made, asked and closed in one thread, the same for all clients of a process: CoreMIDI tells of devices that
    come and go only the thread that was its first client.
    """

    def ports(self) -> list[str]:
        """The ports of others that it can open now, in the system's order; "" for a name that cannot be read."""
        ...

    def open(self, port: str) -> None:
        """Open one of them. Raises anything if the system refuses."""
        ...

    def open_own(self) -> None:
        """Make a port called `PORT_NAME`, for others to connect to. Raises anything if the system makes none."""
        ...

    def send(self, message: bytes) -> str | None:
        """Send one raw message through an open output; what the system complains of, if it refuses."""
        ...

    def listen(self, received: Callable[[bytes], None]) -> None:
        """Hand each raw message from an open input to `received`, in the system's own thread, without sysex. To be
        called once."""
        ...

    def alive(self) -> bool:
        """False once the system itself has ended, where that is told."""
        ...

    def connected(self) -> bool:
        """False once nothing is connected to the port any more that was opened to reach another one, where that is
        told: the other may have been closed and made anew meanwhile."""
        ...

    def close(self) -> None:
        """Give everything back. Nothing is received any more, and the client must not be used. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class System:
    """A MIDI system that this machine may have: "alsa", "jack", "core" or "winmm", and its name for people.

    `client` makes a client of it, and raises anything if it does not work here.
    """

    name: str
    title: str
    client: Callable[[Direction], Client]


def client_name(direction: Direction) -> str:
    """What a client calls itself. Output and input differ: JACK would number the second one, whichever that is."""
    return PORT_NAME if direction == "output" else f"{PORT_NAME}-in"
