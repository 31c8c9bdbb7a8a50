"""LSTM engines step alike: state in, state out, and nothing else touched; asking adds to what is expected."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from perfrnn_live.engines.base import Logits
from perfrnn_live.engines.handles import TAUGHT, Asked
from perfrnn_live.engines.lstm.onnx import OnnxEngine
from perfrnn_live.engines.lstm.state import Context, HiddenState, HiddenStates, LstmEngine
from perfrnn_live.engines.lstm.torch import TorchEngine
from perfrnn_live.engines.lstm.weights import load_network
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.reminders import REMINDERS, UNKNOWN
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS, PERFORMANCE_10MS
from tests.networks import random_tokens

RATE = PERFORMANCE_8MS.steps_per_second


@pytest.fixture(params=["torch", "onnx", "int8"])
def engine(request: pytest.FixtureRequest, tiny_model: Path, tiny_fp32: Path) -> LstmEngine:
    if request.param == "torch":
        return TorchEngine(load_network(tiny_model))
    return OnnxEngine(tiny_fp32 if request.param == "onnx" else tiny_model)


def steps(engine: LstmEngine, streams: list[list[int]]) -> tuple[Logits, list[HiddenStates]]:
    """What is expected (time, streams, size), and the states, after the start symbol and each token but the last."""
    states, keyboards = engine.start(len(streams)), [Keyboard.silent() for _ in streams]
    tokens = [PERFORMANCE_8MS.start] * len(streams)
    expected, passed = [], []
    for place in range(len(streams[0])):
        logits, states = engine.step(tokens, states, keyboards)
        expected.append(logits)
        passed.append(states)
        tokens = [stream[place] for stream in streams]
        keyboards = [
            keyboard.after(PERFORMANCE_8MS.events[token]) for keyboard, token in zip(keyboards, tokens, strict=True)
        ]
    return np.stack(expected), passed


def keyboards_of(stream: list[int]) -> list[Keyboard]:
    """Before and after each token but the last."""
    events = [PERFORMANCE_8MS.events[token] for token in stream[:-1]]
    return list(itertools.accumulate(events, Keyboard.after, initial=Keyboard.silent()))


def streams_of(*seeds: int, events: int) -> list[list[int]]:
    return [random_tokens(seed, events)[:events] for seed in seeds]


def some_asked(batch: int) -> Asked:
    return np.random.default_rng(3).random((batch, TAUGHT.size), np.float32)


def tolerance(request: pytest.FixtureRequest) -> float:
    """int8 scales what it multiplies by the largest value in the whole batch: rounding, and no more, is shared."""
    return 0.5 if "int8" in request.node.name else 1e-5


def arrays_of(*states: HiddenState | HiddenStates) -> list[np.ndarray]:
    return [array for state in states for array in (state.h, state.c, state.inner)]


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
        expected, passed = steps(engine, streams)
        heard = np.stack([states.inner for states in passed])
        np.testing.assert_allclose(expected.swapaxes(0, 1), logits.numpy(), rtol=0, atol=1e-5)
        np.testing.assert_allclose(heard.swapaxes(0, 1), inner.numpy(), rtol=0, atol=1e-5)
        np.testing.assert_allclose(passed[-1].h, h.numpy(), rtol=0, atol=1e-5)
        np.testing.assert_allclose(passed[-1].c, c.numpy(), rtol=0, atol=1e-5)


def test_a_step_changes_neither_states_nor_what_was_handed_out(engine: LstmEngine) -> None:
    _, passed = steps(engine, streams_of(1, 2, events=50))
    states, tokens, keyboards = passed[-1], [60, 188], [Keyboard.silent()] * 2
    given = [each.copy() for each in arrays_of(states)]
    first, after = engine.step(tokens, states, keyboards)
    kept = [each.copy() for each in (first, *arrays_of(after))]
    second, _ = engine.step(tokens, list(states), keyboards)  # taken apart and joined again
    np.testing.assert_array_equal(first, second)
    engine.step(tokens, after, keyboards)
    for array, before in zip((*arrays_of(states), first, *arrays_of(after)), (*given, *kept), strict=True):
        np.testing.assert_array_equal(array, before)


def test_streams_of_a_batch_do_not_mix(engine: LstmEngine, request: pytest.FixtureRequest) -> None:
    streams = streams_of(1, 2, 3, events=60)
    together, passed = steps(engine, streams)
    for row, stream in enumerate(streams):
        alone, by_itself = steps(engine, [stream])
        np.testing.assert_allclose(together[:, row], alone[:, 0], rtol=0, atol=tolerance(request))
        for one, other in zip(passed, by_itself, strict=True):
            np.testing.assert_allclose(one.inner[row], other.inner[0], rtol=0, atol=tolerance(request))


def test_start_is_silence_and_shaped_as_the_step_wants_it(engine: LstmEngine) -> None:
    states = engine.start(3)
    assert len(states) == 3
    assert states.h.shape == states.c.shape == (2, 3, 24) and states.inner.shape == (3, 24)
    assert all(each.dtype == np.float32 and not each.any() for each in arrays_of(states))
    logits, after = engine.step([413] * 3, states, [Keyboard.silent()] * 3)
    assert logits.shape == (3, 413) and logits.dtype == np.float32
    for given, returned in zip(arrays_of(states), arrays_of(after), strict=True):
        assert returned.shape == given.shape and returned.dtype == np.float32


def test_states_are_dealt_out_and_joined_in_any_order(engine: LstmEngine) -> None:
    _, passed = steps(engine, streams_of(1, 2, 3, events=20))
    states = passed[-1]
    order = [1, 1, 0, -1]
    joined = HiddenStates.joined([states[place] for place in order])
    for array, whole in ((joined.h, states.h), (joined.c, states.c)):
        np.testing.assert_array_equal(array, whole[:, order])
    np.testing.assert_array_equal(joined.inner, states.inner[order])
    assert [each.inner.tolist() for each in states] == states.inner.tolist()
    first_two = states[:2]
    assert len(first_two) == 2 and HiddenStates.joined(first_two) is first_two  # nothing to be done
    np.testing.assert_array_equal(first_two.c, states.c[:, :2])
    with pytest.raises(IndexError, match="there are 3 streams"):
        states[3]


def test_a_state_is_written_down_and_read_again(engine: LstmEngine) -> None:
    _, passed = steps(engine, streams_of(1, 2, events=20))
    state = passed[-1][1]
    again = engine.state_of(engine.arrays(state))
    for one, other in zip(arrays_of(state), arrays_of(again), strict=True):
        np.testing.assert_array_equal(one, other)
    for name, array in engine.arrays(state).items():
        with pytest.raises(ValueError, match="is not one of 2 layers of 24 cells"):
            engine.state_of({**engine.arrays(state), name: array[..., :-1]})
        with pytest.raises(KeyError, match=name):
            engine.state_of({key: value for key, value in engine.arrays(state).items() if key != name})


def test_a_state_between_two(engine: LstmEngine) -> None:
    _, passed = steps(engine, streams_of(1, 2, events=20))
    one, other = passed[-1]
    for share in (0.0, 0.25, 1.0):
        between = engine.mixed(one, other, share)
        for a, b, mixed in zip(arrays_of(one), arrays_of(other), arrays_of(between), strict=True):
            np.testing.assert_allclose(mixed, (1 - share) * a + share * b, rtol=0, atol=1e-6)
            assert mixed.dtype == np.float32


@pytest.mark.parametrize("place", range(REMINDERS))
def test_each_reminder_is_seen(place: int, engine: LstmEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    (plain,), _ = engine.step([60], engine.start(1), [Keyboard.silent()])
    reminders = Keyboard.silent().reminders()
    reminders[place] = 3
    monkeypatch.setattr(Keyboard, "reminders", lambda self: reminders)
    (reminded,), _ = engine.step([60], engine.start(1), [Keyboard.silent()])
    assert abs(plain - reminded).max() > 0.05


def test_the_middle_is_another_beginning(engine: LstmEngine) -> None:
    symbols = (PERFORMANCE_8MS.start, PERFORMANCE_8MS.middle)
    one, other = (engine.step([symbol], engine.start(1), [Keyboard.silent()])[0] for symbol in symbols)
    assert abs(one - other).max() > 0.5


def states_of(engine: LstmEngine) -> list[HiddenState]:
    """Those of 60 moments."""
    _, passed = steps(engine, streams_of(7, events=60))
    return [states[0] for states in passed]


def test_asking_is_alike_in_torch_and_in_onnx(tiny_model: Path, tiny_fp32: Path) -> None:
    reference, full, small = TorchEngine(load_network(tiny_model)), OnnxEngine(tiny_fp32), OnnxEngine(tiny_model)
    asked = some_asked(60)[:, None]
    states = states_of(reference)
    added, exact, rounded = (
        np.stack([engine.handled(state, row) for state, row in zip(states, asked, strict=True)])
        for engine in (reference, full, small)
    )
    np.testing.assert_allclose(exact, added, rtol=0, atol=1e-5)
    assert abs(rounded - added).max() < 0.15 * added.std()


def test_each_row_asked_is_answered_by_itself(engine: LstmEngine, request: pytest.FixtureRequest) -> None:
    state, asked = states_of(engine)[-1], some_asked(60)
    given = [each.copy() for each in (asked, *arrays_of(state))]
    together = engine.handled(state, asked)
    assert together.shape == (60, 413) and together.dtype == np.float32
    alone = [engine.handled(state, asked[n : n + 1]) for n in range(60)]
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=0, atol=tolerance(request))
    for array, before in zip((asked, *arrays_of(state)), given, strict=True):
        np.testing.assert_array_equal(array, before)


def test_what_is_added_depends_on_the_moment(engine: LstmEngine) -> None:
    asked = some_asked(1)
    one, other = (engine.handled(state, asked) for state in states_of(engine)[-2:])
    assert abs(one - other).max() > 0.01


def test_whatever_is_asked_adds_something_of_its_own(engine: LstmEngine) -> None:
    added = engine.handled(states_of(engine)[-1], np.eye(TAUGHT.size, dtype=np.float32))
    apart = abs(added[:, None] - added).max(axis=-1) + np.eye(TAUGHT.size)
    assert apart.min() > 0.01
