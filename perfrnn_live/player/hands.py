"""What the other player holds down, input by input: several keyboards are one pair of hands."""

from __future__ import annotations

from dataclasses import dataclass

from perfrnn_live.music.midi import (
    ALL_NOTES_OFF,
    ALL_SOUND_OFF,
    CHANNEL_PRESSURE,
    CONTROL_CHANGE,
    EXPRESSION,
    MODULATION,
    PEDALS,
    PITCH_BEND,
    RESET_CONTROLLERS,
    SUSTAIN,
    control_change,
    is_played,
    note_off,
    releases,
    strikes,
)
from perfrnn_live.music.pedal import PEDAL_DOWN

_RELEASE_ALL = range(ALL_NOTES_OFF, 128)  # and the changes of mode, which release all notes too
_ACTIVE_SENSING = b"\xfe"
_SENSED_S = 0.33  # a sender that goes on says so every 0.3 s, 10 % more or less
_HELD_S = 30.0  # no key is held for longer: its release was lost
_PEDAL_UP = control_change(SUSTAIN, 0)
_AT_REST: dict[
    tuple[int, int | None], bytes
] = {  # what a hand or a foot leaves behind when it lets go (MIDI 1.0, Reset All Controllers)
    **{(CONTROL_CHANGE, pedal): control_change(pedal, 0) for pedal in PEDALS},
    (CONTROL_CHANGE, MODULATION): control_change(MODULATION, 0),
    (CONTROL_CHANGE, EXPRESSION): control_change(EXPRESSION, 127),
    (CHANNEL_PRESSURE, None): bytes((CHANNEL_PRESSURE, 0)),
    (PITCH_BEND, None): bytes((PITCH_BEND, 0, 64)),
}

_Place = tuple[str, int]
"""An input and a channel."""


@dataclass(frozen=True, slots=True)
class _Held:
    """Since when a key or pedal is down; what is only half down, or a bent wheel, is not at rest either."""

    since_s: float
    is_down: bool
    message: bytes


class Hands:
    """Keys and pedals that are down, and wheels that are turned, each as the message that lets go of it: by input and
    channel.

    Keyboards lose releases, switch their channel with a key down, and are unplugged: nothing stays down for that. What
    goes up on a channel where it is not down, goes up on every channel of that input. A key that is held for 30 s is
    forgotten. An input that sends active sensing, and then nothing for 0.33 s, lets go of all. Times in seconds.
    """

    def __init__(self) -> None:
        self._held: dict[_Place, dict[bytes, _Held]] = {}
        self._sensed_s: dict[str, float] = {}  # when an input that sends active sensing was last heard

    @property
    def down(self) -> set[bytes]:
        """What lets go of everything that is down."""
        return {up for held in self._held.values() for up, each in held.items() if each.is_down}

    def held_at(self, inputs: frozenset[str] | None) -> set[bytes]:
        """What lets go of everything that is not at rest at these inputs, None for all: half pedals, bends and so on as
        well."""
        return {up for (port, _), held in self._held.items() if inputs is None or port in inputs for up in held}

    @property
    def inputs(self) -> set[str]:
        """The inputs that hold something, down or half down."""
        return {port for (port, _), held in self._held.items() if held}

    def holds(self, pitch: int) -> bool:
        """Whether a key is down."""
        return self._is_down(note_off(pitch))

    def channels(self, port: str) -> int:
        """On how many channels of an input keys are down: on several, where each finger has a channel of its own."""
        return sum(name == port and any(releases(up) for up in held) for (name, _), held in self._held.items())

    def hear(self, port: str, arrival_s: float, message: bytes) -> None:
        """Something came in, whatever it was: so the input is still there."""
        if message == _ACTIVE_SENSING or port in self._sensed_s:
            self._sensed_s[port] = arrival_s

    def move(self, port: str, arrival_s: float, message: bytes) -> list[bytes]:
        """What `message`, received on an input, means when all inputs are taken together.

        A key or pedal that goes up in one place while it is down in another stays down; a key that is struck where it
        is down already comes up first. Messages that let go of much (all sound off, all notes off, the reset of
        controllers) become messages that let go of what was down on that channel, and of nothing else.
        """
        place = port, message[0] & 0x0F
        if message[0] & 0xF0 == CONTROL_CHANGE and message[1] >= ALL_SOUND_OFF:
            return self._let_go_of_much(place, message[1])
        up = _up(message)
        if up is None:
            return [message]
        again, held = self._is_down(up), self._held.setdefault(place, {})
        goes_down = strikes(message) or (is_played(message) and not releases(message) and message[2] >= PEDAL_DOWN)
        if not goes_down and up not in held:
            self._forget(port, up)  # it went down on another channel of this input
        if strikes(message):
            held[up] = _Held(arrival_s, goes_down, message)
            return [up, message] if again else [message]
        if releases(message) or message[1:] == up[1:]:  # it is let go, or at rest
            held.pop(up, None)
        else:
            held[up] = _Held(arrival_s, goes_down, message)
        return [message] if goes_down or not self._is_down(up) else []

    def let_go(self, port: str) -> list[bytes]:
        """Let go of all that an input holds; returns the messages that let go of what nobody holds any more."""
        released = {up for place in self._places(port) for up in self._held.pop(place)}
        return sorted(up for up in released if not self._is_down(up))

    @property
    def next_due_s(self) -> float | None:
        """When something will be overdue if nothing more comes in; None if nothing is held."""
        dues_s = [each.since_s + _HELD_S for held in self._held.values() for up, each in held.items() if releases(up)]
        dues_s += [sensed_s + _SENSED_S for port, sensed_s in self._sensed_s.items() if port in self.inputs]
        return min(dues_s, default=None)

    def overdue(self, now_s: float) -> list[tuple[str, bytes]]:
        """Let go of what is held by an input that has ended, or for too long; inputs, and messages as by `let_go`."""
        ended = [port for port, sensed_s in self._sensed_s.items() if now_s >= sensed_s + _SENSED_S]
        released = [(port, up) for port in ended for up in self.let_go(port)]
        for port in ended:
            del self._sensed_s[port]  # it may come back
        for place, held in self._held.items():
            old = [up for up, each in held.items() if releases(up) and now_s >= each.since_s + _HELD_S]
            released += [(place[0], up) for up in self._let_go_of(place, old)]
        return released

    def _let_go_of_much(self, place: _Place, controller: int) -> list[bytes]:
        held = self._held.get(place, {})
        pedal = held.get(_PEDAL_UP)
        if controller == RESET_CONTROLLERS:
            return self._let_go_of(place, [up for up in held if not releases(up)])
        if controller != ALL_SOUND_OFF and controller not in _RELEASE_ALL:
            return []
        released = self._let_go_of(place, [up for up in held if releases(up)])
        if controller == ALL_SOUND_OFF and pedal is not None and pedal.is_down and self._times_down(_PEDAL_UP) == 1:
            released += [_PEDAL_UP, control_change(SUSTAIN, pedal.message[2])]  # what only this pedal holds ends
        return released

    def _let_go_of(self, place: _Place, ups: list[bytes]) -> list[bytes]:
        for up in ups:
            self._discard(place, up)
        return sorted(up for up in ups if not self._is_down(up))

    def _forget(self, port: str, up: bytes) -> None:
        for place in self._places(port):
            self._discard(place, up)

    def _discard(self, place: _Place, up: bytes) -> None:
        self._held.get(place, {}).pop(up, None)

    def _places(self, port: str) -> list[_Place]:
        return [place for place in self._held if place[0] == port]

    def _is_down(self, up: bytes) -> bool:
        return self._times_down(up) > 0

    def _times_down(self, up: bytes) -> int:
        return sum(up in held and held[up].is_down for held in self._held.values())


def _up(message: bytes) -> bytes | None:
    """What lets go of the key, pedal or wheel that `message` moves; None if it moves none."""
    if strikes(message) or releases(message):
        return note_off(message[1])
    status = message[0] & 0xF0
    return _AT_REST.get((status, message[1] if status == CONTROL_CHANGE else None))
