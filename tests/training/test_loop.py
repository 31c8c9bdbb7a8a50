"""The training loop: it learns, goes on exactly where it stopped, and two processes do the work of one."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch

from perfrnn_live.engines.handles import TAUGHT
from perfrnn_live.engines.lstm.network import NetworkConfig, PerformanceRNN
from perfrnn_live.errors import CheckpointMismatch
from perfrnn_live.music.keyboard import KEY_FEATURES
from perfrnn_live.music.reminders import REMINDERS
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS
from perfrnn_live.training import loop, shards
from perfrnn_live.training.batches import Batch, CarriedBatches
from perfrnn_live.training.corpus import TokenCorpus
from perfrnn_live.training.nats import Both, validate
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


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch) -> list[PerformanceRNN]:
    """The networks that are trained, in the order in which their training begins."""
    made: list[PerformanceRNN] = []

    class Kept(PerformanceRNN):
        def __init__(self, config: NetworkConfig, dropout: float = 0.0, weight_dropout: float = 0.0) -> None:
            super().__init__(config, dropout, weight_dropout)
            made.append(self)

    monkeypatch.setattr(loop, "PerformanceRNN", Kept)
    return made


def weights_of(network: PerformanceRNN) -> dict[str, torch.Tensor]:
    return {name: weight.clone() for name, weight in network.state_dict().items()}


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


def test_the_recipe_comes_back_from_a_checkpoint() -> None:
    recipe = replace(RECIPE, precision="bf16", dropout=0.1, middles=0.25, average=0.9)
    assert loop.Recipe.from_json(json.loads(json.dumps(asdict(recipe)))) == recipe


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("stop_after", [1, 20])
def test_resuming_gives_the_weights_of_a_run_without_a_break(
    stop_after: int, precision: Literal["fp32", "bf16"], corpus: TokenCorpus, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, precision=precision)
    loop.train(recipe, corpus, corpus, tmp_path / "straight")
    asked = iter(range(1000))
    loop.train(recipe, corpus, corpus, tmp_path / "halved", stop=lambda: next(asked) >= stop_after)
    assert last(tmp_path / "halved")["updates"] == stop_after
    loop.train(recipe, corpus, corpus, tmp_path / "halved", resume=True)
    straight, halved = last(tmp_path / "straight"), last(tmp_path / "halved")
    assert (straight["events"], straight["updates"]) == (halved["events"], halved["updates"])
    for weights in ("weights", "network"):
        for name, weight in straight[weights].items():
            assert torch.equal(weight, halved[weights][name]), name
    assert straight["streams"][0]["places"] == halved["streams"][0]["places"]
    assert straight["validation"] == halved["validation"]
    assert straight["validation_asked"] == halved["validation_asked"]


def test_a_corpus_in_shards_trains_the_same_network(corpus: TokenCorpus, tmp_path: Path) -> None:
    recordings = [
        shards.Recording(corpus.recording(index), corpus.names[index], corpus.composers[index])
        for index in range(len(corpus))
    ]
    shards.write(tmp_path / "tokens", PERFORMANCE_8MS, recordings, 300)
    assert len(list((tmp_path / "tokens").glob("*.npy"))) > 2
    mapped = TokenCorpus.load(tmp_path / "tokens")
    loop.train(RECIPE, corpus, corpus, tmp_path / "memory")
    asked = iter(range(1000))
    loop.train(RECIPE, mapped, mapped, tmp_path / "mapped", stop=lambda: next(asked) >= 11)
    loop.train(RECIPE, mapped, mapped, tmp_path / "mapped", resume=True)
    memory, disk = last(tmp_path / "memory"), last(tmp_path / "mapped")
    assert all(torch.equal(weight, disk["weights"][name]) for name, weight in memory["weights"].items())
    assert memory["validation"] == disk["validation"]


def test_processes_that_load_give_what_several_threads_would(corpus: TokenCorpus, tmp_path: Path) -> None:
    """And a run of them is resumed as any other."""
    recipe = replace(RECIPE, loaders=2)
    loop.train(recipe, corpus, corpus, tmp_path / "straight")
    asked = iter(range(1000))
    loop.train(recipe, corpus, corpus, tmp_path / "halved", stop=lambda: next(asked) >= 6)
    with pytest.raises(CheckpointMismatch, match="another run: its loaders was 2"):
        loop.train(RECIPE, corpus, corpus, tmp_path / "halved", resume=True)
    loop.train(recipe, corpus, corpus, tmp_path / "halved", resume=True)
    straight, halved = last(tmp_path / "straight"), last(tmp_path / "halved")
    assert all(torch.equal(weight, halved["weights"][name]) for name, weight in straight["weights"].items())
    places = straight["streams"][0]["places"]
    assert places == halved["streams"][0]["places"] and [len(each) for each in places] == [RECIPE.streams // 2] * 2


def test_what_goes_wrong_with_a_batch_ends_the_run(
    corpus: TokenCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is made by a thread, and must not be lost there."""
    coming = CarriedBatches.next
    made = iter(range(1000))

    def failing(batches: CarriedBatches) -> Batch:
        if next(made) == 5:
            raise OSError("the disk is gone")
        return coming(batches)

    monkeypatch.setattr(CarriedBatches, "next", failing)
    updates: list[loop.Progress] = []
    with pytest.raises(OSError, match="the disk is gone"):
        loop.train(RECIPE, corpus, corpus, tmp_path, on_progress=updates.append)
    assert len(updates) == 5


def test_what_is_kept_is_the_average(corpus: TokenCorpus, tmp_path: Path, networks: list[PerformanceRNN]) -> None:
    recipe = replace(RECIPE, average=0.8, events=40 * RECIPE.streams * RECIPE.segment)
    trained: list[dict[str, torch.Tensor]] = []

    def keep(progress: loop.Progress) -> None:
        if not math.isnan(progress.loss):
            trained.append(weights_of(networks[0]))

    best = loop.train(recipe, corpus, corpus, tmp_path, on_progress=keep)
    torch.manual_seed(recipe.seed)
    averaged = weights_of(PerformanceRNN(recipe.network))
    kept = []
    for updates, weights in enumerate(trained):
        kept.append(min(0.8, (1 + updates) / (10 + updates)))  # the beginning is soon forgotten
        averaged = {name: kept[-1] * averaged[name] + (1 - kept[-1]) * weight for name, weight in weights.items()}
    assert kept[0] == 0.1 and kept[-1] == 0.8
    state = last(tmp_path)
    torch.testing.assert_close(state["weights"], averaged, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(weight, trained[-1][name]) for name, weight in state["network"].items())
    assert not torch.allclose(state["weights"]["output.weight"], state["network"]["output.weight"], atol=1e-3)
    network = PerformanceRNN(recipe.network).eval()
    network.load_state_dict(torch.load(best, weights_only=True)["weights"])
    judged = validate(network, corpus, recipe.validation_events)
    assert judged == (state["validation"], state["validation_asked"])


def test_training_begins_with_the_weights_given(corpus: TokenCorpus, tmp_path: Path) -> None:
    given = weights_of(tiny_network(RECIPE.network))
    still = replace(RECIPE, learning_rate=0.0, events=500)
    loop.train(still, corpus, corpus, tmp_path, weights=given)
    state = last(tmp_path)
    assert state["updates"] > 1
    for weights in (state["weights"], state["network"]):
        torch.testing.assert_close(weights, given, rtol=0, atol=1e-6)
    shown: list[loop.Progress] = []
    loop.train(replace(still, events=1500), corpus, corpus, tmp_path, resume=True, on_progress=shown.append)
    assert shown[0].events > state["events"]  # what was left is gone on from, without giving them again
    torch.testing.assert_close(last(tmp_path)["weights"], given, rtol=0, atol=1e-6)


def test_half_precision_stays_close_and_leaves_whole_weights(corpus: TokenCorpus, tmp_path: Path) -> None:
    shown: dict[str, list[loop.Progress]] = {"fp32": [], "bf16": []}
    slow = replace(RECIPE, learning_rate=0.005)
    loop.train(slow, corpus, corpus, tmp_path / "fp32", on_progress=shown["fp32"].append)
    loop.train(replace(slow, precision="bf16"), corpus, corpus, tmp_path / "bf16", on_progress=shown["bf16"].append)
    whole, half = ([progress.loss for progress in shown[precision]] for precision in ("fp32", "bf16"))
    np.testing.assert_allclose(half, whole, rtol=0.02)
    assert not np.array_equal(half, whole, equal_nan=True)
    state = last(tmp_path / "bf16")
    assert all(weight.dtype == torch.float32 for weight in state["weights"].values())
    assert state["validation"] == pytest.approx(last(tmp_path / "fp32")["validation"], rel=0.02)


@pytest.mark.parametrize(("every_s", "saved"), [(-1.0, [0, 1, 2, 3, 4]), (1e9, [None] * 5)])
def test_what_to_resume_from_is_saved_as_often_as_asked(
    every_s: float, saved: list[int | None], corpus: TokenCorpus, tmp_path: Path
) -> None:
    found: list[int | None] = []

    def look(progress: loop.Progress) -> None:
        if not math.isnan(progress.loss):
            found.append(last(tmp_path)["updates"] if (tmp_path / "last.pt").exists() else None)

    asked = iter(range(1000))
    recipe = replace(RECIPE, save_every_s=every_s)
    loop.train(recipe, corpus, corpus, tmp_path, on_progress=look, stop=lambda: next(asked) >= 5)
    assert found == saved
    assert last(tmp_path)["updates"] == 5


def test_what_is_asked_for_teaches_the_handles_and_nothing_else() -> None:
    """So that the network is, unasked, what it would be without."""
    network = tiny_network()
    torch.nn.init.normal_(network.handling.output.weight, std=0.1)
    tokens, reminders = torch.randint(0, 413, (2, 5)), torch.randint(0, 129, (2, 5, REMINDERS))
    told = (tokens, torch.rand(2, 5, KEY_FEATURES), reminders)
    unasked, asked, _ = Both(network)(*told, torch.rand(2, 5, TAUGHT.size), network.start(2))
    torch.testing.assert_close(unasked, network(*told, network.start(2))[0])
    assert not torch.allclose(unasked, asked)
    asked.logsumexp(-1).sum().backward()
    taught = {name for name, weight in network.named_parameters() if weight.grad is not None and weight.grad.any()}
    assert taught == {name for name, _ in network.named_parameters() if name.startswith("handling.")}


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
    assert validate(network, corpus, len(corpus.tokens)) == validate(network, corpus, 10**9)


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
loop.PerformanceRNN = lambda *sizes: networks.append(network_class(*sizes)) or networks[-1]
for name in ("even", "uneven"):
    corpus = TokenCorpus.load(folder / f"{name}.npz")
    loop.train(recipe, corpus, corpus, folder / name)
    torch.save(networks[-1].state_dict(), folder / name / f"rank{dist.get_rank()}.pt")
dist.barrier()
os._exit(0)  # torch 2.13's gloo threads now and then abort an interpreter that ends of itself
"""


def test_two_processes_do_the_work_of_one(tmp_path: Path) -> None:
    """Also when one has more events than the other: each counts as much as any other."""
    recipe = replace(RECIPE, augmentation="none", middles=0.0, warm_up=1, learning_rate=0.005, events=900)
    lengths = {
        "even": [160] * 8,
        # In segments 5 5 3 3 2 2 4 4 1 1 4 4: the processes draw in turn, and so the same as one process at all times.
        "uneven": [129, 160, 65, 96, 33, 60, 128, 100, 5, 32, 97, 97],
    }
    (tmp_path / "shared.py").write_text(_SHARED)
    corpora = {}
    for name, each in lengths.items():
        drawn = np.random.default_rng((recipe.seed, 0)).permutation(
            len(each)
        )  # by pairs, so that each process gets one
        order = np.argsort(drawn)
        corpora[name] = corpus_of(*(random_tokens(seed, 70)[: each[order[seed]]] for seed in range(len(each))))
        corpora[name].save(tmp_path / f"{name}.npz")
    (tmp_path / "recipe.json").write_text(json.dumps(asdict(recipe)))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*torchrun, "shared.py", "."], cwd=tmp_path, env=_environment(), check=True, capture_output=True)
    for name, corpus in corpora.items():
        ranks = [torch.load(tmp_path / name / f"rank{rank}.pt", weights_only=True) for rank in range(2)]
        assert all(torch.equal(ranks[0][weight], ranks[1][weight]) for weight in ranks[0])
        loop.train(recipe, corpus, corpus, tmp_path / f"{name} alone")
        alone, shared = last(tmp_path / f"{name} alone"), last(tmp_path / name)
        assert (alone["events"], alone["updates"]) == (shared["events"], shared["updates"])
        assert alone["validation"] == pytest.approx(shared["validation"], abs=1e-4)
        torch.testing.assert_close(alone["weights"], shared["weights"], rtol=0, atol=1e-4)
        torch.testing.assert_close(alone["network"], shared["network"], rtol=0, atol=1e-4)


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
    unwanted = {"rich", "typer", "platformdirs", "safetensors", "onnx", "onnxruntime", "mido", "rtmidi"}
    assert not unwanted & set(loaded)
