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
_LONGEST_S = 0.25  # a patch in the same machine takes a few milliseconds, a piano or a network longer
_UNEVEN_S = 0.008  # hands are less even: they are some 20 ms from where they are aimed
_COPIES = 16  # in a row: a hand that strikes the right keys would be so even once in a hundred million


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
    """Watches for an output that is connected to an input while it plays.

    What comes back may have another velocity, and may take its time, but always the same. A hand that plays along
    strikes the same keys too, and is never so even.
    """

    def __init__(self) -> None:
        # (when, pitch, whether the machine played it): more strikes than are sent in the longest time
        self._sent: deque[tuple[float, int, bool]] = deque(maxlen=256)
        self._runs: dict[str, dict[float, int]] = {}  # by input: strikes in a row that came so many seconds late

    def sent(self, sent_s: float, message: bytes, is_own: bool) -> None:
        """`message` has gone out: the machine's own, or one of the other player's that was sent on."""
        if strikes(message):
            self._sent.append((sent_s, message[1], is_own))

    def is_closed_by(self, received: Received) -> bool:
        """True when by this message its input has brought so many strikes in a row as they were sent, all equally
        late. A run begins with a strike of the machine's own: a hand that repeats a key evenly follows itself."""
        if not strikes(received.message):
            return False
        lates_s = {
            received.arrival_s - sent_s: is_own
            for sent_s, pitch, is_own in self._sent
            if pitch == received.message[1] and -_UNEVEN_S <= received.arrival_s - sent_s <= _LONGEST_S
        }
        runs = {late_s: 1 for late_s, is_own in lates_s.items() if is_own}
        for run_s, count in self._runs.get(received.port, {}).items():
            if any(abs(late_s - run_s) <= _UNEVEN_S for late_s in lates_s):
                runs[run_s] = count + 1
        self._runs[received.port] = runs
        return max(runs.values(), default=0) >= _COPIES
