"""Quotations: where they begin, how they go on, when they are let go."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.engines.fake import FakeEngine
from perfrnn_live.errors import BadValue
from perfrnn_live.music.reminders import REMEMBERED, Strikes
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS, EventKind
from perfrnn_live.sampling.continuation import Continuation, Moment
from perfrnn_live.sampling.controls import Controls
from perfrnn_live.sampling.recall import Quote, recalled

ON, OFF, SHIFT, VELOCITY = (PERFORMANCE_8MS.offsets[kind] for kind in EventKind)
TUNE = [60, 62, 64, 65, 67, 69, 71, 72, 50, 52, 54, 55]
UNIFORM = np.full(128, 1 / 128)


def struck(pitches: list[int]) -> Strikes:
    """One after the other, each an onset of its own."""
    count = len(pitches)
    return Strikes.of(np.array(pitches), 25 * np.arange(count), np.full(count, 16))


def test_without_recall_nothing_is_quoted() -> None:
    assert recalled(None, 61, UNIFORM, struck(TUNE), 0.0, np.random.default_rng(1)) == (61, None)


@pytest.mark.parametrize("recall", [-0.1, 1.1, float("nan")])
def test_recall_has_its_range(recall: float) -> None:
    with pytest.raises(BadValue):
        Controls(recall=recall)


def test_a_quotation_goes_on_with_what_followed() -> None:
    """With all recall, from wherever it begins, the keys are those of the tune, moved alike, to its end and beyond."""
    played, quote = list(TUNE), None
    rng = np.random.default_rng(3)
    for _ in range(30):
        strikes = struck(played)
        key, quote = recalled(quote, 1, UNIFORM, strikes, 1.0, rng)
        assert quote is not None
        assert key == played[len(played) - quote.back] + quote.moved
        quote = quote.after(strikes, key)
        played.append(key)
    assert quote is not None and quote.misses == 0
    copied, moved, back = played[len(TUNE) :], quote.moved, quote.back
    assert copied == [played[at - back] + moved for at in range(len(TUNE), len(played))]


def test_one_other_key_is_forgiven_and_two_are_not() -> None:
    strikes, quote = struck(TUNE), Quote(back=10, moved=5)
    assert quote.key(strikes) == TUNE[2] + 5
    assert quote.after(strikes, TUNE[2] + 5) == quote
    missed = quote.after(strikes, 30)
    assert missed == Quote(10, 5, misses=1)
    assert missed.after(struck([*TUNE, 30]), 31) is None


@pytest.mark.parametrize("key", ["unlikely", "too high"])
def test_the_model_ends_what_it_does_not_go_along_with(key: str) -> None:
    chances = UNIFORM.copy()
    chances[TUNE[2]] = 1e-5
    quote = Quote(back=10, moved=0 if key == "unlikely" else 100)
    assert recalled(quote, 61, chances, struck(TUNE), 0.99, np.random.default_rng(1)) == (61, None)


@given(st.integers(0, 7), st.floats(0.01, 1))
def test_too_little_was_heard_to_quote(count: int, recall: float) -> None:
    assert recalled(None, 61, UNIFORM, struck(TUNE[:count]), recall, np.random.default_rng(1)) == (61, None)


@given(st.lists(st.integers(0, 127), min_size=8, max_size=80), st.integers(0, 99))
def test_a_quotation_begins_where_the_model_would(pitches: list[int], seed: int) -> None:
    """Only with keys that it holds possible; with a chord's first key; nowhere if there is none."""
    chances = np.where(np.arange(128) % 3 == 0, 3 / 128, 0.0)
    key, quote = recalled(None, 61, chances, struck(pitches), 1.0, np.random.default_rng(seed))
    if quote is not None:
        assert key == pitches[len(pitches) - quote.back] + quote.moved and key % 3 == 0
        assert quote.back > 4


def test_the_place_stays_right_when_old_strikes_are_forgotten() -> None:
    pitches = np.random.default_rng(5).integers(40, 80, REMEMBERED + 40).tolist()
    strikes, quote = struck(pitches[:REMEMBERED]), Quote(back=200, moved=0)
    for at in range(REMEMBERED, REMEMBERED + 40):
        assert quote.key(strikes) == pitches[at - 200]
        strikes = strikes.and_then(pitches[at], 25 * at, 16)


def heard(continuation: Continuation, pitches: list[int]) -> Moment:
    tokens = [token for pitch in pitches for token in (ON + pitch, SHIFT + 20, OFF + pitch, SHIFT + 5)]
    return continuation.primed(tokens)


def test_going_back_to_a_moment_goes_back_to_its_quotation() -> None:
    continuation, rng = Continuation(FakeEngine()), np.random.default_rng(2)
    moment = heard(continuation, TUNE * 2)
    controls, quotes = Controls(recall=1.0), 0
    for _ in range(300):
        choice = continuation.chosen(moment, controls, rng)
        (after,) = continuation.follow([moment], [choice])
        (other,) = continuation.follow([moment], [choice])
        assert after.quote == other.quote
        if PERFORMANCE_8MS.events[choice.token].kind is not EventKind.NOTE_ON:
            assert after.quote == moment.quote
        quotes += after.quote is not None
        moment = after
    assert quotes > 100


def test_what_somebody_else_strikes_counts_as_any_strike() -> None:
    continuation = Continuation(FakeEngine())
    moment = heard(continuation, TUNE)
    (quoting,) = continuation.follow([moment], [continuation.chosen(moment, Controls(), np.random.default_rng(0))])
    assert quoting.quote is None
    start = Moment(moment.outcome, moment.keyboard, False, Quote(back=12, moved=0))
    (along,) = continuation.feed([start], [ON + TUNE[0]])
    assert along.quote == Quote(back=12, moved=0)
    (astray,) = continuation.feed([start], [ON + 100])
    assert astray.quote == Quote(back=12, moved=0, misses=1)


@pytest.mark.parametrize(("chord", "next_is"), [(3, "now"), (1, "later")])
def test_what_was_together_is_quoted_together_and_what_was_apart_is_not(chord: int, next_is: str) -> None:
    """Chords of so many keys, half a second apart; the first key of the next one has just been quoted."""
    continuation = Continuation(FakeEngine())
    tokens = [VELOCITY + 16]
    for root in (48, 52, 55, 59):
        keys = [root + 4 * place for place in range(chord)]
        tokens += [ON + key for key in keys] + [SHIFT + 30] + [OFF + key for key in keys] + [SHIFT + 30]
    moment = continuation.primed([*tokens, ON + 48])
    moment = Moment(moment.outcome, moment.keyboard, False, Quote(back=4 * chord, moved=0))
    kinds = set()
    for seed in range(300):
        token = continuation.choose(moment, Controls(recall=1.0), np.random.default_rng(seed))
        kinds.add(PERFORMANCE_8MS.decode(token).kind)
    strikes, passes = {EventKind.NOTE_ON, EventKind.VELOCITY}, {EventKind.NOTE_OFF, EventKind.TIME_SHIFT}
    assert kinds <= (strikes if next_is == "now" else passes)
    assert EventKind.NOTE_ON in kinds or EventKind.TIME_SHIFT in kinds
    free = {
        PERFORMANCE_8MS.decode(continuation.choose(moment, Controls(), np.random.default_rng(seed))).kind
        for seed in range(300)
    }
    assert free & strikes and free & passes
