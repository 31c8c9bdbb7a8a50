"""Finding an input that brings what the output is sent: through it the instrument would hear and answer itself.

Names do not tell: a digital piano bears one name both ways. What comes in does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from perfrnn_live.music.midi import control_change, strikes
from perfrnn_live.player.clock import Clock
from perfrnn_live.player.messages import Command, Received
from perfrnn_live.player.ports import MidiOut

PROBE = control_change(119, 0)  # a controller that MIDI leaves undefined: it changes nothing anywhere
_PROBED_S = 0.05
_COPIED_S = 0.03  # a cable, or a patch in the same machine, takes a few milliseconds
_COPIES = 16  # nobody strikes so many keys in a row just as and just when they are played elsewhere


def probe(
    output: MidiOut, take: Callable[[float], list[Command | Received]], clock: Clock
) -> tuple[str | None, list[Command | Received]]:
    """Send something harmless, and see whether it comes in: the input that brings it, or None, and all else that came.

    `take` waits so many seconds for whatever comes.
    """
    came: list[Command | Received] = []
    output.send(PROBE)
    until_s = clock.now() + _PROBED_S
    while (left_s := until_s - clock.now()) > 0:
        for each in take(left_s):
            if isinstance(each, Received) and each.message == PROBE:
                return each.port, came
            came.append(each)
    return None, came


class Loopback:
    """Watches for an output that is connected to an input while it plays."""

    def __init__(self) -> None:
        self._sent: deque[tuple[float, bytes]] = deque(maxlen=64)  # more strikes than are sent in the time
        self._copies: dict[str, int] = {}  # in a row, by input

    def sent(self, sent_s: float, message: bytes) -> None:
        """`message` has gone out."""
        if strikes(message):
            self._sent.append((sent_s, message[1:]))

    def is_closed_by(self, received: Received) -> bool:
        """True when by this message its input has brought so many strikes in a row as they were sent."""
        if not strikes(received.message):
            return False
        key, arrival_s = received.message[1:], received.arrival_s
        copied = any(key == sent and abs(arrival_s - sent_s) <= _COPIED_S for sent_s, sent in self._sent)
        self._copies[received.port] = self._copies.get(received.port, 0) + 1 if copied else 0
        return self._copies[received.port] >= _COPIES
