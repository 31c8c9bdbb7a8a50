"""The sustain pedal resolved into note lengths, message by message: the same code for recordings and for live input.

Rules (as note-seq's `apply_sustain_control_changes`): CC64 of 64 or more is down; a key released under the pedal
sounds until the pedal rises; a pitch struck again ends the note that was held; a key still down when the pedal rises
sounds on. Each channel has keys and a pedal of its own, and a pitch is the channel's that struck it last.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple

from perfrnn_live.music.performance import Note

PEDAL_DOWN = 64


class Move(IntEnum):
    """What a hand, a foot or a device did. Moves of the same moment are taken in this order.

    So the same music is heard alike however its tracks are ordered. A key that is released in the moment in which the
    pedal falls is not held by it: a note that ends too early is a smaller fault than one that sounds on for seconds.
    """

    RELEASE = 0
    RELEASE_ALL = 1  # every key of the channel (all notes off)
    SILENCE = 2  # all that the channel sounds, by key or by pedal (all sound off)
    PEDAL = 3
    STRIKE = 4


class Gesture(NamedTuple):
    """One move of a channel at a time in seconds: `pitch` of a RELEASE or STRIKE, `value` the velocity (STRIKE) or the
    pedal position 0–127 (PEDAL); what a move does not have means nothing.

    A tuple, because recordings hold millions of them and they sort in the order in which they are to be taken.
    """

    time_s: float
    move: Move
    pitch: int
    value: int
    channel: int = 0


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

    def release_all(self) -> list[int]:
        """All keys go up. Returns the pitches that end now, ascending: none under the pedal."""
        return [pitch for pitch in sorted(self.keys) if self.release(pitch)]

    def silence(self) -> list[int]:
        """All that sounds ends, and all keys are up; the pedal stays. Returns the pitches that end now, ascending."""
        ended = sorted(self.sounding)
        self.keys.clear()
        self._held.clear()
        return ended

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


def resolve(
    gestures: Iterable[tuple[float, Move, int, int, int]],
    last_s: float | None = None,
    held_by: Mapping[int, Sequence[int]] | None = None,
) -> list[Note]:
    """Gestures (or plain tuples), in the order in which they are to be taken → notes with the pedal's extension, by
    onset and pitch.

    What still sounds at the end stops at `last_s`, by default the time of the last gesture. A channel's pedal holds the
    keys of that channel, unless `held_by` says of which other channels it does.
    """
    held_by = held_by or {}
    channels: defaultdict[int, Sustain] = defaultdict(Sustain)
    open_notes: dict[int, tuple[float, int, int]] = {}  # by pitch: onset, velocity, channel
    notes: list[Note] = []
    now_s = 0.0

    def end(pitch: int) -> None:
        onset_s, velocity, _ = open_notes.pop(pitch)
        notes.append(Note(onset_s, now_s, pitch, velocity))

    def end_of(channel: int, pitches: Iterable[int]) -> None:
        for pitch in pitches:
            if pitch in open_notes and open_notes[pitch][2] == channel:
                end(pitch)

    for now_s, move, pitch, value, channel in gestures:
        if move is Move.STRIKE:
            channels[channel].strike(pitch)
            if pitch in open_notes:
                end(pitch)
            open_notes[pitch] = (now_s, value, channel)
        elif move is Move.RELEASE:
            if channels[channel].release(pitch) and pitch in open_notes and open_notes[pitch][2] == channel:
                end(pitch)
        elif move is Move.PEDAL:
            for each in held_by.get(channel, (channel,)):
                end_of(each, channels[each].pedal(value))
        elif move is Move.RELEASE_ALL:
            end_of(channel, channels[channel].release_all())
        else:
            end_of(channel, channels[channel].silence())
    now_s = max(now_s, -math.inf if last_s is None else last_s)
    for pitch in sorted(open_notes):
        end(pitch)
    notes.sort(key=lambda note: (note.onset_s, note.pitch))
    return notes
