"""Markov chains: counted by hand, smoothed as they should be, kept in a folder, and played."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfrnn_live.engines.card import find_model
from perfrnn_live.engines.markov import COUNTS, MarkovEngine
from perfrnn_live.engines.registry import load
from perfrnn_live.errors import CheckpointMismatch
from perfrnn_live.evaluation.likelihood import evaluate
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS as EVENTS
from perfrnn_live.training.corpus import TokenCorpus
from perfrnn_live.training.markov import count, tables
from tests.networks import corpus_of, random_tokens

A, B, C = 60, 188, 300  # a strike, its release, a shift
KEYBOARD = Keyboard.silent()


def engine_of(corpus: TokenCorpus, order: int) -> MarkovEngine:
    return MarkovEngine(corpus.vocabulary, tables(corpus, order), "known")


def chances(engine: MarkovEngine, *tokens: int) -> np.ndarray:
    states = engine.start(1)
    for token in tokens:
        logits, states = engine.step([token], states, [KEYBOARD])
    return np.asarray(np.exp(logits[0]))


def test_chances_by_hand() -> None:
    """A was followed by B three times and by C once: two kinds, so two sixths are left to all events alike."""
    engine = engine_of(corpus_of([A, B, A, B, A, C], [A, B]), 1)
    after = chances(engine, A)
    everywhere = 2 / 6 / EVENTS.size
    assert after[[B, C, A]] == pytest.approx([3 / 6 + everywhere, 1 / 6 + everywhere, everywhere])
    assert after.sum() == pytest.approx(1)
    assert chances(engine, EVENTS.start)[A] == pytest.approx(2 / 3 + 1 / 3 / EVENTS.size)
    assert chances(engine, 5) == pytest.approx(np.full(EVENTS.size, 1 / EVENTS.size))  # it never came


def test_the_second_order_leans_on_the_first_where_it_knows_little() -> None:
    engine = engine_of(corpus_of([A, B, C, A, B, A, B]), 2)
    first = chances(engine, B)  # after B alone: C once, A once
    second = chances(engine, A, B)  # after A and B: C once, A once: 2 counts, 2 kinds
    assert second[[A, C]] == pytest.approx((1 + 2 * first[[A, C]]) / 4)
    assert chances(engine, C, B) == pytest.approx(first)  # that never came


def test_a_context_does_not_reach_into_the_recording_before() -> None:
    table = tables(corpus_of([A, B], [C, A]), 2)[1]
    assert len(table.contexts) == 2 and table.events.tolist() in ([B, A], [A, B])


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(0, EVENTS.size - 1), min_size=1, max_size=30), min_size=1, max_size=4))
def test_whatever_was_counted_chances_add_up_and_states_are_values(recordings: list[list[int]]) -> None:
    engine = engine_of(corpus_of(*recordings), 2)
    states = engine.start(2)
    for token in (EVENTS.start, *recordings[0]):
        logits, after = engine.step([token, EVENTS.middle], states, [KEYBOARD] * 2)
        assert np.exp(logits).sum(axis=1) == pytest.approx([1, 1], abs=1e-4)
        again, _ = engine.step([token, EVENTS.middle], states, [KEYBOARD] * 2)
        assert np.array_equal(logits, again)
        assert [engine.state_of(engine.arrays(state)) for state in after] == list(after)
        states = list(after)


def test_a_folder_brings_it_back_and_it_expects_what_it_counted(tmp_path: Path) -> None:
    corpus = corpus_of(*(random_tokens(seed, 60) for seed in range(3)))
    costs = []
    for order in (1, 2):
        folder = tmp_path / f"{order}"
        count(corpus, order, folder, "some")
        engine = load(folder)
        costs.append(evaluate(engine, corpus).figures()["nats_per_event"])
        assert evaluate(engine_of(corpus, order), corpus).figures()["nats_per_event"] == pytest.approx(costs[-1])
        assert load(folder).fingerprint == engine.fingerprint != "known"
    assert costs[1] < costs[0] < np.log(EVENTS.size)


@pytest.mark.parametrize("what", ["torn", "of another vocabulary", "of another order", "unsorted", "missing"])
def test_what_is_none_is_a_sentence(what: str, tmp_path: Path) -> None:
    count(corpus_of(random_tokens(1, 30)), 1, tmp_path, "some")
    path, card = tmp_path / COUNTS, tmp_path / "card.json"
    with np.load(path) as loaded:
        arrays = {name: loaded[name] for name in loaded.files}
    if what == "torn":
        path.write_bytes(path.read_bytes()[:100])
    elif what == "missing":
        path.unlink()
    elif what == "of another order":
        card.write_text(json.dumps({**json.loads(card.read_text()), "network": {"order": 2}}))
    else:
        arrays |= {
            "of another vocabulary": {"1.events": arrays["1.events"] + 400},
            "unsorted": {"1.contexts": arrays["1.contexts"][::-1]},
        }[what]
        np.savez(path, **arrays)
    with pytest.raises(CheckpointMismatch, match=COUNTS):
        load(tmp_path)


def test_it_is_counted_and_played_by_command(tmp_path: Path) -> None:
    def command(*words: str) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-m", "perfrnn_live", *words]
        return subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)

    corpus_of(*(random_tokens(seed, 200) for seed in range(4))).save(tmp_path / "tokens.npz")
    data, chain = str(tmp_path / "tokens.npz"), str(tmp_path / "chain")
    made = command("train", "--engine", "markov", "--data", data, "--out", chain)
    assert made.returncode == 0, made.stderr
    for model in (tmp_path / "chain", find_model("markov")):
        once = ("--seconds", "3", "--seed", "1", "--quiet", "--no-library")
        played = command("play", "--model", str(model), "--output", "none", *once)
        assert played.returncode == 0, played.stderr
        assert json.loads(played.stdout)["notes"] > 3
    refused = command("train", "--engine", "organ", "--data", "d", "--out", "o")
    assert refused.returncode == 1 and "there is no engine 'organ' to train" in refused.stderr
