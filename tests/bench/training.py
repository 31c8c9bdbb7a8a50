"""`python -m tests.bench.training`: events a second of the training loop, and its share of what the LSTM alone reaches.

The loop is the real one, on made-up music; the baseline is `torch.nn.LSTM` of the same sizes, forwards and backwards
over random numbers in a tight loop: cuDNN's on a GPU, oneDNN's on a processor. One process of one thread, or one GPU.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from time import perf_counter

import torch

from perfrnn_live.engines.lstm.network import NetworkConfig
from perfrnn_live.training.loop import Progress, Recipe, train
from tests.networks import corpus_of, random_tokens


def loop_events_per_s(recipe: Recipe, updates: int) -> float:
    """Of the whole loop, its first ten updates left out."""
    corpus = corpus_of(*(random_tokens(seed, 1500) for seed in range(8)))
    marks: list[tuple[float, int]] = []

    def show(progress: Progress) -> None:
        marks.append((perf_counter(), progress.events))

    with tempfile.TemporaryDirectory() as folder:
        train(recipe, corpus, corpus, Path(folder), on_progress=show, stop=lambda: len(marks) >= updates)
    (began_s, before), (ended_s, after) = marks[9], marks[updates - 1]
    return (after - before) / (ended_s - began_s)


def lstm_events_per_s(recipe: Recipe, updates: int) -> float:
    """Of the LSTM alone."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    cells = recipe.network.cells
    lstm = torch.nn.LSTM(cells, cells, recipe.network.layers, batch_first=True).to(device)
    x = torch.randn(recipe.streams, recipe.segment, cells, device=device, requires_grad=True)

    def update() -> None:
        with torch.autocast(device, torch.bfloat16, enabled=recipe.precision == "bf16"):
            y, _ = lstm(x)
        y.float().mean().backward()

    def wait() -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    for _ in range(3):
        update()
    wait()
    began_s = perf_counter()
    for _ in range(updates):
        update()
    wait()
    return updates * recipe.streams * recipe.segment / (perf_counter() - began_s)


def main() -> None:
    """One line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--cells", type=int, default=384)
    parser.add_argument("--streams", type=int, default=24)
    parser.add_argument("--segment", type=int, default=128)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="bf16")
    parser.add_argument("--updates", type=int, default=30)
    options = parser.parse_args()
    torch.set_num_threads(1)
    recipe = Recipe(
        network=NetworkConfig(layers=options.layers, cells=options.cells),
        minutes=1e9,
        streams=options.streams,
        segment=options.segment,
        precision=options.precision,
        validation_events=1000,
    )
    loop, lstm = loop_events_per_s(recipe, options.updates), lstm_events_per_s(recipe, options.updates)
    print(json.dumps({**vars(options), "loop": round(loop), "lstm_alone": round(lstm), "share": round(loop / lstm, 3)}))


if __name__ == "__main__":
    main()
