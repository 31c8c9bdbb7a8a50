"""Snapshots: kept, mixed, on disk and back; files that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from perfrnn_live.errors import BadValue, CannotWrite
from perfrnn_live.live.pads import Pads
from perfrnn_live.model.continuation import Moment
from tests.fakes import FakeEngine, TracedContinuation, same_moment


def moments(count: int) -> list[Moment]:
    """Silent ones, all different."""
    continuation = TracedContinuation(FakeEngine())
    strike, release, shift = (
        continuation.vocabulary.offsets[kind] for kind in list(continuation.vocabulary.offsets)[:3]
    )
    found = []
    for n in range(count):
        found.append(continuation.fed([strike + 40 + n, shift + 5 + n, release + 40 + n]))
    return found


def test_what_is_stored_is_recalled(tmp_path: Path) -> None:
    pads, (one, other) = Pads("a", tmp_path / "pads.npz"), moments(2)
    assert pads.recall(1) is None
    pads.store(1, one)
    pads.store(8, other)
    assert pads.recall(1) is one and pads.recall(8) is other
    assert pads.filled == {1, 8}


def test_a_morph_goes_from_one_pad_to_the_one_used_after_it(tmp_path: Path) -> None:
    pads, (one, other) = Pads("a", tmp_path / "pads.npz"), moments(2)
    assert pads.morph(0.5) is None
    pads.store(1, one)
    assert pads.morph(0.5) is None
    pads.store(2, other)
    for share, end in ((0.0, one), (1.0, other)):
        mixed = pads.morph(share)
        assert mixed is not None and same_moment(mixed, end)
        np.testing.assert_array_equal(mixed.logits, end.logits)
    halfway = pads.morph(0.5)
    assert halfway is not None
    np.testing.assert_allclose(halfway.state.h, (one.state.h + other.state.h) / 2)
    assert halfway.state.h.dtype == np.float32
    pads.recall(1)
    back = pads.morph(1.0)
    assert back is not None and same_moment(back, one)


def test_a_file_brings_everything_back(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "pads.npz"
    pads, again = Pads("a", path), Pads("a", path)
    for number, moment in enumerate(moments(3), 1):
        pads.store(number, moment)
    assert pads.save() == path
    again.load(path)
    assert again.filled == {1, 2, 3}
    for number in again.filled:
        one, other = pads.recall(number), again.recall(number)
        assert one is not None and other is not None
        assert same_moment(one, other)
        np.testing.assert_array_equal(one.logits, other.logits)
        np.testing.assert_array_equal(one.keyboard.struck_step, other.keyboard.struck_step)
        assert one.keyboard.features(125).tolist() == other.keyboard.features(125).tolist()
    assert [each.name for each in path.parent.iterdir()] == ["pads.npz"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"no pads at all"])
def test_what_is_no_file_of_pads_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pads.npz"
    path.write_bytes(content)
    with pytest.raises(BadValue, match="is not a file of pads"):
        Pads("a", path).load(path)


def test_another_models_pads_are_refused(tmp_path: Path) -> None:
    pads = Pads("a", tmp_path / "pads.npz")
    pads.store(1, moments(1)[0])
    with pytest.raises(BadValue, match="of the model 'a', not 'b'"):
        Pads("b", tmp_path / "other.npz").load(pads.save())


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(CannotWrite, match="taken"):
        Pads("a", tmp_path / "taken" / "pads.npz").save()
