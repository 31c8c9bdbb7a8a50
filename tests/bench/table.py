"""`python -m tests.bench.table --data FOLDER OUT.json`: Table 1 of the paper (Oore et al. 2018) on MAESTRO.

Each variant trains the paper's network, plain LSTM layers over events, on the same number of events, once for each
seed: without the pedal (RNN), without velocities (RNN-NV), with the pedal (RNN-SUS), augmented more and less (RNN-AUG+
and RNN-AUG-), and on clips of 30 s in place of 15 (RNN-30s, RNN-SUS-30s). Nats per event and per 8 ms step are of
validation recordings in clips of the length that was trained on, each heard from its beginning.

Files are read by two processes; a run goes on with what OUT.json has already.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from perfrnn_live.music.codec import encode
from perfrnn_live.music.midifile import read_gestures
from perfrnn_live.music.pedal import Move
from perfrnn_live.music.timeline import Timeline
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS, EventKind, Vocabulary
from perfrnn_live.training.augmentation import AUGMENTATIONS, entered
from perfrnn_live.training.corpus import TokenCorpus, find_recordings
from perfrnn_live.training.learners import OfEvents
from perfrnn_live.training.lessons import Piece
from perfrnn_live.training.plain import Recipe, train

_EMBEDDING = 128
_TOGETHER = 128  # clips evaluated side by side


@dataclass(frozen=True)
class Variant:
    """A row of the table; `paper` is its log-loss there, in nats per 8 ms step as far as one can tell."""

    paper: float
    pedal: bool = False
    velocities: bool = True
    augmentation: str = "none"
    clip_s: float = 15.0


VARIANTS = {
    "RNN": Variant(0.765),
    "RNN-NV": Variant(0.619, velocities=False),
    "RNN-SUS": Variant(0.663, pedal=True),
    "RNN-AUG+": Variant(0.755, augmentation="more"),
    "RNN-AUG-": Variant(0.784, augmentation="less"),
    "RNN-30s": Variant(0.750, clip_s=30.0),
    "RNN-SUS-30s": Variant(0.664, pedal=True, clip_s=30.0),
}


class PaperLstm(OfEvents):
    """Plain LSTM layers that learn from clips. The memory is h and c."""

    kind = "paper"

    def __init__(self, variant: Variant, vocabulary: Vocabulary, layers: int, cells: int) -> None:
        super().__init__()
        self.sizes, self._variant = {"layers": layers, "cells": cells}, variant
        self.embedding = nn.Embedding(vocabulary.inputs, _EMBEDDING)
        self.lstm = nn.LSTM(_EMBEDDING, cells, layers, batch_first=True)
        for name, weight in self.lstm.named_parameters():
            if name.startswith("weight_hh"):  # with PyTorch's defaults it learns nothing for a million events
                for gate in weight.data.chunk(4):
                    nn.init.orthogonal_(gate)
            elif name.startswith("bias_ih"):
                nn.init.ones_(weight.data[cells : 2 * cells])
        self.head = nn.Linear(cells, vocabulary.size)

    def pieces(self, corpus: TokenCorpus, seed: int) -> Callable[[int], Piece]:
        def piece(n: int) -> Piece:
            rng = np.random.default_rng((seed, n))
            tokens = corpus.recording(int(rng.integers(len(corpus))))
            tokens = AUGMENTATIONS[self._variant.augmentation].draw(tokens, corpus.vocabulary, rng)
            clip = cut(tokens, int(rng.integers(len(tokens))), self._variant.clip_s, corpus.vocabulary)
            return clip if len(clip) > 1 else piece(n + 10**9)

        return piece

    def nothing(self, streams: int) -> tuple[Tensor, Tensor]:
        zeros = torch.zeros(self.sizes["layers"], streams, self.sizes["cells"])
        return zeros, zeros

    def forward(
        self, inputs: Tensor, memory: tuple[Tensor, Tensor], fresh: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        h, c = (torch.where(fresh[None, :, None], 0.0, each) for each in memory)
        after, (h, c) = self.lstm(self.embedding(inputs), (h, c))
        return self.head(after), (h.detach(), c.detach())

    def weights(self) -> dict[str, Tensor]:
        return dict(self.state_dict())


def cut(tokens: NDArray[np.int16], place: int, seconds: float, vocabulary: Vocabulary) -> Piece:
    """The start symbol and so much of a recording from its first strike at or after `place` on."""
    later = entered(tokens, place, vocabulary)
    if not len(later):
        return np.array([vocabulary.start])
    steps = Timeline.of(later, vocabulary).step[1:]
    last = int(np.searchsorted(steps, seconds * vocabulary.steps_per_second, side="right"))
    return np.array([vocabulary.start, *later[:last]], np.int64)


def tokens_of(path: Path, pedal: bool) -> NDArray[np.int16]:
    """A recording's tokens; without its pedal, notes end with their keys."""
    gestures = read_gestures(path)
    if not pedal:
        gestures = replace(gestures, value=np.where(gestures.move == Move.PEDAL, 0, gestures.value))
    return np.array(encode(gestures.notes(), PERFORMANCE_8MS), np.int16)


def corpus(paths: list[Path], variant: Variant) -> TokenCorpus:
    """The recordings as the variant hears them."""
    vocabulary = PERFORMANCE_8MS
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        recordings = list(pool.map(partial(tokens_of, pedal=variant.pedal), paths, chunksize=8))
    if not variant.velocities:
        span = vocabulary.tokens_of(EventKind.VELOCITY)
        recordings = [tokens[(tokens < span.start) | (tokens >= span.stop)] for tokens in recordings]
    ends, names = np.cumsum(list(map(len, recordings))), tuple(path.name for path in paths)
    return TokenCorpus(vocabulary, np.concatenate(recordings), ends, names, ("",) * len(paths))


def clips(validation: TokenCorpus, seconds: float) -> Iterator[Piece]:
    """All of it in clips that follow each other."""
    vocabulary = validation.vocabulary
    for index in range(len(validation)):
        tokens = validation.recording(index)
        steps = Timeline.of(tokens, vocabulary).step[1:]
        begins = np.arange(0, steps[-1], seconds * vocabulary.steps_per_second)
        for place in np.searchsorted(steps, begins).tolist():
            clip = cut(tokens, place, seconds, vocabulary)
            if len(clip) > 1:
                yield clip


@torch.inference_mode()
def evaluated(network: PaperLstm, validation: TokenCorpus, seconds: float) -> dict[str, float]:
    """Nats per event and per step."""
    every = sorted(clips(validation, seconds), key=len)
    nats, events, steps = 0.0, 0, 0
    for first in range(0, len(every), _TOGETHER):
        group = every[first : first + _TOGETHER]
        whole = torch.zeros(len(group), max(map(len, group)), dtype=torch.long)
        for row, clip in enumerate(group):
            whole[row, : len(clip)] = torch.from_numpy(clip)
            steps += int(Timeline.of(clip[1:], validation.vocabulary).step[-1])
        counts = torch.arange(whole.shape[1] - 1) < torch.tensor([len(clip) - 1 for clip in group])[:, None]
        logits, _ = network(whole[:, :-1], network.nothing(len(group)), torch.ones(len(group), dtype=torch.bool))
        nats += float(network.loss(logits, whole[:, 1:])[counts].sum())
        events += int(counts.sum())
    return {"nats_per_event": nats / events, "nats_per_step": nats / steps, "events": events}


def trained(variant: Variant, recipe: Recipe, training: TokenCorpus) -> PaperLstm:
    """The network after its lessons."""
    made: list[PaperLstm] = []

    def untrained(vocabulary: Vocabulary, layers: int, cells: int) -> PaperLstm:
        made.append(PaperLstm(variant, vocabulary, layers, cells))
        return made[0]

    with tempfile.TemporaryDirectory() as folder:
        train(untrained, recipe, training, Path(folder), "")
    return made[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT.json")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--recordings", type=int, default=240, help="to train on, spread over the split")
    parser.add_argument("--held-out", type=int, default=30, help="validation recordings, spread likewise")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--cells", type=int, default=256)
    parser.add_argument("--events", type=int, default=700_000)
    parser.add_argument("--learning-rate", type=float, default=0.006)
    options = parser.parse_args()
    torch.set_num_threads(1)
    table = json.loads(options.out.read_text()) if options.out.is_file() else {}
    table["command"] = shlex.join(["python3", "-m", "tests.bench.table", *sys.argv[1:]])
    for name, variant in VARIANTS.items():
        runs = table.setdefault(name, {**asdict(variant), "runs": []})["runs"]
        if len(runs) >= options.seeds:
            continue
        training, validation = (
            corpus(paths[:: -(-len(paths) // most)], variant)
            for paths, most in (
                (find_recordings(options.data, "train"), options.recordings),
                (find_recordings(options.data, "validation"), options.held_out),
            )
        )
        for seed in range(len(runs), options.seeds):
            sizes = (options.layers, options.cells, options.events)
            recipe = Recipe(*sizes, 1e9, 24, 96, options.learning_rate, seed)
            network = trained(variant, recipe, training)
            runs.append({"seed": seed, "trained_on": options.events, **evaluated(network, validation, variant.clip_s)})
            options.out.write_text(json.dumps(table, indent=1) + "\n")
            print(name, runs[-1], flush=True)


if __name__ == "__main__":
    main()
