"""The engines beside the LSTM that are trained plainly: stepped as they were trained, kept, better the longer they
learn, and played."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perfrnn_live.engines.arrays import WEIGHTS
from perfrnn_live.engines.base import StepEngine
from perfrnn_live.engines.registry import load
from perfrnn_live.engines.rolls import CONVOLUTIONS, LSTM
from perfrnn_live.errors import CheckpointMismatch
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS as EVENTS
from perfrnn_live.music.vocabulary import PITCHES
from tests import train_extra
from tests.networks import corpus_of, random_tokens

torch = pytest.importorskip("torch", reason="needs the extra train")
from perfrnn_live.training.learners import LEARNERS, Transformer  # noqa: E402
from perfrnn_live.training.plain import Learner, Recipe, train  # noqa: E402

one_thread = pytest.fixture(scope="module", autouse=True)(train_extra.one_thread)
CORPUS = corpus_of(*(random_tokens(seed, 60) for seed in range(4)))
KINDS = tuple(LEARNERS)
ROLLS = (LSTM, CONVOLUTIONS)
TUNE = [60, 310, 188, 320, 64, 330, 192, 300]  # two notes, 98 steps each


def recipe(events: int, rate: float = 0.01) -> Recipe:
    return Recipe(2, 24, events, minutes=5.0, streams=4, segment=32, learning_rate=rate, seed=1)


@pytest.fixture(scope="module", params=KINDS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    train(LEARNERS[request.param], recipe(2000), CORPUS, folder, "some")
    return folder


def whole(learner: Learner, inputs: Any, segment: int) -> Any:
    """Its logits for two streams, segment by segment; the second begins afresh half way."""
    memory, found = learner.nothing(2), []
    with torch.inference_mode():
        for place in range(0, inputs.shape[1], segment):
            fresh = torch.tensor([place == 0, place in (0, inputs.shape[1] // 2)])
            logits, memory = learner(inputs[:, place : place + segment], memory, fresh)
            found.append(logits)
    return torch.cat(found, dim=1).numpy()


def saved(learner: Learner, folder: Path) -> StepEngine[Any]:
    """The engine of a network as it is, weights of single precision."""
    train(lambda *sizes: learner, recipe(1, rate=0.0), CORPUS, folder, "none")
    exact: dict[str, Any] = {name: each.detach().numpy() for name, each in learner.weights().items()}
    np.savez(folder / WEIGHTS, **exact)
    return load(folder)


@pytest.mark.parametrize("window", [5, 16, 100])
def test_a_transformer_steps_as_it_was_trained(window: int, tmp_path: Path) -> None:
    torch.manual_seed(1)
    engine = saved(learner := Transformer(EVENTS, 2, 64, window), tmp_path)
    inputs = np.random.default_rng(1).integers(0, EVENTS.size, (2, 48))
    logits = whole(learner, torch.from_numpy(inputs), 8)
    states: Any = list(engine.start(2))
    for place in range(48):
        if place == 24:
            states[1] = engine.start(1)[0]
        stepped, states = engine.step(inputs[:, place].tolist(), states, [Keyboard.silent()] * 2)
        np.testing.assert_allclose(stepped, logits[:, place], rtol=0, atol=1e-4)


def test_plain_cells_step_as_they_were_trained(tmp_path: Path) -> None:
    torch.manual_seed(1)
    engine = saved(learner := LEARNERS["rnn"](EVENTS, 1, 16), tmp_path)
    inputs = np.random.default_rng(1).integers(0, EVENTS.size, (2, 16))
    logits = whole(learner, torch.from_numpy(inputs), 4)
    states: Any = list(engine.start(2))
    for place in range(16):
        if place == 8:
            states[1] = engine.start(1)[0]
        stepped, states = engine.step(inputs[:, place].tolist(), states, [Keyboard.silent()] * 2)
        np.testing.assert_allclose(stepped, logits[:, place], rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ROLLS)
def test_a_roll_network_reads_frames_as_it_was_trained(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    engine: Any = saved(learner := LEARNERS[kind](EVENTS, 3, 16), tmp_path)
    network = engine._network
    frames = np.random.default_rng(1).random((2, 48, PITCHES)) < 0.1
    logits = whole(learner, torch.from_numpy(frames), 8)
    memories = [network.nothing()] * 2
    for place in range(48):
        if place == 24:
            memories[1] = network.nothing()
        for stream in range(2):
            memories[stream], chances = network.next(memories[stream], frames[stream, place])
            np.testing.assert_allclose(chances, 1 / (1 + np.exp(-logits[stream, place])), rtol=0, atol=1e-5)


def test_states_are_values_and_can_be_written(folder: Path) -> None:
    engine, keyboards = load(folder), [Keyboard.silent()] * 2
    path = [60, 270, 188, 300, 401, 62, 280]
    (state, _) = engine.start(2)
    kept, told = [state], []
    for token in path:
        logits, (state,) = engine.step([token], [state], keyboards[:1])
        kept.append(state)
        told.append(logits[0])
    for place in (3, 0, 6, 1, 3):  # back to where it was, and on by another way, in any order
        engine.step([70], [kept[place]], keyboards[:1])
        again, after = engine.step([path[place], 80], [kept[place], kept[-1]], keyboards)
        np.testing.assert_allclose(again[0], told[place], rtol=0, atol=1e-5)
        written = engine.state_of(engine.arrays(kept[place]))
        np.testing.assert_allclose(engine.step([path[place]], [written], keyboards[:1])[0][0], told[place], atol=1e-5)
        np.testing.assert_allclose(
            engine.step([61], [after[0]], keyboards[:1])[0],
            engine.step([61], [kept[place + 1]], keyboards[:1])[0],
            atol=1e-5,
        )
    mixed, _ = engine.step([60], [engine.mixed(kept[1], kept[5], 0.4)], keyboards[:1])
    assert np.isfinite(mixed).all()
    with pytest.raises((KeyError, ValueError)):
        engine.state_of({})
    broken = {name: each[..., :-1] for name, each in engine.arrays(kept[3]).items()}
    with pytest.raises((KeyError, ValueError)):
        engine.state_of(broken)


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns(kind: str, tmp_path: Path) -> None:
    tune = corpus_of(*([each + place if each < 256 else each for each in TUNE] * 30 for place in range(3)))
    costs: list[float] = []
    train(LEARNERS[kind], recipe(30_000), tune, tmp_path, "a tune", lambda _, loss: costs.append(loss))
    assert costs[-1] < 0.3 * costs[0]


@pytest.mark.parametrize("kind", KINDS)
def test_it_stops_when_it_is_told_to_and_is_whole(kind: str, tmp_path: Path) -> None:
    stop = iter([False, False, True]).__next__
    train(LEARNERS[kind], recipe(10**9), CORPUS, tmp_path, "some", stop=stop)
    engine = load(tmp_path)
    assert np.isfinite(engine.step([EVENTS.start], engine.start(1), [Keyboard.silent()])[0]).all()


@pytest.mark.parametrize("what", ["torn", "of another shape", "no numbers", "missing", "of other sizes"])
def test_what_is_none_is_a_sentence(what: str, folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with np.load(tmp_path / WEIGHTS) as loaded:
        arrays = {name: loaded[name] for name in loaded.files}
    if what == "torn":
        (tmp_path / WEIGHTS).write_bytes((tmp_path / WEIGHTS).read_bytes()[:200])
    elif what == "missing":
        (tmp_path / WEIGHTS).unlink()
    elif what == "of other sizes":
        card = json.loads((tmp_path / "card.json").read_text())
        card["network"] = dict.fromkeys(card["network"], "many")
        (tmp_path / "card.json").write_text(json.dumps(card))
    else:
        name = min(arrays)
        wrong = arrays[name][:-1] if what == "of another shape" else np.full_like(arrays[name], np.nan)
        np.savez(tmp_path / WEIGHTS, **{**arrays, name: wrong})
    with pytest.raises(CheckpointMismatch, match=WEIGHTS):
        load(tmp_path)


@pytest.mark.parametrize("kind", ["transformer", LSTM])
def test_it_is_trained_and_played_by_command(kind: str, tmp_path: Path) -> None:
    def command(*words: str) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-m", "perfrnn_live", *words]
        return subprocess.run(program, capture_output=True, text=True, timeout=90, check=False)

    CORPUS.save(tmp_path / "tokens.npz")
    data, out = str(tmp_path / "tokens.npz"), str(tmp_path / "model")
    sizes = ("--layers", "2", "--cells", "32", "--events", "3000", "--streams", "4", "--segment", "32")
    made = command("train", "--engine", kind, "--data", data, "--out", out, *sizes)
    assert made.returncode == 0, made.stderr
    # Nearly untrained, it may be silent for seconds: this seed isn't.
    once = ("--seconds", "3", "--seed", "1", "--quiet", "--no-library")
    played = command("play", "--model", out, "--output", "none", *once)
    assert played.returncode == 0, played.stderr
    assert json.loads(played.stdout)["notes"] > 0
