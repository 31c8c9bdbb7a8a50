"""Which of the performer's MIDI controls does what: the defaults, and what was learned, kept in a file.

A control is a controller, a parameter of the maker's own or a key by its number, on any channel, written as in the
file: "CC 74", "NRPN 300", "note 36"; or "CC 74 reversed", a footswitch that is down where others are up. It does one
thing, and each thing is done by one control: a knob is turned by a controller or parameter, an action is done by any.
"""

from __future__ import annotations

import threading
import tomllib
from pathlib import Path

from perfrnn_live.errors import BadValue
from perfrnn_live.live.controls import ACTIONS, KNOBS
from perfrnn_live.music.midi import SUSTAIN
from perfrnn_live.stage.controllers import NAMING_CONTROLS

_MODE_MESSAGES = 120  # controllers from here on are orders to a receiver: all sound off, all notes off ...
_CONTROLLERS = frozenset(f"CC {number}" for number in range(_MODE_MESSAGES) if number != SUSTAIN) - NAMING_CONTROLS
_PARAMETERS = frozenset(f"NRPN {number}" for number in range(1 << 14))
_KEYS = frozenset(f"note {number}" for number in range(128))
LEARNABLE_CONTROLS = _CONTROLLERS | _KEYS
_REVERSED = " reversed"

DEFAULTS = {name: f"CC {knob.cc}" for name, knob in KNOBS.items()} | {
    "phrase_over": "CC 102",  # MIDI 1.0 leaves 102 to 119 undefined
    "again": "CC 103",
    "freeze": "CC 104",
    "panic": "CC 105",
    "moment": "CC 106",
    **{f"recall_{number}": f"CC {109 + number}" for number in range(1, 9)},
}
_PATIENCE_S = 2.0  # what is not written by then, after the end, is given up
_LEARNABLE = KNOBS.keys() | ACTIONS.keys() - {"quit"}  # no slip of a hand ends a concert


def may_bind(control: str, name: str) -> bool:
    """Whether the control can be made to do that. The sustain pedal cannot: it is music."""
    if name in KNOBS or not control.endswith(_REVERSED):
        is_turned = control in _CONTROLLERS or control in _PARAMETERS
        return name in _LEARNABLE and (is_turned or (control in _KEYS and name not in KNOBS))
    return name in _LEARNABLE and control.removesuffix(_REVERSED) in _CONTROLLERS


class Bindings:
    """From controls to names of knobs and actions. A missing file at `path` is one in which nothing was learned; with
    no path, what is learned is forgotten at the end.

    What is learned holds at once and is written on a thread of its own. `complaint` says why that could not be done.
    """

    def __init__(self, path: Path | None) -> None:
        """Raises BadValue, naming the file, if it is broken."""
        self._path = path
        self._learned = _read(path) if path is not None else {}
        self._names = self._by_control()
        self._writing: threading.Thread | None = None
        self.complaint: str | None = None

    @property
    def controls(self) -> frozenset[str]:
        """Those that do something."""
        return frozenset(self._names)

    def name_for(self, control: str) -> str | None:
        """What the control does."""
        return self._names.get(control)

    def control_for(self, name: str) -> str | None:
        """What control does that."""
        return next((control for control, its in self._names.items() if its == name), None)

    def is_reversed(self, control: str) -> bool:
        """Whether it is pressed when it goes down to below 64."""
        return control + _REVERSED in self._learned.values()

    def learn(self, control: str, name: str, is_reversed: bool = False) -> None:
        """From now on the control does this and nothing else, and nothing else does it; a control that `may_bind`."""
        kept = {other: its for other, its in self._learned.items() if its.removesuffix(_REVERSED) != control}
        self._learned = kept | {name: control + (_REVERSED if is_reversed else "")}
        self._names = self._by_control()
        if self._path is not None:
            told = (self._path, self._learned, self._writing)
            self._writing = threading.Thread(target=self._keep, args=told, daemon=True)
            self._writing.start()

    def wait(self) -> str | None:
        """Wait until all is written, but for 2 s at most. A sentence if something will be forgotten."""
        if self._writing is not None:
            self._writing.join(_PATIENCE_S)
            if self._writing.is_alive():
                return f"what was learned is forgotten: {self._path} could not be written in time"
        return None if self.complaint is None else f"what was learned is forgotten: {self.complaint}"

    def _by_control(self) -> dict[str, str]:
        defaults = {control: name for name, control in DEFAULTS.items() if name not in self._learned}
        return defaults | {control.removesuffix(_REVERSED): name for name, control in self._learned.items()}

    def _keep(self, path: Path, learned: dict[str, str], before: threading.Thread | None) -> None:
        if before is not None:
            before.join()  # the last that is learned is the last that is written
        lines = ["# Learned by perfrnn-live. Without its line, each is on its default again.\n"]
        lines += [f'{name} = "{control}"\n' for name, control in learned.items()]
        beside = path.with_name(path.name + ".new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text("".join(lines), encoding="utf-8")
            beside.replace(path)
            self.complaint = None
        except OSError as error:
            self.complaint = f"cannot write {path}: {error.strerror}"


def _read(path: Path) -> dict[str, str]:
    try:
        learned = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise BadValue(f"the learned controls in {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BadValue(f"the learned controls in {path} are not TOML: {error}") from error
    for name, control in learned.items():
        if name not in _LEARNABLE:
            raise BadValue(f"the learned controls in {path} are wrong: there is no {name!r} to be learned")
        if not isinstance(control, str) or not may_bind(control, name):
            raise BadValue(f"the learned controls in {path} are wrong: {name} cannot be on {control!r}")
    if len({control.removesuffix(_REVERSED) for control in learned.values()}) < len(learned):
        raise BadValue(f"the learned controls in {path} are wrong: one control cannot do two things")
    return learned
