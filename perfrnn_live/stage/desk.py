"""The performer's desk: what controllers, pads and faces ask for → wishes; and learning which control does which."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from perfrnn_live.live.controls import ACTION_NAMES, ACTIONS, KNOBS, Action, Knob, Mode, Pad, Settings, label
from perfrnn_live.live.wishes import Do, Turn, Wish
from perfrnn_live.music.midi import CONTROL_CHANGE, strikes
from perfrnn_live.music.pedal import PEDAL_DOWN
from perfrnn_live.player.messages import Received, Show
from perfrnn_live.stage.bindings import LEARNABLE_CONTROLS, Bindings, may_bind
from perfrnn_live.stage.controllers import FINER, NAMING_CONTROLS, PARAMETER_CONTROLS, Controllers, messages_to
from perfrnn_live.stage.encoders import Habit

_NEAR = 2  # positions: no encoder is taken for a controller that was moved so little


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


@dataclass(frozen=True, slots=True)
class Learn:
    """The next control that moves is to turn the knob of this `name`, or to do what an action of it does."""

    name: str


class Switching(Enum):
    """What else a face can ask of the desk."""

    NEXT_MODE = "next mode"
    STORE_NEXT = "the next pad is stored and not recalled"
    LEARN = "learn"
    LEARN_NOTHING = "learn nothing"
    HELP = "show what each key does, or no longer"


FaceWish = Action | Pad | Put | Nudge | Select | Learn | Switching
"""What a face may hand in: to be done, or to be turned."""


class Desk:
    """All that steers. `settings` are where the knobs stand; `selected` names the one that is nudged.

    Knobs pick up: a controller changes nothing until, from where it last stood to where it stands now, it reaches or
    crosses the value. So it never moves a value further than it was moved itself, whoever changed the value meanwhile;
    and one that was not yet seen moves none until it stands on it. A controller that is found to be an endless encoder
    turns its knob from where it stands. A controller as a button is pressed when it goes up to 64 or more, or says
    again and again that it is there; one that was low when it was learned, when it goes down. Channels make no
    difference.
    """

    def __init__(self, settings: Settings, learned: Path | None, shows: bool = False) -> None:
        """`learned` is the file of the learned controls; without one, what is learned is forgotten at the end. Raises
        BadValue, naming it, if it is broken. With `shows`, controllers can move by themselves or light up: what is to
        be sent to them when their knobs were turned by others waits in `to_show`, and they are taken to stand there."""
        self.settings = settings
        self._shows = shows
        self._to_show: list[Show] = []
        self._controllers = Controllers()
        self._stands: dict[str, float] = {}  # where each controller does
        self._channels: dict[str, int] = {}  # on which it was heard last
        self.helps = False
        self.selected = next(iter(KNOBS))
        self._bindings = Bindings(learned)
        self._habits: defaultdict[str, Habit] = defaultdict(Habit)
        self._turned_to: dict[str, int] = {}  # where a knob's controller would stand that is turned by an encoder
        self._learning: str | None = None
        self._storing = False
        self._remark = self._taught = ""
        self.show_all()

    def to_show(self) -> list[Show]:
        """What is to be sent to controllers since this was asked last."""
        shown, self._to_show = self._to_show, []
        return shown

    def show_all(self) -> None:
        """Controllers may stand anywhere: every one that turns a knob is to stand where the knob does."""
        if self._shows:
            self._stands.clear()
        for name in KNOBS:
            self._show(name)

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
        """The controls that steer, and so are no music: those that do something, and those that may learn to. Messages
        that only together mean something steer together."""
        learning, steering = self._learning, self._bindings.controls
        if learning is not None:
            steering = steering.union(
                NAMING_CONTROLS, (each for each in LEARNABLE_CONTROLS if may_bind(each, learning))
            )
        halves = (number for number in self._controllers.paired if f"CC {number}" in steering)
        steering = steering.union(f"CC {number + FINER}" for number in halves)
        return steering | PARAMETER_CONTROLS if any(each.startswith("NRPN") for each in steering) else steering

    def receive(self, received: Received) -> Wish | None:
        """What came in. If it steers, it turns a knob, is learned, or asks for what is returned."""
        message = received.message
        move = self._controllers.hear(received.port, message, self._bindings.controls)
        if move is None:
            return None
        control, now, habit = move.control, move.position, self._habits[move.control]
        before = self._stands.get(control)
        self._stands[control], self._channels[control] = now, message[0] & 0xF
        if not move.is_finer:
            habit.follow(message[2])
        if not received.steers:
            return None
        name = self._bindings.name_for(control)
        if (lesson := self._lesson(message, control)) is not None:
            self._learn(control, lesson, message)
        elif name in KNOBS and habit.is_encoder:
            return self._turn_on(received.arrival_s, KNOBS[name], habit.ticks)
        elif name in KNOBS:
            return self._turn(received.arrival_s, KNOBS[name], self._since(before, now, habit), now)
        elif name is not None and not move.is_finer and self._is_pressed(message, control):
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
            case Learn(name):
                self._learning = name
            case Switching.HELP:
                self.helps = not self.helps
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
        self._show(name)
        return Turn(at_s, name, value)

    def _show(self, name: str) -> None:
        """Have the controller of a knob moved to where the knob stands, unless it stands there. An encoder has no place
        of its own, but may show one."""
        control = self._bindings.control_for(name)
        if not self._shows or control is None:
            return
        knob, value, stands = KNOBS[name], getattr(self.settings, name), self._stands.get(control)
        position = knob.position_of(value)
        is_encoder = self._habits[control].is_encoder
        if is_encoder or stands is None or knob.position_of(knob.value_at(stands)) != position:
            if not is_encoder:
                self._stands[control] = self._habits[control].value = position
            channel, paired = self._channels.get(control, 0), self._controllers.paired
            self._to_show.append(Show(tuple(messages_to(control, channel, position, paired))))

    def _act(self, at_s: float, action: Action | Pad) -> Do | None:
        """Do it; or, while learning, have it learned. Silence and the end are never put off."""
        if self._learning is None or action in (Action.PANIC, Action.QUIT):
            return Do(at_s, action)
        self._learning = ACTION_NAMES[action]
        return None

    def _lesson(self, message: bytes, control: str) -> str | None:
        """What the control is to do from now on. A release teaches nothing: that key may have been struck as music."""
        if self._learning is None or not may_bind(control, self._learning):
            return None
        return self._learning if strikes(message) or _is_controller(message) else None

    def _learn(self, control: str, name: str, message: bytes) -> None:
        self._learning = None
        is_reversed = name not in KNOBS and control.startswith("CC") and message[2] < PEDAL_DOWN
        means = "turns" if name in KNOBS else "pressed down means" if is_reversed else "means"
        self._remark = self._taught = f"{control} now {means} {label(name)}"
        self._bindings.learn(control, name, is_reversed)
        if name in KNOBS:
            self._show(name)

    def _is_pressed(self, message: bytes, control: str) -> bool:
        habit = self._habits[control]
        if not _is_controller(message):
            return strikes(message)
        return habit.lets_go if self._bindings.is_reversed(control) else habit.presses

    def _since(self, before: float | None, now: float, habit: Habit) -> float:
        """Where a controller was turned from. The first ticks of an encoder look like jumps from end to end."""
        was_shown = self._shows and before is not None and abs(now - before) <= _NEAR
        return before if before is not None and (was_shown or not habit.may_be_encoder) else now

    def _turn(self, at_s: float, knob: Knob, before: float, now: float) -> Turn | None:
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
