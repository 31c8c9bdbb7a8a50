""".mid files in and out. What is being written is a whole, playable file at every moment, so a crash loses nothing."""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

from perfrnn_live.errors import CannotWrite, NotMidi
from perfrnn_live.music.gestures import Gestures
from perfrnn_live.music.pedal import Move
from perfrnn_live.music.performance import Note, without_pauses
from perfrnn_live.music.smf import read_messages

PAUSE_S = 10.0  # an excerpt has no longer pause than this between two strikes
_MAX_BYTES = 10_000_000  # three million messages; the longest recording of MAESTRO has a thirtieth of that
_MAX_S = 24 * 3600.0
_TICKS_PER_QUARTER, _TEMPO_US = 500, 500_000  # together: a tick is a millisecond
_TRACK_AT = 22  # after a header and the track's own


def read_gestures(path: Path) -> Gestures:
    """What keys and pedals do in a .mid file, at least one strike.

    Raises NotMidi for what is no MIDI file, has no notes, is larger than 10 MB or lasts longer than a day.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise NotMidi(f"{path} cannot be read as MIDI: {error.strerror}") from error
    if len(data) > _MAX_BYTES:
        raise NotMidi(f"{path} is too large for a MIDI recording: at most {_MAX_BYTES // 1_000_000} MB are read")
    try:
        gestures = Gestures.of(read_messages(data))
    except NotMidi as error:
        raise NotMidi(f"{path} cannot be read as MIDI: {error}") from error
    if not len(gestures.struck_s):
        raise NotMidi(f"{path} has no notes in it")
    if gestures.time_s[-1] > _MAX_S:  # a broken delta time
        raise NotMidi(f"{path} lasts longer than a day, if it is MIDI at all")
    return gestures


def read_notes(path: Path) -> list[Note]:
    """Notes of a .mid file with the sustain pedals resolved, all tracks but the drums' together. Raises NotMidi."""
    return read_gestures(path).notes()


def read_ending(path: Path, seconds: float, most: int) -> list[Note]:
    """The notes struck in the last `seconds` before the last strike, or the last `most` of them, without pauses: after
    10 s without a strike time stands still until the next. Raises NotMidi."""
    gestures = read_gestures(path)
    struck_s = gestures.struck_s
    playing_s = without_pauses(struck_s, struck_s, PAUSE_S)
    first = max(int(np.searchsorted(playing_s, playing_s[-1] - seconds)), len(struck_s) - most)
    return _excerpt(gestures, first, len(struck_s))


def read_beginning(path: Path, seconds: float, most: int) -> list[Note]:
    """The notes struck in the first `seconds` from the first strike on, or the first `most` of them, without pauses as
    in `read_ending`. Raises NotMidi."""
    gestures = read_gestures(path)
    struck_s = gestures.struck_s
    playing_s = without_pauses(struck_s, struck_s, PAUSE_S)
    end = min(int(np.searchsorted(playing_s, playing_s[0] + seconds, side="right")), most)
    return _excerpt(gestures, 0, end)


def _excerpt(gestures: Gestures, first: int, end: int) -> list[Note]:
    """The notes of the strikes from number `first` up to `end`, without pauses."""
    struck_s = gestures.struck_s[first:end]
    until_s = struck_s[-1] + PAUSE_S
    row = int(np.flatnonzero(gestures.move == Move.STRIKE)[first])
    last_s = min(until_s, float(gestures.time_s[-1]))
    notes = gestures.between(row, until_s).notes(last_s)[: end - first]
    times_s = np.array([(note.onset_s, note.offset_s) for note in notes])
    onsets_s, offsets_s = without_pauses(times_s.T, struck_s, PAUSE_S).tolist()
    return [
        Note(onset_s, offset_s, note.pitch, note.velocity)
        for onset_s, offset_s, note in zip(onsets_s, offsets_s, notes, strict=True)
    ]


class MidiFileWriter:
    """Writes messages as they happen. After each `flush` the file on disk is complete: header, events, the releases of
    what still sounds, end of track. It is synced to the disk, which may take tens of milliseconds."""

    def __init__(self, path: Path) -> None:
        """Raises CannotWrite, before anything was played, also if there is a file of that name: none is overwritten."""
        try:
            self._file = path.open("xb", buffering=0)  # what a buffer could not write, it would try again later
        except OSError as error:
            raise CannotWrite(f"cannot write {path}: {error.strerror}") from error
        self._pending = bytearray(struct.pack(">4sIHHH4s4x", b"MThd", 6, 0, 1, _TICKS_PER_QUARTER, b"MTrk"))
        self._pending += b"\x00\xff\x51\x03" + _TEMPO_US.to_bytes(3, "big")
        self._end, self._ending = 0, b""  # how many bytes are settled, and what follows them in the file
        self._tick = 0
        self._sounding: set[tuple[int, int]] = set()
        self.flush()

    def add(self, time_s: float, message: bytes) -> None:
        """A channel message at `time_s` from the beginning; times must not go back."""
        tick = max(round(time_s * 1000), self._tick)
        self._pending += variable_length(tick - self._tick) + message
        self._tick = tick
        status, channel = message[0] & 0xF0, message[0] & 0x0F
        if status == 0x90 and message[2] > 0:
            self._sounding.add((channel, message[1]))
        elif status in (0x80, 0x90):
            self._sounding.discard((channel, message[1]))

    def flush(self) -> None:
        """Bring the file on disk up to date. Raises CannotWrite (a full disk); then it is as it was after the flush
        before."""
        releases = b"".join(bytes((0, 0x80 | channel, pitch, 64)) for channel, pitch in sorted(self._sounding))
        ending = releases + b"\x00\xff\x2f\x00"
        try:
            self._put(bytes(self._pending) + ending)
        except OSError as error:
            if self._end:
                with contextlib.suppress(OSError):
                    self._put(self._ending)  # for what was there before, there is room
            raise CannotWrite(f"cannot write {self._file.name}: {error.strerror}") from error
        self._end += len(self._pending)
        self._ending = ending
        self._pending.clear()

    def close(self) -> None:
        """Write what is left and close. Raises CannotWrite."""
        if self._file.closed:
            return
        try:
            self.flush()
        finally:
            with contextlib.suppress(OSError):  # what it would say, `flush` has said
                self._file.close()

    def _put(self, rest: bytes) -> None:
        """Let `rest` follow what is settled."""
        self._file.seek(self._end)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._file.truncate()
        length = self._file.tell() - _TRACK_AT
        self._file.seek(_TRACK_AT - 4)
        self._file.write(struct.pack(">I", length))
        os.fsync(self._file.fileno())  # a pulled plug loses what only the system's memory has

    def __enter__(self) -> MidiFileWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def write_notes(path: Path, notes: Sequence[Note]) -> None:
    """Notes → a new .mid file. Raises CannotWrite, also if there is a file of that name."""
    messages: list[tuple[float, bool, int, bytes]] = []  # releases first, but none before its own strike
    for number, note in enumerate(notes):
        messages.append((note.onset_s, True, 2 * number, bytes((0x90, note.pitch, note.velocity))))
        at_once = note.offset_s <= note.onset_s
        messages.append((note.offset_s, at_once, 2 * number + 1, bytes((0x80, note.pitch, 64))))
    with MidiFileWriter(path) as writer:
        for time_s, _, _, message in sorted(messages):
            writer.add(time_s, message)


def variable_length(ticks: int) -> bytes:
    """A delta time as MIDI files write it: seven bits a byte, the highest bit set on all but the last."""
    encoded = [ticks & 0x7F]
    while ticks := ticks >> 7:
        encoded.append(ticks & 0x7F | 0x80)
    return bytes(reversed(encoded))
