"""Facts and decisions as few bytes, and back exactly: what is kept of a session.

Moments are whole microseconds nearly always, since the clock gives no others; they are written as differences, in as
many bytes as they need. What is packed together is compressed and can be read alone.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import Field, fields
from typing import Any

from perfrnn_live.errors import BadValue
from perfrnn_live.live import happenings
from perfrnn_live.live.controls import ACTION_NAMES, ACTIONS, Mode
from perfrnn_live.live.happenings import Happening
from perfrnn_live.live.orders import Decision, Told, Took
from perfrnn_live.live.wishes import Do, Turn
from perfrnn_live.player import messages

Fact = Happening | Decision

_FORMAT = 1
MOST = 20_000  # facts in one part, some minutes'
_LONGEST_S = 1e12  # beyond that it is none
_MOST_BYTES = 200 * MOST
# The numbers are in everybody's libraries: new kinds come at the end.
_KINDS: tuple[type, ...] = (
    happenings.Time,
    messages.Sent,
    messages.Received,
    messages.TakenBack,
    messages.PortLost,
    messages.PortBack,
    happenings.PlayerGone,
    happenings.PlayerBack,
    messages.Transport,
    messages.Pulse,
    messages.Said,
    Turn,
    Do,
    Told,
    Took,
)
_NUMBERS = {kind: number for number, kind in enumerate(_KINDS)}


def pack(facts: Iterable[Fact]) -> bytes:
    """At most MOST facts, in order, as bytes."""
    writer = _Writer()
    for fact in facts:
        kind = type(fact)
        writer.integer(_NUMBERS[kind])
        for each in fields(fact):
            _WAYS.get(str(each.type), _PLAIN)[0](writer, _out(kind, each, getattr(fact, each.name)))
    return bytes([_FORMAT]) + zlib.compress(bytes(writer.data), 9)


def unpack(data: bytes) -> list[Fact]:
    """The facts that were packed. Raises BadValue for anything else."""
    try:
        if data[0] != _FORMAT:
            raise ValueError("another format")
        opened = zlib.decompressobj()
        reader = _Reader(opened.decompress(data[1:], _MOST_BYTES))
        facts: list[Fact] = []
        if not opened.eof or opened.unused_data:
            raise ValueError("it is torn, or too long")
        while reader.place < len(reader.data):
            if len(facts) == MOST:
                raise ValueError("it is too long")
            kind = _KINDS[reader.integer()]
            values = [_in(kind, each, _WAYS.get(str(each.type), _PLAIN)[1](reader)) for each in fields(kind)]
            facts.append(kind(*values))
    except (ValueError, KeyError, IndexError, TypeError, OverflowError, struct.error, zlib.error) as error:
        raise BadValue(f"this is no part of a session: {error}") from error
    return facts


def _out(kind: type, field: Field[Any], value: Any) -> Any:
    if kind is Do and field.name == "action":
        return ACTION_NAMES[value]
    return value.value if isinstance(value, Mode) else value


def _in(kind: type, field: Field[Any], value: Any) -> Any:
    if kind is Do and field.name == "action":
        return ACTIONS[value]
    if kind is Turn and field.name == "value" and value in {mode.value for mode in Mode}:
        return Mode(value)
    if kind is Told and field.name == "details":
        return tuple((str(name), detail) for name, detail in value)
    return value


class _Writer:
    def __init__(self) -> None:
        self.data = bytearray()
        self._before_us = 0

    def natural(self, value: int) -> None:
        while value > 0x7F:
            self.data.append(value & 0x7F | 0x80)
            value >>= 7
        self.data.append(value)

    def integer(self, value: int) -> None:
        self.natural(value << 1 if value >= 0 else (-value << 1) - 1)

    def perhaps(self, value: int | None) -> None:
        self.natural(0 if value is None else 1)
        if value is not None:
            self.integer(value)

    def moment(self, value: float) -> None:
        """The difference to the one before in microseconds, once more; or, after a 1, the number itself."""
        us = round(value * 1e6) if abs(value) < 1e9 else 0
        if us / 1e6 == value:
            difference, self._before_us = us - self._before_us, us
            self.natural((difference << 1 if difference >= 0 else (-difference << 1) - 1) << 1)
        else:
            self.natural(1)
            self.data += struct.pack("<d", value)

    def blob(self, value: bytes) -> None:
        self.natural(len(value))
        self.data += value

    def text(self, value: str) -> None:
        self.blob(value.encode("utf-8", "surrogatepass"))

    def plain(self, value: Any) -> None:
        self.text(json.dumps(value))


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0
        self._before_us = 0

    def natural(self) -> int:
        value = shift = 0
        while True:
            byte = self.data[self.place]
            self.place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
            if shift > 1000:
                raise ValueError("a number is too large")

    def integer(self) -> int:
        return _signed(self.natural())

    def perhaps(self) -> int | None:
        return self.integer() if self.natural() else None

    def moment(self) -> float:
        value = self.natural()
        if value == 1:
            moment_s = float(struct.unpack("<d", self.bytes_of(8))[0])
        else:
            self._before_us += _signed(value >> 1)
            moment_s = self._before_us / 1e6
        if not abs(moment_s) < _LONGEST_S:
            raise ValueError("a moment in another age")
        return moment_s

    def bytes_of(self, length: int) -> bytes:
        if self.place + length > len(self.data):
            raise ValueError("it ends too early")
        self.place += length
        return self.data[self.place - length : self.place]

    def blob(self) -> bytes:
        return self.bytes_of(self.natural())

    def text(self) -> str:
        return self.blob().decode("utf-8", "surrogatepass")

    def plain(self) -> Any:
        return json.loads(self.text())


def _signed(value: int) -> int:
    return value >> 1 if value & 1 == 0 else -((value + 1) >> 1)


_Way = tuple[Callable[[_Writer, Any], None], Callable[[_Reader], Any]]
_PLAIN: _Way = (_Writer.plain, _Reader.plain)
_WAYS: dict[str, _Way] = {
    "float": (_Writer.moment, _Reader.moment),
    "int": (_Writer.integer, _Reader.integer),
    "int | None": (_Writer.perhaps, _Reader.perhaps),
    "bool": (_Writer.integer, lambda reader: bool(reader.integer())),
    "bytes": (_Writer.blob, _Reader.blob),
    "str": (_Writer.text, _Reader.text),
}
