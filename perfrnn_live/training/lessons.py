"""What networks learn from that are told nothing beside the music: pieces, as events or as frames, in segments.

Of many pieces side by side each segment follows on from the last, so that what a network remembers is carried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.engines.frames import FRAMES_PER_SECOND
from perfrnn_live.music.timeline import Timeline
from perfrnn_live.music.vocabulary import PITCHES, EventKind, Vocabulary
from perfrnn_live.training.augmentation import entered
from perfrnn_live.training.batches import order
from perfrnn_live.training.corpus import TokenCorpus

Piece = NDArray[Any]  # (length, ...): what stands before the music, then the music
_MIDDLES = 0.5  # the share of pieces that are entered somewhere in the middle


@dataclass(frozen=True, eq=False)
class Segment:
    """`inputs` and `targets`, one ahead, are (streams, segment, ...); `counts` (streams, segment) is False where a
    piece is over; `fresh` (streams,) where one begins."""

    inputs: NDArray[Any]
    targets: NDArray[Any]
    counts: NDArray[np.bool_]
    fresh: NDArray[np.bool_]


class Lessons:
    """An endless supply of segments. `piece` gives the n-th piece."""

    def __init__(self, piece: Callable[[int], Piece], streams: int, segment: int) -> None:
        self._piece, self._segment, self._drawn = piece, segment, streams
        self._playing = [(piece(n), 0) for n in range(streams)]

    def next(self) -> Segment:
        """The next segment of every stream."""
        rows = []
        for stream, (piece, place) in enumerate(self._playing):
            if place >= len(piece) - 1:
                piece, place = self._piece(self._drawn), 0
                self._drawn += 1
            rows.append((piece[place : place + self._segment + 1], place == 0))
            self._playing[stream] = (piece, place + self._segment)
        whole = np.zeros((len(rows), self._segment + 1, *rows[0][0].shape[1:]), rows[0][0].dtype)
        for stream, (part, _) in enumerate(rows):
            whole[stream, : len(part)] = part
        counts = np.arange(self._segment) < np.array([len(part) - 1 for part, _ in rows])[:, None]
        return Segment(whole[:, :-1], whole[:, 1:], counts, np.array([fresh for _, fresh in rows]))


def as_events(corpus: TokenCorpus, seed: int) -> Callable[[int], Piece]:
    """Recordings as tokens, (events + 1,), after the start symbol, or from somewhere on after the middle symbol."""

    def piece(n: int) -> Piece:
        tokens, rng = _drawn(corpus, seed, n)
        first, place = corpus.vocabulary.start, int(rng.integers(len(tokens)))
        if rng.random() < _MIDDLES and len(later := entered(tokens, place, corpus.vocabulary)):
            first, tokens = corpus.vocabulary.middle, later
        return np.array([first, *tokens], np.int64)

    return piece


def as_frames(corpus: TokenCorpus, seed: int) -> Callable[[int], Piece]:
    """Recordings as rolls, (frames + 1, 128), after a silent frame."""

    def piece(n: int) -> Piece:
        roll = roll_of(_drawn(corpus, seed, n)[0], corpus.vocabulary)
        return np.concatenate([np.zeros((1, PITCHES), np.bool_), roll])

    return piece


def roll_of(tokens: NDArray[np.int16], vocabulary: Vocabulary) -> NDArray[np.bool_]:
    """The frames of a recording, (frames, 128): a key sounds from the frame in which it is struck, in that one anyhow,
    to the frame in which it is released, in that one no more."""
    frames = Timeline.of(tokens, vocabulary).step[1:] * FRAMES_PER_SECOND // vocabulary.steps_per_second
    changes = np.zeros((int(frames[-1]) + 2, PITCHES), np.int32)
    on, off = vocabulary.tokens_of(EventKind.NOTE_ON), vocabulary.tokens_of(EventKind.NOTE_OFF)
    strikes, releases = ((tokens >= each.start) & (tokens < each.stop) for each in (on, off))
    np.add.at(changes, (frames[strikes], tokens[strikes] - on.start), 1)
    np.add.at(changes, (frames[releases], tokens[releases] - off.start), -1)
    sounding = np.cumsum(changes, axis=0) > 0
    sounding[frames[strikes], tokens[strikes] - on.start] = True
    return np.asarray(sounding[:-1])


def _drawn(corpus: TokenCorpus, seed: int, n: int) -> tuple[NDArray[np.int16], np.random.Generator]:
    epoch, turn = divmod(n, len(corpus))
    index = int(order(seed, epoch, len(corpus))[turn])
    return corpus.recording(index), np.random.default_rng((seed, epoch, turn))
