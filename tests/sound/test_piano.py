"""The piano by figures: loudness, brightness, pitch, clicks, dampers, voices."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from perfrnn_live.music.midi import control_change, note_off, note_on
from perfrnn_live.sound.piano import VOICES, Piano
from perfrnn_live.sound.samples import RATE, Samples, darkened, frequency, load_samples

Sound = NDArray[np.float32]
SUSTAIN = 64


@functools.cache
def samples() -> Samples:
    return load_samples()


def played(
    moves: Sequence[tuple[float, bytes]], seconds: float, rate: int = RATE, blocks: Sequence[int] = (256,)
) -> Sound:
    """What the piano makes of messages at their seconds, asked for in these blocks, again and again."""
    piano, waiting, done = Piano(samples(), rate), list(moves), 0
    parts: list[Sound] = []
    while done < seconds * rate:
        frames = blocks[len(parts) % len(blocks)]
        while waiting and (at := round(waiting[0][0] * rate) - done) < frames:
            piano.play(waiting.pop(0)[1], at)
        parts.append(piano.render(frames))
        done += frames
    return np.concatenate(parts)[: round(seconds * rate)]


def level(sound: Sound) -> float:
    return float(np.sqrt((sound.astype(np.float64) ** 2).mean()))


def loudness_db(sound: Sound) -> float:
    return 20 * float(np.log10(level(sound) + 1e-12))


def brightness_db(sound: Sound, pitch: int) -> float:
    """What lies above its pitch's first partials and 1500 Hz, beside all of it."""
    power = np.abs(np.fft.rfft(sound.sum(axis=1) * np.hanning(len(sound)))) ** 2
    high = np.fft.rfftfreq(len(sound), 1 / RATE) > max(2.5 * frequency(pitch), 1500)
    return 10 * float(np.log10(power[high].sum() / power.sum()))


@pytest.mark.parametrize("pitch", [28, 45, 60, 77, 93])
def test_harder_is_louder_and_brighter_at_every_velocity(pitch: int) -> None:
    notes = [played([(0.0, note_on(pitch, velocity))], 0.3) for velocity in range(1, 128)]
    levels, heights = [loudness_db(note) for note in notes], [brightness_db(note, pitch) for note in notes]
    assert (np.diff(levels) > 0).all()
    assert 30 < levels[-1] - levels[9] < 60, "velocities from 10 to 127 span what a piano does, in decibels"
    assert (np.diff(heights)[:110] > 0).all() and heights[-1] > 3 + heights[29]


def partial_hz(sound: Sound, near: float, rate: int = RATE) -> float:
    """The strongest partial within a semitone."""
    size = 2**20
    spectrum = np.abs(np.fft.rfft(sound.sum(axis=1) * np.hanning(len(sound)), size))
    low, high = (round(near * 2 ** (semitones / 12) * size / rate) for semitones in (-0.8, 0.8))
    at = low + int(np.argmax(spectrum[low:high]))
    a, b, c = np.log(spectrum[at - 1 : at + 2])
    return float((at + (a - c) / (2 * (a - 2 * b + c))) * rate / size)


@pytest.mark.parametrize("pitch", range(21, 109))
def test_every_key_is_in_tune_within_three_cents(pitch: int) -> None:
    """A stiff string's partials are no multiples; the ear finds a pitch by some, in the bass not by the first."""
    sound = played([(0.0, note_on(pitch, 70))], 4.0 if pitch < 72 else 1.2)[RATE // 20 :]
    numbers = range(2, 7) if pitch < 36 else range(1, 5) if pitch < 60 else range(1, 2)
    wanted = [number * frequency(pitch) for number in numbers]
    assert abs(np.mean([1200 * np.log2(partial_hz(sound, hz) / hz) for hz in wanted])) < 3


@pytest.mark.parametrize("rate", [22_050, 44_100, 96_000, 192_000])
def test_a_key_has_its_pitch_and_length_at_any_rate(rate: int) -> None:
    sound = played([(0.0, note_on(69, 70)), (1.0, note_off(69))], 2.0, rate)
    assert abs(1200 * np.log2(partial_hz(sound[: round(0.9 * rate)], 440, rate) / 440)) < 3
    assert level(sound[-rate // 10 :]) < 0.01 * level(sound[: rate // 2])


QUIET = st.tuples(st.floats(0, 0.3), st.integers(30, 100), st.integers(1, 40), st.floats(0.01, 0.3))


@settings(max_examples=15)
@given(
    st.lists(QUIET, min_size=1, max_size=6, unique_by=lambda note: note[1]),
    st.lists(st.integers(40, 700), min_size=1, max_size=4),
)
def test_blocks_change_nothing(notes: list[tuple[float, int, int, float]], blocks: list[int]) -> None:
    """Every message has its frame, however the frames are asked for."""
    moves = [(onset_s, note_on(pitch, velocity)) for onset_s, pitch, velocity, _ in notes]
    moves += [(onset_s + length_s, note_off(pitch)) for onset_s, pitch, _, length_s in notes]
    moves.sort(key=lambda move: move[0])
    assert np.allclose(played(moves, 0.7), played(moves, 0.7, blocks=blocks), atol=5e-5)


def test_a_strike_sounds_at_its_frame_on_every_key() -> None:
    onsets = []
    for pitch in range(21, 109):
        sound = np.abs(played([(0.1, note_on(pitch, 80))], 0.4)).max(axis=1)
        onsets.append(int(np.argmax(sound > 0.05 * sound.max())) - 4800)
    assert np.ptp(onsets) <= 0.001 * RATE, onsets


def test_dampers_fall_on_all_strings_that_have_them() -> None:
    for pitch, damped in ((28, True), (60, True), (84, True), (95, False)):
        moves = [(0.0, note_on(pitch, 80)), (0.2, note_off(pitch))]
        held = played(moves[:1], 2.0)[-RATE // 2 :]
        released = played(moves, 2.0)[-RATE // 2 :]
        assert (level(released) < 0.1 * level(held)) is damped


def test_the_pedal_holds_what_is_struck_and_lets_go() -> None:
    moves = [(0.0, control_change(SUSTAIN, 127)), (0.1, note_on(60, 80)), (0.2, note_off(60))]
    held = played([(0.1, note_on(60, 80))], 1.5)
    assert np.allclose(played(moves, 1.5), held)
    lifted = played([*moves, (0.5, control_change(SUSTAIN, 0))], 2.0)
    assert level(lifted[-RATE // 4 :]) < 0.01 * level(held[: RATE // 2])
    for over in (120, 123):
        silenced = played([*moves, (0.5, control_change(over, 0))], 2.0)
        assert level(silenced[-RATE // 4 :]) < 0.01 * level(held[: RATE // 2])


def jolt(sound: Sound) -> float:
    """The greatest bend between neighbouring frames: a click is one."""
    return float(np.abs(np.diff(sound.astype(np.float64), n=2, axis=0)).max())


def test_nothing_clicks_when_strings_are_struck_again_damped_or_taken() -> None:
    low = [(0.0, note_on(36, 90))]
    calm = jolt(played(low, 1.0)[RATE // 4 :])
    for moves in (
        [*low, (0.5, note_off(36))],
        [*low, (0.5, control_change(120, 0))],
        [*low, (0.5, note_on(36, 1))],
        [*low, *((0.1, note_on(pitch, 1)) for pitch in range(37, 37 + VOICES - 1)), (0.5, note_on(110, 1))],
    ):
        assert jolt(played(moves, 1.0)[RATE // 4 :]) < 1.5 * calm


def test_there_are_64_voices_and_the_softest_gives_way() -> None:
    piano = Piano(samples())
    for pitch in range(20, 20 + VOICES):
        piano.play(note_on(pitch, 100 if pitch != 50 else 5))
    piano.render(256)
    assert piano.sounding == VOICES
    piano.play(note_on(100, 100))
    for _ in range(10):
        piano.render(256)
    assert piano.sounding == VOICES
    piano.play(note_off(50))  # it is gone already
    for _ in range(500):
        piano.render(256)
    assert piano.sounding == VOICES


def test_a_flood_of_strikes_stays_within_full_scale() -> None:
    moves = [(number * 0.001, note_on(21 + number % 88, 127)) for number in range(1000)]
    sound = played(moves, 1.2)
    assert np.abs(sound).max() < 1 and level(sound) > 0.1


@pytest.mark.parametrize("message", [b"", b"\x90", b"\xc0\x05", b"\xe0\x00\x40", b"\xd0\x40", b"\xf8", b"\xb0\x07\x64"])
def test_what_is_no_key_and_no_pedal_changes_nothing(message: bytes) -> None:
    assert not played([(0.0, message)], 0.1).any()


def test_all_128_keys_sound() -> None:
    for pitch in (0, 20, 109, 127):
        assert level(played([(0.0, note_on(pitch, 90))], 0.3)) > 1e-4


def test_the_darkened_recording_keeps_its_tone_and_loses_its_heights() -> None:
    time_s = np.arange(RATE)[:, None] / RATE
    low, high = (12_000 * np.sin(2 * np.pi * hz * time_s) for hz in (262, 4000))
    dark = [darkened(np.rint(each).astype(np.int16), 262).astype(float)[2000:-2000] for each in (low, high)]
    assert np.allclose(dark[0], low[2000:-2000], atol=20), "as loud, and in time"
    assert np.abs(dark[1]).max() < 0.02 * 12_000
