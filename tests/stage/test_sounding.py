"""The built-in piano behind the real command: another program takes its sound from JACK, and the MIDI beside it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from perfrnn_live.music.midi import note_off, note_on
from perfrnn_live.music.midifile import read_notes
from perfrnn_live.sound.wav import write_sound
from tests import jack_lab
from tests.stage.test_real import child_of, connect_before_the_first_note, ended, playing, runs

pytestmark = pytest.mark.midi

AUDIO = "perfrnn-live-piano:playback0"
RATE = jack_lab.SAMPLE_RATE
PERIOD = 256


@pytest.fixture
def lab() -> Iterator[subprocess.Popen[Any]]:
    if not jack_lab.available():
        pytest.skip(f"not installed: {', '.join(jack_lab.missing()) or 'JACK (this is not Linux)'}")
    with jack_lab.server(PERIOD) as server:
        yield server


def loudness(sound: NDArray[np.float32], from_s: float, to_s: float) -> float:
    return float(np.abs(sound[round(from_s * RATE) : round(to_s * RATE)]).max(initial=0.0))


def envelope(sound: NDArray[np.float64]) -> NDArray[np.float64]:
    """Its level in windows of 10 ms: a recording's times are whole milliseconds, too coarse to compare waves by."""
    windows = np.asarray(sound, np.float64)[: len(sound) // 480 * 480].reshape(-1, 480)
    return np.asarray(np.sqrt((windows**2).mean(axis=1)))


def struck(kept: Any) -> NDArray[np.int64]:
    """The frames at which keys were struck."""
    status, _, velocity = kept["messages"].T
    return np.asarray(kept["frames"][(status == 0x90) & (velocity > 0)])


def test_what_is_sent_is_heard_with_a_constant_delay(lab: object, tmp_path: Path) -> None:
    """The sound, second by second, lies on what the recording sounds like when it is rendered."""
    with jack_lab.listener(tmp_path / "kept.npz") as (sound_port, midi_port):
        with playing("--seconds", "9", "--seed", "2", "--record", str(tmp_path / "take.mid")) as session:
            connect_before_the_first_note(session, midi_port)
            jack_lab.wait_for_port(AUDIO)
            jack_lab.connect(AUDIO, sound_port)
            status, _, err = ended(session)
            assert (status, err) == (0, "")
        time.sleep(0.3)
    kept, notes = np.load(tmp_path / "kept.npz"), read_notes(tmp_path / "take.mid")
    write_sound(tmp_path / "take.wav", notes)
    with wave.open(str(tmp_path / "take.wav")) as file:
        rendered = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)[:, 0] / 32767
    begin = struck(kept)[0] - round(notes[0].onset_s * RATE)  # where the recording lies in what was heard
    delays_ms, alike = [], []
    for second in range(2, 8):
        part = rendered[second * RATE : (second + 1) * RATE]
        reach = RATE // 20
        at = begin + second * RATE
        heard = kept["sound"][at : at + RATE + reach]
        if np.abs(part).max() < 0.01 or len(heard) < RATE + reach:
            continue
        size = 2**18
        product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(part, size)))[:reach]
        delays_ms.append(1000 * int(np.argmax(product)) / RATE)
        found = heard[int(np.argmax(product)) :][:RATE]
        alike.append(float(np.corrcoef(envelope(found), envelope(part))[0, 1]))
    print(f"delays {np.round(delays_ms, 2)} ms, alike {np.round(alike, 3)}")
    # a server without a sound card loses a period now and then: most seconds have the same delay, not all
    assert len(delays_ms) >= 3 and np.median(alike) > 0.8
    assert 5 < np.median(delays_ms) < 30
    assert np.median(np.abs(np.array(delays_ms) - np.median(delays_ms))) < 1
    assert loudness(kept["sound"], len(kept["sound"]) / RATE - 0.1, 1e9) == 0, "after the end it is silent"


@pytest.mark.parametrize("ending", ["Ctrl-C", "killed"])
def test_every_ending_leaves_silence_without_a_click(lab: object, tmp_path: Path, ending: str) -> None:
    with (
        jack_lab.sender() as hand,
        jack_lab.listener(tmp_path / "kept.npz") as (sound_port, midi_port),
        playing("--density", "12") as session,
    ):
        jack_lab.connect(hand.port, midi_port)
        jack_lab.wait_for_port(AUDIO)
        jack_lab.connect(AUDIO, sound_port)
        player = child_of(session)
        time.sleep(4)
        hand.send(note_on(1, 1))
        if ending == "killed":
            os.kill(player, signal.SIGKILL)
            os.kill(session.pid, signal.SIGKILL)
        else:
            os.killpg(session.pid, signal.SIGINT)
        jack_lab.wait_for(lambda: AUDIO not in jack_lab.lsp(), "the end of the piano", pause_s=0.25)
        time.sleep(0.5)
    kept = np.load(tmp_path / "kept.npz")
    end_s = float(struck(kept)[-1]) / RATE
    sound = kept["sound"].astype(np.float64)
    before = loudness(sound, end_s - 2, end_s)
    assert before > 0.005
    assert loudness(sound, end_s + 0.3, 1e9) < 1e-4
    if ending == "Ctrl-C":  # JACK loses a period of everybody's when a client is killed
        bends = np.abs(np.diff(sound, n=2))
        assert loudness(bends, end_s, 1e9) < 2 * loudness(bends, end_s - 2, end_s), "no click"


def test_the_piano_may_die_and_the_port_plays_on(lab: object, tmp_path: Path) -> None:
    with jack_lab.monitor(tmp_path / "dump.txt") as ear, playing("--density", "10") as session:
        connect_before_the_first_note(session, ear.port)
        jack_lab.wait_for_port(AUDIO)
        player = child_of(session)
        (piano,) = Path(f"/proc/{player}/task/{player}/children").read_text().split()
        jack_lab.wait_for(lambda: len(ear.heard()) > 10, "music", pause_s=0.2)
        os.kill(int(piano), signal.SIGKILL)
        heard = len(ear.heard())
        jack_lab.wait_for(lambda: not runs(int(piano)), "its end")
        jack_lab.wait_for(lambda: AUDIO in jack_lab.lsp(), "another piano", pause_s=0.3)
        jack_lab.wait_for(lambda: len(ear.heard()) > heard + 10, "more music", pause_s=0.2)
        children = Path(f"/proc/{player}/task/{player}/children")
        jack_lab.wait_for(lambda: children.read_text().split() not in ([piano], []), "another piano", pause_s=0.2)
        jack_lab.wait_for(lambda: AUDIO in jack_lab.lsp(), "its port", pause_s=0.3)
        session.terminate()
        status, _, _ = ended(session)
        assert status == 0


def test_a_key_played_through_sounds_at_once(lab: object, tmp_path: Path) -> None:
    options = ("--output", "piano", "--input", "hand", "--thru", "--mode", "trade")
    with (
        jack_lab.sender() as hand,
        jack_lab.listener(tmp_path / "kept.npz") as (sound_port, midi_port),
        playing(*options) as session,
    ):
        jack_lab.connect(hand.port, midi_port)
        jack_lab.wait_for_port(AUDIO)
        jack_lab.connect(AUDIO, sound_port)
        time.sleep(1.5)
        hand.send(note_on(84, 100))
        time.sleep(0.2)
        hand.send(note_off(84))
        time.sleep(0.3)
        session.terminate()
        assert ended(session)[0] == 0
    kept = np.load(tmp_path / "kept.npz")
    at = int(struck(kept)[0])
    sound = np.abs(kept["sound"][at : at + RATE // 5])
    assert not np.abs(kept["sound"][:at]).any()
    took_ms = 1000 * int(np.argmax(sound > 0.1 * sound.max())) / RATE
    print(f"{took_ms:.1f} ms from the key to its sound")
    assert sound.max() > 0.05 and 0 < took_ms < 60


@pytest.mark.parametrize(("rate", "channels"), [(22_050, 1), (192_000, 8)])
def test_it_sounds_on_devices_of_any_rate_and_number_of_channels(rate: int, channels: int, tmp_path: Path) -> None:
    if not jack_lab.available():
        pytest.skip(f"not installed: {', '.join(jack_lab.missing())}")
    with (
        jack_lab.server(PERIOD, rate, channels),
        jack_lab.listener(tmp_path / "kept.npz") as (sound_port, _),
        playing("--output", "piano", "--audio", "jack", "--density", "10", "--seconds", "4") as session,
    ):
        jack_lab.wait_for_port(AUDIO)
        jack_lab.connect(AUDIO, sound_port)
        status, _, err = ended(session)
        assert (status, err) == (0, "")
    sound = np.load(tmp_path / "kept.npz")["sound"].astype(np.float64)
    assert np.abs(sound).max() > 0.01
    spectrum = np.abs(np.fft.rfft(sound)) ** 2
    played = np.fft.rfftfreq(len(sound), 1 / rate) < 5000
    assert spectrum[played].sum() > 0.95 * spectrum.sum(), "a piano, and not its pieces"


def test_an_audio_device_that_is_taken_away_in_mid_note_and_is_back(tmp_path: Path) -> None:
    if not jack_lab.available():
        pytest.skip(f"not installed: {', '.join(jack_lab.missing())}")
    with contextlib.ExitStack() as stack:
        with jack_lab.server(PERIOD):
            session = stack.enter_context(playing("--output", "piano", "--audio", "jack", "--density", "12"))
            jack_lab.wait_for_port(AUDIO)
            time.sleep(2)
        assert session.poll() is None
        with jack_lab.server(PERIOD), jack_lab.listener(tmp_path / "kept.npz") as (sound_port, _):
            jack_lab.wait_for(lambda: AUDIO in jack_lab.lsp(), "the piano's return", limit_s=30, pause_s=0.3)
            jack_lab.connect(AUDIO, sound_port)
            time.sleep(3)
            session.terminate()
            status, _, _ = ended(session)
            assert status == 0
    assert np.abs(np.load(tmp_path / "kept.npz")["sound"]).max() > 0.005


def test_without_midi_the_piano_sounds_alone(tmp_path: Path) -> None:
    """No server: no MIDI, but miniaudio's own device without a card."""
    nowhere = {"JACK_DEFAULT_SERVER": f"nobody{os.getpid()}", "JACK_NO_START_SERVER": "1"}
    before = {name: os.environ.get(name) for name in nowhere}
    os.environ.update(nowhere)
    try:
        with playing("--audio", "null", "--seconds", "1") as session:
            status, out, err = ended(session)
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    assert status == 0 and '"notes"' in out
    assert "No MIDI system" in err and "playing into" not in err
