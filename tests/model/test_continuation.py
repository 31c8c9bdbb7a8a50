"""Going on from a moment: nothing impossible, no note and no rest without end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from perfrnn_live.errors import BadValue
from perfrnn_live.model.continuation import Continuation, Controls, Moment
from perfrnn_live.model.engine import OnnxEngine
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS, EventKind
from tests.networks import ConstantEngine, random_tokens

ON, OFF, SHIFT, VELOCITY = (PERFORMANCE_8MS.tokens_of(kind) for kind in EventKind)
RATE = PERFORMANCE_8MS.steps_per_second


def leaning(towards: slice | None, by: float = 4.0) -> NDArray[np.float32]:
    logits = np.zeros(PERFORMANCE_8MS.size, np.float32)
    if towards is not None:
        logits[towards] += by
    return logits


def listened(engine: ConstantEngine, tokens: list[int]) -> Moment:
    continuation = Continuation(engine)
    moments = continuation.beginning()
    for token in tokens:
        moments = continuation.feed(moments, [token])
    return moments[0]


@pytest.mark.parametrize(
    "towards", [None, ON, OFF, SHIFT, VELOCITY], ids=["nothing", *(kind.value for kind in EventKind)]
)
@pytest.mark.parametrize("controls", [Controls(), Controls(0.7, 0.9, max_note_s=0.5, max_rest_s=0.3)], ids=str)
def test_nothing_impossible_and_nothing_without_end(towards: slice | None, controls: Controls) -> None:
    continuation = Continuation(ConstantEngine(leaning(towards)))
    velocity_set = False
    rng = np.random.default_rng(1)
    (moment,) = continuation.beginning()
    for _ in range(1500):
        token = continuation.choose(moment, controls, rng)
        event = PERFORMANCE_8MS.events[token]
        assert moment.keyboard.allows(event)
        if event.kind is EventKind.NOTE_OFF:
            assert moment.keyboard.struck_step[event.value] < moment.keyboard.step
        else:
            assert event.kind is not EventKind.VELOCITY or not velocity_set
        velocity_set = event.kind is EventKind.VELOCITY
        (moment,) = continuation.feed([moment], [token])
        keyboard = moment.keyboard
        if keyboard.sounding.any():
            oldest = keyboard.struck_step[keyboard.sounding].min()
            assert keyboard.step - oldest <= round(controls.max_note_s * RATE)
        else:
            assert keyboard.step - keyboard.released_step <= round(controls.max_rest_s * RATE)


@pytest.mark.parametrize("waited", [1, 10, 125, 126, 1000])
@pytest.mark.parametrize("before", [[], [60], [60, SHIFT.stop - 1, SHIFT.stop - 1, SHIFT.stop - 1, SHIFT.stop - 10]])
def test_after_waiting_only_a_shift_at_least_as_long(waited: int, before: list[int]) -> None:
    engine = ConstantEngine(leaning(ON))
    moment, rng = listened(engine, before), np.random.default_rng(2)
    for _ in range(100):
        token = Continuation(engine).choose(moment, Controls(), rng, waited)
        event = PERFORMANCE_8MS.events[token]
        assert event.kind is EventKind.TIME_SHIFT
        assert event.value >= min(waited, PERFORMANCE_8MS.max_shift)


def test_what_is_overdue_is_released_first_the_oldest_at_once() -> None:
    engine = ConstantEngine(leaning(ON))
    moment = listened(engine, [64, SHIFT.start, 60, *[SHIFT.stop - 1] * 4])
    continuation, rng = Continuation(engine), np.random.default_rng(0)
    for pitch in (64, 60):
        token = continuation.choose(moment, Controls(max_note_s=3.0), rng)
        assert token == OFF.start + pitch
        (moment,) = continuation.feed([moment], [token])
    assert continuation.choose(moment, Controls(max_note_s=3.0), rng) < ON.stop


def test_keys_held_by_somebody_else_are_left_alone() -> None:
    engine = ConstantEngine(leaning(slice(60, 61), 8.0) + leaning(slice(OFF.start + 60, OFF.start + 61), 8.0))
    moment, rng = listened(engine, [60, SHIFT.start, 64, *[SHIFT.stop - 1] * 3]), np.random.default_rng(3)
    chosen = {Continuation(engine).choose(moment, Controls(), rng, held=frozenset({60})) for _ in range(300)}
    assert not chosen & {60, OFF.start + 60}
    assert OFF.start + 64 in chosen
    overdue = listened(engine, [60, *[SHIFT.stop - 1] * 5])
    assert Continuation(engine).choose(overdue, Controls(), rng, held=frozenset({60})) != OFF.start + 60


@pytest.mark.parametrize("towards", [ON, OFF, VELOCITY], ids=["note-ons", "note-offs", "velocities"])
def test_time_goes_on_for_a_model_that_knows_nothing_of_it(towards: slice) -> None:
    continuation = Continuation(ConstantEngine(leaning(towards, by=1000)))
    (moment,) = continuation.beginning()
    rng = np.random.default_rng(0)
    for _ in range(1000):
        (moment,) = continuation.feed([moment], [continuation.choose(moment, Controls(), rng)])
    assert moment.keyboard.step > 0


def test_priming_hears_everything_and_then_releases_every_key() -> None:
    tokens = random_tokens(1, 30)[:70]
    held = listened(ConstantEngine(), tokens)
    primed = Continuation(ConstantEngine()).primed(tokens)
    assert held.keyboard.sounding.any() and not primed.keyboard.sounding.any()
    assert primed.keyboard.step == primed.keyboard.released_step == held.keyboard.step
    assert primed.state.h.item() == 1 + len(tokens) + held.keyboard.sounding.sum()  # start symbol and releases too


@pytest.mark.parametrize("folder", ["tiny_fp32", "tiny_model"])
def test_streams_fed_together_equal_one_by_one(folder: str, request: pytest.FixtureRequest) -> None:
    continuation = Continuation(OnnxEngine(Path(request.getfixturevalue(folder))))
    streams = [random_tokens(seed, 40)[:80] for seed in range(3)]
    together, alone = continuation.beginning(3), [continuation.beginning()[0] for _ in streams]
    for tokens in zip(*streams, strict=True):
        together = continuation.feed(together, list(tokens))
        alone = [continuation.feed([moment], [token])[0] for moment, token in zip(alone, tokens, strict=True)]
    tolerance = 1e-5 if folder == "tiny_fp32" else 0.5  # int8 rounds by the largest value of a batch
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.logits, other.logits, rtol=0, atol=tolerance)
        np.testing.assert_allclose(one.state.h, other.state.h, rtol=0, atol=tolerance)
        np.testing.assert_array_equal(one.keyboard.sounding, other.keyboard.sounding)
        assert one.keyboard.step == other.keyboard.step


def test_a_moment_is_a_way_back(tiny_model: Path) -> None:
    """Roll back and replay gives the same tokens."""
    continuation = Continuation(OnnxEngine(tiny_model))
    kept = continuation.primed(random_tokens(3, 20))

    def played() -> list[int]:
        moment, rng, tokens = kept, np.random.default_rng(7), []
        for _ in range(100):
            tokens.append(continuation.choose(moment, Controls(), rng))
            (moment,) = continuation.feed([moment], tokens[-1:])
        return tokens

    assert played() == played()


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_a_temperature_out_of_range(temperature: float) -> None:
    with pytest.raises(BadValue, match="temperature"):
        Controls(temperature=temperature)


@pytest.mark.parametrize("top_p", [0.0, -0.1, 1.5, float("nan")])
def test_a_top_p_out_of_range(top_p: float) -> None:
    with pytest.raises(BadValue, match="top-p"):
        Controls(top_p=top_p)
