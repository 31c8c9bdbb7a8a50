"""Standard MIDI files: bytes → channel messages with their times. Source: Standard MIDI Files 1.0 (MIDI 1.0).

What can be read is read: what stands before the header (a RIFF wrapper), chunks of unknown types, broken meta events
and wrong counts of tracks are passed over, and of a torn track its whole messages are taken. Written here, because
libraries refuse such a file (mido) or do not keep the order within a tick (symusic), on which the pedal depends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.errors import NotMidi
from perfrnn_live.music.tempo import ticks_to_seconds

_META, _SYSEX, _SYSEX_GOES_ON = 0xFF, 0xF0, 0xF7
_END_OF_TRACK, _TEMPO = 0x2F, 0x51
_DATA_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}  # of system messages, which do not belong into files but are found there
_FRAMES_PER_S = {24: 24.0, 25: 25.0, 29: 30_000 / 1001, 30: 30.0}


@dataclass(frozen=True, slots=True, eq=False)
class Messages:
    """All channel messages with two data bytes, as columns of one length, track by track in the order of the file.

    `track` counts from 0; `tick` and `time_s` count from the beginning; `status`, `first` and `second` are the bytes,
    the data bytes as they stand in the file: over 127 in a broken one.
    """

    track: NDArray[np.int64]
    tick: NDArray[np.int64]
    time_s: NDArray[np.float64]
    status: NDArray[np.int64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]


def read_messages(data: bytes) -> Messages:
    """The messages of a whole file, whose tracks play at once. Raises NotMidi: the reason, without a file's name."""
    start = data.find(b"MThd")
    if start < 0:
        raise NotMidi("it is some other kind of file" if data else "it is empty")
    header = data[start + 8 : start + 14]  # format, number of tracks, division
    if len(header) < 6:
        raise NotMidi("it ends too early")
    division = int.from_bytes(header[4:])
    tracks: list[int] = []
    ticks: list[int] = []
    messages: list[int] = []
    tempos: list[tuple[int, int]] = []
    for track, chunk in enumerate(_tracks(data, start)):
        before = len(ticks)
        _read_track(chunk, ticks, messages, tempos)
        tracks += [track] * (len(ticks) - before)
    tempos.sort(key=lambda tempo: tempo[0])  # of one tick the one that stands later in the file holds
    message = np.array(messages, np.int64)
    return Messages(
        track=np.array(tracks, np.int64),
        tick=np.array(ticks, np.int64),
        time_s=_seconds(ticks, tempos, division),
        status=message >> 16,
        first=message >> 8 & 0xFF,
        second=message & 0xFF,
    )


def _tracks(data: bytes, start: int) -> Iterator[bytes]:
    """What is in the track chunks from `start` on, whatever other chunks stand between them."""
    while start < len(data):
        end = start + 8 + int.from_bytes(data[start + 4 : start + 8])
        if end > len(data):  # torn, or its length was never filled in
            found = data.find(b"MTrk", start + 8)
            end = found if found >= 0 else len(data)
        if data[start : start + 4] == b"MTrk":
            yield data[start + 8 : end]
        start = end


def _read_track(chunk: bytes, ticks: list[int], messages: list[int], tempos: list[tuple[int, int]]) -> None:
    """Append the ticks of a track's messages, the messages as numbers of three bytes, and the track's tempos as (tick,
    microseconds a quarter note). Running status goes on over whatever stands between."""
    at = tick = status = 0
    try:
        while True:
            byte = chunk[at]
            if byte < 0x80:
                tick += byte
                at += 1
            else:
                delta, at = _number(chunk, at)
                tick += delta
            byte = chunk[at]
            if byte >= 0xF0:
                kind, body, at = _system_message(chunk, at)
                if kind == _END_OF_TRACK:
                    return
                if kind == _TEMPO and len(body) == 3 and any(body):
                    tempos.append((tick, int.from_bytes(body)))
                continue
            if byte >= 0x80:
                status = byte
                at += 1
            elif not status:
                return  # data that belong to no message: what follows cannot be told apart
            if status & 0xE0 == 0xC0:  # program change and channel pressure have one data byte
                at += 1
                continue
            messages.append(status << 16 | chunk[at] << 8 | chunk[at + 1])
            ticks.append(tick)
            at += 2
    except IndexError:  # the track ends without its end
        return


def _number(chunk: bytes, at: int) -> tuple[int, int]:
    """A number of variable length at `at`, and where it ends. Raises IndexError if it does not end within its four
    bytes."""
    value = 0
    for place in range(at, at + 4):
        value = value << 7 | chunk[place] & 0x7F
        if chunk[place] < 0x80:
            return value, place + 1
    raise IndexError("a number of more than four bytes")


def _system_message(chunk: bytes, at: int) -> tuple[int | None, bytes, int]:
    """The kind of a meta event (None for anything else), what is in it, and where the next event begins."""
    status = chunk[at]
    at += 1
    if status not in (_META, _SYSEX, _SYSEX_GOES_ON):
        return None, b"", at + _DATA_BYTES.get(status, 0)
    kind = None
    if status == _META:
        kind = chunk[at]
        at += 1
    length, at = _number(chunk, at)
    return kind, chunk[at : at + length], at + length


def _seconds(ticks: list[int], tempos: list[tuple[int, int]], division: int) -> NDArray[np.float64]:
    """Seconds of `ticks` by the header's `division`: ticks a quarter note, or frames a second and ticks a frame."""
    if division < 0x8000:
        if not division:
            raise NotMidi("it does not say how long a tick is")
        return ticks_to_seconds(ticks, tempos, division)
    frames, ticks_per_frame = 256 - (division >> 8), division & 0xFF
    if frames not in _FRAMES_PER_S or not ticks_per_frame:
        raise NotMidi("it counts time in film frames of a kind that there is not")
    return np.array(ticks, np.float64) / (_FRAMES_PER_S[frames] * ticks_per_frame)
