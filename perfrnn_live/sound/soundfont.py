"""A player's own sound font, by the system's FluidSynth where that is installed.

FluidSynth is under the LGPL 2.1, and is neither brought nor needed. What is played begins at the next of its periods of
64 frames.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.errors import BadValue, NoSound
from perfrnn_live.music.midi import CONTROL_CHANGE, releases, strikes
from perfrnn_live.sound.limiter import Limiter

_NAMES = {"linux": "libfluidsynth.so.3", "darwin": "libfluidsynth.dylib", "win32": "libfluidsynth-3.dll"}
_GAIN, _VOICES = 2.0, 128
_LEVELS = 5  # of its complaints: panic, error, warning, information, debugging
_INT, _NUMBER, _TEXT, _PLACE = ctypes.c_int, ctypes.c_double, ctypes.c_char_p, ctypes.c_void_p
_FUNCTIONS = {  # what each returns and takes
    "new_fluid_settings": (_PLACE, ()),
    "delete_fluid_settings": (None, (_PLACE,)),
    "fluid_settings_setnum": (_INT, (_PLACE, _TEXT, _NUMBER)),
    "fluid_settings_setint": (_INT, (_PLACE, _TEXT, _INT)),
    "fluid_set_log_function": (_PLACE, (_INT, _PLACE, _PLACE)),
    "new_fluid_synth": (_PLACE, (_PLACE,)),
    "delete_fluid_synth": (None, (_PLACE,)),
    "fluid_synth_sfload": (_INT, (_PLACE, _TEXT, _INT)),
    "fluid_synth_noteon": (_INT, (_PLACE, _INT, _INT, _INT)),
    "fluid_synth_noteoff": (_INT, (_PLACE, _INT, _INT)),
    "fluid_synth_cc": (_INT, (_PLACE, _INT, _INT, _INT)),
    "fluid_synth_get_active_voice_count": (_INT, (_PLACE,)),
    "fluid_synth_write_float": (_INT, (_PLACE, _INT, _PLACE, _INT, _INT, _PLACE, _INT, _INT)),
}
_INSTALL = "`apt install libfluidsynth3`, `dnf install fluidsynth-libs`, `brew install fluid-synth`"


class SoundFont:
    """The first preset of a sound font at `rate` frames a second. See `Instrument`."""

    def __init__(self, path: Path, rate: int) -> None:
        """Raises NoSound, or BadValue if FluidSynth finds no sounds in the file."""
        self._library = library = _library()
        self._settings = library.new_fluid_settings()
        library.fluid_settings_setnum(self._settings, b"synth.sample-rate", rate)
        library.fluid_settings_setnum(self._settings, b"synth.gain", _GAIN)
        for name, value in ((b"synth.polyphony", _VOICES), (b"synth.dynamic-sample-loading", 1)):
            library.fluid_settings_setint(self._settings, name, value)
        self._synth = library.new_fluid_synth(self._settings)
        self._waiting: list[tuple[int, bytes]] = []
        self._limiter = Limiter(rate)
        if library.fluid_synth_sfload(self._synth, str(path).encode(), 1) < 0:
            raise BadValue(f"{path} is broken: FluidSynth finds no sounds in it")

    def __del__(self) -> None:
        if getattr(self, "_synth", None):
            self._library.delete_fluid_synth(self._synth)
            self._library.delete_fluid_settings(self._settings)

    @property
    def sounding(self) -> int:
        return int(self._library.fluid_synth_get_active_voice_count(self._synth)) + len(self._waiting)

    def play(self, message: bytes, frame: int = 0) -> None:
        self._waiting.append((frame, message))

    def render(self, frames: int) -> NDArray[np.float32]:
        block, done = np.zeros((frames, 2), np.float32), 0
        for frame, message in self._waiting:
            self._write(block[done : max(frame, done)])
            done = max(frame, done)
            self._obey(message)
        self._waiting.clear()
        self._write(block[done:])
        return self._limiter.limit(block)

    def _write(self, block: NDArray[np.float32]) -> None:
        if len(block):
            place = block.ctypes.data_as(ctypes.c_void_p)
            self._library.fluid_synth_write_float(self._synth, len(block), place, 0, 2, place, 1, 2)

    def _obey(self, message: bytes) -> None:
        if strikes(message):
            self._library.fluid_synth_noteon(self._synth, 0, message[1], message[2])
        elif releases(message):
            self._library.fluid_synth_noteoff(self._synth, 0, message[1])
        elif len(message) == 3 and message[0] & 0xF0 == CONTROL_CHANGE:
            self._library.fluid_synth_cc(self._synth, 0, message[1], message[2])


def check(path: Path) -> None:
    """Raises NoSound if FluidSynth is not installed, BadValue if the file is no sound font."""
    _library()
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError as error:
        raise BadValue(f"the sound font {path} cannot be read: {error.strerror}") from error
    if head[:4] != b"RIFF" or head[8:] != b"sfbk":
        raise BadValue(f"{path} is no sound font: it should be a .sf2 or .sf3 file")


def _library() -> Any:
    name = ctypes.util.find_library("fluidsynth") or _NAMES.get(sys.platform, _NAMES["linux"])
    try:
        library = ctypes.CDLL(name)
        for function, (returned, taken) in _FUNCTIONS.items():
            getattr(library, function).restype, getattr(library, function).argtypes = returned, taken
    except (OSError, AttributeError) as error:
        raise NoSound(f"a sound font needs FluidSynth 2, which is not installed: {_INSTALL}") from error
    for level in range(_LEVELS):
        library.fluid_set_log_function(level, None, None)
    return library
