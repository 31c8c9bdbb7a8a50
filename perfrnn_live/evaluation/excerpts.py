"""Excerpts of music on a grid of steps, cut out of recordings or generated: what musical statistics are taken of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.music.codec import decode
from perfrnn_live.music.performance import Note
from perfrnn_live.music.vocabulary import Vocabulary
from perfrnn_live.sampling.continuation import Moment

EXCERPT_S = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class Excerpt:
    """Notes by onset, those of one onset by pitch: `onset` and `end` in steps from the excerpt's beginning, `pitch`,
    `velocity`, each (n,). It lasts `steps`, each of `step_s` seconds; what sounds longer is cut."""

    onset: NDArray[np.int64]
    end: NDArray[np.int64]
    pitch: NDArray[np.int64]
    velocity: NDArray[np.int64]
    steps: int
    step_s: float

    def __len__(self) -> int:
        return len(self.onset)

    @property
    def onset_s(self) -> NDArray[np.float64]:
        """Onsets in seconds."""
        return np.asarray(self.onset * self.step_s, np.float64)

    @classmethod
    def of(cls, notes: Sequence[Note], from_s: float, seconds: float, step_s: float) -> Excerpt:
        """What is struck in so many seconds from `from_s` on; each note lasts at least one step."""
        first, steps = round(from_s / step_s), round(seconds / step_s)
        rows = [
            (round(each.onset_s / step_s) - first, round(each.offset_s / step_s) - first, each.pitch, each.velocity)
            for each in notes
        ]
        kept = sorted(row for row in rows if 0 <= row[0] < steps)
        onset, end, pitch, velocity = np.array(kept, np.int64).reshape(-1, 4).T
        order = np.lexsort((pitch, onset))
        end = np.clip(end, onset + 1, steps)
        return cls(onset[order], end[order], pitch[order], velocity[order], steps, step_s)


def cut_out(
    recordings: Sequence[NDArray[np.int16]], vocabulary: Vocabulary, each: int, seconds: float = EXCERPT_S
) -> list[Excerpt]:
    """So many excerpts of each recording, evenly from its beginning to its end; fewer of what is too short for them."""
    found = []
    for tokens in recordings:
        notes = decode(tokens.tolist(), vocabulary)
        last_s = notes[-1].onset_s if notes else 0.0
        for number in range(min(each, int(last_s / seconds))):
            from_s = (last_s - seconds) * (number + 1) / (each + 1)
            found.append(Excerpt.of(notes, from_s, seconds, vocabulary.step_s))
    return [excerpt for excerpt in found if len(excerpt) > 1]


def excerpts_of(
    pieces: Sequence[list[int]], vocabulary: Vocabulary, start: Moment, seconds: float = EXCERPT_S
) -> list[Excerpt]:
    """What was generated, as tokens, from one moment on."""
    found = [Excerpt.of(decode(each, vocabulary, start.keyboard), 0.0, seconds, vocabulary.step_s) for each in pieces]
    return [excerpt for excerpt in found if len(excerpt) > 1]
