"""A player's own sound font, by a real FluidSynth."""

from __future__ import annotations

import ctypes.util
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from perfrnn_live.errors import BadValue, NoSound
from perfrnn_live.music.midi import control_change, note_off, note_on
from perfrnn_live.music.performance import Note
from perfrnn_live.sound import soundfont
from perfrnn_live.sound.instrument import instrument_of
from perfrnn_live.sound.soundfont import SoundFont
from perfrnn_live.sound.wav import write_sound

FONT = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")
RATE = 48000
real = pytest.mark.skipif(
    not (ctypes.util.find_library("fluidsynth") and FONT.exists()), reason="needs FluidSynth and timgm6mb-soundfont"
)


def level(sound: NDArray[np.float32]) -> float:
    return float(np.sqrt((sound**2).mean()))


@real
def test_it_sounds_as_loud_as_it_is_struck_and_ends() -> None:
    levels = []
    for velocity in (20, 60, 100, 127):
        piano = instrument_of(FONT)(RATE)
        assert piano.sounding == 0 and level(piano.render(4096)) < 1e-6
        piano.play(note_on(60, velocity))
        levels.append(level(piano.render(RATE // 2)))
        assert piano.sounding > 0
        piano.play(note_off(60))
        for _ in range(40):
            piano.render(RATE // 10)
        assert piano.sounding == 0
    assert levels == sorted(levels) and levels[0] > 1e-4


@real
def test_a_strike_begins_at_its_frame_and_its_pitch_is_right() -> None:
    """At FluidSynth's next period, that is: it computes 64 frames at a time."""
    piano = SoundFont(FONT, RATE)
    piano.play(note_on(69, 127), 10_000)
    sound = np.concatenate([piano.render(24_000), piano.render(48_000)])[:, 0]
    first = int(np.flatnonzero(np.abs(sound) > 1e-4)[0])
    assert 10_000 <= first < 10_000 + 64 + 300  # its recording takes some frames to rise
    spectrum = np.abs(np.fft.rfft(sound[20_000:52_768] * np.hanning(32_768)))
    around = slice(round(400 * 32_768 / RATE), round(480 * 32_768 / RATE))
    assert (around.start + int(np.argmax(spectrum[around]))) * RATE / 32_768 == pytest.approx(440, abs=2)


@real
def test_the_pedal_holds_and_all_sound_off_ends() -> None:
    piano = SoundFont(FONT, RATE)
    for message in (control_change(64, 127), note_on(60, 100), note_off(60)):
        piano.play(message)
    piano.render(RATE)
    assert level(piano.render(RATE // 10)) > 1e-3
    piano.play(control_change(120, 0))
    piano.render(RATE)
    assert level(piano.render(RATE // 10)) < 1e-3  # what is left is its room


@real
def test_nothing_is_louder_than_full_scale() -> None:
    piano = SoundFont(FONT, RATE)
    for pitch in range(21, 109):
        piano.play(note_on(pitch, 127))
    assert np.abs(piano.render(RATE)).max() <= 1


@real
def test_a_sound_file_by_it(tmp_path: Path) -> None:
    write_sound(tmp_path / "font.wav", [Note(0.5, 1.0, 60, 90)], FONT)
    write_sound(tmp_path / "piano.wav", [Note(0.5, 1.0, 60, 90)])
    assert (tmp_path / "font.wav").read_bytes()[:4] == b"RIFF"
    assert (tmp_path / "font.wav").read_bytes() != (tmp_path / "piano.wav").read_bytes()


@pytest.mark.parametrize(
    ("content", "wrong"),
    [(None, "cannot be read"), (b"", "is no sound font"), (b"RIFF\0\0\0\0WAVEfmt ", "no sound font")],
)
@real
def test_a_file_that_is_none_is_named(tmp_path: Path, content: bytes | None, wrong: str) -> None:
    path = tmp_path / "mine.sf2"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadValue, match=wrong):
        instrument_of(path)


@real
@pytest.mark.parametrize("kept", [12, 100, 5000])
def test_a_torn_one_is_named(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "torn.sf2"
    path.write_bytes(FONT.read_bytes()[:kept])
    with pytest.raises(BadValue, match=r"torn.sf2 is broken"):
        instrument_of(path)(RATE)


@real
def test_a_huge_one_is_not_read_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "huge.sf2"
    with path.open("wb") as file:
        file.write(b"RIFF\xf0\xff\xff\xffsfbkLIST\xe0\xff\xff\xffINFO")
        file.truncate(6 << 30)  # takes no place on the disk
    with pytest.raises(BadValue, match=r"huge.sf2 is broken"):
        instrument_of(path)(RATE)


def test_where_fluidsynth_is_missing_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    monkeypatch.setattr(soundfont, "_NAMES", {"linux": "libnowhere.so"})
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(NoSound, match="needs FluidSynth 2, which is not installed: `apt install"):
        instrument_of(tmp_path / "mine.sf2")
