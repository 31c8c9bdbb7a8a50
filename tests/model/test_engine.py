"""Engines step alike: state in, state out, and nothing else touched."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from perfrnn_live.model.engine import HiddenState, Keys, Logits, OnnxEngine, StepEngine, TorchEngine
from perfrnn_live.model.weights import load_network
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS
from tests.networks import random_tokens


@pytest.fixture(params=["torch", "onnx", "int8"])
def engine(request: pytest.FixtureRequest, tiny_model: Path, tiny_fp32: Path) -> StepEngine:
    if request.param == "torch":
        return TorchEngine(load_network(tiny_model))
    return OnnxEngine(tiny_fp32 if request.param == "onnx" else tiny_model)


def steps(engine: StepEngine, streams: list[list[int]]) -> tuple[NDArray[np.float32], HiddenState]:
    """Logits (time, batch, size) after the start symbol and each token but the last, state carried throughout."""
    state, keyboards = engine.start(len(streams)), [Keyboard.silent() for _ in streams]
    tokens = np.full(len(streams), PERFORMANCE_8MS.start, np.int64)
    rows: list[Logits] = []
    for place in range(len(streams[0])):
        logits, state = engine.step(tokens, state, features(keyboards))
        rows.append(logits)
        tokens = np.array([stream[place] for stream in streams], np.int64)
        keyboards = [
            keyboard.after(PERFORMANCE_8MS.events[token]) for keyboard, token in zip(keyboards, tokens, strict=True)
        ]
    return np.stack(rows), state


def features(keyboards: list[Keyboard]) -> Keys:
    return np.stack([keyboard.features(PERFORMANCE_8MS.steps_per_second) for keyboard in keyboards])


def heard(stream: list[int]) -> Keys:
    """The keyboard's features (time, 256) before and after each token but the last."""
    events = [PERFORMANCE_8MS.events[token] for token in stream[:-1]]
    return features(list(itertools.accumulate(events, Keyboard.after, initial=Keyboard.silent())))


def streams_of(*seeds: int, events: int) -> list[list[int]]:
    return [random_tokens(seed, events)[:events] for seed in seeds]


@pytest.mark.parametrize("batch", [1, 4])
def test_steps_equal_the_whole_sequence(batch: int, tiny_model: Path, tiny_fp32: Path) -> None:
    streams = streams_of(*range(batch), events=800)
    network = load_network(tiny_model)
    inputs = torch.tensor([[PERFORMANCE_8MS.start, *stream[:-1]] for stream in streams])
    keys = torch.tensor(np.stack([heard(stream) for stream in streams]))
    with torch.inference_mode():
        whole, (h, c) = network(inputs, keys, network.start(batch))
    for engine in (TorchEngine(network), OnnxEngine(tiny_fp32)):
        logits, state = steps(engine, streams)
        np.testing.assert_allclose(logits.swapaxes(0, 1), whole.numpy(), rtol=0, atol=1e-5)
        np.testing.assert_allclose(state.h, h.numpy(), rtol=0, atol=1e-5)
        np.testing.assert_allclose(state.c, c.numpy(), rtol=0, atol=1e-5)


def test_a_step_changes_neither_state_nor_inputs(engine: StepEngine) -> None:
    _, state = steps(engine, streams_of(1, 2, events=50))
    tokens, keys = np.array([60, 188], np.int64), features([Keyboard.silent()] * 2)
    given = [each.copy() for each in (tokens, state.h, state.c, keys)]
    first, after = engine.step(tokens, state, keys)
    kept = after.h.copy()
    second, _ = engine.step(tokens, state, keys)
    np.testing.assert_array_equal(first, second)
    engine.step(tokens, after, keys)
    np.testing.assert_array_equal(after.h, kept)  # nor does a later step reach into what was handed out
    for array, before in zip((tokens, state.h, state.c, keys), given, strict=True):
        np.testing.assert_array_equal(array, before)


def test_streams_of_a_batch_do_not_mix(engine: StepEngine, request: pytest.FixtureRequest) -> None:
    streams = streams_of(1, 2, 3, events=60)
    together, _ = steps(engine, streams)
    alone = np.concatenate([steps(engine, [stream])[0] for stream in streams], axis=1)
    # int8 scales what it multiplies by the largest value in the whole batch: rounding, and no more, is shared
    np.testing.assert_allclose(together, alone, rtol=0, atol=0.5 if "int8" in request.node.name else 1e-5)


def test_start_is_silence_and_shaped_as_the_step_wants_it(engine: StepEngine) -> None:
    state = engine.start(3)
    assert state.h.shape == state.c.shape == (2, 3, 24)
    assert state.h.dtype == state.c.dtype == np.float32
    assert not state.h.any() and not state.c.any()
    logits, after = engine.step(np.full(3, 413, np.int64), state, np.zeros((3, 256), np.float32))
    assert logits.shape == (3, 413)
    assert logits.dtype == np.float32
    assert after.h.shape == after.c.shape == (2, 3, 24)


def test_a_state_can_be_dealt_out_to_other_streams(engine: StepEngine) -> None:
    _, state = steps(engine, streams_of(1, 2, events=20))
    dealt = state.streams(np.array([1, 1, 0]))
    np.testing.assert_array_equal(dealt.h, state.h[:, [1, 1, 0]])
    np.testing.assert_array_equal(dealt.c, state.c[:, [1, 1, 0]])
