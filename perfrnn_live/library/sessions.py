"""What a kept session was: both players' notes, and what was turned, decided and marked, from its beginning on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from perfrnn_live.errors import BadValue
from perfrnn_live.library.packed import Fact
from perfrnn_live.live.controls import KNOBS
from perfrnn_live.live.orders import Told
from perfrnn_live.live.wishes import Do, Turn
from perfrnn_live.music.midi import is_of_channel, is_played
from perfrnn_live.player.messages import Received, Sent

Timed = tuple[float, bytes]


@dataclass(slots=True)
class Take:
    """Seconds from the beginning throughout. `machine` and `player` are messages of each in the order in which they
    sounded; `knobs` where each knob went, as a position of its controller; `marks` what happened, in words."""

    machine: list[Timed] = field(default_factory=list)
    player: list[Timed] = field(default_factory=list)
    knobs: list[tuple[float, str, int]] = field(default_factory=list)
    marks: list[tuple[float, str]] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """How long it is."""
        last = (part[-1][0] for part in (self.machine, self.player, self.marks) if part)
        return max(last, default=0.0)


def take_of(facts: Iterable[Fact], began_s: float) -> Take:
    """The take that these facts tell of; the session began at `began_s` on its clock."""
    take = Take()
    for fact in facts:
        match fact:
            case Sent(message=message, sounds_s=sounds_s) if is_of_channel(message):
                take.machine.append((sounds_s - began_s, message))
            case Received(arrival_s, message, steers=False) if is_of_channel(message) and is_played(message):
                take.player.append((arrival_s - began_s, message))
            case Turn(at_s, name, value) if name in KNOBS:
                with contextlib.suppress(BadValue):  # of a version in which the knob went further
                    KNOBS[name].check(value)
                    take.knobs.append((at_s - began_s, name, KNOBS[name].position_of(value)))
            case Told(at_s, what):
                take.marks.append((at_s - began_s, what))
            case Do(at_s, action):
                take.marks.append((at_s - began_s, _word(action)))
    for part in (take.machine, take.player, take.knobs, take.marks):
        part.sort(key=lambda each: each[0])
    return take


def _word(action: object) -> str:
    name = getattr(action, "value", None)
    return str(name) if name is not None else f"pad {getattr(action, 'number', '')}"
