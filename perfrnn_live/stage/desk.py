"""The performer's desk: what controllers, pads and faces ask for → wishes; and learning which control does which."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from perfrnn_live.live.controls import ACTIONS, KNOBS, Action, Knob, Mode, Pad, Settings, label
from perfrnn_live.live.wishes import Do, Turn, Wish
from perfrnn_live.music.midi import CONTROL_CHANGE, control_of, strikes
from perfrnn_live.player.messages import Received
from perfrnn_live.stage.bindings import LEARNABLE_CONTROLS, Bindings, may_bind
from perfrnn_live.stage.encoders import Habit


@dataclass(frozen=True, slots=True)
class Put:
    """The knob of this `name` is to stand at `value`."""

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class Nudge:
    """The selected knob is to be turned by so many key presses, up or down."""

    presses: int


@dataclass(frozen=True, slots=True)
class Select:
    """The knob so many places further on, or back, is to be the selected one."""

    places: int


class Switching(Enum):
    """What else a face can ask of the desk."""

    NEXT_MODE = "next mode"
    STORE_NEXT = "the next pad is stored and not recalled"
    LEARN = "learn"
    LEARN_NOTHING = "learn nothing"


FaceWish = Action | Pad | Put | Nudge | Select | Switching
"""What a face may hand in: to be done, or to be turned."""


class Desk:
    """All that steers. `settings` are where the knobs stand; `selected` names the one that is nudged.

    Knobs pick up: a controller changes nothing until, from where it last stood to where it stands now, it reaches or
    crosses the value. So it never moves a value further than it was moved itself, whoever changed the value meanwhile;
    and one that was not yet seen moves none until it stands on it. A controller that is found to be an endless encoder
    turns its knob from where it stands. A controller as a button is pressed when it goes up to 64 or more, or says
    again and again that it is there. Channels make no difference. Controllers have 7 bits.
    """

    def __init__(self, settings: Settings, learned: Path | None) -> None:
        """`learned` is the file of the learned controls; without one, what is learned is forgotten at the end. Raises
        BadValue, naming it, if it is broken."""
        self.settings = settings
        self.selected = next(iter(KNOBS))
        self._bindings = Bindings(learned)
        self._habits: defaultdict[str, Habit] = defaultdict(Habit)
        self._turned_to: dict[str, int] = {}  # where a knob's controller would stand that is turned by an encoder
        self._learning: str | None = None
        self._storing = False
        self._remark = self._taught = ""

    def wait(self) -> str | None:
        """Wait until what was learned is written, but for 2 s at most. A sentence if it will be forgotten."""
        return self._bindings.wait()

    @property
    def said(self) -> str:
        """A short line for the screen; empty when there is nothing to say."""
        if self._storing:
            return "store: 1 to 8"
        if self._learning is not None:
            what = "move a knob" if self._learning in KNOBS else "press a button or strike a pad"
            return f"learning {label(self._learning)}: {what}"
        complaint = self._bindings.complaint
        if complaint is not None and self._remark == self._taught:
            return f"{self._remark}, until the end: {complaint}"
        return self._remark

    @property
    def steering(self) -> frozenset[str]:
        """The controls that steer, and so are no music: those that do something, and those that may learn to."""
        learning = self._learning
        lessons = () if learning is None else (each for each in LEARNABLE_CONTROLS if may_bind(each, learning))
        return self._bindings.controls.union(lessons)

    def receive(self, received: Received) -> Wish | None:
        """What came in. If it steers, it turns a knob, is learned, or asks for what is returned."""
        message, control = received.message, control_of(received.message)
        if control is None:
            return None
        habit, now = self._habits[control], message[2]
        before = habit.value
        habit.follow(now)
        if not received.steers:
            return None
        name = self._bindings.name_for(control)
        if (lesson := self._lesson(message, control)) is not None:
            self._learn(control, lesson)
        elif name in KNOBS and habit.is_encoder:
            return self._turn_on(received.arrival_s, KNOBS[name], habit.ticks)
        elif name in KNOBS:
            since = now if before is None or habit.may_be_encoder else before
            return self._turn(received.arrival_s, KNOBS[name], since, now)
        elif name is not None and (strikes(message) or (_is_controller(message) and habit.presses)):
            return Do(received.arrival_s, ACTIONS[name])
        return None

    def obey(self, at_s: float, wish: FaceWish) -> Wish | None:
        """What a face asked for at `at_s`; returns what of it is for the machine."""
        storing, self._storing = self._storing, False
        self._remark = ""
        match wish:
            case Select(places):
                names = list(KNOBS)
                self.selected = names[(names.index(self.selected) + places) % len(names)]
                if self._learning is not None:
                    self._learning = self.selected
            case Nudge(presses):
                return self._put(at_s, self.selected, self._knob.nudged(self._value, presses))
            case Put(name, value):
                return self._put(at_s, name, value)
            case Switching.NEXT_MODE:
                modes = list(Mode)
                return self._put(at_s, "mode", modes[(modes.index(self.settings.mode) + 1) % len(modes)])
            case Switching.STORE_NEXT:
                self._storing = True
            case Switching.LEARN:
                self._learning = self.selected
            case Switching.LEARN_NOTHING:
                self._learning = None
            case Pad(number, store):
                return self._act(at_s, Pad(number, store or storing))
            case Action():
                return self._act(at_s, wish)
        return None

    @property
    def _knob(self) -> Knob:
        return KNOBS[self.selected]

    @property
    def _value(self) -> Any:
        return getattr(self.settings, self.selected)

    def _put(self, at_s: float, name: str, value: Any) -> Turn:
        self.settings = self.settings.turned(name, value)
        return Turn(at_s, name, value)

    def _act(self, at_s: float, action: Action | Pad) -> Do | None:
        """Do it; or, while learning, have it learned. Silence and the end are never put off."""
        if self._learning is None or action in (Action.PANIC, Action.QUIT):
            return Do(at_s, action)
        self._learning = next(name for name, each in ACTIONS.items() if each == action)
        return None

    def _lesson(self, message: bytes, control: str) -> str | None:
        """What the control is to do from now on. A release teaches nothing: that key may have been struck as music."""
        if self._learning is None or not may_bind(control, self._learning):
            return None
        return self._learning if strikes(message) or _is_controller(message) else None

    def _learn(self, control: str, name: str) -> None:
        self._learning = None
        self._remark = self._taught = f"{control} now {'turns' if name in KNOBS else 'means'} {label(name)}"
        self._bindings.learn(control, name)

    def _turn(self, at_s: float, knob: Knob, before: int, now: int) -> Turn | None:
        value = getattr(self.settings, knob.name)
        stands = knob.position_of(value)
        low, high = sorted(knob.position_of(knob.value_at(position)) for position in (before, now))
        if low <= stands <= high:
            self._remark = ""
            return self._put(at_s, knob.name, knob.value_at(now))
        way = "up" if high < stands else "down"
        self._remark = f"pick-up: {label(knob.name)} is at {knob.text(value)}, turn {way}"
        return None

    def _turn_on(self, at_s: float, knob: Knob, ticks: int) -> Turn:
        """An encoder turns the knob from where it stands, a controller's position for each of its ticks."""
        value, position = getattr(self.settings, knob.name), self._turned_to.get(knob.name)
        if position is None or knob.value_at(position) != value:
            position = knob.position_of(value)
        self._turned_to[knob.name] = position = min(max(position + ticks, 0), 127)
        self._remark = ""
        return self._put(at_s, knob.name, knob.value_at(position))


def _is_controller(message: bytes) -> bool:
    return message[0] & 0xF0 == CONTROL_CHANGE
