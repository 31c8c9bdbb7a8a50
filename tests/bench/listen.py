"""`python -m tests.bench.listen FILE.mid...`: listening by figures, for those who cannot hear.

Each file is rendered by fluidsynth with Debian's small General MIDI sound font and looked at as sound and as notes.
As sound: its peak, and the shares of 50 ms windows that are silent (below -60 dB) or clipped, and how many of the
onsets in the notes are heard as a rise in level. As notes: how dense, thick, loud and wide it is, how much of it
stays in its best key, how often it rests for a second and more, and what share of its strikes repeats a run of eight
that has been before.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.music.midifile import read_notes
from perfrnn_live.music.performance import Note
from perfrnn_live.music.scales import SCALES

FONT = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")
RATE = 44_100
WINDOW = RATE // 20
RUN = 8


def rendered(path: Path) -> NDArray[np.float64]:
    """The sound of a file, from -1 to 1, both channels mixed."""
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "out.wav"
        command = ["fluidsynth", "-ni", "-q", "-g", "0.7", "-r", str(RATE), "-F", str(sound), str(FONT), str(path)]
        subprocess.run(command, check=True, capture_output=True)
        with wave.open(str(sound), "rb") as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, file.getnchannels())
    return np.asarray(samples.mean(axis=1) / 32768)


def of_sound(sound: NDArray[np.float64], notes: Sequence[Note]) -> dict[str, float]:
    """What the samples tell."""
    windows = sound[: len(sound) // WINDOW * WINDOW].reshape(-1, WINDOW)
    level_db = 20 * np.log10(np.sqrt((windows**2).mean(axis=1)) + 1e-9)
    fine = sound[: len(sound) // 441 * 441].reshape(-1, 441)  # 10 ms
    level = np.log10(np.sqrt((np.diff(fine, axis=1) ** 2).mean(axis=1)) + 1e-6)  # differenced: attacks are bright
    onsets_s = np.unique(np.round([note.onset_s for note in notes], 2))
    apart = onsets_s[np.diff(onsets_s, prepend=-1.0) > 0.08]  # nearer ones melt into one
    rises = [
        level[int(s * 100) : int(s * 100) + 6].max() - level[max(int(s * 100) - 2, 0) : int(s * 100) + 1].min()
        for s in apart
    ]
    return {
        "peak": float(np.abs(sound).max()),
        "silent": float((level_db < -60).mean()),
        "clipped": float((np.abs(windows).max(axis=1) > 0.999).mean()),
        "onsets heard": float((np.array(rises) > 0.05).mean()),
    }


def of_notes(notes: Sequence[Note]) -> dict[str, float]:
    """What the notes tell."""
    end_s = max(note.offset_s for note in notes)
    pitches = [note.pitch for note in notes]
    velocities = [note.velocity for note in notes]
    in_key = max(sum(pitch % 12 in scale for pitch in pitches) for scale in SCALES.values())
    runs = [tuple(pitches[place : place + RUN]) for place in range(len(pitches) - RUN + 1)]
    edges = sorted([(note.onset_s, 1) for note in notes] + [(note.offset_s, -1) for note in notes])
    sounding, silent_since_s, rests = 0, 0.0, 0
    for time_s, change in edges:
        rests += change > 0 and sounding == 0 and time_s - silent_since_s >= 1
        sounding += change
        silent_since_s = time_s if sounding == 0 else silent_since_s
    return {
        "notes/s": len(notes) / end_s,
        "keys sounding": sum(note.offset_s - note.onset_s for note in notes) / end_s,
        "velocity": float(np.mean(velocities)),
        "spread": float(np.std(velocities)),
        "lowest": min(pitches),
        "highest": max(pitches),
        "in its key": in_key / len(pitches),
        "rests": rests,
        "repeated": 1 - len(set(runs)) / max(len(runs), 1),
    }


def main() -> None:
    """A line a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    for path in parser.parse_args().files:
        notes = read_notes(path)
        figures = of_sound(rendered(path), notes) | of_notes(notes)
        print(path.name, ", ".join(f"{name} {value:.3g}" for name, value in figures.items()), flush=True)


if __name__ == "__main__":
    main()
