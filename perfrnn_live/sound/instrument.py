"""What sounds: the built-in piano, or what is in a player's own sound font."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Instrument(Protocol):
    """MIDI messages in, frames out."""

    @property
    def sounding(self) -> int:
        """Number of voices that sound."""
        ...

    def play(self, message: bytes, frame: int = 0) -> None:
        """Do what a MIDI message says, on whatever channel, at a frame of the next block."""
        ...

    def render(self, frames: int) -> NDArray[np.float32]:
        """The next block, (frames, 2), never beyond -1 … 1."""
        ...


def instrument_of(soundfont: Path | None) -> Callable[[int], Instrument]:
    """What makes an instrument for so many frames a second: of a sound font (.sf2, .sf3), or else the built-in piano.
    Raises NoSound, or BadValue for a file that is none."""
    if soundfont is not None:
        from perfrnn_live.sound.soundfont import SoundFont, check

        check(soundfont)
        return lambda rate: SoundFont(soundfont, rate)
    from perfrnn_live.sound.piano import Piano
    from perfrnn_live.sound.samples import load_samples

    samples = load_samples()
    return lambda rate: Piano(samples, rate)
