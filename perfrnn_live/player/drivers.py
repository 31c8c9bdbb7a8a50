"""MIDI drivers, reached through `rtmidi`: a client of each system that works, and quiet while they are tried.

`rtmidi` is imported only when a port is wanted, so that a machine without it can do everything else. Its own choice of
driver stops at ALSA even when that does not work; here each one is tried in turn.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from perfrnn_live.errors import MidiUnavailable, PortNotFound
from perfrnn_live.player.messages import Direction

VIRTUAL = "virtual"
PORT_NAME = "perfrnn-live"
_NUMBER = re.compile(r" \d+$" if sys.platform == "win32" else r" \d+:\d+$")

_stderr_lock = threading.Lock()  # two probes at once would each take the other's silenced stderr for the real one


def matching(name: str, candidates: Sequence[str]) -> list[str]:
    """The candidates that `name` means: the one that is exactly it, else all that contain it, in any case."""
    if name in candidates:
        return [name]
    wanted = name.casefold()
    return [candidate for candidate in dict.fromkeys(candidates) if wanted and wanted in candidate.casefold()]


def open_client(direction: Direction, name: str) -> tuple[Any, str]:
    """A client with its port open, and the port's full name. The first MIDI system that has the port wins.

    Where ALSA and JACK both run, one keyboard shows up in each: that does not make its name ambiguous. Raises
    PortNotFound or MidiUnavailable.
    """
    seen: list[str] = []
    for _, client in clients(direction):
        with contextlib.ExitStack() as undo:
            undo.callback(drop, client)
            if name == VIRTUAL:
                with contextlib.suppress(Exception):  # this system makes none: perhaps the next does
                    client.open_virtual_port(PORT_NAME)
                    undo.pop_all()
                    return client, PORT_NAME
                continue
            ports = [port or "" for port in client.get_ports()]
            hits = matching(name, ports)
            if len(hits) > 1:
                several = ", ".join(map(repr, hits))
                raise PortNotFound(f"{name!r} fits more than one MIDI {direction}: {several}; give more of the name.")
            if hits:
                try:
                    client.open_port(ports.index(hits[0]), PORT_NAME)
                except Exception as error:  # rtmidi raises its own errors and some of Python's
                    raise MidiUnavailable(f"The MIDI {direction} {hits[0]!r} cannot be opened: {error}") from error
                undo.pop_all()
                return client, hits[0]
            seen += filter(None, ports)
    if name == VIRTUAL:
        raise MidiUnavailable("No MIDI system on this machine makes virtual ports: give the name of an existing port.")
    there_are = f"there are {', '.join(map(repr, seen))}" if seen else "there are none at all"
    raise PortNotFound(f"No MIDI {direction} is called {name!r}; {there_are}.")


def returned(name: str, candidates: Sequence[str]) -> str | None:
    """How the port that was called `name` is called now: ALSA and Windows add a number to a device's name, and change
    it when that device, or on Windows any other, comes and goes. None if it is not there."""
    if name in candidates:
        return name
    return next((candidate for candidate in candidates if _NUMBER.sub("", candidate) == _NUMBER.sub("", name)), None)


def clients(direction: Direction) -> Iterator[tuple[str, Any]]:
    """A client of each MIDI system that works, with that system's name. Raises MidiUnavailable if none does."""
    rtmidi = load()
    # Output and input under different names: JACK would number the second one, depending on which came first.
    make, client_name = (rtmidi.MidiOut, PORT_NAME) if direction == "output" else (rtmidi.MidiIn, f"{PORT_NAME}-in")
    tried = []
    working = 0
    for api in rtmidi.get_compiled_api():
        if api == rtmidi.API_RTMIDI_DUMMY:
            continue
        tried.append(rtmidi.get_api_display_name(api))
        try:
            client = make(api, name=client_name)
        except rtmidi.RtMidiError:  # ALSA without its kernel module, JACK without a server
            continue
        working += 1
        yield rtmidi.get_api_name(api), client
    if not working:
        hint = "; start a JACK server, or load ALSA's sequencer (snd-seq)" if sys.platform == "linux" else ""
        raise MidiUnavailable(f"No MIDI system on this machine works (tried {', '.join(tried) or 'none'}){hint}.")


def load() -> Any:
    """The package `rtmidi`. Raises MidiUnavailable, saying what to install."""
    os.environ.setdefault("JACK_NO_START_SERVER", "1")  # looking for ports must not start a sound server
    try:
        import rtmidi
    except ModuleNotFoundError as error:
        sentence = "The package python-rtmidi is missing: `pip install python-rtmidi` under Python 3.11 or 3.12."
        raise MidiUnavailable(sentence) from error
    except ImportError as error:
        way_out = "`apt install libasound2`, `dnf install alsa-lib`" if "libasound" in str(error) else "install it anew"
        raise MidiUnavailable(f"The package python-rtmidi does not load ({error}): {way_out}.") from error
    return rtmidi


def drop(client: Any) -> None:
    """Close and give back. Never raises."""
    with contextlib.suppress(Exception):  # a device that is gone cannot be closed, and need not be
        client.close_port()
    client.delete()  # at once: left to the garbage collector, the port would stay visible


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
