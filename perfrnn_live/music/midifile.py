""".mid files in and out. What is being written is a whole, playable file at every moment, so a crash loses nothing."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from perfrnn_live.errors import CannotWrite, NotMidi
from perfrnn_live.music.pedal import Gesture, Move, resolve
from perfrnn_live.music.performance import Note
from perfrnn_live.music.tempo import ticks_to_seconds

_MAX_BYTES, _MAX_BEATS = 50_000_000, 1_000_000
_TICKS_PER_QUARTER, _TEMPO_US = 500, 500_000  # together: a tick is a millisecond
_SUSTAIN = 64
_TRACK_AT = 22  # after a header and the track's own


def read_notes(path: Path) -> list[Note]:
    """Notes of a .mid file with the sustain pedal resolved, all tracks but the drums' together. Raises NotMidi."""
    import mido

    try:
        file = mido.MidiFile(path) if path.stat().st_size <= _MAX_BYTES else None
    except Exception as error:  # mido raises whatever a broken file makes it trip over
        reason = getattr(error, "strerror", None) or str(error) or "it ends too early"
        raise NotMidi(f"{path} cannot be read as MIDI: {reason}") from error
    if file is None:
        raise NotMidi(f"{path} is too large for a MIDI recording")
    if file.ticks_per_beat <= 0:
        raise NotMidi(f"{path} counts time in film frames, not in beats")
    tempos: list[tuple[int, int]] = []
    moves: list[tuple[int, Move, int, int]] = []
    for track in file.tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "set_tempo":
                tempos.append((tick, message.tempo))
            elif getattr(message, "channel", 9) == 9:
                continue
            elif message.type == "note_on" and message.velocity > 0:
                moves.append((tick, Move.STRIKE, message.note, message.velocity))
            elif message.type in ("note_on", "note_off"):
                moves.append((tick, Move.RELEASE, message.note, 0))
            elif message.type == "control_change" and message.control == _SUSTAIN:
                moves.append((tick, Move.PEDAL, 0, message.value))
        if tick > _MAX_BEATS * file.ticks_per_beat:  # a broken delta time
            raise NotMidi(f"{path} lasts for days, if it is MIDI at all")
    moves.sort(key=lambda move: move[0])  # within a tick as they stand in the file
    times_s = ticks_to_seconds([move[0] for move in moves], sorted(tempos), file.ticks_per_beat).tolist()
    notes = resolve(Gesture(time_s, *move[1:]) for time_s, move in zip(times_s, moves, strict=True))
    if not notes:
        raise NotMidi(f"{path} has no notes in it")
    return notes


def read_ending(path: Path, seconds: float) -> list[Note]:
    """The notes struck in the last `seconds` before the last strike. Raises NotMidi."""
    notes = read_notes(path)
    return [note for note in notes if note.onset_s >= notes[-1].onset_s - seconds]


def read_beginning(path: Path, seconds: float) -> list[Note]:
    """The notes struck in the first `seconds` from the first strike on. Raises NotMidi."""
    notes = read_notes(path)
    return [note for note in notes if note.onset_s <= notes[0].onset_s + seconds]


def check_writable(path: Path) -> None:
    """Raises CannotWrite if `path` cannot be written; leaves what is there untouched."""
    try:
        existed = path.exists()
        path.open("ab").close()
        if not existed:
            path.unlink()
    except OSError as error:
        raise CannotWrite(f"cannot write {path}: {error.strerror}") from error


class MidiFileWriter:
    """Writes messages as they happen. After each `flush` the file on disk is complete: header, events, the releases of
    what still sounds, end of track."""

    def __init__(self, path: Path) -> None:
        """Raises CannotWrite, before anything was played."""
        try:
            self._file = path.open("wb", buffering=0)  # what a buffer could not write, it would try again later
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
        self._pending += _variable_length(tick - self._tick) + message
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

    def __enter__(self) -> MidiFileWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def write_notes(path: Path, notes: Sequence[Note]) -> None:
    """Notes → .mid. Raises CannotWrite."""
    messages: list[tuple[float, bool, int, bytes]] = []  # releases first, but none before its own strike
    for number, note in enumerate(notes):
        messages.append((note.onset_s, True, 2 * number, bytes((0x90, note.pitch, note.velocity))))
        at_once = note.offset_s <= note.onset_s
        messages.append((note.offset_s, at_once, 2 * number + 1, bytes((0x80, note.pitch, 64))))
    with MidiFileWriter(path) as writer:
        for time_s, _, _, message in sorted(messages):
            writer.add(time_s, message)


def _variable_length(ticks: int) -> bytes:
    """A delta time as MIDI files write it: seven bits a byte, the highest bit set on all but the last."""
    encoded = [ticks & 0x7F]
    while ticks := ticks >> 7:
        encoded.append(ticks & 0x7F | 0x80)
    return bytes(reversed(encoded))
