"""The performer's desk: controllers, pads and keys → settings and actions, and learning which does which."""

from __future__ import annotations

from pathlib import Path

from perfrnn_live.errors import CannotWrite
from perfrnn_live.live.controls import ACTIONS, KNOBS, Action, Knob, Mode, Pad, Settings, label
from perfrnn_live.music.midi import CONTROL_CHANGE, strikes
from perfrnn_live.stage.bindings import Bindings, control_of, may_bind

_PRESSED = 64  # a controller as a button is down from here on, as a pedal is
_ACTION_KEYS = {
    " ": "panic",
    "\n": "phrase_over",
    "\r": "phrase_over",
    "a": "again",
    "f": "freeze",
    "w": "save_pads",
    "q": "quit",
}
_PAD_KEYS = frozenset("12345678")
_SELECT = {"\x1b[C": 1, "\t": 1, "\x1b[D": -1}  # right, Tab, left
_NUDGE = {"\x1b[A": 1, "+": 1, "=": 1, "\x1b[B": -1, "-": -1}  # up, down; = is + without shift


class Desk:
    """All that steers. `settings` may be swapped from outside too; `selected` names the knob that the keys change.

    Knobs pick up: a controller changes nothing until, from where it last stood to where it stands now, it reaches or
    crosses the value. So it never moves a value further than it was moved itself, whoever changed the value meanwhile;
    and one that was not yet seen moves none until it stands on it. A controller as a button is pressed when it goes up
    to 64 or more. Channels are all one. Controllers are absolute and of 7 bits.
    """

    def __init__(self, settings: Settings, learned: Path) -> None:
        """`learned` is the file of the learned controls. Raises BadValue, naming it, if it is broken."""
        self.settings = settings
        self.selected = next(iter(KNOBS))
        self._bindings = Bindings(learned)
        self._positions: dict[str, int] = {}
        self._learning: str | None = None
        self._storing = False
        self._remark = ""

    @property
    def said(self) -> str:
        """A short line for the screen; empty when there is nothing to say."""
        if self._storing:
            return "store: 1 to 8"
        if self._learning is not None:
            what = "move a knob" if self._learning in KNOBS else "press a button or strike a pad"
            return f"learning {label(self._learning)}: {what}"
        return self._remark

    def receive(self, message: bytes) -> Action | Pad | None:
        """A message from the input, of any length: it turns a knob, is learned, or does what is returned."""
        control = control_of(message)
        if control is None:
            return None
        before, now = self._positions.get(control), message[2]
        self._positions[control] = now
        name = self._bindings.name_for(control)
        if (lesson := self._lesson(message, control)) is not None:
            self._learn(control, lesson)
        elif name in KNOBS:
            self._turn(KNOBS[name], now if before is None else before, now)
        elif name is not None and _presses(message, before or 0):
            return ACTIONS[name]
        return None

    def consumes(self, message: bytes) -> bool:
        """True for what steers and so is no music, asked before or after it is received."""
        control = control_of(message)
        if control is None:
            return False
        return self._bindings.name_for(control) is not None or self._lesson(message, control) is not None

    def press(self, key: str) -> Action | Pad | None:
        """A key press: a character, or the escape sequence of an arrow key. Those that mean nothing do nothing."""
        storing, self._storing = self._storing, False
        self._remark = ""
        if key in _SELECT:
            names = list(KNOBS)
            self.selected = names[(names.index(self.selected) + _SELECT[key]) % len(names)]
            if self._learning is not None:
                self._learning = self.selected
        elif key in _NUDGE:
            nudged = KNOBS[self.selected].nudged(getattr(self.settings, self.selected), _NUDGE[key])
            self.settings = self.settings.turned(self.selected, nudged)
        elif key == "m":
            modes = list(Mode)
            self.settings = self.settings.turned("mode", modes[(modes.index(self.settings.mode) + 1) % len(modes)])
        elif key == "s":
            self._storing = True
        elif key == "l":
            self._learning = self.selected
        elif key == "\x1b":
            self._learning = None
        elif key in _PAD_KEYS:
            return self._act(f"store_{key}" if storing else f"recall_{key}")
        elif key in _ACTION_KEYS:
            return self._act(_ACTION_KEYS[key])
        return None

    def _act(self, name: str) -> Action | Pad | None:
        """Do it; or, while learning, have it learned. Silence and the end are never put off."""
        if self._learning is None or name in ("panic", "quit"):
            return ACTIONS[name]
        self._learning = name
        return None

    def _lesson(self, message: bytes, control: str) -> str | None:
        """What the control is to do from now on. A release teaches nothing: that key may have been struck as music."""
        if self._learning is None or not may_bind(control, self._learning):
            return None
        return self._learning if strikes(message) or _is_controller(message) else None

    def _learn(self, control: str, name: str) -> None:
        self._learning = None
        self._remark = f"{control} now {'turns' if name in KNOBS else 'means'} {label(name)}"
        try:
            self._bindings.learn(control, name)
        except CannotWrite as error:
            self._remark += f", until the end: {error}"

    def _turn(self, knob: Knob, before: int, now: int) -> None:
        value = getattr(self.settings, knob.name)
        stands = knob.position_of(value)
        low, high = sorted(knob.position_of(knob.value_at(position)) for position in (before, now))
        if low <= stands <= high:
            self.settings = self.settings.turned(knob.name, knob.value_at(now))
            self._remark = ""
        else:
            way = "up" if high < stands else "down"
            self._remark = f"pick-up: {label(knob.name)} is at {knob.text(value)}, turn {way}"


def _is_controller(message: bytes) -> bool:
    return message[0] & 0xF0 == CONTROL_CHANGE


def _presses(message: bytes, before: int) -> bool:
    return strikes(message) or (_is_controller(message) and before < _PRESSED <= message[2])
