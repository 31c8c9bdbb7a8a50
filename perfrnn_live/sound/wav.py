"""Notes → a sound file, faster than time."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from perfrnn_live.errors import BadValue, CannotWrite
from perfrnn_live.music.midi import note_off, note_on
from perfrnn_live.music.performance import Note
from perfrnn_live.sound.instrument import instrument_of
from perfrnn_live.sound.samples import RATE

_BLOCK = 1024  # frames
_LONGEST_S = 6 * 3600.0  # a WAV has less than 4 GiB
_TAIL_S = 20.0  # at most so much after the last release


def is_sound(path: Path | None) -> bool:
    """Whether a file of that name is to hold sound."""
    return path is not None and path.suffix.lower() == ".wav"


def write_sound(path: Path, notes: Sequence[Note], soundfont: Path | None = None) -> None:
    """The built-in piano, or a sound font, playing `notes`, 48 kHz, stereo, 16 bits, up to where the last one has died
    away.

    Raises CannotWrite, also if there is a file of that name; BadValue if it would last longer than six hours; and what
    `instrument_of` raises.
    """
    last_s = max((note.offset_s for note in notes), default=0.0)
    if last_s > _LONGEST_S:
        raise BadValue(f"a sound file holds six hours at most, not {last_s / 3600:.1f}")
    moves = [(note.onset_s, 1, note_on(note.pitch, note.velocity)) for note in notes]
    moves += [(max(note.offset_s, note.onset_s + 1 / RATE), 0, note_off(note.pitch)) for note in notes]
    moves.sort(reverse=True)
    instrument = instrument_of(soundfont)(RATE)
    try:
        with path.open("xb") as file, wave.open(file, "wb") as wav:
            wav.setparams((2, 2, RATE, 0, "NONE", ""))
            done, end = 0, round((last_s + _TAIL_S) * RATE)
            while moves or (instrument.sounding and done < end):
                while moves and (frame := round(moves[-1][0] * RATE) - done) < _BLOCK:
                    instrument.play(moves.pop()[2], frame)
                wav.writeframes(np.rint(instrument.render(_BLOCK) * 32767).astype("<i2").tobytes())
                done += _BLOCK
    except OSError as error:
        raise CannotWrite(f"cannot write {path}: {error.strerror}") from error
