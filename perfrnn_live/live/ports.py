"""MIDI ports: the two protocols the instrument speaks through, the system's drivers behind them, and one in memory.

The drivers are reached through `rtmidi`, imported only when a port is wanted, so that a machine without it can do
everything else. Its own choice of driver stops at ALSA even when that does not work; here each one is tried in turn.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from perfrnn_live.errors import MidiUnavailable, PortNotFound

if TYPE_CHECKING:
    from perfrnn_live.live.clock import Clock

VIRTUAL = "virtual"
PORT_NAME = "perfrnn-live"
WINDOWS_SYNTHESISER = "Microsoft GS Wavetable Synth"

Received = Callable[[float, bytes], None]
"""Takes the arrival in seconds on the clock given at opening, and the raw message. Called in the driver's thread."""

_Direction = Literal["output", "input"]

_DRAIN_S = 0.05  # long enough for a callback that waits for the interpreter lock to get through it
_stderr_lock = threading.Lock()  # two probes at once would each take the other's silenced stderr for the real one


class MidiOut(Protocol):
    """Where messages go. One thread sends and closes."""

    name: str

    def send(self, message: bytes) -> None:
        """Send one raw MIDI message at once. Raises MidiUnavailable if the driver refuses it or the port is closed."""
        ...

    def close(self) -> None:
        """Give the port back; twice is no error. Sounding notes are not released: that is the ledger's."""
        ...


class MidiIn(Protocol):
    """Where messages come from while it is open; they go to the callback given at opening."""

    name: str

    def close(self) -> None:
        """Give the port back; nothing is received afterwards. Twice is no error. Not to be called by the callback."""
        ...


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

    def close(self) -> None:
        self.closed = True


class SilentPort:
    """An output that sounds nowhere and keeps nothing: `--output none`."""

    name = "none"

    def send(self, message: bytes) -> None:
        pass

    def close(self) -> None:
        pass


class _DriverOut:
    def __init__(self, client: Any, name: str) -> None:
        self.name = name
        self._client: Any | None = client
        self._complaints: list[str] = []
        client.set_error_callback(lambda kind, text, data: self._complaints.append(text))

    def send(self, message: bytes) -> None:
        if self._client is None:  # a deleted rtmidi object does not raise: it brings the process down
            raise MidiUnavailable(f"The MIDI output {self.name!r} is closed.")
        self._client.send_message(message)
        if self._complaints:
            complaint = self._complaints.pop()
            self._complaints.clear()
            raise MidiUnavailable(f"The MIDI output {self.name!r} took no message: {complaint}")

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with _quiet():
                _drop(client)


class _DriverIn:
    def __init__(self, client: Any, name: str, clock: Clock, received: Received) -> None:
        self.name = name
        self._client: Any | None = client

        def stamp(event: tuple[list[int], float], data: object) -> None:
            if self._client is not None:
                received(clock.now(), bytes(event[0]))

        client.set_error_callback(lambda kind, text, data: None)
        client.ignore_types(sysex=True, timing=True, active_sense=True)
        client.set_callback(stamp)
        # rtmidi hands its driver's thread a pair of callback and data, and frees it when the callback is cancelled,
        # though the thread may be on its way in with a message: closing in a flood crashed within 150 times. So the
        # pair is held here, found by what it holds.
        self._pair = [holder for holder in gc.get_referrers(stamp) if type(holder) is tuple]

    def close(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        client.cancel_callback()
        time.sleep(_DRAIN_S)  # closing waits for the driver's thread with the interpreter lock held: let it out first
        with _quiet():
            _drop(client)
        self._pair.clear()


def open_output(name: str) -> MidiOut:
    """Open an output: "virtual" for a port of our own called `perfrnn-live`, else an existing port.

    An existing port is named exactly, or by a part of its name that no other has, in any case. Windows has no virtual
    ports: there "virtual" is its built-in synthesiser. Raises PortNotFound if no port or several match,
    MidiUnavailable if no MIDI system works or the port cannot be opened.
    """
    if name == VIRTUAL and sys.platform == "win32":
        name = WINDOWS_SYNTHESISER
    with _quiet():
        return _DriverOut(*_open("output", name))


def open_input(name: str, clock: Clock, received: Received) -> MidiIn:
    """Open an input, named as for `open_output`; each message is stamped on arrival and handed to `received`.

    Sysex, MIDI clock and active sensing are left out. Raises the same errors; on Windows "virtual" is one of them.
    """
    if name == VIRTUAL and sys.platform == "win32":
        raise MidiUnavailable(
            "Windows has no virtual MIDI inputs: install loopMIDI, make a port with it and give that port's name."
        )
    with _quiet():
        return _DriverIn(*_open("input", name), clock, received)


def list_ports() -> Ports:
    """The ports of every MIDI system that works here. Never raises for want of one."""
    found: dict[_Direction, list[PortName]] = {"output": [], "input": []}
    try:
        with _quiet():
            for direction, names in found.items():
                for api, client in _clients(direction):
                    names += [PortName(api, name) for name in client.get_ports() if name]
                    _drop(client)
    except MidiUnavailable as error:
        return Ports((), (), str(error))
    return Ports(tuple(found["output"]), tuple(found["input"]))


def matching(name: str, candidates: Sequence[str]) -> list[str]:
    """The candidates that `name` means: the one that is exactly it, else all that contain it, in any case."""
    if name in candidates:
        return [name]
    wanted = name.casefold()
    return [candidate for candidate in dict.fromkeys(candidates) if wanted and wanted in candidate.casefold()]


def _open(direction: _Direction, name: str) -> tuple[Any, str]:
    """A client with its port open, and the port's full name. The first MIDI system that has the port wins.

    Where ALSA and JACK both run, one keyboard shows up in each: that does not make its name ambiguous.
    """
    seen: list[str] = []
    for _, client in _clients(direction):
        with contextlib.ExitStack() as undo:
            undo.callback(_drop, client)
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


def _clients(direction: _Direction) -> Iterator[tuple[str, Any]]:
    """A client of each MIDI system that works, with that system's name. Raises MidiUnavailable if none does."""
    rtmidi = _rtmidi()
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


def _rtmidi() -> Any:
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


def _drop(client: Any) -> None:
    with contextlib.suppress(Exception):  # a device that is gone cannot be closed, and need not be
        client.close_port()
    client.delete()  # at once: left to the garbage collector, the port would stay visible


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
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
