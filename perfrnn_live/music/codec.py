"""Notes → tokens, tokens → notes, and the streaming encoder that live input shares with training.

Absolute times are rounded to steps and only then differenced, so that nothing drifts. Within one step the releases
come first, then the strikes, each by pitch: a live player's chord gets the tokens of the same chord in a recording.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.performance import Note, bin_to_velocity, seconds_to_step, step_to_seconds, velocity_to_bin
from perfrnn_live.music.vocabulary import EventKind, Vocabulary


class StreamEncoder:
    """Encodes step after step. Knows only where it is in time and the velocity bin in force."""

    def __init__(self, vocabulary: Vocabulary, step: int = 0, velocity_bin: int | None = None) -> None:
        self.step = step
        self.velocity_bin = velocity_bin
        self._max_shift = vocabulary.max_shift
        offsets = vocabulary.offsets
        self._on, self._off = offsets[EventKind.NOTE_ON], offsets[EventKind.NOTE_OFF]
        self._shift, self._velocity = offsets[EventKind.TIME_SHIFT], offsets[EventKind.VELOCITY]

    def advance(self, step: int) -> list[int]:
        """The time shifts from where the encoder stands to `step`; none if it is there already."""
        tokens = []
        gap = step - self.step
        while gap > 0:
            shift = min(gap, self._max_shift)
            tokens.append(self._shift + shift)
            gap -= shift
        self.step = max(step, self.step)
        return tokens

    def encode(self, step: int, released: Iterable[int], struck: Iterable[tuple[int, int]]) -> list[int]:
        """All that happens at `step`: `released` pitches, `struck` (pitch, velocity 1–127)."""
        tokens = self.advance(step)
        tokens.extend(self._off + pitch for pitch in sorted(released))
        for pitch, velocity in sorted(struck):
            velocity_bin = velocity_to_bin(velocity)
            if velocity_bin != self.velocity_bin:
                self.velocity_bin = velocity_bin
                tokens.append(self._velocity + velocity_bin)
            tokens.append(self._on + pitch)
        return tokens


def encode(notes: Sequence[Note], vocabulary: Vocabulary) -> list[int]:
    """Tokens of a whole performance, the silence before its first note left out.

    The same as the streaming encoder's, for all notes at once. Notes of one pitch must not overlap (`pedal.resolve`
    sees to it). On the grid a note is at least one step long, and ends at the step where its pitch is struck again at
    the latest; strikes of one pitch that fall into one step are one note, as long as the longest.
    """
    if not notes:
        return []
    columns = zip(*((note.pitch, note.onset_s, note.offset_s, note.velocity) for note in notes), strict=True)
    pitch, onset_s, offset_s, velocity = map(np.array, columns)
    rate = vocabulary.steps_per_second
    onset, offset = seconds_to_step(onset_s, rate), seconds_to_step(offset_s, rate)
    order = np.lexsort((onset, pitch))
    pitch, onset, offset, velocity = pitch[order], onset[order], offset[order], velocity[order]
    again = (np.diff(pitch, prepend=-1) == 0) & (np.diff(onset, prepend=-1) == 0)
    offset = np.maximum.reduceat(offset, np.flatnonzero(~again))
    pitch, onset, velocity = pitch[~again], onset[~again], velocity[~again]
    offset = np.maximum(offset, onset + 1)
    same_pitch = pitch[1:] == pitch[:-1]
    offset[:-1] = np.where(same_pitch, np.minimum(offset[:-1], onset[1:]), offset[:-1])

    steps = np.concatenate([offset, onset])
    is_strike = np.repeat([False, True], len(pitch))
    order = np.lexsort((np.concatenate([pitch, pitch]), is_strike, steps))
    steps, is_strike = steps[order], is_strike[order]
    pitches = np.concatenate([pitch, pitch])[order]
    bins = velocity_to_bin(np.concatenate([velocity, velocity])[order])
    offsets = vocabulary.offsets
    tokens = pitches + np.where(is_strike, offsets[EventKind.NOTE_ON], offsets[EventKind.NOTE_OFF])

    struck_bins = bins[is_strike]
    louder_or_softer = np.flatnonzero(is_strike)[np.diff(struck_bins, prepend=-1) != 0]
    tokens = np.insert(tokens, louder_or_softer, offsets[EventKind.VELOCITY] + bins[louder_or_softer])
    steps = np.insert(steps, louder_or_softer, steps[louder_or_softer])
    stream: list[int] = with_time_shifts(tokens, steps - steps[0], vocabulary).tolist()
    return stream


def with_time_shifts(tokens: NDArray[Any], steps: NDArray[Any], vocabulary: Vocabulary) -> NDArray[np.int64]:
    """Tokens that happen at absolute `steps`, ascending from 0 or later, with the time shifts between them."""
    longest = vocabulary.max_shift
    first_shift = vocabulary.tokens_of(EventKind.TIME_SHIFT).start  # the shift by one step
    gaps = np.diff(steps, prepend=0)
    shifts = -(-gaps // longest)  # how many stand before each token
    places = np.cumsum(shifts + 1) - 1
    stream = np.full(len(tokens) + int(shifts.sum()), first_shift + longest - 1, np.int64)
    stream[places] = tokens
    late = shifts > 0  # the last shift of each gap is the rest that the longest ones leave
    stream[places[late] - 1] = first_shift - 1 + gaps[late] - (shifts[late] - 1) * longest
    return stream


def decode(tokens: Iterable[int], vocabulary: Vocabulary, start: Keyboard | None = None) -> list[Note]:
    """Notes of a token stream, by onset and pitch, times counted from its beginning; `start` is a silent keyboard that
    it goes on from.

    Any stream decodes: a release of what does not sound and a strike of what does are passed over, and what still
    sounds at the end is released there.
    """
    keyboard = start or Keyboard.silent()
    first_step, rate = keyboard.step, vocabulary.steps_per_second
    notes: list[Note] = []
    velocities: dict[int, int] = {}

    def end(pitch: int, keyboard: Keyboard) -> None:
        onset_s = step_to_seconds(int(keyboard.struck_step[pitch]) - first_step, rate)
        offset_s = step_to_seconds(keyboard.step - first_step, rate)
        notes.append(Note(onset_s, offset_s, pitch, velocities.pop(pitch)))

    for token in tokens:
        event = vocabulary.decode(token)
        if not keyboard.allows(event):
            continue
        if event.kind is EventKind.NOTE_OFF:
            end(event.value, keyboard)
        elif event.kind is EventKind.NOTE_ON:
            velocities[event.value] = bin_to_velocity(keyboard.velocity_bin)
        keyboard = keyboard.after(event)
    for pitch in list(velocities):
        end(pitch, keyboard)
    notes.sort(key=lambda note: (note.onset_s, note.pitch))
    return notes
