"""The machine's audio, by the package miniaudio: the first of its systems that works, or the one that is asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.errors import MissingPackage, NoSound

ANY = "any"
CHANNELS = 2
_PERIOD_MS = 5
_APP = "perfrnn-live-piano"
Fill = Callable[[int], NDArray[np.float32]]


class Device:
    """An open audio device that asks for frames in a thread of its own, at its own `rate`. `system` is what it works
    by: JACK, ALSA, Core Audio …"""

    def __init__(self, asked: str = ANY) -> None:
        """`asked`: "any", a system as "jack", or a part of a device's name, in any case. Raises NoSound, or
        MissingPackage."""
        self._device, self.system = _open(asked)
        self.rate: int = self._device._device.sampleRate  # what was left to the device, the package does not tell

    def start(self, fill: Fill) -> None:
        """From now on `fill` is asked for so many frames, float32 (frames, 2), again and again."""

        def blocks() -> Generator[bytes, int, None]:
            frames = yield b""
            while True:
                frames = yield fill(frames).tobytes()

        generator = blocks()
        next(generator)
        self._device.start(generator)

    def close(self) -> None:
        """Nothing is asked for any more. Never raises."""
        with contextlib.suppress(Exception):
            self._device.close()


def _open(asked: str) -> tuple[Any, str]:
    try:
        import miniaudio
    except ImportError as error:
        raise MissingPackage(f"the piano needs miniaudio ({error}): pip install miniaudio") from error
    backends = sorted(miniaudio.get_enabled_backends(), key=lambda each: (each.name != "JACK", each.value))
    silent = {miniaudio.Backend.NULL, miniaudio.Backend.CUSTOM}
    tried = []
    wanted = [each for each in backends if each.name.casefold() == asked.casefold()]
    for backend in wanted or [each for each in backends if each not in silent]:
        with contextlib.suppress(Exception):  # a system that is not there, or has no device
            chosen = None
            if not wanted and asked != ANY:
                devices = miniaudio.Devices([backend]).get_playbacks()
                tried += [each["name"] for each in devices]
                chosen = next(each["id"] for each in devices if asked.casefold() in each["name"].casefold())
            made = miniaudio.PlaybackDevice(
                miniaudio.SampleFormat.FLOAT32,
                CHANNELS,
                sample_rate=0,  # the device's own
                buffersize_msec=_PERIOD_MS,
                device_id=chosen,
                backends=[backend],
                app_name=_APP,
            )
            return made, str(made.backend)
    if asked == ANY:
        raise NoSound("no audio device works here")
    there_are = f"; there are {', '.join(map(repr, tried))}" if tried else ""
    raise NoSound(f"no audio device or system that works here is called {asked!r}{there_are}")
