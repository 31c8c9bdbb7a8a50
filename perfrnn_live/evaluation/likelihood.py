"""How likely real recordings are to a model, in the four units that are always reported together.

Per event is what training minimises; per step is what the paper prints; per note and per second compare across
vocabularies, which differ in how many events they need for the same music.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.engines.base import StepEngine
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.timeline import Timeline
from perfrnn_live.music.vocabulary import EventKind, Vocabulary
from perfrnn_live.sampling.draw import log_softmax


class Corpus(Protocol):
    """Recordings as tokens."""

    @property
    def vocabulary(self) -> Vocabulary: ...
    def __len__(self) -> int: ...
    def recording(self, index: int) -> NDArray[np.int16]: ...


@dataclass(frozen=True, slots=True)
class Likelihood:
    """Negative log-likelihood of whole recordings in nats, and what to divide it by. `by_kind`: of the events of each
    kind, their nats and how many they are."""

    nats: float
    events: int
    steps: int
    notes: int
    seconds: float
    files: int
    by_kind: Mapping[EventKind, tuple[float, int]]

    def figures(self) -> dict[str, float | int]:
        """The four figures, those of each kind of event, and how much music they are about."""
        kinds = {f"nats_per_{kind.value}": nats / max(count, 1) for kind, (nats, count) in self.by_kind.items()}
        return {
            "nats_per_event": self.nats / max(self.events, 1),
            "nats_per_step": self.nats / max(self.steps, 1),
            "nats_per_note": self.nats / max(self.notes, 1),
            "nats_per_second": self.nats / max(self.seconds, 1e-9),
            **kinds,
            "events": self.events,
            "files": self.files,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Surprise:
    """What each event of a recording cost, in nats, (n,): `nats`, and `of_kind` of them for its kind. What is left is
    what, say, a strike cost given that something is struck."""

    nats: NDArray[np.float32]
    of_kind: NDArray[np.float32]


def evaluate(
    engine: StepEngine[Any],
    corpus: Corpus,
    events_each: int | None = None,
    on_progress: Callable[[int], None] = lambda events: None,
    side_by_side: int | None = None,
) -> Likelihood:
    """Every recording from its start, with the state carried throughout; so many as one batch, or all of them.

    `events_each` looks at the first events of each recording only. An int8 engine scales what it multiplies over the
    whole batch: `side_by_side` 1 is exactly as it plays, more are quicker and a little coarser.
    """
    recordings = [corpus.recording(index)[:events_each] for index in range(len(corpus))]
    surprises = surprises_of(engine, recordings, on_progress, side_by_side)
    return likelihood_of(recordings, [each.nats for each in surprises], engine.vocabulary)


def likelihood_of(
    recordings: Sequence[NDArray[np.int16]], nats: Sequence[NDArray[np.float32]], vocabulary: Vocabulary
) -> Likelihood:
    """The likelihood of recordings whose every event cost so many `nats`; there is at least one."""
    kinds = [each.kind for each in vocabulary.ranges]
    kind_of = np.repeat(np.arange(len(kinds)), [each.size for each in vocabulary.ranges])  # of each token
    everything = np.concatenate(recordings)
    of_events = kind_of[everything]
    counts = np.bincount(of_events, minlength=len(kinds))
    nats_of = np.bincount(of_events, weights=np.concatenate(nats), minlength=len(kinds))
    by_kind = {kind: (float(nats), int(count)) for kind, nats, count in zip(kinds, nats_of, counts, strict=True)}
    line = Timeline.of(everything, vocabulary)
    steps, notes = int(line.step[-1]), len(line.pitch)
    seconds = steps / vocabulary.steps_per_second
    return Likelihood(float(nats_of.sum()), len(everything), steps, notes, seconds, len(recordings), by_kind)


def surprises_of(
    engine: StepEngine[Any],
    recordings: Sequence[NDArray[np.int16]],
    on_progress: Callable[[int], None] = lambda events: None,
    side_by_side: int | None = None,
) -> list[Surprise]:
    """What each recording's events cost, in the order of the recordings; otherwise as `evaluate`."""
    found: list[Surprise | None] = [None] * len(recordings)
    order = sorted(range(len(recordings)), key=lambda number: -len(recordings[number]))
    count = side_by_side or len(recordings)
    for first in range(0, len(order), count):
        batch = order[first : first + count]
        costs = [np.zeros((2, len(recordings[number])), np.float32) for number in batch]
        for place, each in enumerate(heard(engine, [recordings[number] for number in batch])):
            for cost, column in zip(costs, each.T, strict=False):
                cost[:, place] = column
            on_progress(each.shape[1])
        for number, cost in zip(batch, costs, strict=True):
            found[number] = Surprise(*cost)
    return [each for each in found if each is not None]


def heard(engine: StepEngine[Any], recordings: Sequence[NDArray[np.int16]]) -> Iterator[NDArray[np.float32]]:
    """What the first event of each recording cost, then the second of each that has one, and so on: nats, and those
    of them for its kind, (2, recordings that long), the longest first, as `sorted(recordings, key=len, reverse=True)`
    has them."""
    vocabulary = engine.vocabulary
    starts = np.cumsum([0, *(each.size for each in vocabulary.ranges)])
    kind_of = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    recordings = sorted(recordings, key=len, reverse=True)
    states = engine.start(len(recordings))
    keyboards = [Keyboard.silent() for _ in recordings]
    tokens = [vocabulary.start] * len(recordings)
    for place in range(len(recordings[0])):
        playing = sum(len(recording) > place for recording in recordings)
        if playing < len(keyboards):
            keyboards, tokens, states = keyboards[:playing], tokens[:playing], states[:playing]
        logits, states = engine.step(tokens, states, keyboards)
        tokens = [int(recording[place]) for recording in recordings[:playing]]
        logs, rows = log_softmax(logits), np.arange(playing)
        kinds = np.log(np.add.reduceat(np.exp(logs), starts[:-1], axis=1))
        yield -np.stack([logs[rows, tokens], kinds[rows, kind_of[tokens]]])
        keyboards = [
            keyboard.after(vocabulary.events[token]) for keyboard, token in zip(keyboards, tokens, strict=True)
        ]
