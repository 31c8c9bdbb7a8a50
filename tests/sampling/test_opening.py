"""From a model folder to the moment at which playing begins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from perfrnn_live.errors import CheckpointMismatch, NotMidi
from perfrnn_live.music.codec import encode
from perfrnn_live.music.midifile import read_notes, write_notes
from perfrnn_live.music.performance import Note
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS
from perfrnn_live.sampling.continuation import Moment
from perfrnn_live.sampling.opening import PRIME_S, begin
from tests.networks import random_notes


def same(one: Moment, other: Moment) -> bool:
    return np.array_equal(one.logits, other.logits) and one.keyboard.step == other.keyboard.step


def test_a_piece_begins_or_is_under_way(tiny_model: Path) -> None:
    continuation, beginning = begin(tiny_model)
    _, under_way = begin(tiny_model, middle=True)
    assert same(beginning, continuation.beginning()[0])
    assert same(under_way, continuation.beginning(symbol=PERFORMANCE_8MS.middle)[0])
    assert not same(beginning, under_way)
    assert beginning.keyboard.step == under_way.keyboard.step == 0


@pytest.mark.parametrize("middle", [False, True])
def test_a_priming_file_is_under_way_where_its_end_begins(middle: bool, tiny_model: Path, tmp_path: Path) -> None:
    long_ago = [Note(0.0, 0.5, 21, 100)]
    ending = [
        Note(9.0 * number, 9.0 * number + 0.5, note.pitch, note.velocity)  # no pause so long that it would be cut
        for number, note in enumerate(random_notes(1, 4), 1)
    ]
    assert ending[-1].onset_s - ending[0].onset_s <= PRIME_S < ending[-1].onset_s
    path = tmp_path / "prime.mid"
    write_notes(path, [*long_ago, *ending])
    continuation, moment = begin(tiny_model, path, middle)
    heard = [note for note in read_notes(path) if note.pitch != 21]
    assert len(heard) == 4
    tokens = encode(heard, PERFORMANCE_8MS)
    assert same(moment, continuation.primed(tokens, PERFORMANCE_8MS.middle))
    assert not same(moment, continuation.primed(tokens, PERFORMANCE_8MS.start))
    assert not moment.keyboard.sounding.any() and len(moment.keyboard.strikes.pitch) == 4


def test_what_cannot_be_begun_with(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "prime.mid").write_bytes(b"MThd")
    with pytest.raises(NotMidi):
        begin(tiny_model, tmp_path / "prime.mid")
    with pytest.raises(CheckpointMismatch):
        begin(tmp_path)
