"""Open Sound Control: every knob and action by name, from other programs; and how it stands, to them.

Source: OSC 1.0 (Wright 2002). `/perfrnn/temperature 1.2` turns a knob, `/perfrnn/panic` does an action; what is sent
back bears the same names. Nothing listens unless it is asked to, and then on this machine's own address unless another
is given.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import logging
import math
import socket
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from perfrnn_live.errors import BadValue
from perfrnn_live.live.controls import ACTIONS, KNOBS, Action, Knob, OptionalDial, Pad, Switch, label
from perfrnn_live.stage.desk import Put
from perfrnn_live.stage.status import Status

PREFIX = "/perfrnn/"
LOOPBACK = "127.0.0.1"
FREE = "free"
_PACKAGE, _BUNDLE, _DEEPEST = "pythonosc", b"#bundle\0", 8
_LARGEST = 65_536  # bytes: UDP has no larger packets
_AHEAD_S = 60.0  # a time tag further on is a broken one
_MOST_WAITING = 1000
_LOOKS_S = 0.25

OscWish = Put | Action | Pad


def address_of(text: str) -> tuple[str, int]:
    """ "9000" or "192.168.0.5:9000" → a host and a port. Raises BadValue."""
    host, colon, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536) or (colon and not host):
        raise BadValue(f"an OSC address is a port or HOST:PORT, not {text!r}")
    return host or LOOPBACK, int(port)


def wish_of(address: str, arguments: Sequence[Any]) -> OscWish | None:
    """What a message asks for; None for a button that is let go. Raises BadValue."""
    name = address.removeprefix(PREFIX).replace("/", "_")
    if not address.startswith(PREFIX) or name not in {**KNOBS, **ACTIONS}:
        raise BadValue(f"there is nothing called {address!r} to turn or do by OSC")
    if name in ACTIONS:
        pressed = not arguments or (_is_number(arguments[0]) and arguments[0] > 0) or arguments[0] is True
        return ACTIONS[name] if pressed else None
    if len(arguments) != 1:
        raise BadValue(f"{address} wants one value, not {len(arguments)}")
    value = _value(KNOBS[name], arguments[0])
    KNOBS[name].check(value)
    return Put(name, value)


def check_sizes(packet: bytes, depth: int = 0) -> None:
    """Raises BadValue unless all that a bundle holds has a size that fits: the package goes round for ever where one is
    negative."""
    if not packet.startswith(_BUNDLE):
        return
    place = len(_BUNDLE) + 8  # after the time tag
    while place < len(packet):
        size = int.from_bytes(packet[place : place + 4], signed=True)
        place += 4
        if size <= 0 or place + size > len(packet) or depth == _DEEPEST:
            raise BadValue("a bundle is torn")
        check_sizes(packet[place : place + size], depth + 1)
        place += size


def _is_of_others(record: logging.LogRecord) -> bool:
    """False for what the package logs of each broken packet: it would be written over the screen."""
    return _PACKAGE not in Path(record.pathname).parts


def _value(knob: Knob, told: Any) -> Any:
    """What is told as the knob has it. Raises BadValue."""
    if isinstance(knob, Switch):
        fits = [each for each in knob.options if knob.text(each).casefold() == str(told).casefold() or each == told]
        if not fits or isinstance(told, bool):
            raise BadValue(f"{label(knob.name)} must be {knob.span}, not {told!r}")
        return fits[0]
    if isinstance(knob, OptionalDial) and (told is None or told == FREE):
        return None
    if not _is_number(told):
        raise BadValue(f"{label(knob.name)} must be {knob.span}, not {told!r}")
    return float(told)


def _is_number(told: Any) -> bool:
    return isinstance(told, int | float) and not isinstance(told, bool) and math.isfinite(told)


class OscIn:
    """Listens until it is closed, on a thread of its own. Wishes go to `wish` when their time tag says; what cannot be
    understood is said once in each way it is wrong, to `tell`."""

    def __init__(self, address: tuple[str, int], wish: Callable[[OscWish], None], tell: Callable[[str], None]) -> None:
        """Raises BadValue if nothing can listen there."""
        self._wish, self._tell = wish, tell
        self._told: set[str] = set()
        self._waiting: list[tuple[float, int, OscWish]] = []
        self._count = itertools.count()
        self._closed = False
        logging.getLogger().addFilter(_is_of_others)
        try:
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
            with contextlib.ExitStack() as undo:
                self._socket = undo.enter_context(socket.socket(family, socket.SOCK_DGRAM))
                self._socket.bind(address)
                undo.pop_all()
        except (OSError, UnicodeError) as error:
            raise BadValue(f"cannot listen for OSC on {address[0]}:{address[1]}: {error}") from error
        self.address = self._socket.getsockname()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Nothing is asked for any more."""
        self._closed = True
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while not self._closed:
            due_s = self._waiting[0][0] - time.time() if self._waiting else _LOOKS_S
            self._socket.settimeout(min(max(due_s, 0.001), _LOOKS_S))
            with contextlib.suppress(TimeoutError, OSError):  # OSError: what was sent back was refused
                self.hear(self._socket.recv(_LARGEST))
            while self._waiting and self._waiting[0][0] <= time.time():
                self._wish(heapq.heappop(self._waiting)[2])

    def hear(self, packet: bytes) -> None:
        """Take in a packet, whatever is in it."""
        from pythonosc.osc_packet import OscPacket

        try:
            check_sizes(packet)
            timed = OscPacket(packet).messages
        except Exception:  # torn packets raise more than the package says: IndexError, RecursionError, struct.error
            self._say("a packet came in that is no OSC")
            return
        now_s = time.time()
        for at_s, message in timed:
            try:
                if at_s > now_s + _AHEAD_S or len(self._waiting) >= _MOST_WAITING:
                    raise BadValue("a bundle is for later than in a minute, or too many wait: left out")
                wish = wish_of(message.address, message.params)
            except BadValue as error:
                self._say(str(error))
                continue
            if wish is not None:
                heapq.heappush(self._waiting, (at_s, next(self._count), wish))

    def _say(self, sentence: str) -> None:
        if sentence not in self._told and len(self._told) < _MOST_WAITING:
            self._told.add(sentence)
            self._tell(f"OSC: {sentence}")


class OscOut:
    """A `Face` for other programs: every knob when it has changed, and at first; the state, what is said, lateness."""

    def __init__(self, address: tuple[str, int]) -> None:
        """Raises BadValue if there is no such address."""
        from pythonosc.udp_client import SimpleUDPClient

        try:
            self._client = SimpleUDPClient(*address)
        except OSError as error:
            raise BadValue(f"cannot send OSC to {address[0]}:{address[1]}: {error}") from error
        self._sent: dict[str, Any] = {}

    def show(self, status: Status) -> None:
        """Send what is new."""
        now: dict[str, float | str] = {name: told(knob, status) for name, knob in KNOBS.items()}
        now |= {"state": status.state, "said": status.said, "lateness": status.lateness_p99_ms}
        for name, value in now.items():
            if self._sent.get(name) != value:
                self._sent[name] = value
                with contextlib.suppress(OSError):  # nobody listens there, now
                    self._client.send_message(f"{PREFIX}{name}", value)

    def close(self) -> None:
        """Nothing more is sent."""
        self._client._sock.close()  # the package leaves it to the garbage collector


def told(knob: Knob, status: Status) -> float | str:
    """A knob's value as OSC has it."""
    value = getattr(status.settings, knob.name)
    if isinstance(knob, Switch):
        return float(value) if _is_number(value) else knob.text(value)
    return FREE if value is None else float(value)
