"""The plain recurrent network: stepped as it was trained, kept in a folder, better the longer it learns, and played."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from perfrnn_live.engines.registry import load
from perfrnn_live.engines.rnn import WEIGHTS, RnnEngine
from perfrnn_live.errors import CheckpointMismatch
from perfrnn_live.evaluation.likelihood import evaluate
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS as EVENTS
from tests import train_extra
from tests.networks import corpus_of, random_tokens

torch = pytest.importorskip("torch", reason="needs the extra train")
from perfrnn_live.training.rnn import Network, Recipe, train  # noqa: E402

one_thread = pytest.fixture(scope="module", autouse=True)(train_extra.one_thread)
CORPUS = corpus_of(*(random_tokens(seed, 60) for seed in range(4)))
KEYBOARDS = [Keyboard.silent()] * 2


def recipe(events: int) -> Recipe:
    return Recipe(cells=24, events=events, minutes=5.0, streams=4, segment=32, learning_rate=0.01, seed=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rnn")
    train(recipe(6000), CORPUS, folder, "some")
    return folder


def test_stepping_is_what_was_trained() -> None:
    torch.manual_seed(1)
    network = Network(EVENTS, 16)
    engine = RnnEngine(EVENTS, {name: each.numpy() for name, each in network.weights().items()}, "known")
    inputs = [[EVENTS.start, 60, 300, 188], [EVENTS.middle, 400, 61, 189]]
    with torch.inference_mode():
        logits, cells = network(torch.tensor(inputs), torch.zeros(1, 2, 16))
    states = engine.start(2)
    for place in range(4):
        stepped, states = engine.step([row[place] for row in inputs], states, KEYBOARDS)
        np.testing.assert_allclose(stepped, logits[:, place].numpy(), rtol=0, atol=1e-5)
    np.testing.assert_allclose(np.stack(states), cells[0].numpy(), rtol=0, atol=1e-5)


def test_states_are_values_can_be_written_and_mixed(folder: Path) -> None:
    engine = load(folder)
    _, (one, other) = engine.step([60, 61], engine.start(2), KEYBOARDS)
    before = one.copy()
    again, _ = engine.step([62, 62], [one, other], KEYBOARDS)
    assert np.array_equal(one, before)
    kept, _ = engine.step([62, 62], [engine.state_of(engine.arrays(one)), other], KEYBOARDS)
    assert np.array_equal(again, kept)
    np.testing.assert_allclose(engine.mixed(one, other, 0.25), 0.75 * one + 0.25 * other, rtol=0, atol=1e-6)
    with pytest.raises(ValueError, match="a state of"):
        engine.state_of({"h": np.zeros(5)})


def test_it_learns(tmp_path: Path) -> None:
    tune = corpus_of(*([60 + place, 310, 188 + place, 320] * 60 for place in range(3)))
    costs = []
    for events in (100, 60_000):
        train(recipe(events), tune, tmp_path / f"{events}", "a tune")
        costs.append(evaluate(load(tmp_path / f"{events}"), tune).figures()["nats_per_event"])
    assert costs[1] < 1 < 5 < costs[0]


def test_it_stops_when_it_is_told_to_and_is_whole(tmp_path: Path) -> None:
    train(recipe(10**9), CORPUS, tmp_path, "some", stop=iter([False, False, True]).__next__)
    assert evaluate(load(tmp_path), CORPUS).events > 0


@pytest.mark.parametrize("what", ["torn", "of another shape", "no numbers", "missing"])
def test_what_is_none_is_a_sentence(what: str, folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with np.load(tmp_path / WEIGHTS) as loaded:
        arrays = {name: loaded[name] for name in loaded.files}
    if what == "torn":
        (tmp_path / WEIGHTS).write_bytes((tmp_path / WEIGHTS).read_bytes()[:200])
    elif what == "missing":
        (tmp_path / WEIGHTS).unlink()
    else:
        wrong = arrays["kept"][:-1] if what == "of another shape" else np.full_like(arrays["kept"], np.nan)
        np.savez(tmp_path / WEIGHTS, **{**arrays, "kept": wrong})
    with pytest.raises(CheckpointMismatch, match=WEIGHTS):
        load(tmp_path)


def test_it_is_trained_and_played_by_command(tmp_path: Path) -> None:
    def command(*words: str) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-m", "perfrnn_live", *words]
        return subprocess.run(program, capture_output=True, text=True, timeout=90, check=False)

    CORPUS.save(tmp_path / "tokens.npz")
    data, out = str(tmp_path / "tokens.npz"), str(tmp_path / "rnn")
    sizes = ("--cells", "16", "--events", "3000", "--streams", "4", "--segment", "32")
    made = command("train", "--engine", "rnn", "--data", data, "--out", out, *sizes)
    assert made.returncode == 0, made.stderr
    # Nearly untrained, it may be silent for seconds: this seed isn't.
    once = ("--seconds", "3", "--seed", "1", "--quiet", "--no-library")
    played = command("play", "--model", out, "--output", "none", *once)
    assert played.returncode == 0, played.stderr
    assert json.loads(played.stdout)["notes"] > 0
