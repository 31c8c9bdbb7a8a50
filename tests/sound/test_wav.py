from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from perfrnn_live.errors import BadValue, CannotWrite
from perfrnn_live.music.performance import Note
from perfrnn_live.sound.wav import write_sound


def test_notes_sound_at_their_times_and_the_file_ends_when_they_have(tmp_path: Path) -> None:
    notes = [Note(0.5, 0.7, 60, 90), Note(1.5, 1.7, 64, 90), Note(1.5, 1.7, 64 + 12, 90), Note(2.5, 2.5, 67, 90)]
    write_sound(tmp_path / "x.wav", notes)
    with wave.open(str(tmp_path / "x.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 48_000)
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    loud = np.abs(sound.astype(int)).max(axis=1)
    assert not loud[:23_990].any()
    for onset_s in (0.5, 1.5, 2.5):
        frame = round(onset_s * 48_000)
        assert loud[frame : frame + 2400].max() > 5 * loud[frame - 2400 : frame - 10].max()
    assert 2.7 < len(sound) / 48_000 < 6 and loud[-100:].max() < 10


def test_nothing_to_play_is_an_empty_sound(tmp_path: Path) -> None:
    write_sound(tmp_path / "x.wav", [])
    with wave.open(str(tmp_path / "x.wav")) as file:
        assert file.getnframes() == 0


def test_no_file_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(b"mine")
    with pytest.raises(CannotWrite, match=r"x\.wav"):
        write_sound(tmp_path / "x.wav", [])
    assert (tmp_path / "x.wav").read_bytes() == b"mine"


def test_what_no_sound_file_can_hold_is_refused_before_it_is_begun(tmp_path: Path) -> None:
    with pytest.raises(BadValue, match="six hours"):
        write_sound(tmp_path / "x.wav", [Note(0, 80_000, 60, 60)])
    assert not (tmp_path / "x.wav").exists()
