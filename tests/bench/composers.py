"""`python -m tests.bench.composers`: what is played when a composer is asked for, beside what that composer's music is.

Of each composer `--passages` of `--seconds` out of the training split, as evenly over the recordings as can be; and
`--streams` pieces as long, from silence, with that composer asked for and everything else as `play` chooses by default.
Then over the composers the correlation of both: notes a second, velocity, pitch, keys sounding, pitch-class entropy.
`alone`: the same correlation between two halves of the passages, which is as much as could be had. `--json FILE` writes
all of it.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from perfrnn_live.engines.card import DEFAULT_MODEL, find_model
from perfrnn_live.live.controls import AT_FIRST
from perfrnn_live.music.codec import decode
from perfrnn_live.music.composers import COMPOSERS, OTHER
from perfrnn_live.music.performance import Note
from perfrnn_live.music.timeline import Timeline
from perfrnn_live.sampling.generation import generate
from perfrnn_live.sampling.opening import begin
from perfrnn_live.training.augmentation import entered
from perfrnn_live.training.corpus import TokenCorpus
from perfrnn_live.training.splits import load_split
from tests.bench.knobs import measured, steered

MEASURES = "notes/s", "velocity", "pitch", "mean keys", "entropy, bits"


def passages(
    corpus: TokenCorpus, composer: str, seconds: float, count: int, rng: np.random.Generator
) -> list[list[Note]]:
    """Notes of that composer's recordings, `count` times so many seconds."""
    recordings = [index for index, name in enumerate(corpus.composers) if name == composer]
    order = [int(index) for _ in range(-(-count // len(recordings))) for index in rng.permutation(recordings)]
    steps = round(seconds * corpus.vocabulary.steps_per_second)
    found = []
    for index in order[:count]:
        tokens = corpus.recording(index)
        step = Timeline.of(tokens, corpus.vocabulary).step
        begins = int(rng.integers(max(int(step[-1]) - steps, 1)))
        first, last = np.searchsorted(step, [begins, begins + steps])
        found.append(decode(entered(tokens[:last], int(first), corpus.vocabulary).tolist(), corpus.vocabulary))
    return found


def means(pieces: Sequence[Sequence[Note]], seconds: float) -> list[float]:
    """Of each of MEASURES."""
    figures = measured(pieces, seconds)
    return [figures[name][0] for name in MEASURES]


def correlations(one: Sequence[Sequence[float]], other: Sequence[Sequence[float]]) -> dict[str, float]:
    """By measure, over the composers."""
    columns = zip(MEASURES, np.transpose(one), np.transpose(other), strict=True)
    return {name: round(float(np.corrcoef(a, b)[0, 1]), 2) for name, a, b in columns}


def main() -> None:
    """A row for each composer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--passages", type=int, default=60)
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    continuation, start = begin(find_model(given.model))
    corpus = load_split(given.data, "train", continuation.vocabulary, Console(stderr=True))
    names = [name for name in COMPOSERS if name != OTHER]
    halves: list[list[list[float]]] = [[], []]
    people, asked = [], []
    print(f"{'':16}" + "".join(f"{name:>20}" for name in MEASURES) + "   people / asked")
    for name in names:
        heard = passages(corpus, name, given.seconds, given.passages, np.random.default_rng(given.seed))
        for half, each in enumerate(halves):
            each.append(means(heard[half::2], given.seconds))
        people.append(means(heard, given.seconds))
        rng = np.random.default_rng(given.seed)
        controls = steered(composer=name, top_p=AT_FIRST.top_p, recall=AT_FIRST.recall)
        pieces = generate(continuation, start, given.seconds, controls, rng, given.streams)
        asked.append(means([decode(tokens, continuation.vocabulary) for tokens in pieces], given.seconds))
        cells = "".join(f"{a:12.2f} /{b:6.2f}" for a, b in zip(people[-1], asked[-1], strict=True))
        print(f"{name:16}{cells}", flush=True)
    figures = {
        "command": f"python3 -m tests.bench.composers {shlex.join(sys.argv[1:])}",
        "correlations": correlations(people, asked),
        "alone": correlations(*halves),
        "composers": {
            name: {"people": dict(zip(MEASURES, a, strict=True)), "asked": dict(zip(MEASURES, b, strict=True))}
            for name, a, b in zip(names, people, asked, strict=True)
        },
    }
    print(json.dumps({name: figures[name] for name in ("correlations", "alone")}, indent=1))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
