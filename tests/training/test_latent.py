"""A finished network is given a latent space."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from perfrnn_live.engines.handles import TAUGHT
from perfrnn_live.engines.latent import NOTES, Latent, notes_of
from perfrnn_live.engines.lstm.export import export
from perfrnn_live.engines.lstm.onnx import OnnxEngine
from perfrnn_live.engines.lstm.weights import save_network
from perfrnn_live.music.codec import encode
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.performance import Note
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS as EVENTS
from perfrnn_live.music.vocabulary import EventKind
from perfrnn_live.training.latent import LatentNetwork, Recipe, lesson, notes_from, save, teach
from tests.networks import corpus_of, random_tokens, tiny_network


def wide(seed: int) -> list[int]:
    """Somebody who plays only high and loud, or only low and soft."""
    rng, high = np.random.default_rng(seed), seed % 2
    return encode(
        [Note(n / 8, n / 8 + 0.1, 40 + 40 * high + int(rng.integers(9)), 40 + 60 * high) for n in range(300)], EVENTS
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_encoder_is_told_the_same_of_a_recording_and_live(seed: int) -> None:
    tokens, keyboard, struck = random_tokens(seed, 250), Keyboard.silent(), 0
    for token in tokens:
        event = EVENTS.events[token]
        keyboard = keyboard.after(event)
        if event.kind is EventKind.NOTE_ON:
            struck += 1
            if struck in (NOTES, NOTES + 37, 250):
                told = notes_from(np.array(tokens, np.int16), struck - NOTES, EVENTS)
                np.testing.assert_array_equal(told, notes_of(keyboard))
    assert struck == 250


def test_the_arrays_compute_what_the_network_does(tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = LatentNetwork(24, EVENTS.size, 5, width=8, hidden=12)
    torch.nn.init.normal_(network.output.weight, std=0.3)
    save(network, tmp_path)
    latent = Latent.beside(tmp_path, 24, EVENTS.size)
    assert latent is not None
    keyboard = Keyboard.silent()
    for token in random_tokens(7, 200):
        keyboard = keyboard.after(EVENTS.events[token])
    place = latent.place_of(keyboard)
    assert place is not None
    mean, _ = network.encode(torch.from_numpy(np.stack(notes_of(keyboard)))[None])
    np.testing.assert_allclose(place, mean[0].detach().numpy(), atol=5e-3)
    inner = torch.randn(1, 1, 24)
    added = network(inner, torch.tensor([place], dtype=torch.float32))[0, 0]
    np.testing.assert_allclose(latent.added(inner[0, 0].numpy(), place), added.detach().numpy(), atol=5e-3)


def test_it_learns_where_the_manner_changes_and_the_model_stays_as_it_is(tmp_path: Path) -> None:
    save_network(tmp_path, tiny_network(), {"data": "", "licence": ""}, TAUGHT)
    export(tmp_path)
    before = OnnxEngine(tmp_path)
    assert before.place_size == 0
    for name, seeds in (("train", range(8)), ("validation", range(8, 12))):
        corpus_of(*map(wide, seeds)).save(tmp_path / f"{name}.npz")
    recipe = Recipe(size=4, lessons=256, epochs=6, seed=1)
    without, told = teach(tmp_path, tmp_path / "train.npz", tmp_path / "validation.npz", recipe, Console(quiet=True))
    assert told < without
    engine = OnnxEngine(tmp_path)
    assert engine.place_size == 4 and engine.fingerprint == before.fingerprint, "its states are still of use"


@pytest.mark.parametrize("number", range(3))
def test_lessons_are_the_same_whenever_they_are_drawn(number: int) -> None:
    corpus = corpus_of(*(random_tokens(seed, 400) for seed in range(3)))
    one, again = (lesson(corpus, 4, number) for _ in range(2))
    assert one.tokens.tolist() == again.tokens.tolist() and one.notes.tolist() == again.notes.tolist()
    assert one.before < len(one.tokens) == 192
