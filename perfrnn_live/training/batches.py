"""Segments of many recordings side by side, each following on from the last, so that the hidden state is carried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.engines.handles import PITCH_CLASSES, TAUGHT
from perfrnn_live.music.composers import COMPOSERS
from perfrnn_live.music.reminders import REMINDERS, along
from perfrnn_live.training.augmentation import Augmentation, entered
from perfrnn_live.training.corpus import TokenCorpus
from perfrnn_live.training.foresight import MEASURED, measured

IGNORE = -100  # a target that counts for nothing: the padding after a recording's end
_GIVEN = 0.35  # the share of segments in which a handle is given, each handle for itself


@dataclass(frozen=True, eq=False)
class Batch:
    """Arrays (streams, segment): `inputs` begin with the start or middle symbol, `targets` are one event ahead.

    After each input, `reminders` (streams, segment, REMINDERS) are told, and `asked` (streams, segment, TAUGHT.size) is
    what the music to come is like, some of it in each stream. `fresh` (streams,) marks the streams that begin a
    recording here and need a new hidden state.
    """

    inputs: NDArray[np.int16]
    targets: NDArray[np.int16]
    reminders: NDArray[np.uint8]
    asked: NDArray[np.float16]
    fresh: NDArray[np.bool_]

    @classmethod
    def of(cls, shares: Sequence[Batch]) -> Batch:
        """The streams of several in one."""
        return cls(*(np.concatenate([getattr(share, each.name) for share in shares]) for each in fields(cls)))


@dataclass(frozen=True, eq=False)
class _Playing:
    """A recording on its way through a stream: `symbols` are its first input and then its tokens."""

    symbols: NDArray[np.int16]
    reminders: NDArray[np.uint8]
    measured: NDArray[np.float32]
    composer: NDArray[np.float32]  # weights of COMPOSERS


@dataclass
class CarriedBatches:
    """An endless supply of batches. Which recording is drawn as the n-th, how it is augmented and where it is entered
    follows from `seed` and n alone, so `drawn` (the next n) and `places` are all that a resumed run needs. Of several
    processes, each begins with `drawn` at its rank and draws every `stride`-th. `middles` is the share of recordings
    that are entered somewhere in the middle."""

    corpus: TokenCorpus
    streams: int
    segment: int
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 0
    drawn: int = 0
    stride: int = 1
    middles: float = 0.0
    places: list[tuple[int, int]] = field(default_factory=list)  # (n of the recording, events of it already used)

    def __post_init__(self) -> None:
        self._playing: dict[int, _Playing] = {}
        if not self.places:
            self.places = [(self._draw(), 0) for _ in range(self.streams)]

    def next(self) -> Batch:
        """The next segment of every stream."""
        inputs = np.full((self.streams, self.segment), self.corpus.vocabulary.start, np.int16)
        targets = np.full((self.streams, self.segment), IGNORE, np.int16)
        reminders = np.zeros((self.streams, self.segment, REMINDERS), np.uint8)
        known = np.full((self.streams, self.segment, MEASURED), np.nan, np.float32)
        composers = np.zeros((self.streams, self.segment, len(COMPOSERS)), np.float32)
        fresh = np.zeros(self.streams, np.bool_)
        for row, (n, place) in enumerate(self.places):
            playing = self._recording(n)
            if place >= len(playing.symbols) - 1:
                del self._playing[n]
                n, place = self._draw(), 0
                playing = self._recording(n)
            fresh[row] = place == 0
            target = playing.symbols[place + 1 : place + 1 + self.segment]
            end = place + len(target)
            targets[row, : len(target)] = target
            inputs[row, : len(target)] = playing.symbols[place:end]
            reminders[row, : len(target)] = playing.reminders[place:end]
            given = np.random.default_rng((self.seed, n, place)).random(6) < _GIVEN
            known[row, : len(target)] = np.where(_each(given), playing.measured[place:end], np.nan)
            composers[row] = given[5] * playing.composer
            self.places[row] = (n, end)
        return Batch(inputs, targets, reminders, TAUGHT.rows(known, composers).astype(np.float16), fresh)

    def go_on(self, drawn: int, places: list[tuple[int, int]]) -> None:
        """Go on where another supply of the same kind stood."""
        self.drawn, self.places, self._playing = drawn, places, {}

    def _draw(self) -> int:
        self.drawn += self.stride
        return self.drawn - self.stride

    def _recording(self, n: int) -> _Playing:
        if n not in self._playing:
            epoch, turn = divmod(n, len(self.corpus))
            drawn = order(self.seed, epoch, len(self.corpus))
            rng = np.random.default_rng((self.seed, epoch, turn))
            vocabulary = self.corpus.vocabulary
            index = int(drawn[turn])
            tokens = self.augmentation.draw(self.corpus.recording(index), vocabulary, rng)
            first, place = vocabulary.start, int(rng.integers(len(tokens)))
            if rng.random() < self.middles and len(later := entered(tokens, place, vocabulary)):
                first, tokens = vocabulary.middle, later
            self._playing[n] = _Playing(
                np.array([first, *tokens], np.int16),
                along(tokens, vocabulary).astype(np.uint8),
                measured(tokens, vocabulary),
                np.array([name == self.corpus.composers[index] for name in COMPOSERS], np.float32),
            )
        return self._playing[n]


@lru_cache(maxsize=2)  # around the end of an epoch, two are in use
def order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """The recordings in the order in which an epoch draws them."""
    return np.random.default_rng((seed, epoch)).permutation(count)


def _each(given: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Density, loudness, register, all pitch classes and keys sounding, (MEASURED,), of the handles given."""
    return np.repeat(given[:5], (1, 1, 1, PITCH_CLASSES, 1))
