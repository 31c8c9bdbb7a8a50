"""`python -m tests.bench.ranges`: how people's minutes are spread, for `CORPUS` in `live/health.py`.

MAESTRO's training split, sustain resolved, on the 8 ms grid, told to the watch note by note: windows of a minute and of
ten, one every 30 s. For the entropy of predictions the shipped model hears the first 12,000 events, about 5 minutes, of
every tenth recording. About 10 minutes of one core.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np

from perfrnn_live.engines.card import DEFAULT_MODEL, find_model
from perfrnn_live.engines.registry import load
from perfrnn_live.live.health import WINDOW_S, Health, entropy_nats
from perfrnn_live.music.performance import bin_to_velocity, step_to_seconds
from perfrnn_live.music.vocabulary import VELOCITY_AT_FIRST, Event, EventKind, Vocabulary
from perfrnn_live.sampling.continuation import Continuation
from perfrnn_live.training.corpus import find_recordings, tokenise

HOP_S = 30.0
PERCENTILES = (1, 5, 50, 95, 99)
BAR = ("notes_per_s", "pitch_class_entropy_bits", "mean_velocity")  # in these an unattended hour must stay inside
Figures = dict[str, float]


def sounds(event: Event) -> bool:
    """True for a strike or a release."""
    return event.kind in (EventKind.NOTE_ON, EventKind.NOTE_OFF)


class Listener:
    """Tells a watch what tokens play, on a clock that starts at 0 with the first."""

    def __init__(self, health: Health, vocabulary: Vocabulary) -> None:
        self._health, self._vocabulary = health, vocabulary
        self._step, self._velocity_bin = 0, VELOCITY_AT_FIRST

    @property
    def now_s(self) -> float:
        """How long the tokens have lasted so far."""
        return step_to_seconds(self._step, self._vocabulary.steps_per_second)

    def hear(self, token: int) -> None:
        """The next token."""
        event = self._vocabulary.events[token]
        match event.kind:
            case EventKind.NOTE_ON:
                self._health.struck(self.now_s, event.value, bin_to_velocity(self._velocity_bin))
            case EventKind.NOTE_OFF:
                self._health.released(self.now_s, event.value)
            case EventKind.TIME_SHIFT:
                self._step += event.value
            case EventKind.VELOCITY:
                self._velocity_bin = event.value


def windows(
    tokens: Sequence[int],
    vocabulary: Vocabulary,
    window_s: float,
    hop_s: float,
    entropies_nats: Sequence[float] = (),
) -> list[Figures]:
    """Figures of every whole window; `entropies_nats` are of what the model expects after each token."""
    health = Health(window_s)
    listener = Listener(health, vocabulary)
    figures: list[Figures] = []
    end_s = window_s
    for token, nats in zip_longest(tokens, entropies_nats[: len(tokens)]):
        listener.hear(token)
        if nats is not None and sounds(vocabulary.events[token]):
            health.expected(nats)
        while listener.now_s >= end_s:
            figures.append(health.figures(end_s))
            end_s += hop_s
    return figures


def entropies(continuation: Continuation, recordings: Sequence[Sequence[int]]) -> list[list[float]]:
    """Of what the model expects after each token, all recordings side by side, the longest first."""
    heard: list[list[float]] = [[] for _ in recordings]
    moments = continuation.beginning(len(recordings))
    for place in range(len(recordings[0])):
        tokens = [recording[place] for recording in recordings if len(recording) > place]
        moments = continuation.feed(moments[: len(tokens)], tokens)
        for moment, nats in zip(moments, heard, strict=False):
            nats.append(entropy_nats(moment.logits))
    return heard


def show(title: str, found: list[Figures]) -> None:
    """Percentiles of every figure, and how many windows have several between the 1st and the 99th at once."""
    print(f"\n{title}: {len(found)} windows")
    print(f"{'':28}" + "".join(f"{percentile:>8} %" for percentile in PERCENTILES))
    inside = {}
    for name in found[0]:
        each = np.array([figures.get(name, np.nan) for figures in found])
        spread = np.nanpercentile(each, PERCENTILES)
        print(f"{name:28}" + "".join(f"{percentile:>10.3g}" for percentile in spread))
        inside[name] = (spread[0] <= each) & (each <= spread[-1])
    print(f"all these at once: {np.all(list(inside.values()), axis=0).mean():.1%}")
    print(f"{', '.join(BAR)} at once: {np.all([inside[name] for name in BAR], axis=0).mean():.1%}")


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("PERFRNN_MAESTRO", "../shared/maestro-v3.0.0")
    parser.add_argument("--data", type=Path, default=Path(default), help="the MAESTRO folder")
    continuation = Continuation(load(find_model(DEFAULT_MODEL)))
    vocabulary = continuation.vocabulary
    corpus = tokenise(find_recordings(parser.parse_args().data, "train"), vocabulary)
    recordings = [corpus.recording(index).tolist() for index in range(len(corpus))]
    for window_s in (WINDOW_S, 10 * WINDOW_S):
        figures = [each for tokens in recordings for each in windows(tokens, vocabulary, window_s, HOP_S)]
        show(f"people, {window_s:.0f} s", figures)
    some = sorted((tokens[:12_000] for tokens in recordings[::10]), key=len, reverse=True)
    expected = entropies(continuation, some)
    heard = zip(some, expected, strict=True)
    show(
        "people, 60 s, as the model hears them",
        [each for tokens, nats in heard for each in windows(tokens, vocabulary, WINDOW_S, HOP_S, nats)],
    )


if __name__ == "__main__":
    main()
