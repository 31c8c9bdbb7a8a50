"""The way out to one output: each message as the output wants it, and who must know of it."""

from __future__ import annotations

from perfrnn_live.player.clock import Clock
from perfrnn_live.player.echo import EchoFilter
from perfrnn_live.player.loopback import Loopback
from perfrnn_live.player.ports import MidiOut
from perfrnn_live.player.profiles import Profile


class Outlet:
    """Sends through `output` what `profile` makes of a message. `echo` and `loopback` know all that was sent."""

    def __init__(self, output: MidiOut, clock: Clock, profile: Profile) -> None:
        self._output, self._clock, self._profile = output, clock, profile
        self.echo, self.loopback = EchoFilter(profile), Loopback()

    def put(self, message: bytes, is_own: bool = False, due_s: float | None = None) -> float:
        """Send it; `is_own`, if the machine planned it; `due_s` is when it was to be sent, by default now. Returns how
        many seconds it takes to sound."""
        message = self._profile.to_output(message)
        sent_s, delay_s = self._clock.now(), self._profile.output_delay_s(message)
        self._output.send(message, due_s)
        self.echo.sent(sent_s + delay_s, message)
        self.loopback.sent(sent_s, message, is_own)
        return delay_s
