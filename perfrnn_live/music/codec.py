"""Notes → tokens, tokens → notes, and the streaming encoder that live input shares with training.

Absolute times are rounded to steps and only then differenced, so that nothing drifts. Within one step the releases
come first, then the strikes, each by pitch: a live player's chord gets the tokens of the same chord in a recording.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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

    Notes of one pitch must not overlap (`pedal.resolve` sees to it). On the grid a note is at least one step long, and
    ends at the step where its pitch is struck again at the latest; of two strikes of one pitch that fall into one step,
    the later is left out.
    """
    rate = vocabulary.steps_per_second
    changes: dict[int, tuple[list[int], list[tuple[int, int]]]] = {}
    busy: dict[int, tuple[int, int]] = {}  # pitch → (onset, offset) of its latest note, in steps

    def change(step: int) -> tuple[list[int], list[tuple[int, int]]]:
        return changes.setdefault(step, ([], []))

    for note in notes:
        onset, offset = seconds_to_step(note.onset_s, rate), seconds_to_step(note.offset_s, rate)
        offset = max(offset, onset + 1)
        if note.pitch in busy:
            last_onset, last_offset = busy[note.pitch]
            if last_onset == onset:
                continue
            change(min(last_offset, onset))[0].append(note.pitch)
        busy[note.pitch] = (onset, offset)
        change(onset)[1].append((note.pitch, note.velocity))
    for pitch, (_, offset) in busy.items():
        change(offset)[0].append(pitch)
    steps = sorted(changes)
    encoder = StreamEncoder(vocabulary, step=steps[0] if steps else 0)
    return [token for step in steps for token in encoder.encode(step, *changes[step])]


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
