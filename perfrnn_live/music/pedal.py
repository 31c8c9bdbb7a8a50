"""The sustain pedal resolved into note lengths, message by message: the same code for recordings and for live input.

Rules (as note-seq's `apply_sustain_control_changes`): CC64 of 64 or more is down; a key released under the pedal
sounds until the pedal rises; a pitch struck again ends the note that was held; a key still down when the pedal rises
sounds on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

from perfrnn_live.music.performance import Note

PEDAL_DOWN = 64


class Move(IntEnum):
    """What a hand or foot did. Moves of the same moment are taken in this order."""

    RELEASE = 0
    PEDAL = 1
    STRIKE = 2


class Gesture(NamedTuple):
    """One move at a time in seconds: `pitch` for keys, `value` the velocity (STRIKE) or pedal position 0–127 (PEDAL).

    A tuple, because recordings hold millions of them and they sort in the order in which they are to be taken.
    """

    time_s: float
    move: Move
    pitch: int
    value: int


class Sustain:
    """Which pitches sound, given keys and pedal as they move."""

    def __init__(self) -> None:
        self.pedal_down = False
        self.keys: set[int] = set()  # those that fingers hold
        self._held: set[int] = set()  # released, but kept sounding by the pedal

    def strike(self, pitch: int) -> bool:
        """A key goes down. True if that pitch was still sounding: its old note ends at this moment."""
        was_sounding = pitch in self.keys or pitch in self._held
        self._held.discard(pitch)
        self.keys.add(pitch)
        return was_sounding

    def release(self, pitch: int) -> bool:
        """A key goes up. True if its note ends now; False if the pedal holds it, or the key was not down."""
        if pitch not in self.keys:
            return False
        self.keys.remove(pitch)
        if self.pedal_down:
            self._held.add(pitch)
        return not self.pedal_down

    def pedal(self, position: int) -> list[int]:
        """The pedal moves to `position`, 0–127. Returns the pitches that end now, ascending."""
        self.pedal_down = position >= PEDAL_DOWN
        if self.pedal_down or not self._held:
            return []
        ended = sorted(self._held)
        self._held.clear()
        return ended

    @property
    def sounding(self) -> set[int]:
        """Pitches that sound, by key or by pedal."""
        return self.keys | self._held


def resolve(gestures: Iterable[Gesture], last_s: float | None = None) -> list[Note]:
    """Gestures in order of time → notes with the pedal's extension, by onset and pitch.

    What still sounds at the end stops at `last_s`, by default the time of the last gesture.
    """
    sustain = Sustain()
    open_notes: dict[int, tuple[float, int]] = {}
    notes: list[Note] = []
    now_s = 0.0

    def end(pitch: int) -> None:
        onset_s, velocity = open_notes.pop(pitch)
        notes.append(Note(onset_s, now_s, pitch, velocity))

    for gesture in gestures:
        now_s = gesture.time_s
        if gesture.move is Move.STRIKE:
            if sustain.strike(gesture.pitch):
                end(gesture.pitch)
            open_notes[gesture.pitch] = (now_s, gesture.value)
        elif gesture.move is Move.RELEASE:
            if sustain.release(gesture.pitch):
                end(gesture.pitch)
        else:
            for pitch in sustain.pedal(gesture.value):
                end(pitch)
    now_s = max(now_s, -math.inf if last_s is None else last_s)
    for pitch in sorted(open_notes):
        end(pitch)
    notes.sort(key=lambda note: (note.onset_s, note.pitch))
    return notes
