"""`python -m tests.bench.copying`: the longest run of notes that music shares with the training split.

Excerpts of thirty seconds: of the model, from the middle of nothing, by recall's settings; and of validation
recordings, one from the middle of each, which have not been copied from anything. A run is one of intervals between
successive strikes, chords (strikes within 24 ms) from their lowest key up, so it is the same on whatever step it comes.
A long trill is shared with many recordings.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.engines.card import DEFAULT_MODEL, find_model
from perfrnn_live.music.timeline import Timeline
from perfrnn_live.sampling.controls import Controls
from perfrnn_live.sampling.opening import begin
from perfrnn_live.training.corpus import TokenCorpus, find_recordings, tokenise
from tests.bench.motifs import EXCERPT_S, excerpts, intervals, middles

_CHORD_STEPS = 3
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def intervals_of(line: Timeline) -> NDArray[np.int64]:
    """As `motifs.intervals`, of a token stream."""
    starts = [0]
    steps = line.struck_step.tolist()
    for place, step in enumerate(steps):
        if step - steps[starts[-1]] > _CHORD_STEPS:
            starts.append(place)
    chord = np.zeros(len(steps), np.int64)
    chord[starts[1:]] = 1
    order = np.lexsort((line.pitch, np.cumsum(chord)))
    pitch = line.pitch[order].astype(np.int64)
    return np.asarray(pitch[1:] - pitch[:-1])


def runs(between: NDArray[np.int64], length: int) -> NDArray[np.uint64]:
    """A hash of each run of so many intervals."""
    if len(between) < length:
        return np.zeros(0, np.uint64)
    hashed = np.zeros(len(between) - length + 1, np.uint64)
    for offset in range(length):
        hashed = (hashed + (between[offset : offset + len(hashed)] + 200).astype(np.uint64)) * _MULTIPLIER
        hashed ^= hashed >> np.uint64(29)
    return hashed


def longest_shared(music: Sequence[NDArray[np.int64]], trained_on: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Of each piece of music, how many intervals its longest run has that is in the training split too."""
    longest, length = np.zeros(len(music), np.int64), 4
    while True:
        known = np.sort(np.concatenate([runs(between, length) for between in trained_on]))
        found = [place for place, between in enumerate(music) if _any_in(runs(between, length), known)]
        if not found:
            return longest
        longest[found] = length
        length += 1


def _any_in(some: NDArray[np.uint64], ascending: NDArray[np.uint64]) -> bool:
    places = np.searchsorted(ascending, some).clip(max=len(ascending) - 1)
    return bool((ascending[places] == some).any())


def recordings(corpus: TokenCorpus) -> list[NDArray[np.int64]]:
    """The intervals of each."""
    return [intervals_of(Timeline.of(corpus.recording(n), corpus.vocabulary)) for n in range(len(corpus))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--excerpts", type=int, default=50)
    parser.add_argument("--recall", type=float, nargs="+", default=[0.0, 0.34, 0.9])
    parser.add_argument("--top-p", type=float, default=0.9)
    parser.add_argument("--maestro", type=Path, default=Path("../shared/maestro-v3.0.0"))
    asked = parser.parse_args()

    continuation, nothing = begin(find_model(asked.model), middle=True)
    splits = {split: find_recordings(asked.maestro, split) for split in ("train", "validation")}
    corpora = {split: tokenise(paths, continuation.vocabulary) for split, paths in splits.items()}
    people = [excerpt for _, _, excerpt in middles(corpora["validation"], len(corpora["validation"]))]
    music = {"people": people[:: max(len(people) // asked.excerpts, 1)][: asked.excerpts]}
    for recall in asked.recall:
        controls = Controls(top_p=asked.top_p, recall=recall)
        music[f"the model, recall {recall:g}"] = excerpts(continuation, nothing, controls, 1, EXCERPT_S, asked.excerpts)
    pieces = [np.array(intervals(notes), np.int64) for each in music.values() for notes in each]
    longest = longest_shared(pieces, recordings(corpora["train"]))
    place = 0
    for who, each in music.items():
        shared = longest[place : place + len(each)]
        place += len(each)
        figures = {"median": float(np.median(shared)), "mean": float(shared.mean()), "longest": int(shared.max())}
        print(f"{who:24} {json.dumps(figures)}", flush=True)


if __name__ == "__main__":
    main()
