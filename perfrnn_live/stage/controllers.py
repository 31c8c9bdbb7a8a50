"""What controllers send, put together: one message is a position, two are a finer one, four a parameter's by number.

Source: MIDI 1.0, "Control Change": controllers 32 to 63 are the finer halves of 0 to 31; 98 and 99 name a parameter of
the maker's own (NRPN), 100 and 101 one of everybody's (RPN), and 6 and 38 say where it is to stand.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from perfrnn_live.music.midi import CONTROL_CHANGE, control_of

FINER = 32  # a controller's finer half is the one so many further on
_DATA, _COARSE, _FINE = 6, range(32), 128
_OWN_LOW, _OWN_HIGH, _COMMON_HIGH = 98, 99, 101
PARAMETER_CONTROLS = frozenset(f"CC {number}" for number in (_DATA, _DATA + FINER, *range(_OWN_LOW, _COMMON_HIGH + 1)))
NAMING_CONTROLS = frozenset(f"CC {number}" for number in range(_OWN_LOW, _COMMON_HIGH + 1))


@dataclass(frozen=True, slots=True)
class Move:
    """A control now stands at `position`, 0 to 127, with 128ths where it has a finer half. `is_finer`: this message was
    that half."""

    control: str
    position: float
    is_finer: bool = False


@dataclass(slots=True)
class _Channel:
    """What was last said on one channel of one input."""

    number: list[int | None] = field(default_factory=lambda: [None, None])  # of the parameter: high, low
    coarse: tuple[str, int, int] | None = None  # the control whose finer half may come next, its controller, its value


class Controllers:
    """Messages of all inputs → moves. `paired` are the controllers, by number, that have sent finer halves."""

    def __init__(self) -> None:
        self.paired: set[int] = set()
        self._channels: dict[tuple[str, int], _Channel] = {}
        self._stood: dict[str, float] = {}

    def hear(self, port: str, message: bytes, whole: Collection[str] = ()) -> Move | None:
        """What a message moved; None if it is of no control, or only says which parameter is meant. Those of `whole`
        are controls of their own, and no halves."""
        control = control_of(message)
        if control is None or control.startswith("note"):
            return None if control is None else Move(control, message[2])
        channel = self._channels.setdefault((port, message[0] & 0xF), _Channel())
        number, value = message[1], float(message[2])
        if control in NAMING_CONTROLS:
            channel.coarse = None
            if number in (_OWN_HIGH, _OWN_LOW):
                channel.number[number == _OWN_LOW] = message[2]
            else:
                channel.number = [None, None]
            return None
        before, channel.coarse = channel.coarse, None
        if before is not None and number == before[1] + FINER and control not in whole:
            control, _, coarse = before
            self.paired.add(before[1])
            return self._moved(Move(control, coarse + value / _FINE, is_finer=True))
        high, low = channel.number
        if number == _DATA and high is not None and low is not None:
            control = f"NRPN {high * 128 + low}"
        if number in _COARSE:
            channel.coarse = control, number, message[2]
        if number in self.paired:  # its finer half is still to come: until then as near as may be to where it stood
            value = min(max(self._stood.get(control, 0.0), value), value + 1 - 1 / _FINE)
        return self._moved(Move(control, value))

    def _moved(self, move: Move) -> Move:
        self._stood[move.control] = move.position
        return move


def messages_to(control: str, channel: int, position: int, paired: Collection[int]) -> list[bytes]:
    """What moves a controller, "CC 74" or "NRPN 300", to a `position` by itself, if it can; with its finer half where
    it is one of those that have one."""
    kind, number = control.split()
    named, controller = [], int(number)
    if kind == "NRPN":
        high, low = divmod(controller, 128)
        named, controller = [(_OWN_HIGH, high), (_OWN_LOW, low)], _DATA
    told = [*named, (controller, position)]
    if controller in paired:
        told.append((controller + FINER, 0))
    return [bytes((CONTROL_CHANGE | channel, *each)) for each in told]
