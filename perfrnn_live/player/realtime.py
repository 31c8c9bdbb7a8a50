"""What an output is sent beside the music: a sign of life, and Start and Stop for who records it. Source: MIDI 1.0."""

from __future__ import annotations

from collections.abc import Callable

_ACTIVE_SENSING, _START, _STOP = b"\xfe", b"\xfa", b"\xfc"
_SENSING_S = 0.2  # a receiver that has heard nothing for 0.3 s releases all


class Realtime:
    """Sends with `send`: with `sensing` active sensing, and with `transport` Start before the first note and Stop at
    the end, so that a program that is armed to record does so."""

    def __init__(self, send: Callable[[bytes], None], now_s: float, sensing: bool, transport: bool) -> None:
        self._send, self._transport, self._started = send, transport, False
        self.next_due_s = now_s if sensing else None

    def begin(self) -> None:
        """A note is to be played soon."""
        if self._transport and not self._started:
            self._started = True
            self._send(_START)

    def end(self) -> None:
        """No more notes will be played."""
        if self._started:
            self._started = False
            self._send(_STOP)

    def tick(self, now_s: float) -> None:
        """It is `now_s`."""
        if self.next_due_s is not None and self.next_due_s <= now_s:
            self._send(_ACTIVE_SENSING)
            self.next_due_s = now_s + _SENSING_S
