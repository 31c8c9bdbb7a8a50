"""What a .mid file's messages do to keys and pedals, in the order in which it is to be taken.

Within a tick: releases, then pedals, then strikes (`pedal.Move` says why), and each kind as it stands in the file. Only
a note of no length is released after its strike.

A pedal holds the keys of its channel, as MIDI has it: in our own recordings two players share a file, and neither
foot holds the other's keys. But many files have a piano's hands on several channels, and its pedal in a track or on a
channel of its own. So where there is just one channel whose pedal goes down in a track in which that channel strikes
nothing, its pedal also holds the keys of all channels whose own pedal never goes down.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.music.midi import (
    ALL_NOTES_OFF,
    ALL_SOUND_OFF,
    CONTROL_CHANGE,
    NOTE_OFF,
    NOTE_ON,
    RESET_CONTROLLERS,
    SUSTAIN,
)
from perfrnn_live.music.pedal import PEDAL_DOWN, Move, resolve
from perfrnn_live.music.performance import Note
from perfrnn_live.music.smf import Messages

_POLY_MODE = 127
_DRUMS = 9  # the channel that holds drums in General MIDI
_NOTHING = -1
_MOVES = np.array(Move, object)

Column = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Gestures:
    """A file's gestures as columns of one length (`pedal.Gesture` says what is in each), in the order in which they are
    to be taken. Of a pedal only the moves across PEDAL_DOWN are kept. `held_by` is as in `pedal.resolve`."""

    time_s: NDArray[np.float64]
    move: Column
    pitch: Column
    value: Column
    channel: Column
    held_by: Mapping[int, Sequence[int]]

    @classmethod
    def of(cls, messages: Messages) -> Gestures:
        """What the messages do, all tracks but the drums' together. A velocity over 127 is 127, and a key over 127 is
        none."""
        kind, channel = messages.status & 0xF0, messages.status & 0x0F
        controller = np.where(kind == CONTROL_CHANGE, messages.first, _NOTHING)
        is_key = messages.first < 128
        strikes = is_key & (kind == NOTE_ON) & (messages.second > 0)
        meant = {
            Move.STRIKE: strikes,
            Move.RELEASE: is_key & ~strikes & ((kind == NOTE_ON) | (kind == NOTE_OFF)),
            Move.PEDAL: (controller == SUSTAIN) | (controller == RESET_CONTROLLERS),
            Move.SILENCE: controller == ALL_SOUND_OFF,
            Move.RELEASE_ALL: (controller >= ALL_NOTES_OFF) & (controller <= _POLY_MODE),
        }
        move = np.select(list(meant.values()), list(meant), _NOTHING)
        value = np.where(controller == RESET_CONTROLLERS, 0, np.minimum(messages.second, 127))
        kept = np.flatnonzero((move != _NOTHING) & (channel != _DRUMS))
        track, tick, move, channel = messages.track[kept], messages.tick[kept], move[kept], channel[kept]
        pitch, value = messages.first[kept], value[kept]
        part = track * 16 + channel
        held_by = _held_by(part[(move == Move.PEDAL) & (value >= PEDAL_DOWN)], part[move == Move.STRIKE])
        rank = np.where(_of_no_length(part * 128 + pitch, tick, move), int(Move.STRIKE), move)
        order = np.argsort(tick * len(Move) + rank, kind="stable")
        order = order[_moves_something(move[order], value[order], channel[order])]
        time_s = messages.time_s[kept][order]
        return cls(time_s, move[order], pitch[order], value[order], channel[order], held_by)

    @property
    def struck_s(self) -> NDArray[np.float64]:
        """When keys are struck, ascending."""
        struck_s: NDArray[np.float64] = self.time_s[self.move == Move.STRIKE]
        return struck_s

    def between(self, first: int, until_s: float) -> Gestures:
        """From row `first` to `until_s`, and the pedals as they were before."""
        rows = np.arange(len(self.time_s))
        kept = ((rows >= first) | (self.move == Move.PEDAL)) & (self.time_s <= until_s)
        move, pitch, value, channel = (each[kept] for each in (self.move, self.pitch, self.value, self.channel))
        return Gestures(self.time_s[kept], move, pitch, value, channel, self.held_by)

    def notes(self, last_s: float | None = None) -> list[Note]:
        """The notes, as `pedal.resolve` finds them."""
        return resolve(self.rows(), last_s, self.held_by)

    def rows(self) -> Iterator[tuple[float, Move, int, int, int]]:
        """What `pedal.Gesture` has, one after the other."""
        columns = (self.time_s, _MOVES[self.move], self.pitch, self.value, self.channel)
        return zip(*(each.tolist() for each in columns), strict=True)


def _held_by(pedals: Column, strikes: Column) -> dict[int, tuple[int, ...]]:
    """Which channels each pedal holds, where they are not its own alone; from the parts (16 times the track and the
    channel) in which a pedal goes down, and those in which keys do."""
    with_pedal, with_keys = set(np.unique(pedals).tolist()), set(np.unique(strikes).tolist())
    feet = {part % 16 for part in with_pedal - with_keys}
    without = {part % 16 for part in with_keys} - {part % 16 for part in with_pedal}
    if len(feet) != 1 or not without:
        return {}
    (foot,) = feet
    return {foot: (foot, *sorted(without)), **dict.fromkeys(without, ())}


def _of_no_length(key: Column, tick: Column, move: Column) -> NDArray[np.bool_]:
    """True for the releases whose own strike is in the same tick. `key` is another one for each track and channel, and
    its first strike that is not yet released is what a release is of."""
    found = np.zeros(len(key), np.bool_)
    keys = np.flatnonzero((move == Move.STRIKE) | (move == Move.RELEASE))
    keys = keys[np.argsort(key[keys], kind="stable")]
    here, before = keys[1:], keys[:-1]
    again = (key[here] == key[before]) & (tick[here] == tick[before])
    suspects = key[here[again & (move[before] == Move.STRIKE) & (move[here] == Move.RELEASE)]]
    struck: defaultdict[int, deque[int]] = defaultdict(deque)  # by key: when it was struck and not released since
    rows = keys[np.isin(key[keys], suspects)]
    columns = (rows, key[rows], tick[rows], move[rows] == Move.STRIKE)
    for row, each, now, strikes in zip(*(column.tolist() for column in columns), strict=True):
        waiting = struck[each]
        if strikes:
            waiting.append(now)
        elif waiting:
            found[row] = waiting.popleft() == now
            while waiting and waiting[0] < now:  # struck again without a release: one release ends it all
                waiting.popleft()
    return found


def _moves_something(move: Column, value: Column, channel: Column) -> NDArray[np.bool_]:
    """False for the pedals that stay on their side of PEDAL_DOWN."""
    kept = np.ones(len(move), np.bool_)
    for each in range(16):
        pedals = np.flatnonzero((move == Move.PEDAL) & (channel == each))
        kept[pedals] = np.diff(value[pedals] >= PEDAL_DOWN, prepend=False)
    return kept
