"""`python -m tests.bench.sound`: the built-in piano's figures, on a JACK server without a sound card.

Onset jitter: `play --thru`-like notes sent to the piano's process at random moments, all alike, found again in the
sound. Key to sound: another program's notes through `play --thru`, both in the frames of one listener. The first note:
from starting `play` to the first sound. Voices: 64 at once, the time a block takes against the time it lasts.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.music.midi import control_change, note_off, note_on
from perfrnn_live.player.clock import SystemClock
from perfrnn_live.player.piano import PianoPort
from perfrnn_live.sound.piano import VOICES, Piano
from perfrnn_live.sound.samples import RATE, load_samples
from tests import jack_lab

AUDIO = "perfrnn-live-piano:playback0"
KEY = 84  # its damper works quickly
PERIOD = 256  # frames


def onsets(sound: NDArray[np.float32], apart: int) -> NDArray[np.int64]:
    """The frames at which notes that are all alike begin, `apart` frames at least between them."""
    loud = np.flatnonzero(np.abs(sound) > 0.1 * np.abs(sound).max())
    return loud[np.diff(loud, prepend=-apart) >= apart]


def spread_ms(times_s: NDArray[np.float64], frames: NDArray[np.int64]) -> dict[str, float]:
    """How far sounds lie from a constant delay: the median of the nine around each. A server without a sound card loses
    a period of its time now and then (`lost_ms` in all), and the piano's clock needs some seconds to find that out:
    `steady` are the notes around whose six seconds nothing was lost."""
    off = (frames / jack_lab.SAMPLE_RATE - times_s) * 1000
    delay = np.array([np.median(off[max(place - 4, 0) : place + 5]) for place in range(len(off))])
    places = np.arange(len(off))
    around = [delay[max(place - 9, 0) : place + 10] for place in places]
    steady = np.array([float(np.ptp(each)) < 1000 / jack_lab.SAMPLE_RATE * PERIOD / 4 for each in around])
    lost = float(delay[0] - delay[-1])
    told = {"lost_ms": round(lost, 2), "notes": len(off), "steady": int(steady.sum())}
    for name, which in (("", places), ("steady_", places[steady])):
        p50, p99 = np.percentile(np.abs(off - delay)[which], [50, 99])
        told |= {f"{name}p50_ms": round(float(p50), 3), f"{name}p99_ms": round(float(p99), 3)}
    return told


def jitter(seconds: float, folder: Path) -> dict[str, float]:
    """Notes at random moments straight to the piano's process."""
    clock, rng = SystemClock(), np.random.default_rng(0)
    with jack_lab.server(PERIOD), jack_lab.listener(folder / "jitter.npz") as (sound, _):
        piano = PianoPort("jack", clock)
        piano.wait()
        jack_lab.wait_for_port(AUDIO)
        jack_lab.connect(AUDIO, sound)
        time.sleep(1.0)
        sent: list[float] = []
        at_s = clock.now()
        while not sent or at_s < sent[0] + seconds:
            at_s += 0.25 + rng.uniform(0, 0.1)
            clock.wait_until(at_s)
            sent.append(clock.now())
            piano.send(note_on(KEY, 100))
            clock.wait_until(at_s + 0.1)
            piano.send(control_change(120, 0))
        time.sleep(0.5)
        piano.close()
    kept = np.load(folder / "jitter.npz")
    frames = onsets(kept["sound"], round(0.12 * jack_lab.SAMPLE_RATE))
    assert len(frames) == len(sent), f"{len(sent)} notes, {len(frames)} onsets"
    return spread_ms(np.array(sent), frames)


def played_through(count: int, folder: Path) -> dict[str, float]:
    """Keys of another program through `play --thru`: from its note's frame to the sound's."""
    options = [
        "--thru",
        "--input",
        "hand",
        "--mode",
        "trade",
        "--seconds",
        str(6 + count * 0.5),
        "--answer-length",
        "0.25",
    ]
    with jack_lab.server(PERIOD), jack_lab.sender() as hand, jack_lab.listener(folder / "thru.npz") as (sound, midi):
        jack_lab.connect(hand.port, midi)
        with play(*options):
            jack_lab.wait_for_port(AUDIO)
            jack_lab.connect(AUDIO, sound)
            time.sleep(1.5)
            for _ in range(count):
                hand.send(note_on(KEY, 100))
                time.sleep(0.1)
                hand.send(note_off(KEY))
                time.sleep(0.3)
    kept = np.load(folder / "thru.npz")
    struck = kept["frames"][kept["messages"][:, 0] == 0x90]
    frames = onsets(kept["sound"], round(0.1 * jack_lab.SAMPLE_RATE))[: len(struck)]
    assert len(frames) == len(struck), f"{len(struck)} notes, {len(frames)} onsets"
    took_ms = (frames - struck) / jack_lab.SAMPLE_RATE * 1000
    p50, p99 = np.percentile(took_ms, [50, 99])
    return {"p50_ms": round(float(p50), 1), "p99_ms": round(float(p99), 1), "notes": len(took_ms)}


def first_note(folder: Path) -> dict[str, float]:
    """Seconds from the command to the first sound that can be heard."""
    with jack_lab.server(PERIOD), jack_lab.listener(folder / "first.npz") as (sound, midi), jack_lab.sender() as hand:
        jack_lab.connect(hand.port, midi)
        hand.send(note_on(1, 1))  # the beginning, in frames
        began_s = time.perf_counter()
        with play("--seconds", "8"):
            jack_lab.wait_for_port(AUDIO)
            jack_lab.connect(AUDIO, sound)
            connected_s = time.perf_counter() - began_s
            time.sleep(4)
    kept = np.load(folder / "first.npz")
    first = int(np.argmax(np.abs(kept["sound"]) > 0.003))
    return {
        "first_sound_s": round((first - int(kept["frames"][0])) / jack_lab.SAMPLE_RATE, 2),
        "listened_from_s": round(connected_s, 2),
    }


def lateness(seconds: float) -> dict[str, float]:
    """Of messages on the virtual port, while the piano sounds beside it."""
    with jack_lab.server(PERIOD), play("--density", "12") as session:
        jack_lab.wait_for_port(AUDIO)
        time.sleep(seconds)
    return {name: session.summary[name] for name in ("notes", "lateness_p50_ms", "lateness_p99_ms", "lateness_max_ms")}


def voices(blocks: int) -> dict[str, float]:
    """64 at once, in blocks of 256 frames at 48 kHz."""
    piano = Piano(load_samples())
    for pitch in range(24, 24 + VOICES):
        piano.play(note_on(pitch, 90))
    piano.render(256)
    began_s = time.process_time()
    for _ in range(blocks):
        piano.render(256)
    share = (time.process_time() - began_s) / (blocks * 256 / RATE)
    return {"voices": piano.sounding, "share_of_a_core": round(share, 3)}


class play:  # noqa: N801
    """`perfrnn-live play` for as long as the block lasts."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "perfrnn_live", "play", "--quiet", *options]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=os.environ)

        self.summary: dict[str, Any] = {}

    def __enter__(self) -> play:
        return self

    def __exit__(self, *error: Any) -> None:
        self._process.terminate()
        told, _ = self._process.communicate(timeout=20)
        self.summary = json.loads(told.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--keys", type=int, default=60)
    options = parser.parse_args()
    jack_lab.LIFE_S = int(options.seconds) + 120
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        print(json.dumps({"voices": voices(1000)}), flush=True)
        print(json.dumps({"first_note": first_note(folder)}), flush=True)
        print(json.dumps({"key_to_sound": played_through(options.keys, folder)}), flush=True)
        print(json.dumps({"beside_the_piano": lateness(options.seconds)}), flush=True)
        print(json.dumps({"onset_jitter": jitter(options.seconds, folder)}), flush=True)


if __name__ == "__main__":
    main()
