"""The few MIDI messages the instrument speaks, against mido's reading of them."""

from __future__ import annotations

import pickle

import mido
import pytest
from hypothesis import given

from perfrnn_live.music.midi import control_change, is_of_channel, note_off, note_on, releases, strikes
from perfrnn_live.player.messages import PortLost, Received, Setup, Stopped
from perfrnn_live.player.profiles import DISKLAVIER
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


@pytest.mark.parametrize(
    ("message", "whole"),
    [
        (b"\x80\x3c\x40", True),
        (b"\xef\x00\x40", True),
        (b"\xc0\x05", True),
        (b"\xdf\x05", True),
        (b"\xc0\x05\x05", False),
        (b"\x90\x3c", False),
        (b"\x3c\x40", False),  # running status
        (b"\xf8", False),
        (b"\xf0\x7e\xf7", False),
        (b"", False),
    ],
)
def test_what_is_for_a_channel(message: bytes, whole: bool) -> None:
    assert is_of_channel(message) == whole


def test_a_setup_and_reports_survive_the_pipe() -> None:
    setup = Setup("piano", ("keys", "pads"), True, DISKLAVIER)
    for told in (setup, Received(1.5, note_on(60, 80), "keys"), PortLost("piano", "output"), Stopped(3)):
        assert pickle.loads(pickle.dumps(told)) == told
