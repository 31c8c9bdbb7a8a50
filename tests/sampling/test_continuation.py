"""Going on from a moment: nothing impossible, no note and no rest without end."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from perfrnn_live.engines.base import Logits
from perfrnn_live.engines.fake import ConstantEngine, FakeEngine
from perfrnn_live.engines.handles import NOTHING, TAUGHT, Asked, Handles
from perfrnn_live.engines.lstm.onnx import OnnxEngine
from perfrnn_live.errors import BadValue
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS, EventKind
from perfrnn_live.sampling.continuation import Continuation, Known, Moment
from perfrnn_live.sampling.controls import FREE, Constraint, Controls
from tests.fakes import same_moment
from tests.networks import random_tokens

ON, OFF, SHIFT, VELOCITY = (PERFORMANCE_8MS.tokens_of(kind) for kind in EventKind)
RATE = PERFORMANCE_8MS.steps_per_second
LONGEST = PERFORMANCE_8MS.max_shift
C_MAJOR = (1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0)
ASKED = Handles(density=5.0, register=60.0, pitch_classes=C_MAJOR, composers=(("bach", 1.0),))
CRAMPED = Controls(polyphony=2, lowest=60, highest=66, min_note_s=0.1, max_note_s=0.5, max_rest_s=0.3)


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
@pytest.mark.parametrize("controls", [Controls(), Controls(0.7, 0.9, max_note_s=0.5, max_rest_s=0.3), CRAMPED])
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
            assert keyboard.silent_steps <= round(controls.max_rest_s * RATE)


@pytest.mark.parametrize("waited", [1, 10, 125, 126, 1000])
@pytest.mark.parametrize("before", [[], [60], [60, SHIFT.stop - 1, SHIFT.stop - 1, SHIFT.stop - 1, SHIFT.stop - 10]])
def test_after_waiting_only_a_shift_at_least_as_long(waited: int, before: list[int]) -> None:
    engine = ConstantEngine(leaning(ON))
    moment, rng = listened(engine, before), np.random.default_rng(2)
    for _ in range(100):
        token = Continuation(engine).choose(moment, Controls(), rng, Constraint(waited))
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
    chosen = {
        Continuation(engine).choose(moment, Controls(), rng, Constraint(held=frozenset({60}))) for _ in range(300)
    }
    assert not chosen & {60, OFF.start + 60}
    assert OFF.start + 64 in chosen
    overdue = listened(engine, [60, *[SHIFT.stop - 1] * 5])
    assert Continuation(engine).choose(overdue, Controls(), rng, Constraint(held=frozenset({60}))) != OFF.start + 60


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
    assert primed.keyboard.step == held.keyboard.step and primed.keyboard.silent_steps == 0
    assert primed.state == 1 + len(tokens) + held.keyboard.sounding.sum()  # start symbol and releases too


@pytest.mark.parametrize("symbol", [None, PERFORMANCE_8MS.start, PERFORMANCE_8MS.middle])
def test_it_begins_with_a_piece_unless_told_otherwise(symbol: int | None, tiny_fp32: Path) -> None:
    engine = OnnxEngine(tiny_fp32)
    continuation = Continuation(engine)
    first = [PERFORMANCE_8MS.start if symbol is None else symbol]
    logits, (state,) = engine.step(first, engine.start(1), [Keyboard.silent()])
    for moment in (*continuation.beginning(3, symbol), continuation.primed([], symbol)):
        np.testing.assert_allclose(moment.logits, logits[0], rtol=0, atol=1e-5)
        np.testing.assert_allclose(moment.state.inner, state.inner, rtol=0, atol=1e-5)
        np.testing.assert_allclose(moment.state.h, state.h, rtol=0, atol=1e-5)
        assert moment.keyboard.step == 0 and not moment.keyboard.sounding.any()
    tokens = random_tokens(2, 10)[:25]
    (moment,) = continuation.beginning(symbol=symbol)
    for token in tokens:
        (moment,) = continuation.feed([moment], [token])
    for pitch in np.flatnonzero(moment.keyboard.sounding).tolist():
        (moment,) = continuation.feed([moment], [OFF.start + pitch])
    np.testing.assert_array_equal(moment.logits, continuation.primed(tokens, symbol).logits)


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
        np.testing.assert_allclose(one.state.inner, other.state.inner, rtol=0, atol=tolerance)
        np.testing.assert_allclose(one.state.h, other.state.h, rtol=0, atol=tolerance)
        np.testing.assert_array_equal(one.keyboard.sounding, other.keyboard.sounding)
        np.testing.assert_array_equal(one.keyboard.reminders(), other.keyboard.reminders())
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


class AskedEngine(ConstantEngine):
    """Remembers what it was asked."""

    def __init__(self, handling: NDArray[np.float32]) -> None:
        super().__init__(handling=handling)
        self.asked: list[tuple[int, Asked]] = []

    def handled(self, state: int, asked: Asked) -> Logits:
        self.asked.append((state, asked))
        return super().handled(state, asked)


def adding(handles: Handles, tokens: slice, by: float) -> NDArray[np.float32]:
    """A handling (handles, size) that adds `by` to `tokens` if exactly this is asked."""
    asked = TAUGHT.row(handles)
    return np.outer(asked / (asked @ asked), leaning(tokens, by)).astype(np.float32)


def test_what_is_asked_is_asked_of_the_network_at_this_moment() -> None:
    engine = AskedEngine(adding(ASKED, slice(67, 68), 50.0))
    continuation, moment, rng = Continuation(engine), listened(engine, [60, SHIFT.start + 9]), np.random.default_rng(6)
    assert {continuation.choose(moment, Controls(handles=ASKED), rng) for _ in range(100)} == {67}
    assert len(engine.asked) == 100
    for state, asked in engine.asked:
        assert state == moment.state == 3  # how many steps it took
        np.testing.assert_array_equal(asked, TAUGHT.terms(ASKED)[0])
        assert asked is engine.asked[0][1]  # worked out once


def test_nothing_asked_is_what_the_model_expects() -> None:
    """The engine is not even asked, and nothing is added."""
    engine = ConstantEngine(np.random.default_rng(3).normal(size=PERFORMANCE_8MS.size).astype(np.float32))
    moment, with_handling = listened(engine, [60]), AskedEngine(adding(ASKED, ON, 50.0))
    drawn = chosen(engine, moment, Controls(), FREE)
    assert chosen(with_handling, moment, Controls(handles=Handles(composers=())), FREE) == drawn
    assert not with_handling.asked and len(drawn) > 100


def test_an_engine_that_cannot_be_asked_plays_as_it_would() -> None:
    engine = ConstantEngine(np.random.default_rng(3).normal(size=PERFORMANCE_8MS.size).astype(np.float32))
    assert engine.handles is None
    moment = listened(engine, [60])
    assert chosen(engine, moment, Controls(handles=ASKED), FREE) == chosen(engine, moment, Controls(), FREE)
    with pytest.raises(BadValue, match="this model cannot be asked for "):
        Continuation(engine).check(ASKED)
    Continuation(engine).check(Handles(pitch_classes=(1.0,) * 12))  # a scale is kept to without its help


def test_what_a_model_does_not_know_is_not_asked_of_it() -> None:
    engine = AskedEngine(adding(ASKED, ON, 50.0))
    moment = listened(engine, [60])
    stranger = Controls(handles=Handles(composers=(("satie", 1.0),)))
    assert chosen(engine, moment, stranger, FREE) == chosen(engine, moment, Controls(), FREE)
    assert not engine.asked


def test_what_is_expected_where_something_is_asked(tiny_model: Path) -> None:
    engine = OnnxEngine(tiny_model)
    continuation = Continuation(engine)
    moment = continuation.primed(random_tokens(3, 20))
    assert continuation.expected(moment, Handles()) is moment.logits
    asked = continuation.expected(moment, ASKED)
    terms, counts = TAUGHT.terms(ASKED)
    added = counts @ engine.handled(moment.state, terms)
    np.testing.assert_allclose(asked, moment.logits + added, rtol=0, atol=1e-4)
    assert abs(asked - moment.logits).max() > 0.1


def test_what_is_added_is_added_before_all_else_is_done_to_it() -> None:
    """Here to a key that is then not welcome. As a strike stays as likely, another key is struck."""
    engine = ConstantEngine(handling=adding(ASKED, slice(61, 62), 50.0))
    controls = Controls(handles=ASKED, pitch_classes=C_MAJOR)
    tokens = chosen(engine, listened(engine, []), controls, FREE)
    assert len(tokens) > 50 and {PERFORMANCE_8MS.events[token].kind for token in tokens} == {EventKind.NOTE_ON}
    assert all(C_MAJOR[token % 12] for token in tokens)


def test_a_mask_outweighs_whatever_is_asked() -> None:
    engine = ConstantEngine(handling=adding(ASKED, slice(61, 62), 1e6))
    controls = Controls(handles=ASKED, highest=60)
    assert 61 not in chosen(engine, listened(engine, []), controls, FREE)


def test_asking_leaves_no_trace(tiny_model: Path) -> None:
    """What the music is remembered as is what sounded, whatever was asked for."""
    continuation = Continuation(OnnxEngine(tiny_model))
    kept, tokens = continuation.primed(random_tokens(3, 20)), random_tokens(4, 20)
    given = [each.copy() for each in (kept.logits, kept.state.inner, kept.state.h, kept.state.c)]

    def listening(controls: Controls) -> tuple[Moment, list[int]]:
        moment, rng, wished = kept, np.random.default_rng(7), []
        for token in tokens:
            wished.append(continuation.choose(moment, controls, rng))
            (moment,) = continuation.feed([moment], [token])
        return moment, wished

    (plain, as_learned), (moment, as_asked) = listening(Controls()), listening(Controls(handles=ASKED))
    assert as_learned != as_asked
    for one, other in (
        (plain.logits, moment.logits),
        (plain.state.inner, moment.state.inner),
        (plain.state.c, moment.state.c),
    ):
        np.testing.assert_array_equal(one, other)
    for array, before in zip((kept.logits, kept.state.inner, kept.state.h, kept.state.c), given, strict=True):
        np.testing.assert_array_equal(array, before)


MOSTLY = st.sampled_from([True, True, True, False])
PITCHES = st.integers(60, 63) | st.integers(0, 127)  # few pitches: they meet


def seconds(longest: float) -> st.SearchStrategy[float]:
    return st.sampled_from([0.0, 0.004, 0.1]) | st.floats(0.0, longest)


@st.composite
def any_controls(draw: st.DrawFn) -> Controls:
    shortest_s = draw(seconds(2.0))
    lowest = draw(st.just(0) | PITCHES)
    return Controls(
        temperature=draw(st.sampled_from([1.0, 1e-300, 0.5, 100.0])),
        top_p=draw(st.sampled_from([1.0, 0.5, 1e-9])),
        handles=draw(st.sampled_from([NOTHING, ASKED])),
        polyphony=draw(st.just(128) | st.integers(1, 4)),
        pitch_classes=draw(st.just((1.0,) * 12) | st.tuples(*[st.sampled_from([0.0, 1e-300, 1.0])] * 12).filter(any)),
        lowest=lowest,
        highest=max(lowest, draw(st.just(127) | PITCHES)),
        min_note_s=shortest_s,
        max_note_s=shortest_s + draw(st.sampled_from([4.0, 1.0]) | st.floats(0.001, 4.0)),
        max_rest_s=draw(st.floats(0.001, 4.0)),
    )


@st.composite
def any_constraint(draw: st.DrawFn) -> Constraint:
    return Constraint(
        waited_steps=draw(st.sampled_from([0, 0, 0, 1, 20, 125, 1000])),
        held=draw(st.frozensets(PITCHES, max_size=5)),
        within_steps=draw(st.sampled_from([None, None, 1, 10, 125, 1000])),
        may_strike=draw(MOSTLY),
        may_wait=draw(MOSTLY),
    )


@st.composite
def any_moment(draw: st.DrawFn) -> Moment:
    """Each key by itself, or like most others, sounds or not, and was struck and released some time ago or never."""
    ages = st.none() | st.integers(0, 20) | st.integers(0, 600)
    keys = st.tuples(st.booleans(), ages, ages)
    others = draw(st.just((False, None, None)) | keys)
    own_ways = draw(st.dictionaries(PITCHES, keys, max_size=8))
    silent, step = Keyboard.silent(), draw(st.integers(1000, 10**6))
    sounding, struck, released = silent.sounding.copy(), silent.struck_step.copy(), silent.released_step.copy()
    for pitch in range(128):
        sounding[pitch], struck_ago, released_ago = own_ways.get(pitch, others)
        if struck_ago is not None or sounding[pitch]:
            struck[pitch] = step - (struck_ago or 0)
        if released_ago is not None:
            released[pitch] = step - released_ago
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    logits = rng.normal(scale=draw(st.sampled_from([0.0, 3.0, 1000.0])), size=PERFORMANCE_8MS.size).astype(np.float32)
    keyboard = Keyboard(step, 16, sounding, struck, released, silent.strikes)
    return Moment(Known(0, logits), keyboard, draw(st.booleans()))


@settings(max_examples=200)
@given(any_moment(), any_controls(), any_constraint())
def test_something_can_always_be_chosen_and_obeys(moment: Moment, controls: Controls, constraint: Constraint) -> None:
    """The ranks of `choose`, said once more, key by key."""
    keyboard = moment.keyboard
    own = {pitch for pitch in range(128) if keyboard.sounding[pitch]} - constraint.held
    age_steps = {pitch: int(keyboard.step - keyboard.struck_step[pitch]) for pitch in own}
    strikable = {
        pitch
        for pitch in range(controls.lowest, controls.highest + 1)
        if not keyboard.sounding[pitch] and pitch not in constraint.held and controls.pitch_classes[pitch % 12] > 0
    }
    if len(own) >= controls.polyphony or not constraint.may_strike:
        strikable = set()
    shortest_steps = max(1, math.ceil(controls.min_note_s * RATE))
    longest_steps = max(shortest_steps, round(controls.max_note_s * RATE))
    within_steps = min(constraint.within_steps or LONGEST, LONGEST)
    passed_steps = min(constraint.waited_steps, within_steps)

    handling = np.random.default_rng(1).normal(scale=30.0, size=(TAUGHT.size, PERFORMANCE_8MS.size)).astype(np.float32)
    continuation, rng = Continuation(ConstantEngine(handling=handling)), np.random.default_rng(0)
    for _ in range(20):
        event = PERFORMANCE_8MS.events[continuation.choose(moment, controls, rng, constraint)]
        if event.kind is EventKind.TIME_SHIFT:
            assert event.value <= within_steps
        elif event.kind is EventKind.NOTE_ON:
            assert event.value in strikable
        elif event.kind is EventKind.NOTE_OFF:
            assert event.value in own and age_steps[event.value] >= shortest_steps
        else:
            assert strikable and not moment.velocity_set

        if passed_steps:
            assert event.kind is EventKind.TIME_SHIFT and event.value >= passed_steps
        elif own and max(age_steps.values()) >= longest_steps:
            assert event.kind is EventKind.NOTE_OFF and age_steps[event.value] == max(age_steps.values())
        elif strikable and not constraint.may_wait:
            assert event.kind in (EventKind.NOTE_ON, EventKind.VELOCITY)

        if event.kind is EventKind.TIME_SHIFT and event.value > passed_steps:
            assert all(age + event.value <= longest_steps for age in age_steps.values())
            if strikable:
                assert constraint.may_wait
                assert own or keyboard.silent_steps + event.value <= round(controls.max_rest_s * RATE)


@pytest.mark.parametrize("leans", [ON, None])
def test_no_more_is_struck_than_hands_can(leans: slice | None) -> None:
    """However hot: time goes on after 32 strikes, until the first of them is a quarter of a second ago."""
    continuation, rng = Continuation(ConstantEngine(leaning(leans))), np.random.default_rng(2)
    (moment,) = continuation.beginning()
    struck: list[int] = []
    while moment.keyboard.step < 4 * RATE:
        token = continuation.choose(moment, Controls(max_note_s=0.05), rng)
        if ON.start <= token < ON.stop:
            struck.append(moment.keyboard.step)
        (moment,) = continuation.feed([moment], [token])
    most = max(sum(1 for step in struck if last - RATE / 4 < step <= last) for last in struck)
    assert most == 32 if leans == ON else most <= 32


def test_coming_to_rest_ends_in_silence_and_stays_there() -> None:
    engine = ConstantEngine(leaning(ON))
    continuation, moment, rng = Continuation(engine), listened(engine, [60, 64, 67]), np.random.default_rng(4)
    for _ in range(300):
        token = continuation.choose(moment, Controls(max_note_s=1.0), rng, Constraint(may_strike=False))
        assert not (ON.start <= token < ON.stop or VELOCITY.start <= token < VELOCITY.stop)
        (moment,) = continuation.feed([moment], [token])
        assert not moment.keyboard.sounding.any() or moment.keyboard.step <= RATE
    assert moment.keyboard.silent_steps > Controls().max_rest_s * RATE


def chosen(engine: ConstantEngine, moment: Moment, controls: Controls, constraint: Constraint) -> set[int]:
    rng = np.random.default_rng(5)
    return {Continuation(engine).choose(moment, controls, rng, constraint) for _ in range(400)}


@pytest.mark.parametrize("steps", [12, 13])
def test_a_note_is_released_when_it_is_long_enough(steps: int) -> None:
    engine = ConstantEngine(leaning(slice(OFF.start + 60, OFF.start + 61)))
    moment = listened(engine, [60, SHIFT.start + steps - 1])
    assert (OFF.start + 60 in chosen(engine, moment, Controls(min_note_s=0.1), FREE)) == (steps * 0.008 >= 0.1)


def test_where_no_pitch_class_is_in_range_time_passes() -> None:
    engine = ConstantEngine(leaning(ON))
    controls = Controls(pitch_classes=(1.0,) + (0.0,) * 11, lowest=61, highest=71)
    shifts = chosen(engine, listened(engine, [VELOCITY.start]), controls, Constraint(may_wait=False))
    assert shifts <= set(range(SHIFT.start, SHIFT.stop))


def test_after_waiting_an_answer_waits_no_longer() -> None:
    engine = ConstantEngine(leaning(SHIFT))
    constraint = Constraint(waited_steps=20, may_wait=False)
    assert chosen(engine, listened(engine, [60]), Controls(), constraint) == {SHIFT.start + 19}


@pytest.mark.parametrize("free", [True, False], ids=["a key is free", "none is"])
def test_an_answer_begins_at_once_if_a_key_can_be_struck(free: bool) -> None:
    engine = ConstantEngine(leaning(SHIFT, by=20))
    moment = listened(engine, [60, SHIFT.start] + [OFF.start + 60] * free)
    tokens = chosen(engine, moment, Controls(lowest=60, highest=60), Constraint(may_wait=False))
    if free:
        assert 60 in tokens and tokens <= {60, *range(VELOCITY.start, VELOCITY.stop)}
    else:
        assert tokens <= {OFF.start + 60, *range(SHIFT.start, SHIFT.stop)}


@pytest.mark.parametrize("within", [1, 30, 125, 400])
def test_no_shift_passes_what_is_fixed_or_what_is_due(within: int) -> None:
    engine = ConstantEngine(leaning(SHIFT))
    moment = listened(engine, [60, SHIFT.start + 49])
    tokens = chosen(engine, moment, Controls(max_note_s=1.0), Constraint(within_steps=within))
    shifts = {token - SHIFT.start + 1 for token in tokens if SHIFT.start <= token < SHIFT.stop}
    assert max(shifts) <= min(within, RATE - 50) and len(shifts) >= min(within, 40)


def test_a_foreseen_moment_is_that_of_following_and_takes_its_step_when_it_is_asked() -> None:
    taken: list[None] = []
    continuation = Continuation(FakeEngine(on_step=lambda: taken.append(None)))
    (moment,) = continuation.beginning()
    rng = np.random.default_rng(3)
    for _ in range(50):
        choice = continuation.chosen(moment, Controls(recall=0.5), rng)
        (followed,) = continuation.follow([moment], [choice])
        before = len(taken)
        foreseen = continuation.foreseen(moment, choice)
        assert foreseen.keyboard.step == followed.keyboard.step and foreseen.velocity_set == followed.velocity_set
        assert len(taken) == before
        assert same_moment(foreseen, followed) and foreseen.quote == followed.quote
        assert len(taken) == before + 1
        moment = foreseen
