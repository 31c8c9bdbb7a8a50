"""Whether the machine still plays as people do: figures of its last minute of playing, each beside the range in which
people's minutes lie.

It judges and changes nothing: steering is the session's. Only the machine's own playing counts. Its time stands still
until its first strike, and from `paused` to the next one, so its last minute may reach back over many answers.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.sampling.draw import log_softmax

WINDOW_S = 60.0
_GRAM = 4  # strikes; three are a chord, and come again in all music


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`, both included."""

    low: float
    high: float

    def __contains__(self, figure: float) -> bool:
        return self.low <= figure <= self.high


# The 1st and 99th percentile of people's minutes, from MAESTRO's training split; the last, of what the shipped model
# expects while it hears them. Measured by `python -m tests.bench.ranges`.
CORPUS = {
    "notes_per_s": Range(2.18, 22.5),
    "silence": Range(0.0, 0.402),
    "keys_sounding": Range(1.35, 12.6),
    "pitch_class_entropy_bits": Range(2.62, 3.54),
    "mean_velocity": Range(37.1, 80.3),
    "repetition": Range(0.0, 0.402),
    "prediction_entropy_nats": Range(1.86, 3.12),
}

_COMPLAINTS = {  # below the range, above it
    "notes_per_s": ("too sparse: {:.1f} notes/s", "too dense: {:.0f} notes/s"),
    "silence": ("", "too much silence: {:.0%}"),
    "keys_sounding": ("too dry: {:.1f} keys sounding", "too thick: {:.0f} keys sounding"),
    "pitch_class_entropy_bits": ("stuck in a few notes", "in no key"),
    "mean_velocity": ("too soft: velocity {:.0f}", "too loud: velocity {:.0f}"),
    "repetition": ("", "going round in circles"),
    "prediction_entropy_nats": ("too sure of itself", "lost"),
}


@dataclass(frozen=True, slots=True)
class _Strike:
    """`gram`: its pitch after those before it; `nats`: the sum of the `predictions`' entropies since the one before."""

    time_s: float
    pitch: int
    velocity: int
    gram: tuple[int, ...]
    nats: float
    predictions: int


def entropy_nats(logits: NDArray[np.float32]) -> float:
    """How open a prediction is: the entropy of softmax(`logits`), logits of shape (size,), in nats."""
    log_p = log_softmax(logits)
    return float(-(np.exp(log_p) @ log_p))


class Health:
    """Times are seconds on the caller's clock; one that lies before the latest counts as the latest. Every call takes
    constant time, and what is kept is a window's strikes."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._paused_s: float | None = 0.0  # since when, on the caller's clock
        self._pauses_s = 0.0  # the caller's clock less this is playing time
        self._now_s = 0.0  # playing time, like all that follow
        self._sounding: set[int] = set()
        self._latest: deque[int] = deque(maxlen=_GRAM)
        self._nats, self._predictions = 0.0, 0  # since the last strike
        self._empty()

    def struck(self, time_s: float, pitch: int, velocity: int) -> None:
        """The machine struck a key."""
        if self._paused_s is not None:
            self._pauses_s += max(time_s - self._paused_s, 0.0)
            self._paused_s = None
        self._pass(time_s)
        self._sounding.add(pitch)
        self._latest.append(pitch)
        strike = _Strike(self._now_s, pitch, velocity, tuple(self._latest), self._nats, self._predictions)
        self._nats, self._predictions = 0.0, 0
        self._strikes.append(strike)
        self._count(strike, 1)

    def released(self, time_s: float, pitch: int) -> None:
        """The machine released a key; it need not have sounded."""
        self._pass(time_s)
        self._sounding.discard(pitch)

    def expected(self, nats: float) -> None:
        """The entropy of the model's prediction after a strike or release, in nats (`entropy_nats`). It counts from the
        next strike on."""
        self._nats += nats
        self._predictions += 1

    def paused(self, time_s: float) -> None:
        """The machine leaves the playing to others: until its next strike time stands still."""
        self._pass(time_s)
        self._paused_s = self._now_s + self._pauses_s

    def clear(self, now_s: float) -> None:
        """Forget what was played, so that new music is judged when it has lasted a whole window."""
        self._pass(now_s)
        self._empty()

    def figures(self, now_s: float) -> dict[str, float]:
        """The figures of the window so far, those of `CORPUS` that can be told: without a strike there is no velocity.

        `silence` is the share of time in which no key sounds, `keys_sounding` a mean over all the time, `repetition`
        the share of strikes that end a row of four pitches heard before in the window.
        """
        self._pass(now_s)
        seconds, strikes = self._now_s - self._left_s, len(self._strikes)
        figures: dict[str, float] = {}
        if seconds > 0:
            figures["notes_per_s"] = strikes / seconds
            figures["keys_sounding"] = self._key_s / seconds
            figures["silence"] = max(self._silent_s, 0.0) / seconds  # rounding may leave a trifle below nothing
        if strikes:
            shares = [count / strikes for count in self._pitch_classes if count]
            figures["pitch_class_entropy_bits"] = -sum(share * math.log2(share) for share in shares)
            figures["mean_velocity"] = self._velocities / strikes
            figures["repetition"] = 1 - len(self._grams) / strikes
        if self._expected:
            figures["prediction_entropy_nats"] = self._expected_nats / self._expected
        return figures

    def complaint(self, now_s: float) -> str | None:
        """What is unlike people in the last window of playing, in a few words; None before it is full."""
        figures = self.figures(now_s)
        if self._now_s - self._since_s < self._window_s:
            return None
        for name, people in CORPUS.items():
            if name in figures and figures[name] not in people:
                below, above = _COMPLAINTS[name]
                return (below if figures[name] < people.low else above).format(figures[name])
        return None

    def _empty(self) -> None:
        self._since_s = self._left_s = self._now_s  # of judging, and of the window
        self._strikes: deque[_Strike] = deque()
        self._spans: deque[tuple[float, int]] = deque()  # until when how many keys sounded
        self._key_s = self._silent_s = 0.0
        self._velocities = 0
        self._pitch_classes = [0] * 12
        self._grams: Counter[tuple[int, ...]] = Counter()
        self._expected_nats, self._expected = 0.0, 0

    def _pass(self, time_s: float) -> None:
        """Let playing time go on to `time_s`; what lies before the window is counted out."""
        if self._paused_s is None:
            now_s, keys = max(time_s - self._pauses_s, self._now_s), len(self._sounding)
            self._weigh(keys, now_s - self._now_s)
            if self._spans and self._spans[-1][1] == keys:
                self._spans.pop()
            self._spans.append((now_s, keys))
            self._now_s = now_s
        first_s = self._now_s - self._window_s
        while self._strikes and self._strikes[0].time_s <= first_s:
            self._count(self._strikes.popleft(), -1)
        while self._left_s < first_s:
            end_s, keys = self._spans[0]
            self._weigh(keys, self._left_s - min(end_s, first_s))
            self._left_s = min(end_s, first_s)
            if end_s <= first_s:
                self._spans.popleft()

    def _weigh(self, keys: int, seconds: float) -> None:
        self._key_s += keys * seconds
        if not keys:
            self._silent_s += seconds

    def _count(self, strike: _Strike, sign: int) -> None:
        self._pitch_classes[strike.pitch % 12] += sign
        self._velocities += sign * strike.velocity
        self._expected_nats += sign * strike.nats
        self._expected += sign * strike.predictions
        self._grams[strike.gram] += sign
        if not self._grams[strike.gram]:
            del self._grams[strike.gram]
