"""Pieces in segments that follow each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from perfrnn_live.music.vocabulary import PERFORMANCE_8MS as EVENTS
from perfrnn_live.music.vocabulary import PITCHES
from perfrnn_live.training.lessons import Lessons, as_events, as_frames, roll_of
from tests.train_extra import MISSING, REASON

pytestmark = pytest.mark.skipif(bool(MISSING), reason=REASON)


@given(st.lists(st.integers(2, 12), min_size=6, max_size=12), st.integers(1, 3), st.integers(1, 5))
def test_every_piece_comes_whole_and_in_order(lengths: list[int], streams: int, segment: int) -> None:
    pieces = [np.arange(length) + 100 * n for n, length in enumerate(lengths)]
    asked: list[int] = []

    def piece(n: int) -> NDArray[np.int64]:
        asked.append(n)
        return pieces[n % len(pieces)]

    lessons = Lessons(piece, streams, segment)
    heard: list[list[int]] = [[] for _ in range(streams)]
    begun: list[list[int]] = [[] for _ in range(streams)]
    for _ in range(12):
        each = lessons.next()
        assert each.inputs.shape == each.targets.shape == each.counts.shape == (streams, segment)
        for stream in range(streams):
            count = int(each.counts[stream].sum())
            assert each.counts[stream][:count].all()
            inputs, targets = each.inputs[stream][:count].tolist(), each.targets[stream][:count].tolist()
            assert targets == [number + 1 for number in inputs]
            if each.fresh[stream]:
                begun[stream].append(inputs[0] // 100)
            heard[stream] += inputs
    for stream, numbers in enumerate(heard):
        whole = [number for n in begun[stream] for number in pieces[n % len(pieces)][:-1].tolist()]
        assert numbers == whole[: len(numbers)]  # one piece after the other, nothing left out
    assert asked == list(range(len(asked)))


def test_events_begin_with_a_symbol_and_frames_with_silence() -> None:
    from tests.networks import corpus_of, random_tokens

    corpus = corpus_of(*(random_tokens(seed, 40) for seed in range(5)))
    pieces = [as_events(corpus, 3)(n) for n in range(40)]
    assert {piece[0] for piece in pieces} == {EVENTS.start, EVENTS.middle}  # some are entered in the middle
    whole = [piece for piece in pieces if piece[0] == EVENTS.start]
    assert all(any(np.array_equal(piece[1:], corpus.recording(n)) for n in range(5)) for piece in whole)
    assert np.array_equal(pieces[7], as_events(corpus, 3)(7)) and len({len(piece) for piece in pieces}) > 5
    frames = as_frames(corpus, 3)(0)
    assert frames.shape[1] == PITCHES and not frames[0].any() and frames[1:].any()
    assert any(np.array_equal(frames[1:], roll_of(corpus.recording(n), EVENTS)) for n in range(5))
