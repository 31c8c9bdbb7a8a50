"""A kept take sounded again, by a player like any other."""

from __future__ import annotations

from collections.abc import Callable

from perfrnn_live.library.sessions import Take
from perfrnn_live.player.clock import Clock
from perfrnn_live.player.link import Link
from perfrnn_live.player.messages import Beat, Schedule, Timed

_BEGINS_S = 0.3
_AHEAD_S = 1.0
_BEAT_S = 0.5
_RINGS_S = 1.0  # after the last message


def play_back(take: Take, link: Link, clock: Clock, from_s: float, ended: Callable[[], bool]) -> None:
    """Sound both players' notes from `from_s` on, until the take or somebody has `ended` it. Raises PlayerLost."""
    both = sorted((*take.machine, *take.player), key=lambda each: each[0])
    messages = [(at_s, bytes((message[0] & 0xF0, *message[1:]))) for at_s, message in both if at_s >= from_s]
    origin_s, sent = clock.now() + _BEGINS_S - from_s, 0
    until_s = origin_s + (messages[-1][0] if messages else from_s) + _RINGS_S
    while not ended() and clock.now() < until_s:
        upto = sent
        while upto < len(messages) and origin_s + messages[upto][0] < clock.now() + _AHEAD_S:
            upto += 1
        part = messages[sent:upto]
        timed = (Timed(origin_s + at_s, sent + place, message) for place, (at_s, message) in enumerate(part))
        link.send(Schedule(0, tuple(timed)) if part else Beat())
        sent = upto
        next_s = clock.now() + _BEAT_S
        while not ended() and clock.now() < next_s:
            link.receive(next_s - clock.now())
