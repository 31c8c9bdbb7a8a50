"""What the model has heard, both players' notes in one stream, and where on the clock it stands."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Set
from dataclasses import dataclass

import numpy as np

from perfrnn_live.live.hearing import Change
from perfrnn_live.music.codec import StreamEncoder
from perfrnn_live.music.vocabulary import EventKind
from perfrnn_live.sampling.continuation import Continuation, Moment
from perfrnn_live.sampling.draw import log_softmax

_LAST = 8  # notes that are looked back at
_MODERATE = 64  # the velocity at which held keys enter recalled music


@dataclass(frozen=True, slots=True)
class _Chord:
    """What the other player did within one step, after the moment `before`."""

    step: int
    before: Moment
    released: frozenset[int] = frozenset()
    struck: frozenset[tuple[int, int]] = frozenset()  # pitch and velocity

    def with_change(self, change: Change) -> _Chord | None:
        """The chord with one change more; None where a note would end in the step that it began in."""
        pitches = {pitch for pitch, _ in self.struck}
        if not pitches.isdisjoint(change.released):
            return None
        struck = self.struck | {(pitch, velocity) for pitch, velocity in change.struck if pitch not in pitches}
        return _Chord(self.step, self.before, self.released | set(change.released), struck)


class Memory:
    """The moment after the last event that sounded, `heard`; what the other player holds, `held`; and the `origin_s`
    of step 0 on the clock, None while time stands still: before the first note, and when all has been silenced."""

    def __init__(self, continuation: Continuation, start: Moment) -> None:
        self._continuation = continuation
        self.step_s = continuation.vocabulary.step_s
        self._strikes = continuation.vocabulary.tokens_of(EventKind.NOTE_ON)
        self.heard = start
        self.held: frozenset[int] = frozenset()
        self.origin_s: float | None = None
        self._rested_steps = 0
        self._surprises: deque[float] = deque(maxlen=_LAST)  # nats, of the other player's strikes
        self._chord: _Chord | None = None  # the latest, as long as nothing else has been heard since
        self._chord_events: list[tuple[int, Moment]] = []  # its tokens, and where the music stood after each

    def time_s(self, step: int) -> float:
        """When `step` is, or was."""
        assert self.origin_s is not None
        return round(self.origin_s + step * self.step_s, 6)

    def steps_until(self, time_s: float) -> float:
        """Steps, with their fraction, from the last event heard to `time_s`; 0 while time stands still."""
        return 0.0 if self.origin_s is None else (time_s - self.time_s(self.heard.keyboard.step)) / self.step_s

    def begin(self, time_s: float) -> int:
        """Let time go on at `time_s`; returns how many steps ago the last event heard is to be."""
        rested_steps, self._rested_steps = self._rested_steps, 0
        self.origin_s = time_s - (self.heard.keyboard.step + rested_steps) * self.step_s
        return rested_steps

    def delay(self, seconds: float) -> None:
        """All that is still to come comes so much later."""
        assert self.origin_s is not None
        self.origin_s += seconds

    @property
    def surprise(self) -> float | None:
        """How little the model expected the other player's last keys, in nats a strike, given that something is struck:
        0 if it was sure of each, 4.5 if any of 88 was as likely; None before the first."""
        return sum(self._surprises) / len(self._surprises) if self._surprises else None

    def own(self, moment: Moment) -> set[int]:
        """The pitches that sound at `moment` because the machine struck them."""
        return _sounding(moment) - self.held

    def hear(self, changes: Iterable[Change]) -> None:
        """Within one step, what is heard is put in the order that training has: a chord is the same however it came."""
        chord = self._chord if self._chord_events and self._chord_events[-1][1] is self.heard else None
        for change in changes:
            if self.origin_s is None:  # the music begins with the other player
                self.begin(change.time_s)
            step = self.heard.keyboard.step + round(self.steps_until(change.time_s))
            more = chord.with_change(change) if chord is not None and step <= chord.step else None
            if more is None:
                if chord is not None:
                    self._feed(chord)
                    step = max(step, chord.step + 1)
                fresh = _Chord(max(step, self.heard.keyboard.step), self.heard)
                more = fresh.with_change(change)
            chord = more
            self.held = (self.held - set(change.released)) | {pitch for pitch, _ in change.struck}
        if chord is not None:
            self._feed(chord)

    def hear_silence(self, steps: int) -> None:
        """`steps` later the machine's own keys are all released, and time stands still until `begin`."""
        self.heard = self._released(self.heard, self.own(self.heard), steps)
        self.origin_s, self._rested_steps = None, 0

    def stand_still(self, steps: int) -> None:
        """Nothing sounds, and time stands still until `begin`; what comes next comes `steps` after the last event."""
        self._rested_steps = steps
        self.origin_s = None

    def at_rest(self, moment: Moment) -> Moment:
        """A moment with every key released a step later: to be gone back to at any time."""
        pitches = _sounding(moment)
        return self._released(moment, pitches, 1) if pitches else moment

    def recall(self, moment: Moment) -> None:
        """Go on from a moment `at_rest` instead, while time stands still; keys that the other player holds are struck
        in it."""
        self._rested_steps = 0
        self.heard = self._struck(moment, self.held)

    def go_over(self, moment: Moment) -> int:
        """Go on from a moment `at_rest` instead. Notes that sound go on sounding: they are struck in the new music. Its
        last event is as long ago as the last that was heard. Returns by how many steps its step count is higher."""
        before, sounding = self.heard.keyboard.step, _sounding(self.heard)
        self.heard = self._struck(moment, sounding)
        steps = self.heard.keyboard.step - before
        if self.origin_s is not None:
            self.origin_s -= steps * self.step_s
        return steps

    def _feed(self, chord: _Chord) -> None:
        """Hear the chord; what of it has been fed already, and comes first all the same, is not fed again."""
        keyboard = chord.before.keyboard
        encoder = StreamEncoder(self._continuation.vocabulary, keyboard.step, keyboard.velocity_bin)
        pitches = chord.released | {pitch for pitch, _ in chord.struck}
        ended = {pitch for pitch in pitches if keyboard.sounding[pitch]}
        tokens = encoder.encode(chord.step, ended, chord.struck)
        fed = self._chord_events if self._chord is not None and self._chord.before is chord.before else []
        same = next((n for n, token in enumerate(tokens) if n >= len(fed) or fed[n][0] != token), len(tokens))
        events = fed[:same]
        for token in tokens[same:]:
            before = events[-1][1] if events else chord.before
            if self._strikes.start <= token < self._strikes.stop:
                expected = log_softmax(before.logits[None, self._strikes])[0]
                self._surprises.append(float(-expected[token - self._strikes.start]))
            (moment,) = self._continuation.feed([before], [token])
            events.append((token, moment))
        self._chord, self._chord_events = chord, events
        if events:
            self.heard = events[-1][1]

    def _struck(self, moment: Moment, pitches: Set[int]) -> Moment:
        encoder = StreamEncoder(self._continuation.vocabulary, moment.keyboard.step, moment.keyboard.velocity_bin)
        for token in encoder.encode(moment.keyboard.step, (), ((pitch, _MODERATE) for pitch in pitches)):
            (moment,) = self._continuation.feed([moment], [token])
        return moment

    def _released(self, moment: Moment, pitches: set[int], steps: int) -> Moment:
        encoder = StreamEncoder(self._continuation.vocabulary)
        for token in encoder.encode(steps, pitches, ()):
            (moment,) = self._continuation.feed([moment], [token])
        return moment


def _sounding(moment: Moment) -> set[int]:
    return set(np.flatnonzero(moment.keyboard.sounding).tolist())
