"""What the machine sounded lately, to be cut into passages that can go round."""

from __future__ import annotations

from collections import deque

from perfrnn_live.live.plan import Passage
from perfrnn_live.music.midi import note_off, releases, strikes

_KEPT_S = 120.0


class Played:
    """Strikes and releases of the last two minutes, with the seconds at which they sounded, in order."""

    def __init__(self) -> None:
        self._messages: deque[tuple[float, bytes]] = deque()

    def add(self, sounds_s: float, message: bytes) -> None:
        """One message more."""
        self._messages.append((sounds_s, message))
        while self._messages[0][0] < sounds_s - _KEPT_S:
            self._messages.popleft()

    def passage(self, began_s: float, ended_s: float, step_s: float) -> Passage | None:
        """The notes struck in between, ended by the end; None if there are none."""
        steps = max(round((ended_s - began_s) / step_s), 1)
        messages: list[tuple[int, bytes]] = []
        sounding: set[int] = set()
        for at_s, message in self._messages:
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
