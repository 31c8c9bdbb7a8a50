"""The piano in a process of its own: `python -m perfrnn_live.player.piano_process AUDIO [SOUNDFONT]`.

Messages come in lines of `piano.LINE` on standard input. On standard output it says "sounds WHAT" when it can be heard,
"silent WHY" when it cannot: its device may be taken away, and come back. It ends, fading out, when its input does.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.errors import PerfRNNError
from perfrnn_live.music.midi import ALL_SOUND_OFF, control_change
from perfrnn_live.player.clock import SystemClock
from perfrnn_live.player.piano import LINE
from perfrnn_live.player.start import leave_signals_to_the_session
from perfrnn_live.sound.device import Device
from perfrnn_live.sound.instrument import Instrument, instrument_of
from perfrnn_live.sound.speaker import Speaker

_LOOKS_S = 0.5
_STANDS_STILL = 2  # looks: a device that asks for nothing for so long is gone
_FADE_S = 0.1
_ENDS_S = 2.0  # to fade out and close, which a server that hangs may never let happen


class Sounding:
    """The piano on one device, from opening to its end."""

    def __init__(self, audio: str, instrument: Callable[[int], Instrument]) -> None:
        """Raises NoSound, MissingPackage or BadValue."""
        self._clock = SystemClock()
        self._device = Device(audio)
        self.text = f"{self._device.system}, {self._device.rate} Hz"
        self.speaker = Speaker(instrument(self._device.rate), self._device.rate)
        self._asked_s = self._seen_s = self._clock.now()
        self._idle = 0
        self._device.start(self._block)

    def alive(self) -> bool:
        """Whether it is still asked for frames. Counted in looks and not by the clock: when the machine has slept, its
        device must not seem to be gone."""
        self._idle = self._idle + 1 if self._asked_s == self._seen_s else 0
        self._seen_s = self._asked_s
        return self._idle < _STANDS_STILL

    def end(self) -> None:
        """Fade out, and give the device back."""
        if self.alive():
            self.speaker.put(self._clock.now(), control_change(ALL_SOUND_OFF, 0))
            self._clock.wait_until(self._clock.now() + _FADE_S + self.speaker.delay_s)
        self._device.close()

    def _block(self, frames: int) -> NDArray[np.float32]:
        self._asked_s = self._clock.now()
        return self.speaker.block(self._asked_s, frames)


class Process:
    """Keeps the piano sounding until its input ends."""

    def __init__(self, audio: str, soundfont: Path | None) -> None:
        """Raises NoSound or BadValue."""
        self._audio, self._instrument = audio, instrument_of(soundfont)
        self._sounding: Sounding | None = None
        self._ended = threading.Event()

    def run(self) -> None:
        """Open, read, look after the device; returns when the input ended."""
        self._open()
        gc.freeze()
        gc.disable()
        threading.Thread(target=self._read, args=(sys.stdin.buffer,), daemon=True).start()
        while not self._ended.wait(_LOOKS_S):
            if self._sounding is not None and not self._sounding.alive():
                lost, self._sounding = self._sounding, None
                print("silent the audio device is gone", flush=True)
                # closing may wait for a server that has ended
                threading.Thread(target=lost.end, daemon=True).start()
            elif self._sounding is None:
                self._open()
        if self._sounding is not None:
            ending = threading.Thread(target=self._sounding.end, daemon=True)
            ending.start()
            ending.join(_ENDS_S)

    def _open(self) -> None:
        try:
            self._sounding = Sounding(self._audio, self._instrument)
            print(f"sounds {self._sounding.text}", flush=True)
        except PerfRNNError as error:
            print(f"silent {error}", flush=True)

    def _read(self, stream: BinaryIO) -> None:
        while len(line := stream.read(LINE.size)) == LINE.size:
            if (sounding := self._sounding) is not None:
                sounding.speaker.put(*LINE.unpack(line))
        self._ended.set()


def main() -> None:
    """Sound; then leave without waiting for threads that may hang in a driver."""
    leave_signals_to_the_session()
    os.environ.setdefault("JACK_NO_START_SERVER", "1")
    try:
        audio, *soundfonts = sys.argv[1:]
        Process(audio, Path(soundfonts[0]) if soundfonts else None).run()
    except (PerfRNNError, OSError) as error:
        print(f"silent {error}", flush=True)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
