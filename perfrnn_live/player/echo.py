"""Telling a piano's report of what it was told to play from what hands and feet do at it.

A window is open for each message sent: from the moment it leaves until it should have come back, and a tolerance more.
The softer a strike, the earlier it leaves and the wider its window, as the mechanism wants it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from perfrnn_live.music.midi import CONTROL_CHANGE, NOTE_OFF, NOTE_ON, SUSTAIN, releases, strikes
from perfrnn_live.player.profiles import Profile

_MOST = 16  # windows of one key: more than a key can move while one is open, so memory is bounded whatever is sent


@dataclass(frozen=True, slots=True)
class _Window:
    opens_s: float
    closes_s: float
    velocity: int


class EchoFilter:
    """Knows what was sent to one output; asked about what comes in from it. With `profile.echo` off nothing is an echo.

    Each strike sent explains at most one received, of its pitch, in its window, and of about its velocity; so does each
    release. Of several that would do, it is the one sent first: echoes of one key come in order, so none that comes is
    left without. A piano reports one movement of the sustain pedal in many positions: all in the window are echoes.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._windows: dict[tuple[int, int], deque[_Window]] = {}

    def sent(self, sounds_s: float, message: bytes) -> None:
        """`message` has gone out, to sound at `sounds_s`. Wants everything that goes out, what is sent on from a
        keyboard included."""
        kind = _kind(message)
        if kind is None or not self._profile.echo:
            return
        opens_s = sounds_s - self._profile.output_delay_s(message)
        closes_s = sounds_s + self._profile.input_delay_s + self._profile.echo_tolerance_s
        windows = self._windows.setdefault(kind, deque(maxlen=_MOST))
        windows.append(_Window(opens_s, closes_s, message[2]))

    def is_echo(self, arrival_s: float, message: bytes) -> bool:
        """True if the message that arrived at `arrival_s`, as the driver stamped it, is explained by one sent."""
        kind = _kind(message)
        if kind is None:
            return False
        windows = self._windows.get(kind, deque())
        for index, window in enumerate(windows):
            if window.opens_s <= arrival_s <= window.closes_s and self._resembles(message, window):
                if kind[0] != CONTROL_CHANGE:
                    del windows[index]
                return True
        if kind[0] == NOTE_ON:  # a key that a hand strikes has come up before: its next release is the hand's
            self._windows.pop((NOTE_OFF, message[1]), None)
        return False

    def _resembles(self, message: bytes, window: _Window) -> bool:
        return not strikes(message) or abs(message[2] - window.velocity) <= self._profile.echo_velocity_tolerance


def _kind(message: bytes) -> tuple[int, int] | None:
    """What moves, whatever the channel: a key down, a key up, the sustain pedal; None for all else."""
    if len(message) != 3:
        return None
    if strikes(message):
        return NOTE_ON, message[1]
    if releases(message):
        return NOTE_OFF, message[1]
    if message[0] & 0xF0 == CONTROL_CHANGE and message[1] == SUSTAIN:
        return CONTROL_CHANGE, SUSTAIN
    return None
