"""Long notes → keys and pedal, without changing when any note ends.

Under the pedal a key may go up before its note ends. That note then ends in one of two ways: the pedal rises, and with
it ends every other note whose key is up; or the same key is struck again. So the pedal stays down while no note ends
but to be struck again, and the keys that go up early are those that end so, or with the very next other end. Music that
was played with a pedal has long stretches of this kind, for there notes ended when the pedal rose, all at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from perfrnn_live.music.midi import SUSTAIN, control_change, note_off, releases, strikes
from perfrnn_live.player.profiles import Profile

_PROMPT = 1.2  # a note that ends this many times `min_gap_s` before its key is struck again ended to make that possible


class Pedalling:
    """Says what is to go out along with the messages to one output. Times are moments of sending, in seconds.

    It acts only when a message is due anyway and needs no timer: music has one every 60 ms or so. The pedal takes
    `min_pedal_gap_s` to move; keys go up under it only after that, and not before their note has lasted `min_note_s`.
    Notes end exactly when planned, but for those whose key has less than 1.2 times `min_gap_s` until the next strike
    leaves: they may sound until then.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._keys: dict[int, float] = {}  # keys that are down, and from when on they may go up
        self._fell_s: float | None = None  # when the pedal went down; None while it is up
        self._ended_s = -math.inf  # the latest end of a note: a pedal that falls too soon catches the string again

    def messages_before(self, message: bytes, now_s: float, upcoming: Iterable[tuple[float, bytes]]) -> list[bytes]:
        """What is to go out now, just before `message`, which is to be sent in any case.

        `upcoming` are the planned messages after it and when they are to be sent, in any order. All are as the output
        is sent them, so after `Profile.to_output`. If the plan is taken back while keys have gone up early, their notes
        end with the first that ends in the new one.
        """
        planned = list(upcoming)
        if releases(message):
            self._keys.pop(message[1], None)
            if self._fell_s is not None and self._struck_again(message[1], planned, -math.inf, now_s):
                return []
            self._ended_s = now_s
            return self._raised()
        extra = self._fallen(now_s, planned)
        if strikes(message):
            self._keys[message[1]] = now_s + self._lead_s(message) + self._profile.min_note_s
        return extra

    def reset(self) -> list[bytes]:
        """Forget all keys; what raises the pedal, if it is down.

        For when everything is silenced. Also for when another player's key or pedal goes down: while they are down, let
        `upcoming` be empty, and the pedal, which would hold their notes, stays up.
        """
        self._keys.clear()
        return self._raised()

    def _fallen(self, now_s: float, planned: list[tuple[float, bytes]]) -> list[bytes]:
        """The pedal down, if no note ends for long enough, and the keys up that may go up under it."""
        ends = [(end_s, end[1]) for end_s, end in planned if releases(end)]
        final = (end_s for end_s, pitch in ends if not self._struck_again(pitch, planned, end_s, end_s))
        until_s = min(final, default=max((due_s for due_s, _ in planned), default=now_s))
        gap_s = self._profile.min_pedal_gap_s
        extra = []
        if self._fell_s is None and self._keys and now_s - self._ended_s >= gap_s and until_s - now_s > 2 * gap_s:
            self._fell_s = now_s
            extra.append(control_change(SUSTAIN, 127))
        if self._fell_s is not None and now_s - self._fell_s >= gap_s:
            for pitch in sorted({pitch for end_s, pitch in ends if end_s <= until_s}):
                if self._keys.get(pitch, math.inf) <= now_s:
                    del self._keys[pitch]
                    extra.append(note_off(pitch))
        return extra

    def _raised(self) -> list[bytes]:
        if self._fell_s is None:
            return []
        self._fell_s = None
        return [control_change(SUSTAIN, 0)]

    def _struck_again(
        self, pitch: int, planned: list[tuple[float, bytes]], sounds_from_s: float, released_s: float
    ) -> bool:
        """Whether a key is released only to be struck again, with a strike that sounds no earlier than given."""
        latest_s = released_s + _PROMPT * self._profile.min_gap_s
        return any(
            strike[1] == pitch
            and due_s <= latest_s
            and strikes(strike)
            and due_s + self._lead_s(strike) >= sounds_from_s
            for due_s, strike in planned
        )

    def _lead_s(self, strike: bytes) -> float:
        """How much earlier a strike leaves than a release that is to be heard at the same moment."""
        return self._profile.output_delay_s(strike) - self._profile.base_delay_s
