"""Both players into one .mid file, in the order in which they sounded."""

from __future__ import annotations

import heapq
from itertools import count

from perfrnn_live.music.midi import is_played
from perfrnn_live.music.midifile import MidiFileWriter
from perfrnn_live.player.messages import Received, Sent
from perfrnn_live.stage.listeners import Fact

_MACHINE, _OTHER = 0, 1  # channels, to tell them apart


class Recorder:
    """A `Listener` that writes into a `writer`; times are of the clock on which it `began_s`. The machine is on channel
    1, the other player on channel 2. What a slow piano is sent up to `lead_s` before it sounds is put in order first.
    """

    def __init__(self, writer: MidiFileWriter, began_s: float, lead_s: float = 0.0) -> None:
        self._writer = writer
        self._began_s = began_s
        self._lead_s = lead_s
        self._waiting: list[tuple[float, int, bytes]] = []
        self._order = count()

    def hear(self, fact: Fact) -> None:
        """The machine's messages, and the other player's keys and pedals."""
        match fact:
            case Sent(message=message, sounds_s=sounds_s):
                self._add(sounds_s, message, _MACHINE)
            case Received(arrival_s, message, steers=False) if is_played(message):
                self._add(arrival_s, message, _OTHER)

    def flush(self, now_s: float) -> None:
        """Bring the file up to date with all that has sounded. Raises CannotWrite."""
        self._write(now_s - self._lead_s)
        self._writer.flush()

    def close(self) -> None:
        """Write what is left and close. Raises CannotWrite."""
        self._write(float("inf"))
        self._writer.close()

    def _add(self, time_s: float, message: bytes, channel: int) -> None:
        message = bytes((message[0] & 0xF0 | channel, *message[1:]))
        heapq.heappush(self._waiting, (time_s, next(self._order), message))

    def _write(self, until_s: float) -> None:
        while self._waiting and self._waiting[0][0] <= until_s:
            time_s, _, message = heapq.heappop(self._waiting)
            self._writer.add(time_s - self._began_s, message)
