"""How the samples were made: `python3 recipe.py FOLDER`, with the `audio` folder of the npm package
`@audio-samples/piano-velocity12` (1.0.5). Needs miniaudio, numpy and `oggenc` (Debian: vorbis-tools).

Each sample is cut to begin just before its onset, ends when it has decayed by 46 dB or with the length that a key has
here, fades out, and is encoded anew. How far it is from equal temperament at A = 440 Hz goes into `cents.json`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import wave
from pathlib import Path

import miniaudio
import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).parent
NAMES = {"C": 0, "D#": 3, "F#": 6, "A": 9}
RATE = 48_000
LEAD = 64  # frames before the onset, faded in
QUALITY = "4"


def onset(sound: NDArray[np.float64]) -> int:
    """The frame at which the string, not the key's noise before it, is there: a tenth of the first loudest, the heights
    left out."""
    smooth = np.convolve(sound.sum(axis=1), np.ones(15) / 15, "same")
    loud = np.abs(smooth[: RATE // 10])
    return int(np.argmax(loud > 0.1 * loud.max()))


def cut(sound: NDArray[np.float64], key: int) -> NDArray[np.float64]:
    """(frames, 2) → the part that is kept."""
    begin = max(onset(sound) - LEAD, 0)
    sound = sound[begin:]
    window = RATE // 20
    level = np.sqrt((sound[: len(sound) // window * window].reshape(-1, window * 2) ** 2).mean(axis=1))
    decayed = (np.flatnonzero(level > level.max() * 10 ** (-46 / 20))[-1] + 1) * window
    frames = min(int(decayed), round((12 - (key - 21) / 87 * 8) * RATE))
    sound = sound[:frames].copy()
    sound[:LEAD] *= np.linspace(0, 1, LEAD)[:, None] ** 2
    fade = frames // 5
    sound[-fade:] *= (np.cos(np.linspace(0, np.pi, fade)) / 2 + 0.5)[:, None]
    return sound


def cents(sound: NDArray[np.float64], key: int) -> float:
    """How far it is from equal temperament: the mean of those partials by which the ear finds a pitch."""
    wanted = 440 * 2 ** ((key - 69) / 12)
    part = sound.sum(axis=1)[RATE // 20 :][: (4 if key < 72 else 1) * RATE]
    size = 2**20
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), size))
    hz = RATE / size
    numbers = range(2, 7) if key < 36 else range(1, 5) if key < 60 else (1,)

    def off(number: int) -> float:
        low, high = (round(wanted * number * 2 ** (c / 1200) / hz) for c in (-50, 50 if key < 102 else 120))
        at = low + int(np.argmax(spectrum[low:high]))
        a, b, c = np.log(spectrum[at - 1 : at + 2])
        return float(1200 * np.log2((at + (a - c) / (2 * (a - 2 * b + c))) * hz / (wanted * number)))

    return float(np.mean([off(number) for number in numbers]))


def main(folder: Path) -> None:
    off = {}
    for file in sorted(folder.glob("*.ogg")):
        name, octave = re.match(r"([A-G]#?)(\d)v\d+", file.name).groups()  # type: ignore[union-attr]
        key = NAMES[name] + 12 * (int(octave) + 1)
        decoded = miniaudio.vorbis_read_file(str(file))
        assert (decoded.sample_rate, decoded.nchannels) == (RATE, 2)
        sound = np.frombuffer(decoded.samples, np.int16).reshape(-1, 2).astype(np.float64)
        off[key] = round(cents(sound, key), 1)
        with wave.open(str(HERE / "cut.wav"), "wb") as wav:
            wav.setparams((2, 2, RATE, 0, "NONE", ""))
            wav.writeframes(np.rint(cut(sound, key)).astype(np.int16).tobytes())
        target = HERE / f"{key:03}.ogg"
        subprocess.run(["oggenc", "-Q", "-q", QUALITY, "-s", "1", "-o", target, HERE / "cut.wav"], check=True)
    (HERE / "cut.wav").unlink()
    (HERE / "cents.json").write_text(json.dumps(dict(sorted(off.items())), indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
