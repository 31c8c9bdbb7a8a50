"""What the recent past says will come next, in small numbers: told to the model so that it need not remember it.

An LSTM forgets the notes of half a minute ago and counts steps badly; a list does neither. So the network is told, beside
each event, what would come now if the music did again what it did before: how many steps are left until the next onset if
one of the last intervals came again, and which key followed, how soon and how loud, when the last two or three strikes were
last heard (the "induction heads" of transformers, Olsson et al. 2022, made of a look-up). Worth 0.1 nats an event after
0.8 M events; see models/README.md.

The same numbers come from `along`, for a whole recording at once, and from `Strikes.reminders`, event by event.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.music.timeline import Timeline
from perfrnn_live.music.vocabulary import PITCHES, Vocabulary

INTERVALS = 6  # between onsets
ORDERS = (2, 3)  # strikes that must be alike for the next to be foretold
LOUDNESSES = 4  # strikes whose velocity is told
REMEMBERED = 1024  # strikes; about two minutes
REMINDERS = INTERVALS + 1 + 3 * len(ORDERS) + 1 + LOUDNESSES
VALUES = PITCHES + 1  # of each reminder: 0 to 127, and
UNKNOWN = PITCHES  # for what the past does not say
_LATE, _LONGEST = 0, 127  # a time left that is over already; at least so many steps


@dataclass(frozen=True, slots=True)
class Strikes:
    """The last strikes, at most REMEMBERED: pitch, step and velocity bin, each (n,), oldest first. Immutable."""

    pitch: NDArray[np.int64]
    step: NDArray[np.int64]
    velocity_bin: NDArray[np.int64]

    @classmethod
    def none(cls) -> Strikes:
        """Nothing has been struck."""
        nothing = np.zeros(0, np.int64)
        return cls(nothing, nothing, nothing)

    def and_then(self, pitch: int, step: int, velocity_bin: int) -> Strikes:
        """With one strike more."""
        first = max(len(self.pitch) + 1 - REMEMBERED, 0)
        return Strikes(
            np.append(self.pitch[first:], pitch),
            np.append(self.step[first:], step),
            np.append(self.velocity_bin[first:], velocity_bin),
        )

    def reminders(self, step: int, velocity_bin: int) -> NDArray[np.int64]:
        """What to tell at `step`, with `velocity_bin` in force: (REMINDERS,), each 0 to UNKNOWN."""
        told = np.full(REMINDERS, UNKNOWN, np.int64)
        told[_IN_FORCE] = velocity_bin
        count = len(self.pitch)
        if not count:
            return told
        recent = self.velocity_bin[: -LOUDNESSES - 1 : -1]
        told[_LOUDNESSES.start : _LOUDNESSES.start + len(recent)] = recent
        onsets = _distinct(self.step)
        elapsed = step - onsets[0]
        told[_ELAPSED] = min(elapsed, _LONGEST)
        told[: len(onsets) - 1] = _left(onsets[:-1] - onsets[1:], elapsed)
        for place, order in enumerate(ORDERS):
            if count <= order:
                continue
            alike = self.pitch[order - 1 : -1] == self.pitch[-1]  # those that end here, all but the last itself
            for back in range(2, order + 1):
                alike &= self.pitch[order - back : -back] == self.pitch[-back]
            if alike.any():
                following = count - 1 - int(alike[::-1].argmax())
                waited = self.step[following] - self.step[following - 1]
                told[_FOLLOWED[place]] = (
                    self.pitch[following],
                    _left(waited, step - self.step[-1]),
                    self.velocity_bin[following],
                )
        return told


def along(tokens: NDArray[np.integer], vocabulary: Vocabulary) -> NDArray[np.int16]:
    """The reminders before the first of `tokens` (n,) and after each: (n + 1, REMINDERS). The same as step by step."""
    line = Timeline.of(tokens, vocabulary)
    step, struck, pitch, struck_step, struck_bin = line.step, line.been, line.pitch, line.struck_step, line.struck_bin
    told = np.full((len(step), REMINDERS), UNKNOWN, np.int64)
    told[:, _IN_FORCE] = line.velocity_bin
    for back in range(LOUDNESSES):
        known = struck > back
        told[known, _LOUDNESSES.start + back] = struck_bin[struck[known] - 1 - back]

    is_onset = np.diff(struck_step, prepend=-1) > 0
    onsets = struck_step[is_onset]
    heard = np.concatenate([[0], np.cumsum(is_onset)])[struck]  # how many onsets there have been
    known = heard > 0
    elapsed = step - onsets[np.maximum(heard - 1, 0)] if len(onsets) else step
    told[known, _ELAPSED] = np.minimum(elapsed[known], _LONGEST)
    intervals = np.diff(onsets)
    for back in range(INTERVALS):
        known = heard > back + 1
        told[known, back] = _left(intervals[heard[known] - 2 - back], elapsed[known])

    for place, order in enumerate(ORDERS):
        following = _following(pitch, order)  # after each strike, or -1
        latest = np.concatenate([[-1], following])[struck]
        known = latest >= 0
        after = latest[known]
        since = step[known] - struck_step[struck[known] - 1]
        told[known, _FOLLOWED[place].start] = pitch[after]
        told[known, _FOLLOWED[place].start + 1] = _left(struck_step[after] - struck_step[after - 1], since)
        told[known, _FOLLOWED[place].start + 2] = struck_bin[after]
    return told.astype(np.int16)


def _following(pitch: NDArray[np.int64], order: int) -> NDArray[np.int64]:
    """For each strike, which one followed when it and those before it, `order` in all, were last heard; -1 for none."""
    following = np.full(len(pitch), -1, np.int64)
    if len(pitch) <= order:
        return following
    key = np.zeros(len(pitch) - order + 1, np.int64)
    for back in range(order):
        key = key * PITCHES + pitch[order - 1 - back : len(pitch) - back]
    place = np.argsort(key, kind="stable")
    alike = key[place[1:]] == key[place[:-1]]
    now, before = place[1:][alike] + order - 1, place[:-1][alike] + order - 1
    remembered = now - (before - order + 1) < REMEMBERED
    following[now[remembered]] = before[remembered] + 1
    return following


def _distinct(steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """The last INTERVALS + 1 different ones of ascending `steps`, the latest first."""
    latest_first = steps[::-1][: PITCHES * (INTERVALS + 1)]
    return latest_first[np.flatnonzero(np.diff(latest_first, prepend=latest_first[0] + 1))][: INTERVALS + 1]


def _left(steps: NDArray[np.int64] | np.int64, elapsed: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """What is left of `steps` when `elapsed` have passed, as a reminder: one more than the steps, _LATE when over."""
    return np.clip(steps - elapsed + 1, _LATE, _LONGEST)


_ELAPSED = INTERVALS
_FOLLOWED = tuple(slice(INTERVALS + 1 + 3 * n, INTERVALS + 4 + 3 * n) for n in range(len(ORDERS)))
_IN_FORCE = INTERVALS + 1 + 3 * len(ORDERS)
_LOUDNESSES = slice(_IN_FORCE + 1, REMINDERS)
