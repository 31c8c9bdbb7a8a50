"""The piano's recordings, ready to be played: one table in memory, and which part of it a key plays, how fast.

Every recording is there twice, as it is and darkened, one exactly in time with the other. So a mixture of both is a
blow of any strength without two strings beating against each other, as layers of different recordings would.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.errors import MissingPackage
from perfrnn_live.music.vocabulary import PITCHES

FOLDER = Path(__file__).parent / "salamander"
RATE = 48_000  # frames a second
_A4, _A4_HZ = 69, 440.0
_DARK_HZ = 700.0  # where the darkened recordings have lost 3 dB, or at the key's own pitch if that is higher
_MINUS_3_DB = 0.26  # a box of w frames, three times over, loses 3 dB at 0.26 / w of the rate


@dataclass(frozen=True, eq=False)
class Samples:
    """All recordings one after the other, a silent frame before and after each.

    `table` holds a frame in each number, four int16: darkened left and right, plain left and right. `begin`, `end` and
    `speed` belong to the 128 keys: the first frame, the silent one after the last, and by how many frames of the
    recording a second of the key goes on, divided by RATE.
    """

    table: NDArray[np.int64]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    speed: NDArray[np.float64]


def load_samples(folder: Path = FOLDER) -> Samples:
    """Read the recordings, `KEY.ogg` each, and `cents.json`. Raises MissingPackage, or OSError if they are not
    there."""
    try:
        import miniaudio
    except ImportError as error:
        raise MissingPackage(f"the piano needs miniaudio ({error}): pip install miniaudio") from error
    cents = {int(key): float(off) for key, off in json.loads((folder / "cents.json").read_text()).items()}
    parts, places, last = [np.zeros((1, 4), np.int16)], [], 1
    for key in sorted(cents):
        decoded = miniaudio.vorbis_read((folder / f"{key:03}.ogg").read_bytes())
        plain = np.frombuffer(decoded.samples, np.int16).reshape(-1, 2)
        dark = darkened(plain, frequency(key))
        parts += [np.concatenate([dark, plain], axis=1), np.zeros((1, 4), np.int16)]
        places.append((last, last + len(plain)))
        last += len(plain) + 1
    table = np.ascontiguousarray(np.concatenate(parts)).view(np.int64)[:, 0]
    recorded = np.array(sorted(cents))
    keys = np.arange(PITCHES)
    nearest = np.abs(keys[:, None] - recorded).argmin(axis=1)
    off = keys - recorded[nearest] - np.array([cents[key] for key in sorted(cents)])[nearest] / 100
    begin, end = np.array(places).T[:, nearest]
    return Samples(table, begin, end, 2 ** (off / 12))


def frequency(key: float) -> float:
    """Of a key in equal temperament, in hertz."""
    return float(_A4_HZ * 2 ** ((key - _A4) / 12))


def darkened(sound: NDArray[np.int16], hz: float) -> NDArray[np.int16]:
    """(frames, channels) without its heights: the mean of the frames around each, three times over, which delays
    nothing and keeps the tone of `hz` as loud as it was."""
    reach = round((_MINUS_3_DB * RATE / max(_DARK_HZ, hz) - 1) / 2)
    width = 2 * reach + 1
    padded = np.zeros((len(sound) + 2 * reach + 1, sound.shape[1]), np.float32)
    smooth = sound.astype(np.float32)
    for _ in range(3):
        padded[reach + 1 : reach + 1 + len(sound)] = smooth
        upto = np.cumsum(padded, axis=0, dtype=np.float64)
        smooth = ((upto[width:] - upto[:-width]) / width).astype(np.float32)
    kept = np.sinc(hz * width / RATE) ** 3
    return np.clip(np.rint(smooth / kept), -32768, 32767).astype(np.int16)
