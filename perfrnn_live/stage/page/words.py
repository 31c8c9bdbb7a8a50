"""What the session and the page say to each other: JSON, in lines between the processes and in frames to the browser.

To the page go rows, [kind, seconds since the session began, ...], many in one line with the time it is:

    ["plan", s, number, pitch, velocity]   the machine will strike a key, or release it (velocity 0); where it quotes
                                           what was struck before, the seconds since then and that pitch follow
    ["note", s, number, pitch, velocity]   it did; number is null if that was not planned
    ["hand", s, pitch, velocity]           the other player did
    ["pedal", s, who, value]               the sustain pedal, of "machine" or "hand"
    ["back", s]                            what was planned and not yet sent is taken back
    ["mark", s, what]                      a phrase, an answer, a moment and so on
    ["state", s, {...}]                    how it stands; of knobs and pads only those that have changed

From it come ["turn", knob, position], ["do", action], ["learn", knob or action, or ""], ["play", pitch, velocity]
and ["continue", session, seconds or null]; and ["mark", session, seconds], which the server sees to itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from perfrnn_live.errors import BadValue
from perfrnn_live.live.controls import ACTIONS, KNOBS, Action, Pad, Settings, Switch, label
from perfrnn_live.live.orders import Told, Took
from perfrnn_live.live.wishes import Do
from perfrnn_live.music.midi import CONTROL_CHANGE, SUSTAIN, note_off, note_on, releases, strikes
from perfrnn_live.player.messages import Received, Schedule, Sent, TakenBack
from perfrnn_live.stage.desk import Learn, Put, Switching
from perfrnn_live.stage.listeners import Fact
from perfrnn_live.stage.status import LATE_MS, Status

Row = list[Any]


@dataclass(frozen=True, slots=True)
class Continue:
    """Go on from a kept session, so many seconds after its beginning, or from its end."""

    session: int
    at_s: float | None


PageWish = Put | Action | Pad | Learn | Switching | Continue | bytes
"""What a visitor asks for; bytes are a message of a key that was touched."""

_LAST = 127
_MOST_SESSIONS, _LONGEST_S = 1 << 31, 1e7
_MARKS = {"phrase": "your phrase", "answered": "answered", "steered": "gone back"}


def rows_of(fact: Fact, began_s: float) -> list[Row]:
    """What the page is told of a fact."""
    match fact:
        case Sent(number=number, message=message, sounds_s=at_s) if strikes(message) or releases(message):
            return [["note", _since(at_s, began_s), number, message[1], _velocity(message)]]
        case Received(arrival_s=at_s, message=message, steers=False) if strikes(message) or releases(message):
            return [["hand", _since(at_s, began_s), message[1], _velocity(message)]]
        case Sent(message=message, sounds_s=at_s) if _is_pedal(message):
            return [["pedal", _since(at_s, began_s), "machine", message[2]]]
        case Received(arrival_s=at_s, message=message, steers=False) if _is_pedal(message):
            return [["pedal", _since(at_s, began_s), "hand", message[2]]]
        case TakenBack(at_s=at_s):
            return [["back", _since(at_s, began_s)]]
        case Told(at_s, what) if what in _MARKS:
            return [["mark", _since(at_s, began_s), _MARKS[what]]]
        case Took("answer", _, until_s):
            return [["mark", _since(until_s, began_s), "answer"]]
        case Do(at_s, Action.MOMENT):
            return [["mark", _since(at_s, began_s), "moment"]]
    return []


def planned_rows(schedule: Schedule, began_s: float) -> list[Row]:
    """What the page is told of a plan."""
    return [
        [
            "plan",
            _since(each.due_s, began_s),
            each.number,
            each.message[1],
            _velocity(each.message),
            *(each.quoted or ()),
        ]
        for each in schedule.messages
        if strikes(each.message) or releases(each.message)
    ]


def knobs_of(settings: Settings) -> dict[str, list[Any]]:
    """Where each knob stands, 0 to 127, and what that is in words."""
    found = {}
    for name, knob in KNOBS.items():
        value = getattr(settings, name)
        found[name] = [knob.position_of(value), knob.text(value)]
    return found


def state_of(status: Status) -> dict[str, Any]:
    """How it stands, without the knobs."""
    return {
        "state": status.state,
        "said": status.said,
        "late_ms": round(status.lateness_p99_ms, 2),
        "ahead_s": round(status.lookahead_s, 2),
        "dropped": status.dropped,
        "used": list(status.pads),
        "late": status.late,
        "over": None if status.nearly_over is None else round(status.nearly_over, 2),
        "surprise": None if status.surprise is None else round(status.surprise, 2),
    }


def table() -> dict[str, Any]:
    """What can be turned and done: for each knob its name in words, its controller, and how many positions differ."""
    knobs = [
        {
            "name": name,
            "label": label(name),
            "cc": knob.cc,
            "options": [knob.text(option) for option in knob.options] if isinstance(knob, Switch) else None,
        }
        for name, knob in KNOBS.items()
    ]
    return {"knobs": knobs, "actions": list(ACTIONS), "late_ms": LATE_MS}


def wish_of(said: object) -> PageWish:
    """What a visitor's frame asks for. Raises BadValue."""
    match said:
        case ["turn", str(name), int() | float() as position] if name in KNOBS and _is_within(position, 0, _LAST):
            return Put(name, KNOBS[name].value_at(position))
        case ["do", str(name)] if name in ACTIONS and ACTIONS[name] is not Action.QUIT:
            return ACTIONS[name]
        case ["learn", str(name)] if name in KNOBS or name in ACTIONS:
            return Learn(name)
        case ["learn", ""]:
            return Switching.LEARN_NOTHING
        case ["play", int(pitch), int(velocity)] if _is_within(pitch, 0, _LAST) and _is_within(velocity, 0, _LAST):
            return note_on(pitch, velocity) if velocity else note_off(pitch)
        case ["continue", int(session), None] if _is_within(session, 1, _MOST_SESSIONS):
            return Continue(session, None)
        case ["continue", int(session), int() | float() as at_s] if _is_within(session, 1, _MOST_SESSIONS):
            if _is_within(at_s, 0, _LONGEST_S):
                return Continue(session, float(at_s))
    raise BadValue("the page asked for what there is not")


def mark_of(said: object) -> tuple[int, float] | None:
    """The session and the second of it that a visitor marks as good; None if that is not what was said."""
    match said:
        case ["mark", int(session), int() | float() as at_s] if _is_within(session, 1, _MOST_SESSIONS):
            if _is_within(at_s, 0, _LONGEST_S):
                return session, float(at_s)
    return None


def _is_within(number: float, least: float, most: float) -> bool:
    return not isinstance(number, bool) and math.isfinite(number) and least <= number <= most


def _is_pedal(message: bytes) -> bool:
    return message[0] & 0xF0 == CONTROL_CHANGE and message[1] == SUSTAIN


def _velocity(message: bytes) -> int:
    return message[2] if strikes(message) else 0


def _since(at_s: float, began_s: float) -> float:
    return round(at_s - began_s, 4)
