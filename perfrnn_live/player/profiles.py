"""What an output needs: how early a message must leave to sound in time, how fast keys move, what comes back from it.

`DAW` asks for nothing. `DISKLAVIER` is one measured piano, written down so that another one can start `like` it.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from perfrnn_live.errors import BadValue
from perfrnn_live.music.midi import strikes

_RANGES = {
    "input_delay_s": (0.0, 1.0),
    "base_delay_s": (0.0, 1.0),
    "velocity_gamma": (0.25, 4.0),
    "softest_velocity": (1, 127),
    "min_note_s": (0.0, 1.0),
    "min_gap_s": (0.0, 1.0),
    "min_pedal_gap_s": (0.0, 1.0),
    "polyphony": (1, 128),
    "echo_tolerance_s": (0.0, 1.0),
    "echo_velocity_tolerance": (0, 127),
}
_PEDALS = ("notes", "cc64")


def _check_number(key: str, value: Any, lowest: float, highest: float) -> None:
    """A whole number is wanted where `lowest` is one."""
    whole = isinstance(lowest, int)
    if type(value) not in ((int,) if whole else (int, float)) or not lowest <= value <= highest:
        raise BadValue(f"{key} must be a {'whole ' if whole else ''}number from {lowest} to {highest}, not {value!r}")


@dataclass(frozen=True, slots=True)
class Profile:
    """One output. Raises BadValue for a wrong type and for a number out of its range, naming the field.

    A strike leaves `base_delay_s` and what `strike_delays_s` adds before it is to sound, everything else
    `base_delay_s` before; what arrives was done `input_delay_s` ago. `strike_delays_s` are (velocity, seconds) by
    ascending velocity, linear in between and level beyond its ends.

    Velocities follow a power law, 127 · (v / 127) ^ `velocity_gamma`, and are no lower than `softest_velocity`.
    A note lasts at least `min_note_s`, a key rests at least `min_gap_s` before it is struck again, the pedal
    `min_pedal_gap_s` before it moves again, and at most `polyphony` notes sound at once. `pedal` says how what the
    pedal holds is sent: as long "notes", or as "cc64".

    With `active_sensing` the output is to fall silent by itself when the player dies. With `echo` the output reports
    back what it is told to play: up to `echo_tolerance_s` later than it should, and with velocities up to
    `echo_velocity_tolerance` off.
    """

    name: str
    input_delay_s: float = 0.0
    base_delay_s: float = 0.0
    strike_delays_s: tuple[tuple[int, float], ...] = ()
    velocity_gamma: float = 1.0
    softest_velocity: int = 1
    min_note_s: float = 0.0
    min_gap_s: float = 0.0
    min_pedal_gap_s: float = 0.0
    polyphony: int = 128
    pedal: Literal["notes", "cc64"] = "notes"
    active_sensing: bool = False
    echo: bool = False
    echo_tolerance_s: float = 0.1
    echo_velocity_tolerance: int = 48

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise BadValue(f"name must be a text, not {self.name!r}")
        for key, (lowest, highest) in _RANGES.items():
            _check_number(key, getattr(self, key), lowest, highest)
        for key in ("active_sensing", "echo"):
            if not isinstance(getattr(self, key), bool):
                raise BadValue(f"{key} must be true or false, not {getattr(self, key)!r}")
        if self.pedal not in _PEDALS:
            raise BadValue(f"pedal must be one of {', '.join(_PEDALS)}, not {self.pedal!r}")
        self._check_strike_delays()

    def _check_strike_delays(self) -> None:
        points: object = self.strike_delays_s  # whatever a file may have brought
        if not isinstance(points, tuple) or not all(isinstance(point, tuple) and len(point) == 2 for point in points):
            raise BadValue(f"strike_delays_s must be pairs of a velocity and seconds, not {points!r}")
        previous = 0
        for velocity, delay_s in self.strike_delays_s:
            _check_number("a velocity of strike_delays_s", velocity, previous + 1, 127)
            _check_number("a delay of strike_delays_s", delay_s, 0.0, 1.0)
            previous = velocity

    def output_delay_s(self, message: bytes) -> float:
        """How many seconds before it is to sound `message`, as it is sent (so after `to_output`), must leave."""
        if not self.strike_delays_s or not strikes(message):
            return self.base_delay_s
        velocities, delays_s = zip(*self.strike_delays_s, strict=True)
        return self.base_delay_s + float(np.interp(message[2], velocities, delays_s))

    @property
    def longest_delay_s(self) -> float:
        """The longest that any message must leave before it is to sound, in seconds."""
        return self.base_delay_s + max((delay_s for _, delay_s in self.strike_delays_s), default=0.0)

    def to_output(self, message: bytes) -> bytes:
        """The message that this output is to be sent: a strike with its velocity on the curve, all else as it is."""
        if not strikes(message):
            return message
        velocity = max(round(127 * (message[2] / 127) ** self.velocity_gamma), self.softest_velocity)
        return bytes((message[0], message[1], velocity))

    def to_toml(self) -> str:
        """A profile file with every number, as `load_profile` reads it."""
        lines = (
            f"{field.name} = {json.dumps(getattr(self, field.name), ensure_ascii=False)}" for field in fields(self)
        )
        return "\n".join(lines) + "\n"


DAW = Profile("daw")
"""An instrument that sounds at once: a synthesiser, a sampler, a digital piano."""

DISKLAVIER = Profile(
    "disklavier",
    input_delay_s=0.05,
    base_delay_s=0.05,
    strike_delays_s=(
        (10, 0.155),
        (20, 0.140),
        (30, 0.130),
        (40, 0.105),
        (50, 0.085),
        (60, 0.060),
        (70, 0.030),
        (80, 0.010),
        (90, 0.004),
        (100, 0.0),
    ),
    softest_velocity=10,
    min_note_s=0.1,
    min_gap_s=0.1,
    min_pedal_gap_s=0.1,
    polyphony=16,
    pedal="cc64",
    active_sensing=True,
    echo=True,
)
"""A Yamaha Disklavier with its "MIDI IN delay" off.

All delays, shortest lengths and gaps were measured on the piano of the Centre for Digital Music in London for the Aria
demonstration (github.com/EleutherAI/aria, demo/hardware/c4dm-disklavier.json), down to velocity 10. Echoes: Goebl &
Bresin (2003) found onsets reproduced 20 ms early to 30 ms late and captured within 10 ms, and dynamics true only in the
middle of the range; the tolerances leave more, for another piano. `echo` is on: few pianos send back what they play,
but on one that does the instrument would hear itself, and looking for echoes costs only strikes on a key that moves by
itself just then. `polyphony`: no limit is published; in MAESTRO v3 (every fourth recording of the validation split) no
more than 10 keys are ever down, and with what the pedal holds more than 16 sound for 1.5 % of the time.
"""

PROFILES = {profile.name: profile for profile in (DAW, DISKLAVIER)}


def load_profile(name_or_path: str) -> Profile:
    """A shipped profile by its name, or one from a TOML file by its path.

    The file's keys are the fields of `Profile`; those left out are taken from the shipped profile named by `like`
    (by default "daw"), and `name` from the file's own. Raises BadValue naming file and key.
    """
    if name_or_path in PROFILES:
        return PROFILES[name_or_path]
    path = Path(name_or_path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        shipped = ", ".join(PROFILES)
        raise BadValue(f"there is no profile {name_or_path!r}; shipped are: {shipped}; or give a TOML file") from error
    except OSError as error:
        raise BadValue(f"the profile {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BadValue(f"the profile {path} is not TOML: {error}") from error
    try:
        return _of_table({"name": path.stem} | table)
    except BadValue as error:
        raise BadValue(f"the profile {path} is wrong: {error}") from error


def _of_table(table: dict[str, object]) -> Profile:
    like = table.pop("like", DAW.name)
    if not isinstance(like, str) or like not in PROFILES:
        raise BadValue(f"like must be one of {', '.join(PROFILES)}, not {like!r}")
    keys = [field.name for field in fields(Profile)]
    for key in table:
        if key not in keys:
            raise BadValue(f"there is no {key!r}; there are: like, {', '.join(keys)}")
    return replace(PROFILES[like], **{key: _tuples(value) for key, value in table.items()})  # type: ignore[arg-type]


def _tuples(value: object) -> object:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
