"""What a performer can turn and do: one table of knobs, one frozen value of their settings, and the actions.

Ranges, controllers, key steps and texts all follow from `KNOBS`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Literal

from perfrnn_live.errors import BadValue
from perfrnn_live.music.composers import COMPOSERS
from perfrnn_live.music.pitch import name_of
from perfrnn_live.music.scales import ANY, CHOICES

_CENTRE, _LAST = 64, 127  # of a controller's positions
_PRESSES = 16  # of a key, from one end of a dial to the other


class Mode(Enum):
    """Who plays when: the machine alone, both in turns, or both at once."""

    SOLO = "solo"
    TRADE = "trade"
    DUET = "duet"


class Action(Enum):
    """What a performer can ask for once; it is done at once."""

    QUIT = "quit"
    PANIC = "panic"
    START = "start"
    STOP = "stop"
    PHRASE_OVER = "phrase_over"
    AGAIN = "again"
    FREEZE = "freeze"
    SAVE_PADS = "save_pads"
    MOMENT = "moment"


@dataclass(frozen=True, slots=True)
class Pad:
    """Pad `number`, 1 to 8: store the present moment on it, or recall what it holds."""

    number: int
    store: bool


ACTIONS: dict[str, Action | Pad] = (
    {action.value: action for action in Action}
    | {f"recall_{number}": Pad(number, store=False) for number in range(1, 9)}
    | {f"store_{number}": Pad(number, store=True) for number in range(1, 9)}
)
ACTION_NAMES = {action: name for name, action in ACTIONS.items()}


@dataclass(frozen=True, slots=True)
class Dial:
    """A number from `low` to `high`, by default on controller `cc`. Equal turns are equal differences, or equal ratios;
    halfway is the arithmetic or the geometric mean, and exactly the controller's position 64."""

    name: str
    cc: int
    low: float
    high: float
    curve: Literal["linear", "ratio"] = "linear"

    @property
    def span(self) -> str:
        """What it can be, in words."""
        return f"from {self.low:g} to {self.high:g}"

    def check(self, value: object) -> None:
        """Raises BadValue for what is no number or out of range."""
        if not (isinstance(value, float | int) and self.low <= value <= self.high):
            raise BadValue(f"{label(self.name)} must be {self.span}, not {value}")

    def value_at(self, position: float) -> float:
        """A controller's 0–127, or between them → the value."""
        position = min(position, _LAST)
        halves = position / _CENTRE if position <= _CENTRE else 1 + (position - _CENTRE) / (_LAST - _CENTRE)
        return self._value(halves / 2)

    def position_of(self, value: float) -> int:
        """The value → the controller's nearest position."""
        halves = 2 * self._turn(value)
        return round(halves * _CENTRE if halves <= 1 else _CENTRE + (halves - 1) * (_LAST - _CENTRE))

    def nudged(self, value: float, presses: int) -> float:
        """The value some key presses up or down, each a sixteenth of the way and onto a sixteenth, no further than the
        ends."""
        return self._value(min(max(round(self._turn(value) * _PRESSES) + presses, 0), _PRESSES) / _PRESSES)

    def text(self, value: float) -> str:
        """The value as the screen shows it."""
        return f"{value:.2f}"

    def _value(self, turn: float) -> float:
        if self.curve == "ratio":
            return self.low * math.pow(self.high / self.low, turn)
        return self.low + (self.high - self.low) * turn

    def _turn(self, value: float) -> float:
        """How far from one end, 0, to the other, 1."""
        if self.curve == "ratio":
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True, slots=True)
class Switch:
    """One of at most 128 `options`, by default on controller `cc`, whose positions are shared out among them evenly."""

    name: str
    cc: int
    options: tuple[Any, ...]

    @property
    def span(self) -> str:
        """What it can be, in words; of many options the first and the last."""
        texts = [self.text(option) for option in self.options]
        return "one of " + (", ".join(texts) if len(texts) <= 17 else f"{', '.join(texts[:3])} … {texts[-1]}")

    def check(self, value: object) -> None:
        """Raises BadValue for what is no option."""
        if value not in self.options:
            raise BadValue(f"{label(self.name)} must be {self.span}, not {value}")

    def value_at(self, position: float) -> Any:
        """A controller's 0–127, or between them → the option."""
        return self.options[min(int(position * len(self.options) / (_LAST + 1)), len(self.options) - 1)]

    def position_of(self, value: object) -> int:
        """The option → the first of the controller's positions that mean it."""
        return math.ceil(self.options.index(value) * (_LAST + 1) / len(self.options))

    def nudged(self, value: object, presses: int) -> Any:
        """The option some key presses on or back, no further than the ends."""
        return self.options[min(max(self.options.index(value) + presses, 0), len(self.options) - 1)]

    def text(self, value: object) -> str:
        """The option as the screen shows it."""
        return str(value.value if isinstance(value, Enum) else value)


@dataclass(frozen=True, slots=True)
class OptionalDial:
    """A number of `dial` that can be asked for, or None, at its controller's lowest position: left to the model."""

    dial: Dial

    @property
    def name(self) -> str:
        return self.dial.name

    @property
    def cc(self) -> int:
        return self.dial.cc

    @property
    def span(self) -> str:
        """What it can be, in words."""
        return f"{self.dial.span}, or free"

    def check(self, value: object) -> None:
        """Raises BadValue for what is no number or out of range."""
        if value is not None and not (isinstance(value, float | int) and self.dial.low <= value <= self.dial.high):
            raise BadValue(f"{label(self.name)} must be {self.span}, not {value}")

    def value_at(self, position: float) -> Any:
        """A controller's 0–127, or between them → the value."""
        return self.dial.value_at(position) if position else None

    def position_of(self, value: float | None) -> int:
        """The value → the controller's nearest position."""
        return 0 if value is None else max(self.dial.position_of(value), 1)

    def nudged(self, value: float | None, presses: int) -> float | None:
        """The value some key presses up or down; below the lowest it is left to the model."""
        if value is None:
            return self.dial.nudged(self.dial.low, presses - 1) if presses > 0 else None
        lowest = self.dial.nudged(self.dial.low, -presses)  # from which so many presses lead to the dial's end
        return None if presses < 0 and value < lowest else self.dial.nudged(value, presses)

    def text(self, value: float | None) -> str:
        """The value as the screen shows it."""
        return "free" if value is None else f"{value:.3g}"


class KeySwitch(Switch):
    """One of the keys, by name; or None, off."""

    def text(self, value: object) -> str:
        """The key as the screen shows it."""
        return name_of(value) if isinstance(value, int) else "off"


Knob = Dial | OptionalDial | Switch

KNOBS: dict[str, Knob] = {
    knob.name: knob
    for knob in (
        Dial("temperature", 1, 0.5, 2.0, "ratio"),  # the modulation wheel; MIDI 1.0 leaves 20 to 31 undefined
        Dial("top_p", 20, 0.5, 1.0),
        OptionalDial(Dial("density", 21, 1.0, 30.0, "ratio")),
        OptionalDial(Dial("loudness", 22, 20.0, 110.0)),
        OptionalDial(Dial("register", 23, 36.0, 84.0)),
        OptionalDial(Dial("sounding", 15, 1.0, 14.0, "ratio")),
        Switch("polyphony", 24, tuple(range(1, 33))),
        Switch("scale", 25, CHOICES),
        Dial("answer_length", 26, 0.25, 4.0, "ratio"),
        Dial("morph", 27, 0.0, 1.0),
        Switch("mode", 28, tuple(Mode)),
        Switch("composer", 29, (ANY, *COMPOSERS)),
        Switch("towards", 30, (ANY, *COMPOSERS)),
        Dial("blend", 31, 0.0, 1.0),
        Dial("recall", 14, 0.0, 1.0),  # MIDI 1.0 leaves 14 and 15 undefined too
        Dial("likeness", 85, 0.0, 2.0),  # and 85 to 87
        Dial("across", 86, 0.0, 1.0),
        KeySwitch("lowest", 87, tuple(range(128))),
        KeySwitch("highest", 89, tuple(range(128))),  # 88 is for velocities finer than seven bits
        KeySwitch("split", 90, (None, *range(1, 128))),
    )
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the knobs stand: one value, swapped whole when one is turned. The defaults play as learned.

    `density`, `loudness`, `register` and `sounding` ask for notes a second, a mean velocity, a mean pitch and so many
    keys that sound, by hand or by pedal. At most `polyphony` keys of its own sound at a time; 32 is as many as it
    likes. `scale`: a key, "any", to "follow" what was played lately, or what is "held". `answer_length`: an answer's
    length as the call's times this. `morph`: from one stored pad to another; `across`: from these two to the two used
    before them. `composer` asks for somebody's style, `blend` is how far it leans `towards` somebody else's. `recall`:
    how often and how closely it quotes what was struck before, by either player. `likeness`: how closely it keeps to
    the manner of a recording or of the pads. It keeps between the keys `lowest` and `highest`, whichever is which; with
    `split` to the other side of that key than the other player's last note. Raises BadValue for what is out of its
    knob's range.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    density: float | None = None
    loudness: float | None = None
    register: float | None = None
    sounding: float | None = None
    polyphony: int = 32
    scale: str = ANY
    answer_length: float = 1.0
    morph: float = 0.0
    mode: Mode = Mode.SOLO
    composer: str = ANY
    towards: str = ANY
    blend: float = 0.0
    recall: float = 0.0
    likeness: float = 0.0
    across: float = 0.0
    lowest: int = 0
    highest: int = 127
    split: int | None = None

    def __post_init__(self) -> None:
        for knob in KNOBS.values():
            knob.check(getattr(self, knob.name))

    def turned(self, name: str, value: Any) -> Settings:
        """The same with another value for the knob of that name. Raises BadValue."""
        return replace(self, **{name: value})

    @property
    def composers(self) -> tuple[tuple[str, float], ...]:
        """Weights of the composers asked for; nobody, unless `composer` is somebody."""
        if self.composer == ANY:
            return ()
        if self.towards == ANY:
            return ((self.composer, 1.0),)
        return ((self.composer, 1 - self.blend), (self.towards, self.blend))


# Where `play` begins. At top p 1 the shipped model strays from people's keys within the hour (`tests/bench/hour.py`);
# at this recall as much comes back as in people's playing (`tests/bench/motifs.py`).
AT_FIRST = Settings(top_p=0.9, recall=0.34)


def label(name: str) -> str:
    """A knob's or an action's name in words."""
    return name.replace("_", " ")
