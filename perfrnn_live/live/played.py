"""What the machine sounded lately, to be cut into passages that can go round."""

from __future__ import annotations

from array import array
from bisect import bisect_left

from perfrnn_live.live.plan import Passage
from perfrnn_live.music.midi import note_off, releases, strikes

_KEPT_S = 120.0


class Played:
    """Strikes and releases of at least the last two minutes, with the seconds at which they sounded, in order."""

    def __init__(self) -> None:
        self._seconds = array("d")
        self._bytes = bytearray()  # of each message three: dense minutes are thousands of messages

    def add(self, sounds_s: float, message: bytes) -> None:
        """One message more."""
        self._seconds.append(sounds_s)
        self._bytes += message
        if self._seconds[0] < sounds_s - 2 * _KEPT_S:
            past = bisect_left(self._seconds, sounds_s - _KEPT_S)
            del self._seconds[:past], self._bytes[: 3 * past]

    def passage(self, began_s: float, ended_s: float, step_s: float) -> Passage | None:
        """The notes struck in between, ended by the end; None if there are none."""
        steps = max(round((ended_s - began_s) / step_s), 1)
        messages: list[tuple[int, bytes]] = []
        sounding: set[int] = set()
        for place, at_s in enumerate(self._seconds):
            message = bytes(self._bytes[3 * place : 3 * place + 3])
            step = round((at_s - began_s) / step_s)
            if not 0 <= step < steps:
                continue
            if strikes(message):
                sounding.add(message[1])
                messages.append((step, message))
            elif releases(message) and message[1] in sounding:
                sounding.remove(message[1])
                messages.append((step, message))
        if not messages:
            return None
        return Passage(steps, (*messages, *((steps, note_off(pitch)) for pitch in sorted(sounding))))
