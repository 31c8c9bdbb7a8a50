"""Engines step alike: state in, state out, and nothing else touched; asking adds to what is expected."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from perfrnn_live.engines.base import Context, Expectation, HiddenState, OnnxEngine, StepEngine, TorchEngine
from perfrnn_live.engines.handles import HANDLES, Asked
from perfrnn_live.engines.lstm.weights import load_network
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.reminders import REMINDERS, UNKNOWN
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS, PERFORMANCE_10MS
from tests.networks import random_tokens

RATE = PERFORMANCE_8MS.steps_per_second


@pytest.fixture(params=["torch", "onnx", "int8"])
def engine(request: pytest.FixtureRequest, tiny_model: Path, tiny_fp32: Path) -> StepEngine:
    if request.param == "torch":
        return TorchEngine(load_network(tiny_model))
    return OnnxEngine(tiny_fp32 if request.param == "onnx" else tiny_model)


def steps(engine: StepEngine, streams: list[list[int]]) -> tuple[Expectation, HiddenState]:
    """What is expected (time, batch, …) after the start symbol and each token but the last, with the state carried."""
    state, keyboards = engine.start(len(streams)), [Keyboard.silent() for _ in streams]
    tokens = np.full(len(streams), PERFORMANCE_8MS.start, np.int64)
    rows: list[Expectation] = []
    for place in range(len(streams[0])):
        expected, state = engine.step(tokens, state, Context.of(keyboards, RATE))
        rows.append(expected)
        tokens = np.array([stream[place] for stream in streams], np.int64)
        keyboards = [
            keyboard.after(PERFORMANCE_8MS.events[token]) for keyboard, token in zip(keyboards, tokens, strict=True)
        ]
    return Expectation(np.stack([row.logits for row in rows]), np.stack([row.inner for row in rows])), state


def keyboards_of(stream: list[int]) -> list[Keyboard]:
    """Before and after each token but the last."""
    events = [PERFORMANCE_8MS.events[token] for token in stream[:-1]]
    return list(itertools.accumulate(events, Keyboard.after, initial=Keyboard.silent()))


def streams_of(*seeds: int, events: int) -> list[list[int]]:
    return [random_tokens(seed, events)[:events] for seed in seeds]


def some_asked(batch: int) -> Asked:
    return np.random.default_rng(3).random((batch, HANDLES), np.float32)


def tolerance(request: pytest.FixtureRequest) -> float:
    """int8 scales what it multiplies by the largest value in the whole batch: rounding, and no more, is shared."""
    return 0.5 if "int8" in request.node.name else 1e-5


def test_a_context_is_what_each_keyboard_tells() -> None:
    keyboards = [keyboards_of(stream)[-1] for stream in streams_of(1, 2, events=90)]
    for rate in (RATE, PERFORMANCE_10MS.steps_per_second):
        context = Context.of(keyboards, rate)
        assert (context.keys.shape, context.reminders.shape) == ((2, 256), (2, REMINDERS))
        assert context.keys.dtype == np.float32 and context.reminders.dtype == np.int64
        for row, keyboard in enumerate(keyboards):
            np.testing.assert_array_equal(context.keys[row], keyboard.features(rate))
            np.testing.assert_array_equal(context.reminders[row], keyboard.reminders())


@pytest.mark.parametrize("batch", [1, 4])
def test_steps_equal_the_whole_sequence(batch: int, tiny_model: Path, tiny_fp32: Path) -> None:
    streams = [(random_tokens(seed, 80) * 4)[:800] for seed in range(batch)]  # again and again: all is reminded of
    network = load_network(tiny_model)
    inputs = torch.tensor([[PERFORMANCE_8MS.start, *stream[:-1]] for stream in streams])
    contexts = [Context.of(keyboards_of(stream), RATE) for stream in streams]
    keys, reminders = (
        torch.tensor(np.stack([getattr(each, told) for each in contexts])) for told in ("keys", "reminders")
    )
    assert (reminders != UNKNOWN).float().mean(dim=(0, 1)).min() > 0.5
    with torch.inference_mode():
        logits, inner, (h, c) = network(inputs, keys, reminders, network.start(batch))
    for engine in (TorchEngine(network), OnnxEngine(tiny_fp32)):
        expected, state = steps(engine, streams)
        np.testing.assert_allclose(expected.logits.swapaxes(0, 1), logits.numpy(), rtol=0, atol=1e-5)
        np.testing.assert_allclose(expected.inner.swapaxes(0, 1), inner.numpy(), rtol=0, atol=1e-5)
        np.testing.assert_allclose(state.h, h.numpy(), rtol=0, atol=1e-5)
        np.testing.assert_allclose(state.c, c.numpy(), rtol=0, atol=1e-5)


def test_a_step_changes_neither_state_nor_inputs(engine: StepEngine) -> None:
    _, state = steps(engine, streams_of(1, 2, events=50))
    tokens, context = np.array([60, 188], np.int64), Context.of([Keyboard.silent()] * 2, RATE)
    arrays = (tokens, state.h, state.c, context.keys, context.reminders)
    given = [each.copy() for each in arrays]
    first, after = engine.step(tokens, state, context)
    kept = after.h.copy(), first.logits.copy(), first.inner.copy()
    second, _ = engine.step(tokens, state, context)
    np.testing.assert_array_equal(first.logits, second.logits)
    np.testing.assert_array_equal(first.inner, second.inner)
    engine.step(tokens, after, context)  # nor does a later step reach into what was handed out
    for array, before in zip((*arrays, after.h, first.logits, first.inner), (*given, *kept), strict=True):
        np.testing.assert_array_equal(array, before)


def test_streams_of_a_batch_do_not_mix(engine: StepEngine, request: pytest.FixtureRequest) -> None:
    streams = streams_of(1, 2, 3, events=60)
    together, _ = steps(engine, streams)
    alone = [steps(engine, [stream])[0] for stream in streams]
    for name in ("logits", "inner"):
        apart = np.concatenate([getattr(each, name) for each in alone], axis=1)
        np.testing.assert_allclose(getattr(together, name), apart, rtol=0, atol=tolerance(request))


def test_start_is_silence_and_shaped_as_the_step_wants_it(engine: StepEngine) -> None:
    state = engine.start(3)
    assert state.h.shape == state.c.shape == (2, 3, 24)
    assert state.h.dtype == state.c.dtype == np.float32
    assert not state.h.any() and not state.c.any()
    expected, after = engine.step(np.full(3, 413, np.int64), state, Context.of([Keyboard.silent()] * 3, RATE))
    assert (expected.logits.shape, expected.inner.shape) == ((3, 413), (3, 24))
    assert expected.logits.dtype == expected.inner.dtype == np.float32
    assert after.h.shape == after.c.shape == (2, 3, 24)


def test_a_state_can_be_dealt_out_to_other_streams(engine: StepEngine) -> None:
    _, state = steps(engine, streams_of(1, 2, events=20))
    dealt = state.streams(np.array([1, 1, 0]))
    np.testing.assert_array_equal(dealt.h, state.h[:, [1, 1, 0]])
    np.testing.assert_array_equal(dealt.c, state.c[:, [1, 1, 0]])


@pytest.mark.parametrize("place", range(REMINDERS))
def test_each_reminder_is_seen(place: int, engine: StepEngine) -> None:
    silent = Context.of([Keyboard.silent()], RATE)
    reminders = silent.reminders.copy()
    reminders[0, place] = 3
    contexts = (silent, Context(silent.keys, reminders))
    one, other = (engine.step(np.array([60]), engine.start(1), context)[0].logits for context in contexts)
    assert abs(one - other).max() > 0.05


def test_the_middle_is_another_beginning(engine: StepEngine) -> None:
    silent = Context.of([Keyboard.silent()], RATE)
    symbols = (PERFORMANCE_8MS.start, PERFORMANCE_8MS.middle)
    one, other = (engine.step(np.array([symbol]), engine.start(1), silent)[0].logits for symbol in symbols)
    assert abs(one - other).max() > 0.5


def inner_of(engine: StepEngine) -> NDArray[np.float32]:
    """What is expected at 60 moments, (60, 24)."""
    expected, _ = steps(engine, streams_of(7, events=60))
    return expected.inner[:, 0]


def test_asking_is_alike_in_torch_and_in_onnx(tiny_model: Path, tiny_fp32: Path) -> None:
    reference, full, small = TorchEngine(load_network(tiny_model)), OnnxEngine(tiny_fp32), OnnxEngine(tiny_model)
    inner, asked = inner_of(reference), some_asked(60)
    added = reference.handled(inner, asked)
    np.testing.assert_allclose(full.handled(inner, asked), added, rtol=0, atol=1e-5)
    # as if each moment had been alone: of a batch, int8 has to share its scale
    rounded = np.concatenate([small.handled(inner[n : n + 1], asked[n : n + 1]) for n in range(60)])
    assert abs(rounded - added).max() < 0.15 * added.std()


def test_asking_adds_to_each_stream_what_it_asks(engine: StepEngine, request: pytest.FixtureRequest) -> None:
    inner, asked = inner_of(engine), some_asked(60)
    given = inner.copy(), asked.copy()
    together = engine.handled(inner, asked)
    assert together.shape == (60, 413) and together.dtype == np.float32
    alone = [engine.handled(inner[n : n + 1], asked[n : n + 1]) for n in range(60)]
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=0, atol=tolerance(request))
    np.testing.assert_array_equal(inner, given[0])
    np.testing.assert_array_equal(asked, given[1])


def test_whatever_is_asked_adds_something_of_its_own(engine: StepEngine) -> None:
    inner = np.tile(inner_of(engine)[-1:], (HANDLES, 1))
    added = engine.handled(inner, np.eye(HANDLES, dtype=np.float32))
    apart = abs(added[:, None] - added).max(axis=-1) + np.eye(HANDLES)
    assert apart.min() > 0.01
