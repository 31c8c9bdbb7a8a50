"""What the recent past says will come next, in small numbers: told to the model so that it need not remember it.

An LSTM forgets the notes of half a minute ago and counts steps badly; a list does neither. So the network is told,
beside each event, what would come now if the music did again what it did before: how many steps are left until the
next onset if one of the last intervals came again, and which key followed, how soon and how loud, when the last two
or three strikes were last heard (the "induction heads" of transformers, Olsson et al. 2022, made of a look-up), and how
it went on when the longest run of intervals was last heard, on whatever step (`returns.py`). Worth 0.1 nats an event
after 0.8 M events; see models/LOG.md.

The same numbers come from `along`, for a whole recording at once, and from `Strikes.reminders`, event by event.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.music.returns import latest_return, returns_along
from perfrnn_live.music.timeline import Timeline
from perfrnn_live.music.vocabulary import PITCHES, VELOCITY_BINS, Vocabulary

INTERVALS = 6  # between onsets
ORDERS = (2, 3)  # strikes that must be alike for the next to be foretold
LOUDNESSES = 4  # strikes whose velocity is told
REMEMBERED = 1024  # strikes; about two minutes
# Numbers about the longest run of intervals heard before: its level; the key, the steps left and the velocity bin that
# followed it, moved as the run is; by how many semitones it is moved, _UNMOVED for none.
RETURN = 5
REMINDERS = INTERVALS + 1 + 3 * len(ORDERS) + 1 + LOUDNESSES + RETURN
VALUES = PITCHES + 1  # of each reminder: 0 to 127, and
UNKNOWN = PITCHES  # for what the past does not say
_OVER, _LONGEST = 0, 127  # a time left that is over already; at least so many steps
_UNMOVED = 64


Sequel = tuple[int, int, int]
"""A strike that followed: its pitch, the steps it was waited for, its velocity bin."""


@dataclass(frozen=True, slots=True, eq=False)
class Strikes:
    """The last strikes, at most REMEMBERED: pitch, step and velocity bin, each (n,), oldest first. Immutable.

    What follows from them alone is worked out once a strike: the last different steps, `onsets`, the latest first; the
    `sequels` of the last strikes when they were heard before, for each of ORDERS; and `returned`: the level of the
    longest run of intervals heard before, its sequel moved as the run is, and by how many semitones, or None.
    """

    pitch: NDArray[np.int32]
    step: NDArray[np.int32]
    velocity_bin: NDArray[np.int32]
    onsets: tuple[int, ...]
    sequels: tuple[Sequel | None, ...]
    returned: tuple[int, Sequel, int] | None

    @classmethod
    def none(cls) -> Strikes:
        """Nothing has been struck."""
        nothing = np.zeros(0, np.int32)
        return cls.of(nothing, nothing, nothing)

    @classmethod
    def of(cls, pitch: NDArray[np.integer], step: NDArray[np.integer], velocity_bin: NDArray[np.integer]) -> Strikes:
        """These, at most REMEMBERED."""
        before = np.flatnonzero(step[1:] != step[:-1])[-INTERVALS:]  # the last strikes of earlier onsets
        onsets = (*step[-1:].tolist(), *step[before[::-1]].tolist())
        sequels = tuple(_sequel(pitch, step, velocity_bin, order) for order in ORDERS)
        returned = _returned(pitch, step, velocity_bin)
        # half as large as numpy would have them: such arrays stand beside every planned event
        pitch, step, velocity_bin = (each.astype(np.int32, copy=False) for each in (pitch, step, velocity_bin))
        return cls(pitch, step, velocity_bin, onsets, sequels, returned)

    def and_then(self, pitch: int, step: int, velocity_bin: int) -> Strikes:
        """With one strike more."""
        return Strikes.of(
            _and_one(self.pitch, pitch), _and_one(self.step, step), _and_one(self.velocity_bin, velocity_bin)
        )

    def reminders(self, step: int, velocity_bin: int) -> NDArray[np.int64]:
        """What to tell at `step`, with `velocity_bin` in force: (REMINDERS,), each 0 to UNKNOWN."""
        told = [UNKNOWN] * REMINDERS
        told[_IN_FORCE] = velocity_bin
        if self.onsets:
            elapsed = step - self.onsets[0]
            told[_ELAPSED] = min(elapsed, _LONGEST)
            for back, (later, earlier) in enumerate(pairwise(self.onsets)):
                told[back] = min(max(later - earlier - elapsed + 1, _OVER), _LONGEST)
            recent = self.velocity_bin[: -LOUDNESSES - 1 : -1].tolist()
            told[_LOUDNESSES.start : _LOUDNESSES.start + len(recent)] = recent
            for place, sequel in zip(_SEQUELS, self.sequels, strict=True):
                if sequel is not None:
                    pitch, waited, its_bin = sequel
                    told[place] = pitch, min(max(waited - elapsed + 1, _OVER), _LONGEST), its_bin
            if self.returned is not None:
                level, (pitch, waited, its_bin), moved = self.returned
                told[_RETURN] = level, pitch, min(max(waited - elapsed + 1, _OVER), _LONGEST), its_bin, moved
        return np.array(told, np.int64)


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

    for place, order in zip(_SEQUELS, ORDERS, strict=True):
        following = _following(pitch, order)  # after each strike, or -1
        latest = np.concatenate([[-1], following])[struck]
        known = latest >= 0
        after = latest[known]
        since = step[known] - struck_step[struck[known] - 1]
        told[known, place.start] = pitch[after]
        told[known, place.start + 1] = _left(struck_step[after] - struck_step[after - 1], since)
        told[known, place.start + 2] = struck_bin[after]

    level, following = returns_along(pitch, REMEMBERED)
    latest = np.concatenate([[-1], following])[struck]
    known = latest >= 0
    after, now = latest[known], struck[known] - 1
    moved = pitch[now] - pitch[after - 1]
    told[known, _RETURN.start] = level[now]
    told[known, _RETURN.start + 1] = np.clip(pitch[after] + moved, 0, PITCHES - 1)
    told[known, _RETURN.start + 2] = _left(struck_step[after] - struck_step[after - 1], step[known] - struck_step[now])
    louder = struck_bin[now] - struck_bin[after - 1]
    told[known, _RETURN.start + 3] = np.clip(struck_bin[after] + louder, 0, VELOCITY_BINS - 1)
    told[known, _RETURN.start + 4] = np.clip(moved + _UNMOVED, 0, PITCHES - 1)
    return told.astype(np.int16)


def _and_one(values: NDArray[np.int32], value: int) -> NDArray[np.int32]:
    """The last of `values`, at most REMEMBERED with the `value` that comes after them."""
    kept = values[-(REMEMBERED - 1) :]
    longer = np.empty(len(kept) + 1, np.int32)
    longer[:-1], longer[-1] = kept, value
    return longer


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


def _sequel(
    pitch: NDArray[np.integer], step: NDArray[np.integer], velocity_bin: NDArray[np.integer], order: int
) -> Sequel | None:
    """What followed when the last `order` strikes were last heard before; None if they never were."""
    if len(pitch) <= order:
        return None
    alike = pitch[order - 1 : -1] == pitch[-1]
    for back in range(1, order):
        alike &= pitch[order - 1 - back : -1 - back] == pitch[-1 - back]
    latest = int(alike[::-1].argmax())
    if not alike[len(alike) - 1 - latest]:
        return None
    it = len(pitch) - 1 - latest
    return int(pitch[it]), int(step[it] - step[it - 1]), int(velocity_bin[it])


def _returned(
    pitch: NDArray[np.integer], step: NDArray[np.integer], velocity_bin: NDArray[np.integer]
) -> tuple[int, Sequel, int] | None:
    """What followed the longest run of intervals heard before, as high and as loud as the run is now."""
    level, after = latest_return(pitch)
    if level == 0:
        return None
    moved = int(pitch[-1] - pitch[after - 1])
    louder = int(velocity_bin[-1] - velocity_bin[after - 1])
    key = min(max(int(pitch[after]) + moved, 0), PITCHES - 1)
    its_bin = min(max(int(velocity_bin[after]) + louder, 0), VELOCITY_BINS - 1)
    waited = int(step[after] - step[after - 1])
    return level, (key, waited, its_bin), min(max(moved + _UNMOVED, 0), PITCHES - 1)


def _left(steps: NDArray[np.int64], elapsed: NDArray[np.int64]) -> NDArray[np.int64]:
    """What is left of `steps` when `elapsed` have passed, as a reminder: one more than the steps, _OVER when over."""
    return np.asarray(np.clip(steps - elapsed + 1, _OVER, _LONGEST))


_ELAPSED = INTERVALS
_SEQUELS = tuple(slice(INTERVALS + 1 + 3 * n, INTERVALS + 4 + 3 * n) for n in range(len(ORDERS)))
_IN_FORCE = INTERVALS + 1 + 3 * len(ORDERS)
_LOUDNESSES = slice(_IN_FORCE + 1, REMINDERS - RETURN)
_RETURN = slice(REMINDERS - RETURN, REMINDERS)

# Which of the reminders name a key, the steps of a time shift and one more, a velocity bin.
KEY_PLACES = tuple(sequel.start for sequel in _SEQUELS)
RETURN_LEVEL_PLACE, RETURN_KEY_PLACE = _RETURN.start, _RETURN.start + 1
STEP_PLACES = (*range(INTERVALS), *(sequel.start + 1 for sequel in _SEQUELS), _RETURN.start + 2)
VELOCITY_PLACES = (
    *range(_IN_FORCE, _LOUDNESSES.stop),
    *(sequel.start + 2 for sequel in _SEQUELS),
    _RETURN.start + 3,
)
