"""The training loop: it learns, goes on exactly where it stopped, and two processes do the work of one."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from perfrnn_live.errors import CheckpointMismatch
from perfrnn_live.model.network import NetworkConfig
from perfrnn_live.training import loop
from perfrnn_live.training.corpus import TokenCorpus
from tests.networks import corpus_of, random_tokens, tiny_network

RECIPE = loop.Recipe(
    network=NetworkConfig(layers=1, cells=16),
    events=6000,
    minutes=1e9,  # only events count, so that a busy machine trains the same network
    streams=4,
    segment=32,
    learning_rate=0.02,
    warm_up=3,
    augmentation="less",
    validate_every_s=1e9,
    validation_events=1000,
)


@pytest.fixture(scope="module")
def corpus() -> TokenCorpus:
    return corpus_of(*(random_tokens(seed, 40 + 15 * seed) for seed in range(6)))


def last(out: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(out / "last.pt", weights_only=True)
    return state


def test_the_loss_falls(corpus: TokenCorpus, tmp_path: Path) -> None:
    shown: list[loop.Progress] = []
    best = loop.train(RECIPE, corpus, corpus, tmp_path, on_progress=shown.append)
    losses = [progress.loss for progress in shown if not math.isnan(progress.loss)]
    assert losses[0] == pytest.approx(math.log(413), abs=0.5)
    assert losses[-1] < losses[0] - 1
    assert [progress.events for progress in shown] == sorted(progress.events for progress in shown)
    state = torch.load(best, weights_only=True)
    assert state["validation"] == shown[-1].validation
    assert state["validation"] < losses[0] - 1
    assert state["recipe"]["network"] == {"vocabulary": "performance-8ms", "layers": 1, "cells": 16}


@pytest.mark.parametrize("stop_after", [1, 20])
def test_resuming_gives_the_weights_of_a_run_without_a_break(
    stop_after: int, corpus: TokenCorpus, tmp_path: Path
) -> None:
    loop.train(RECIPE, corpus, corpus, tmp_path / "straight")
    asked = iter(range(1000))
    loop.train(RECIPE, corpus, corpus, tmp_path / "halved", stop=lambda: next(asked) >= stop_after)
    assert last(tmp_path / "halved")["updates"] == stop_after
    loop.train(RECIPE, corpus, corpus, tmp_path / "halved", resume=True)
    straight, halved = last(tmp_path / "straight"), last(tmp_path / "halved")
    assert (straight["events"], straight["updates"]) == (halved["events"], halved["updates"])
    for name, weight in straight["weights"].items():
        assert torch.equal(weight, halved["weights"][name]), name
    assert straight["validation"] == halved["validation"]


def test_stopping_keeps_the_best(corpus: TokenCorpus, tmp_path: Path) -> None:
    """Too high a learning rate makes the likelihood go up and down."""
    shown: list[loop.Progress] = []
    recipe = replace(RECIPE, learning_rate=1.0, validate_every_s=-1.0, validation_events=200)
    best = loop.train(recipe, corpus, corpus, tmp_path, on_progress=shown.append, stop=lambda: len(shown) > 30)
    validations = [shown_.validation for shown_ in shown if math.isnan(shown_.loss) and shown_.validation is not None]
    assert len(validations) > 10 and validations[-1] > min(validations)
    state = torch.load(best, weights_only=True)
    assert state["validation"] == state["best"] == min(validations)
    assert last(tmp_path)["validation"] == validations[-1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.pt", "last.pt"]


@pytest.mark.parametrize("change", [{"network": NetworkConfig(layers=1, cells=17)}, {"streams": 3}, {"seed": 9}])
def test_resuming_another_run(change: dict[str, Any], corpus: TokenCorpus, tmp_path: Path) -> None:
    loop.train(replace(RECIPE, events=1), corpus, corpus, tmp_path)
    with pytest.raises(CheckpointMismatch, match=f"another run: its {next(iter(change))} was"):
        loop.train(replace(RECIPE, **change), corpus, corpus, tmp_path, resume=True)


@pytest.mark.parametrize("kept", [0, 1000])
def test_resuming_a_torn_state(kept: int, corpus: TokenCorpus, tmp_path: Path) -> None:
    loop.train(replace(RECIPE, events=1), corpus, corpus, tmp_path)
    (tmp_path / "last.pt").write_bytes((tmp_path / "last.pt").read_bytes()[:kept])
    with pytest.raises(CheckpointMismatch, match="torn"):
        loop.train(RECIPE, corpus, corpus, tmp_path, resume=True)


def test_validation_hears_a_small_corpus_once() -> None:
    corpus = corpus_of(random_tokens(1, 50), random_tokens(2, 50))
    network = tiny_network()
    assert loop.validate(network, corpus, len(corpus.tokens)) == loop.validate(network, corpus, 10**9)


_SHARED = """
import json, os, sys
from pathlib import Path
import torch
import torch.distributed as dist
from perfrnn_live.training import loop
from perfrnn_live.training.corpus import TokenCorpus

folder = Path(sys.argv[1])
recipe = loop.Recipe.from_json(json.loads((folder / "recipe.json").read_text()))
networks, network_class = [], loop.PerformanceRNN
loop.PerformanceRNN = lambda config: networks.append(network_class(config)) or networks[-1]
for name in ("even", "uneven"):
    corpus = TokenCorpus.load(folder / f"{name}.npz")
    loop.train(recipe, corpus, corpus, folder / name)
    torch.save(networks[-1].state_dict(), folder / name / f"rank{dist.get_rank()}.pt")
dist.barrier()
os._exit(0)  # torch 2.13's gloo threads now and then abort an interpreter that ends of itself
"""


def test_two_processes_do_the_work_of_one(tmp_path: Path) -> None:
    recipe = replace(RECIPE, events=3 * RECIPE.streams * RECIPE.segment, augmentation="none", warm_up=1)
    even = corpus_of(*(random_tokens(seed, 60)[:100] for seed in range(4)))  # more than three segments each
    uneven = corpus_of(*(random_tokens(seed, 60)[: 30 * (1 + seed % 2)] for seed in range(6)))
    even.save(tmp_path / "even.npz")
    uneven.save(tmp_path / "uneven.npz")
    (tmp_path / "recipe.json").write_text(json.dumps(asdict(recipe)))
    (tmp_path / "shared.py").write_text(_SHARED)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*torchrun, "shared.py", "."], cwd=tmp_path, env=_environment(), check=True, capture_output=True)
    for name in ("even", "uneven"):  # however many events each one had, both have the same weights
        ranks = [torch.load(tmp_path / name / f"rank{rank}.pt", weights_only=True) for rank in range(2)]
        assert all(torch.equal(ranks[0][weight], ranks[1][weight]) for weight in ranks[0])
    loop.train(recipe, even, even, tmp_path / "alone")
    alone, shared = last(tmp_path / "alone"), last(tmp_path / "even")
    assert alone["events"] == shared["events"] == recipe.events
    assert alone["validation"] == pytest.approx(shared["validation"], abs=1e-4)
    torch.testing.assert_close(alone["weights"], shared["weights"], rtol=0, atol=1e-4)


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(Path(loop.__file__).resolve().parents[2])}


def test_the_loop_needs_torch_numpy_and_nothing_else() -> None:
    """So that a rented machine needs no more than those two."""
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, perfrnn_live.training.loop; print(*sys.modules)"],
        check=True, capture_output=True, text=True, env=_environment(),
    ).stdout.split()  # fmt: skip
    assert {"torch", "numpy"} <= set(loaded)
    unwanted = {"rich", "typer", "symusic", "platformdirs", "safetensors", "onnx", "onnxruntime", "mido", "rtmidi"}
    assert not unwanted & set(loaded)
