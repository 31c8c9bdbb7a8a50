"""Events on a line, scored by what lies around them: the same as a convolution, only quicker."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import conv1d, silu

from perfrnn_live.engines.lstm.line import LineScores, marks


def line(planes: int, blocks: int, block: int, reach: int, outputs: int = 2) -> LineScores:
    torch.manual_seed(3)
    scores = LineScores(5, planes, blocks * block, channels=4, reach=reach, block=block, outputs=outputs)
    torch.nn.init.normal_(scores.output.weight)
    return scores


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 6), st.integers(0, 7))
def test_blocks_of_one_matrix_are_a_convolution(planes: int, blocks: int, block: int, reach: int) -> None:
    scores = line(planes, blocks, block, reach)
    shown, expected = torch.randn(2, 3, planes, blocks * block), torch.randn(2, 3, 5)
    with torch.inference_mode():
        kernel = scores.kernel.permute(2, 0, 1)  # (channels, planes, 2 · reach + 1)
        around = conv1d(shown.flatten(0, 1), kernel, padding=reach).view(2, 3, 4, -1).transpose(2, 3)
        features = silu(around + scores.gate(expected)[:, :, None])
        wanted = scores.output(silu(scores.hidden(features)))
        torch.testing.assert_close(scores(expected, shown), wanted, rtol=1e-4, atol=1e-5)


def test_what_is_learned_of_one_key_holds_for_every_other() -> None:
    """Away from the ends, marks that are moved move the scores and change nothing else."""
    scores, expected = line(planes=2, blocks=5, block=4, reach=3), torch.randn(1, 1, 5)
    shown = torch.zeros(1, 1, 2, 20)
    shown[..., 0, 8], shown[..., 1, 10] = 1.0, 0.5
    with torch.inference_mode():
        here, there = scores(expected, shown), scores(expected, shown.roll(3, dims=-1))
    torch.testing.assert_close(here.roll(3, dims=2), there)


def test_before_training_nothing_is_scored() -> None:
    fresh = LineScores(5, 2, 12, channels=4, reach=2, block=4)
    assert not fresh(torch.randn(1, 2, 5), torch.randn(1, 2, 2, 12)).any()


def test_blocks_divide_the_line() -> None:
    with pytest.raises(ValueError, match="do not divide"):
        LineScores(5, 1, 125, channels=4, reach=2, block=16)


def test_marks_stand_at_their_places_and_none_outside() -> None:
    shown = marks(torch.tensor([[[0, 3, -1, 4]]]), 4, torch.zeros(1))
    assert shown.dtype == torch.float32
    assert shown[0, 0].tolist() == [[1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]]
