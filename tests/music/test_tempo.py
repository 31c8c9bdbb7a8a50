"""Ticks → seconds against mido's reading of the same file."""

from __future__ import annotations

import io

import mido
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.music.tempo import ticks_to_seconds

tempos_us = st.integers(60_000, 2_000_000)


@given(
    st.lists(st.tuples(st.integers(0, 5_000), tempos_us | st.none()), min_size=1, max_size=30),
    st.sampled_from([96, 384, 480, 960]),
)
def test_seconds_are_those_of_mido(changes: list[tuple[int, int | None]], ticks_per_quarter: int) -> None:
    track = mido.MidiTrack()
    tick, tempo_changes, ticks = 0, [], []
    for delta, tempo in changes:  # a note at each place, and at some of them a new tempo before it
        tick += delta
        ticks.append(tick)
        if tempo is not None:
            tempo_changes.append((tick, tempo))
            track.append(mido.MetaMessage("set_tempo", tempo=tempo, time=delta))
        track.append(mido.Message("note_on", note=60, velocity=1, time=0 if tempo is not None else delta))
    stored = io.BytesIO()
    mido.MidiFile(ticks_per_beat=ticks_per_quarter, tracks=[track]).save(file=stored)
    stored.seek(0)
    now_s, mido_s = 0.0, []
    for message in mido.MidiFile(file=stored):
        now_s += message.time
        if message.type == "note_on":
            mido_s.append(now_s)
    np.testing.assert_allclose(ticks_to_seconds(ticks, tempo_changes, ticks_per_quarter), mido_s, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("tempo_changes", "expected_s"),
    [
        ([], [0.0, 0.5, 1.0, 2.0]),  # 120 quarters a minute unless told otherwise
        ([(0, 1_000_000)], [0.0, 1.0, 2.0, 4.0]),
        ([(480, 1_000_000)], [0.0, 0.5, 1.5, 3.5]),
        ([(0, 1_000_000), (960, 250_000)], [0.0, 1.0, 2.0, 2.5]),
        ([(0, 9_000_000), (0, 1_000_000)], [0.0, 1.0, 2.0, 4.0]),  # of two at one tick the later counts
        ([(5_000, 1_000)], [0.0, 0.5, 1.0, 2.0]),
    ],
)
def test_cases(tempo_changes: list[tuple[int, int]], expected_s: list[float]) -> None:
    assert ticks_to_seconds([0, 480, 960, 1920], tempo_changes, 480).tolist() == pytest.approx(expected_s)


def test_no_ticks_give_no_seconds() -> None:
    assert ticks_to_seconds([], [(0, 500_000)], 480).shape == (0,)
