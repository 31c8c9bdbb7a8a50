"""A token stream as arrays."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.timeline import Timeline
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS, PERFORMANCE_10MS, VELOCITY_AT_FIRST, EventKind, Vocabulary
from tests.strategies import token_streams, vocabularies


def test_a_stream_as_a_table() -> None:
    on, off, shift, velocity = (PERFORMANCE_8MS.offsets[kind] for kind in EventKind)
    events = [shift + 3, on + 60, velocity + 7, on + 64, shift + 125, shift + 2, off + 60, velocity + 9, on + 60]
    line = Timeline.of(np.array(events, np.int16), PERFORMANCE_8MS)
    assert line.step.tolist() == [0, 3, 3, 3, 3, 128, 130, 130, 130, 130]
    assert line.velocity_bin.tolist() == [*[VELOCITY_AT_FIRST] * 3, 7, 7, 7, 7, 7, 9, 9]
    assert line.been.tolist() == [0, 0, 1, 1, 2, 2, 2, 2, 2, 3]
    assert line.pitch.tolist() == [60, 64, 60]
    assert line.struck_step.tolist() == [3, 3, 130]
    assert line.struck_bin.tolist() == [VELOCITY_AT_FIRST, 7, 9]


def test_nothing_is_one_moment_without_strikes() -> None:
    line = Timeline.of(np.array([], np.int16), PERFORMANCE_10MS)
    assert (line.step.tolist(), line.velocity_bin.tolist(), line.been.tolist()) == ([0], [VELOCITY_AT_FIRST], [0])
    assert len(line.pitch) == len(line.struck_step) == len(line.struck_bin) == 0


@given(vocabularies, st.data())
def test_it_says_what_the_keyboard_says(vocabulary: Vocabulary, data: st.DataObject) -> None:
    tokens = data.draw(token_streams(vocabulary))
    line = Timeline.of(np.array(tokens, np.int16), vocabulary)
    keyboard = Keyboard.silent()
    strikes = []
    for place, token in enumerate(tokens):
        event = vocabulary.decode(token)
        if event.kind is EventKind.NOTE_ON:
            strikes.append((event.value, keyboard.step, keyboard.velocity_bin))
        keyboard = keyboard.after(event)
        assert (line.step[place + 1], line.velocity_bin[place + 1]) == (keyboard.step, keyboard.velocity_bin)
        assert line.been[place + 1] == len(strikes)
    assert [*zip(line.pitch, line.struck_step, line.struck_bin, strict=True)] == strikes
