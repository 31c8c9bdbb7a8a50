"""ALSA, CoreMIDI and WinMM through the C++ library RtMidi, in whichever of its two Python bindings is installed.

`python-rtmidi` has wheels up to Python 3.12 and none above. There `supriya-midi` takes its place: of the bindings with
wheels for 3.13 and 3.14 it alone has them for Linux on ARM too, and it is typed and a tenth of the size of `rtmidi2`.

RtMidi's JACK is left to `jack.py`. There an input is deaf after a sysex without its end, nobody is told that a server
has ended, and closing waits for the server with the interpreter's lock held. supriya-midi's wheels bring a libjack that
today's servers refuse, besides ("protocol mismatch").
"""

from __future__ import annotations

import contextlib
import gc
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from perfrnn_live.errors import MidiUnavailable
from perfrnn_live.player.drivers import PORT_NAME, System, client_name
from perfrnn_live.player.messages import Direction

PACKAGE = "python-rtmidi" if sys.version_info < (3, 13) else "supriya-midi"
_INSTALL = {"python-rtmidi": "pip install python-rtmidi", "supriya-midi": "pip install --pre supriya-midi"}

_DRAIN_S = 0.05  # long enough for a callback that waits for the interpreter lock to get through it


@dataclass(frozen=True, slots=True)
class Binding:
    """A Python binding: its module, the systems it has been built for, how it tells of a message, and whether an input
    may be closed while messages come in."""

    module: Any
    apis: Sequence[Any]
    message: Callable[..., list[int]]
    closes_inputs: bool


def systems() -> list[System]:
    """The systems that the installed binding knows. Raises MidiUnavailable, saying what to install."""
    binding = load()
    module = binding.module
    return [
        System(module.get_api_name(api), module.get_api_display_name(api), partial(RtMidiClient, binding, api))
        for api in binding.apis
    ]


def load() -> Binding:
    """The installed binding. Raises MidiUnavailable, saying what to install."""
    try:
        try:
            import rtmidi  # first on any Python: Linux distributions build it for newer ones too

            apis = _used(rtmidi.get_compiled_api(), rtmidi)
            return Binding(rtmidi, apis, lambda event, data: event[0], closes_inputs=True)
        except ModuleNotFoundError:
            import supriya_midi as supriya

            apis = _used(supriya.get_compiled_apis(), supriya)
            return Binding(supriya, apis, lambda message, delta_s, data: message, closes_inputs=False)
    except ModuleNotFoundError as error:
        raise MidiUnavailable(f"The package {PACKAGE} is missing: `{_INSTALL[PACKAGE]}`.") from error
    except ImportError as error:
        way_out = "`apt install libasound2`, `dnf install alsa-lib`" if "libasound" in str(error) else "install it anew"
        raise MidiUnavailable(f"The MIDI package does not load ({error}): {way_out}.") from error


def _used(apis: Sequence[Any], module: Any) -> list[Any]:
    return [api for api in apis if module.get_api_name(api) not in ("dummy", "jack")]


class RtMidiClient:
    """See `Client`."""

    def __init__(self, binding: Binding, api: Any, direction: Direction) -> None:
        self._message = binding.message
        make = binding.module.MidiOut if direction == "output" else binding.module.MidiIn
        self._client = make(api, client_name(direction))
        # RtMidi's WinMM input hangs while it closes if sysex comes in (RtMidi's pull request 372), and ends the process
        # if its device was unplugged (its issue 376). supriya-midi frees its callback while the driver's thread may be
        # in it: closing in a flood crashed within 100 times. So these stay open, unheard, until the process ends.
        closes = binding.closes_inputs and binding.module.get_api_name(api) != "winmm"
        self._stays_open = direction == "input" and not closes
        self._complaint: str | None = None
        self._received: Callable[[bytes], None] | None = None
        self._held: list[Any] = []

    def ports(self) -> list[str]:
        names = []
        for number in range(self._client.get_port_count()):
            name = ""
            with contextlib.suppress(UnicodeDecodeError):
                name = self._client.get_port_name(number) or ""
            names.append(name)
        return names

    def open(self, port: str) -> None:
        self._client.open_port(self.ports().index(port), PORT_NAME)
        self._client.set_error_callback(self._complain)  # until now an error was raised

    def open_own(self) -> None:
        self._client.open_virtual_port(PORT_NAME)
        self._client.set_error_callback(self._complain)

    def send(self, message: bytes) -> str | None:
        self._complaint = None
        self._client.send_message(message)
        return self._complaint

    def listen(self, received: Callable[[bytes], None]) -> None:
        self._received = received

        def bring(*told: Any) -> None:
            if (received := self._received) is not None:  # closing, in the other thread, sets it to None
                received(bytes(self._message(*told)))

        self._client.ignore_types(True, False, False)  # sysex; not MIDI clock and active sensing
        self._client.set_callback(bring)
        # python-rtmidi hands its driver's thread a pair of callback and data, and frees it when the callback is
        # cancelled, though the thread may be on its way in with a message: closing in a flood crashed within 150
        # times. So the pair is held here, found by what it holds.
        self._held = [each for each in gc.get_referrers(bring) if type(each) is tuple]

    def alive(self) -> bool:
        return True  # RtMidi does not tell

    def connected(self) -> bool:
        return True  # nor this

    def close(self) -> None:
        listened, self._received = self._received is not None, None
        if listened and self._stays_open:
            _left_open.append(self)
            return
        if listened:
            self._client.cancel_callback()
            time.sleep(_DRAIN_S)  # closing waits for the driver's thread with the interpreter lock held: let it out
        with contextlib.suppress(Exception):  # a device that is gone cannot be closed, and need not be
            self._client.close_port()
        self._client.delete()  # at once: left to the garbage collector, the port would stay visible

    def _complain(self, kind: Any, text: str, data: Any = None) -> None:
        self._complaint = self._complaint or text


_left_open: list[RtMidiClient] = []  # for a client that is collected would be closed after all
