"""The keyboard's features in torch, whole segments at once, against the keyboard itself, event by event."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.engines.lstm.keys import key_features, silent_keys
from perfrnn_live.music.codec import encode
from perfrnn_live.music.keyboard import KEY_FEATURES, Keyboard
from perfrnn_live.music.performance import Note
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS, Vocabulary
from tests.strategies import performances, vocabularies


def stepwise(tokens: list[int], vocabulary: Vocabulary) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    keyboard, rows = Keyboard.silent(), []
    for token in tokens:
        keyboard = keyboard.after(vocabulary.decode(token))
        rows.append(keyboard.features(vocabulary.steps_per_second))
    return np.array(rows, np.float32)


@given(performances(min_notes=1), vocabularies, st.data())
def test_segments_equal_the_keyboard_step_by_step(
    notes: list[Note], vocabulary: Vocabulary, data: st.DataObject
) -> None:
    tokens = encode(notes, vocabulary)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(tokens)), max_size=4)) | {len(tokens)})
    state, parts, start = silent_keys(1), [], 0
    for stop in cuts:
        features, state = key_features(torch.tensor([tokens[start:stop]]), state, vocabulary)
        parts.append(features[0])
        start = stop
    np.testing.assert_allclose(torch.cat(parts).numpy(), stepwise(tokens, vocabulary), rtol=0, atol=1e-5)


@given(
    performances(min_notes=1),
    performances(min_notes=1),
    st.sampled_from([PERFORMANCE_8MS.start, PERFORMANCE_8MS.middle]),
)
def test_streams_of_a_batch_do_not_mix_and_padding_changes_nothing(
    one: list[Note], other: list[Note], symbol: int
) -> None:
    streams = [encode(one, PERFORMANCE_8MS), encode(other, PERFORMANCE_8MS)]
    longest = max(map(len, streams))
    padded = [[symbol, *tokens, *[PERFORMANCE_8MS.start] * (longest - len(tokens))] for tokens in streams]
    features, (sounding, age_s) = key_features(torch.tensor(padded), silent_keys(2), PERFORMANCE_8MS)
    assert features.shape == (2, 1 + longest, KEY_FEATURES)
    assert not features[:, 0].any()
    for row, tokens in zip(features, streams, strict=True):
        expected = stepwise(tokens, PERFORMANCE_8MS)
        np.testing.assert_allclose(row[1 : 1 + len(tokens)].numpy(), expected, rtol=0, atol=1e-5)
        assert torch.equal(row[-1], row[len(tokens)])
    assert not sounding.any()  # encoded music leaves no key down
    torch.testing.assert_close(1 / (1 + age_s), features[:, -1, 128:])
