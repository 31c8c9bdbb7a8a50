"""The few MIDI messages the instrument speaks, against mido's reading of them."""

from __future__ import annotations

import mido
import pytest
from hypothesis import given

from perfrnn_live.live.messages import control_change, note_off, note_on, releases, strikes
from tests.strategies import pitches, velocities


@given(pitches, velocities)
def test_another_library_reads_them_the_same(pitch: int, value: int) -> None:
    assert mido.parse(note_on(pitch, value)) == mido.Message("note_on", note=pitch, velocity=value)
    assert mido.parse(note_off(pitch)) == mido.Message("note_off", note=pitch, velocity=64)
    assert mido.parse(control_change(pitch, value)) == mido.Message("control_change", control=pitch, value=value)


@pytest.mark.parametrize(
    ("message", "strike", "release"),
    [
        (bytes((0x90, 60, 1)), True, False),
        (bytes((0x9F, 60, 127)), True, False),  # on any channel
        (bytes((0x90, 60, 0)), False, True),  # a note-on with velocity 0 is a release
        (bytes((0x80, 60, 64)), False, True),
        (bytes((0x8F, 60, 0)), False, True),
        (bytes((0xB0, 64, 127)), False, False),
        (bytes((0xC0, 1)), False, False),
        (bytes((0xF8,)), False, False),
    ],
)
def test_what_strikes_and_what_releases(message: bytes, strike: bool, release: bool) -> None:
    assert (strikes(message), releases(message)) == (strike, release)
