""".mid files for tests, byte by byte: what no library would write, too."""

from __future__ import annotations

import struct

END = b"\x00\xff\x2f\x00"


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk as it should be."""
    return struct.pack(">4sI", kind, len(content)) + content


def header(tracks: int = 1, kind: int = 1, ticks: int = 500) -> bytes:
    """At the default tempo a tick of 500 a quarter note is a millisecond."""
    return chunk(b"MThd", struct.pack(">HHH", kind, tracks, ticks))


def midi(*tracks: bytes, kind: int = 1, ticks: int = 500) -> bytes:
    """A file of raw tracks, their ends added."""
    return header(len(tracks), kind, ticks) + b"".join(chunk(b"MTrk", track + END) for track in tracks)


def number(value: int) -> bytes:
    """As MIDI files write a delta time or a length."""
    encoded = [value & 0x7F]
    while value := value >> 7:
        encoded.append(value & 0x7F | 0x80)
    return bytes(reversed(encoded))


def track(*timed: tuple[int, bytes]) -> bytes:
    """A raw track of messages at absolute ticks, ascending."""
    content, now = b"", 0
    for tick, message in timed:
        content += number(tick - now) + message
        now = tick
    return content


def on(pitch: int = 60, velocity: int = 80, channel: int = 0) -> bytes:
    return bytes((0x90 | channel, pitch, velocity))


def off(pitch: int = 60, channel: int = 0) -> bytes:
    return bytes((0x80 | channel, pitch, 64))


def control(number: int, value: int, channel: int = 0) -> bytes:
    return bytes((0xB0 | channel, number, value))


def pedal(value: int, channel: int = 0) -> bytes:
    return control(64, value, channel)


def tempo(microseconds: int) -> bytes:
    """So many a quarter note."""
    return meta(0x51, microseconds.to_bytes(3))


def meta(kind: int, content: bytes = b"") -> bytes:
    return bytes((0xFF, kind)) + number(len(content)) + content


def sysex(content: bytes) -> bytes:
    return b"\xf0" + number(len(content) + 1) + content + b"\xf7"
