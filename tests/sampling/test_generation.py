"""Music that nobody waits for: repeatable, as long as asked, likelier with beams, and never dry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perfrnn_live.engines.base import StepEngine
from perfrnn_live.engines.fake import ConstantEngine
from perfrnn_live.engines.handles import TAUGHT, Handles
from perfrnn_live.engines.lstm.onnx import OnnxEngine
from perfrnn_live.evaluation.likelihood import evaluate
from perfrnn_live.music.codec import decode
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS, EventKind
from perfrnn_live.sampling.continuation import Continuation
from perfrnn_live.sampling.controls import Controls
from perfrnn_live.sampling.draw import log_softmax
from perfrnn_live.sampling.generation import generate, likeliest
from tests.networks import corpus_of, random_tokens

SHIFT = PERFORMANCE_8MS.tokens_of(EventKind.TIME_SHIFT)
STEP_S = PERFORMANCE_8MS.step_s


def played(engine: StepEngine[Any], seconds: float, seed: int = 1, count: int = 1, beams: int = 1) -> list[list[int]]:
    continuation = Continuation(engine)
    (start,) = continuation.beginning()
    return generate(continuation, start, seconds, Controls(), np.random.default_rng(seed), count, beams)


def length_s(tokens: list[int]) -> float:
    steps: int = sum(token - SHIFT.start + 1 for token in tokens if SHIFT.start <= token < SHIFT.stop)
    return steps * STEP_S


@pytest.mark.parametrize("beams", [1, 3])
def test_the_seed_makes_the_music(beams: int, tiny_model: Path) -> None:
    engine = OnnxEngine(tiny_model)
    first = played(engine, 4, seed=1, count=2, beams=beams)
    assert first == played(engine, 4, seed=1, count=2, beams=beams) != played(engine, 4, seed=2, count=2, beams=beams)
    assert first[0] != first[1]


@pytest.mark.parametrize("count, beams", [(1, 1), (3, 1), (2, 2)])
def test_as_many_pieces_as_long_as_asked(count: int, beams: int) -> None:
    pieces = played(ConstantEngine(), 5, count=count, beams=beams)
    assert len(pieces) == count
    for tokens in pieces:
        assert length_s(tokens) >= 5
        assert length_s(tokens[: -16 if beams > 1 else -1]) < 5  # and not an event, or round of beams, longer


def test_it_goes_on_from_where_the_music_stands() -> None:
    continuation = Continuation(ConstantEngine())
    start = continuation.primed(random_tokens(1, 20))
    (tokens,) = generate(continuation, start, 2, Controls(), np.random.default_rng(0))
    assert 2 <= length_s(tokens) < 2 + PERFORMANCE_8MS.max_shift * STEP_S
    keyboard = start.keyboard
    for token in tokens:
        assert keyboard.allows(PERFORMANCE_8MS.events[token])
        keyboard = keyboard.after(PERFORMANCE_8MS.events[token])


def test_beams_raise_the_models_own_likelihood(shipped: Path) -> None:
    engine = OnnxEngine(shipped)

    def loss(beams: int) -> float:
        return evaluate(engine, corpus_of(*played(engine, 5, count=4, beams=beams))).figures()["nats_per_event"]

    assert loss(4) < loss(1) - 0.1


def test_beams_are_compared_by_what_was_asked() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(scale=2.0, size=413).astype(np.float32)
    engine = ConstantEngine(logits, handling=rng.normal(scale=2.0, size=(TAUGHT.size, 413)).astype(np.float32))
    continuation, controls = Continuation(engine), Controls(handles=Handles(loudness=50.0, register=60.0))
    (start,) = continuation.beginning()
    (path,) = likeliest(continuation, [start], controls, np.random.default_rng(3), beams=5, events=8)

    moments, rng, drawn = [start] * 5, np.random.default_rng(3), []
    for _ in range(8):
        drawn.append([continuation.choose(moment, controls, rng) for moment in moments])
        moments = continuation.feed(moments, drawn[-1])
    beams = np.array(drawn).T
    expected = continuation.expected(start, controls.handles)
    as_asked, unasked = (log_softmax(each)[beams].sum(axis=1).argmax() for each in (expected, logits))
    assert [token for token, _ in path] == beams[as_asked].tolist()
    assert as_asked != unasked  # or this would say nothing


def test_five_minutes_of_the_shipped_model_do_not_run_dry(shipped: Path) -> None:
    count, seconds = 5, 60
    sounded_s = 0.0
    for tokens in played(OnnxEngine(shipped), seconds, count=count):
        notes = decode(tokens, PERFORMANCE_8MS)
        sounded_s += sum(note.offset_s - note.onset_s for note in notes)
        assert np.diff([0, *(note.onset_s for note in notes), seconds]).max() < 8
        assert len({note.pitch for note in notes}) >= 20
    assert 1.8 <= sounded_s / (count * seconds) <= 9.8  # keys sounding, as in 98 % of people's performances
