"""What is still to be sent, in the order of sending: a slow output is sent a message before it is to sound."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import NamedTuple

from perfrnn_live.music.midi import releases, strikes
from perfrnn_live.player.messages import Timed
from perfrnn_live.player.profiles import Profile


class Outgoing(NamedTuple):
    """A planned message that is to leave at `due_s`."""

    due_s: float
    sounds_s: float
    number: int
    message: bytes


class SendQueue:
    """The plan as one output must be sent it. What moves one key keeps its order; and where a key is struck again soon,
    its release leaves earlier, for the profile's `min_gap_s` and because a soft strike takes longer."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._heap: list[Outgoing] = []
        self._latest_s: dict[int, float] = {}  # when the last message for a pitch is to leave
        self._ripe_s: dict[int, float] = {}  # from when on the release of its last strike may leave

    @property
    def next(self) -> Outgoing | None:
        """What is to leave first; None if there is nothing."""
        return self._heap[0] if self._heap else None

    @property
    def strikes(self) -> int:
        """How many note-ons are waiting."""
        return sum(strikes(outgoing.message) for outgoing in self._heap)

    def add(self, messages: Iterable[Timed]) -> None:
        """Take up a further part of the plan."""
        for timed in sorted(messages, key=lambda timed: (timed.due_s, timed.number)):
            message = self._profile.to_output(timed.message)
            due_s = timed.due_s - self._profile.output_delay_s(message)
            if strikes(message):
                due_s = max(due_s, self._free_from_s(message[1], due_s))
                self._ripe_s[message[1]] = timed.due_s + self._profile.min_note_s - self._profile.base_delay_s
            elif releases(message):
                due_s = max(due_s, self._latest_s.get(message[1], due_s))
            if strikes(message) or releases(message):
                self._latest_s[message[1]] = due_s
            heapq.heappush(self._heap, Outgoing(due_s, timed.due_s, timed.number, timed.message))

    def _free_from_s(self, pitch: int, strike_s: float) -> float:
        """From when on the key can be struck again, its waiting release brought forward as far as it may be."""
        moves = sorted(
            each
            for each in self._heap
            if each.message[1] == pitch and (strikes(each.message) or releases(each.message))
        )
        if not moves or not releases(moves[-1].message):
            return self._latest_s.get(pitch, strike_s)
        *before, release = moves
        ripe_s = max([self._ripe_s.get(pitch, release.due_s), *(each.due_s for each in before)])
        early_s = max(strike_s - self._profile.min_gap_s, ripe_s)
        if early_s < release.due_s:
            self._heap.remove(release)
            release = release._replace(due_s=early_s)
            self._heap.append(release)
            heapq.heapify(self._heap)
        return release.due_s

    def pop(self) -> Outgoing:
        """Take out what is to leave first."""
        return heapq.heappop(self._heap)

    def upcoming(self) -> list[tuple[float, bytes]]:
        """Every message, as the output is sent it, with the moment it is to leave at, in no order."""
        return [(outgoing.due_s, self._profile.to_output(outgoing.message)) for outgoing in self._heap]

    def clear(self) -> None:
        """Drop everything."""
        self._heap.clear()
        self._latest_s.clear()
        self._ripe_s.clear()
