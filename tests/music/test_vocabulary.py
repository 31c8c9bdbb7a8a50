"""Every token, exhaustively."""

from __future__ import annotations

import pytest

from perfrnn_live.music.vocabulary import (
    PERFORMANCE_8MS,
    PERFORMANCE_10MS,
    VOCABULARIES,
    Event,
    EventKind,
    Vocabulary,
)

each_vocabulary = pytest.mark.parametrize("vocabulary", VOCABULARIES.values(), ids=VOCABULARIES.keys())


@each_vocabulary
def test_every_token_decodes_and_encodes_back(vocabulary: Vocabulary) -> None:
    events = [vocabulary.decode(token) for token in range(vocabulary.size)]
    assert [vocabulary.encode(event) for event in events] == list(range(vocabulary.size))
    assert len(set(events)) == vocabulary.size


@each_vocabulary
def test_kinds_lie_side_by_side_in_the_order_of_the_paper(vocabulary: Vocabulary) -> None:
    spans = [vocabulary.tokens_of(kind) for kind in EventKind]
    assert [span.start for span in spans] == [0, 128, 256, 256 + vocabulary.steps_per_second]
    assert [span.stop for span in spans[:-1]] == [span.start for span in spans[1:]]
    assert spans[-1].stop == vocabulary.size == vocabulary.start
    for kind, span in zip(EventKind, spans, strict=True):
        assert {vocabulary.decode(token).kind for token in range(span.start, span.stop)} == {kind}


def test_sizes_and_landmarks_of_the_two_published_vocabularies() -> None:
    assert (PERFORMANCE_8MS.size, PERFORMANCE_10MS.size) == (413, 388)
    assert (PERFORMANCE_8MS.max_shift, PERFORMANCE_10MS.max_shift) == (125, 100)
    assert (PERFORMANCE_8MS.step_s, PERFORMANCE_10MS.step_s) == (0.008, 0.01)
    assert PERFORMANCE_8MS.decode(60) == Event(EventKind.NOTE_ON, 60)
    assert PERFORMANCE_8MS.decode(128) == Event(EventKind.NOTE_OFF, 0)
    assert PERFORMANCE_8MS.decode(256) == Event(EventKind.TIME_SHIFT, 1)
    assert PERFORMANCE_8MS.decode(380) == Event(EventKind.TIME_SHIFT, 125)
    assert PERFORMANCE_8MS.decode(381) == Event(EventKind.VELOCITY, 0)
    assert PERFORMANCE_10MS.decode(387) == Event(EventKind.VELOCITY, 31)


@pytest.mark.parametrize("token", [-1, 413, 10_000])
def test_no_token_outside_the_vocabulary_decodes(token: int) -> None:
    with pytest.raises(ValueError, match=str(token)):
        PERFORMANCE_8MS.decode(token)


@pytest.mark.parametrize(
    "event",
    [
        Event(EventKind.NOTE_ON, -1),
        Event(EventKind.NOTE_ON, 128),
        Event(EventKind.NOTE_OFF, 128),
        Event(EventKind.TIME_SHIFT, 0),
        Event(EventKind.TIME_SHIFT, 126),
        Event(EventKind.VELOCITY, -1),
        Event(EventKind.VELOCITY, 32),
    ],
    ids=str,
)
def test_no_value_outside_its_range_encodes(event: Event) -> None:
    with pytest.raises(ValueError, match=event.kind.value):
        PERFORMANCE_8MS.encode(event)
