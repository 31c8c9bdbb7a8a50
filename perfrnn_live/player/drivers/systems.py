"""The MIDI systems of this machine, tried in turn, and quiet while they are.

Packages are imported only when a port is wanted, so that a machine without them can do everything else. RtMidi's own
choice stops at ALSA even when that does not work; here each system is tried.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import warnings
from collections.abc import Collection, Iterator

from perfrnn_live.errors import MidiUnavailable, PortNotFound
from perfrnn_live.player.drivers import PORT_NAME, VIRTUAL, Client, System, jack, rtmidi
from perfrnn_live.player.messages import Direction
from perfrnn_live.player.names import matching, returned

_stderr_lock = threading.Lock()  # two probes at once would each take the other's silenced stderr for the real one


def systems() -> list[System]:
    """The MIDI systems there are packages for. Raises MidiUnavailable, saying what to install."""
    os.environ.setdefault("JACK_NO_START_SERVER", "1")  # looking for ports must not start a sound server
    found = rtmidi.systems()
    if sys.platform == "linux":
        found += jack.systems()
    return found


def clients(direction: Direction) -> Iterator[tuple[System, Client]]:
    """A client of each system that works; the caller closes it. Raises MidiUnavailable if none does."""
    there_are = systems()
    working = 0
    for system in there_are:
        try:
            client = system.client(direction)
        except Exception:  # each package has errors of its own: ALSA without its kernel module, JACK without a server
            continue
        working += 1
        yield system, client
    if not working:
        tried = ", ".join(system.title for system in there_are) or "none"
        hint = "; start a JACK server, or load ALSA's sequencer (snd-seq)" if sys.platform == "linux" else ""
        raise MidiUnavailable(f"No MIDI system on this machine works (tried {tried}){hint}.")


def open_client(direction: Direction, name: str) -> tuple[Client, str]:
    """A client with its port open, and the port's full name. The first MIDI system that has the port wins.

    Where ALSA and JACK both run, one keyboard shows up in each: that does not make its name ambiguous. Raises
    PortNotFound or MidiUnavailable.
    """
    seen: list[str] = []
    for _, client in clients(direction):
        with contextlib.ExitStack() as undo:
            undo.callback(client.close)
            if name == VIRTUAL:
                with contextlib.suppress(Exception):  # this system makes none: perhaps the next does
                    client.open_own()
                    undo.pop_all()
                    return client, PORT_NAME
                continue
            ports = client.ports()
            hits = matching(name, ports)
            if len(hits) > 1:
                several = ", ".join(map(repr, hits))
                raise PortNotFound(f"{name!r} fits more than one MIDI {direction}: {several}; give more of the name.")
            if hits:
                try:
                    client.open(hits[0])
                except Exception as error:  # the packages raise their own errors and some of Python's
                    raise MidiUnavailable(f"The MIDI {direction} {hits[0]!r} cannot be opened: {error}") from error
                undo.pop_all()
                return client, hits[0]
            seen += filter(None, ports)
    if name == VIRTUAL:
        raise MidiUnavailable("No MIDI system on this machine makes virtual ports: give the name of an existing port.")
    there_are = f"there are {', '.join(map(repr, seen))}" if seen else "there are none at all"
    raise PortNotFound(f"No MIDI {direction} is called {name!r}; {there_are}.")


def open_again(direction: Direction, name: str, listed: str, taken: Collection[str]) -> tuple[Client, str] | None:
    """A port that was asked for as `name` and listed as `listed`, whatever it is called now, but none of `taken`.

    None if it is not there, or not yet to be had. Raises MidiUnavailable if no MIDI system works.
    """
    for _, client in clients(direction):
        with contextlib.ExitStack() as undo:
            undo.callback(client.close)
            back = (
                [listed] if name == VIRTUAL else returned(listed, name, [p for p in client.ports() if p not in taken])
            )
            for port in back:
                with contextlib.suppress(Exception):  # another program was quicker, perhaps
                    client.open_own() if name == VIRTUAL else client.open(port)
                    undo.pop_all()
                    return client, port
    return None


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what the drivers' libraries print off the terminal while they look for their servers."""
    with _stderr_lock, contextlib.ExitStack() as undo, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.suppress(OSError):  # without a stderr there is nothing to keep quiet
            kept = os.dup(2)
            undo.callback(os.close, kept)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            undo.callback(os.close, nowhere)
            undo.callback(os.dup2, kept, 2)
            os.dup2(nowhere, 2)
        yield
