"""Pitches by name: C4 is middle C, MIDI's 60."""

from __future__ import annotations

import re

from perfrnn_live.errors import BadValue

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTALS = {"": 0, "#": 1, "b": -1}
_NAMES = "C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"
_NAME = re.compile(r"([A-G])([#b]?)(-?\d)", re.IGNORECASE)


def pitch_of(name: str) -> int:
    """The MIDI pitch of a name (C4, F#2, Bb-1) or number, 0–127. Raises BadValue."""
    found = _NAME.fullmatch(name.strip())
    if found:
        letter, accidental, octave = found.groups()
        pitch = 12 * (int(octave) + 1) + _STEPS[letter.upper()] + _ACCIDENTALS[accidental.lower()]
    else:
        pitch = int(name) if name.strip().isdecimal() else -1
    if not 0 <= pitch <= 127:
        raise BadValue(f"{name!r} is no pitch: give a name from C-1 to G9, as C4 for middle C, or a number 0 to 127")
    return pitch


def name_of(pitch: int) -> str:
    """The name of a pitch, black keys as sharps."""
    return f"{_NAMES[pitch % 12]}{pitch // 12 - 1}"


def range_of(text: str) -> tuple[int, int]:
    """The lowest and highest pitch of a range such as A0..C8 or 21..108. Raises BadValue."""
    lowest, dots, highest = text.partition("..")
    if not dots or pitch_of(lowest) > pitch_of(highest):
        raise BadValue(f"{text!r} is no range: give the lowest and the highest key, as A0..C8")
    return pitch_of(lowest), pitch_of(highest)
