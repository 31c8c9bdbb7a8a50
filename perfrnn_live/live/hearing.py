"""What comes in from a keyboard → what sounds and what ends, the pedal resolved as in training, message by message."""

from __future__ import annotations

from dataclasses import dataclass

from perfrnn_live.music.midi import CONTROL_CHANGE, SUSTAIN, releases, strikes
from perfrnn_live.music.pedal import Sustain


@dataclass(frozen=True, slots=True)
class Change:
    """At `time_s`, `released` pitches end and one or no (pitch, velocity) is `struck`."""

    time_s: float
    released: tuple[int, ...] = ()
    struck: tuple[tuple[int, int], ...] = ()


class Hearing:
    """One player's keyboard and pedal, as the player process tells of them: all inputs and channels as one. Clock,
    aftertouch and other controllers change nothing."""

    def __init__(self) -> None:
        self._sustain = Sustain()

    @property
    def keys(self) -> frozenset[int]:
        """Those that fingers hold."""
        return frozenset(self._sustain.keys)

    @property
    def pedal_down(self) -> bool:
        """True while the sustain pedal is down."""
        return self._sustain.pedal_down

    def let_go(self, at_s: float) -> Change | None:
        """All keys and the pedal are up at `at_s`. What that changes; None if nothing sounded."""
        ended = sorted(self._sustain.sounding)
        self._sustain = Sustain()
        return Change(at_s, tuple(ended)) if ended else None

    def receive(self, arrival_s: float, message: bytes) -> Change | None:
        """What a message changes; None if nothing that sounds."""
        if len(message) != 3:
            return None
        pitch, value = message[1], message[2]
        if strikes(message):
            again = self._sustain.strike(pitch)
            return Change(arrival_s, (pitch,) if again else (), ((pitch, value),))
        if releases(message):
            return Change(arrival_s, (pitch,)) if self._sustain.release(pitch) else None
        if message[0] & 0xF0 != CONTROL_CHANGE or pitch != SUSTAIN:
            return None
        ended = self._sustain.pedal(value)
        return Change(arrival_s, tuple(ended)) if ended else None
