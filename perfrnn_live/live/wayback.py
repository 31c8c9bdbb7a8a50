"""Places to go back to: marked while the music is well, and where the other player's phrases ended."""

from __future__ import annotations

from collections import deque

from perfrnn_live.live.health import Health, entropy_nats
from perfrnn_live.music.midi import releases, strikes
from perfrnn_live.player.messages import Sent
from perfrnn_live.sampling.continuation import Moment

_MARK_S = 10.0
_FRESH_S = 120.0  # a phrase of the other player's this young is the best thing to go on from


class WayBack:
    """Marks of the last two minutes, and the health of what the machine plays."""

    def __init__(self, start: Moment, now_s: float) -> None:
        self._health = Health()
        self._marks: deque[tuple[float, Moment]] = deque([(now_s, start)], maxlen=12)
        self._phrase: tuple[float, Moment] | None = None

    def sent(self, report: Sent, heard: Moment) -> None:
        """The player sent something; `heard` is where the music stands."""
        if report.number is not None:
            self._health.expected(entropy_nats(heard.logits))
        if strikes(report.message):
            self._health.struck(report.sounds_s, report.message[1], report.message[2])
        elif releases(report.message):
            self._health.released(report.sounds_s, report.message[1])

    def paused(self, now_s: float) -> None:
        """The machine does not play from here on, until it strikes again."""
        self._health.paused(now_s)

    def left(self, now_s: float) -> None:
        """The music goes on from elsewhere: what was played so far says nothing about it."""
        self._health.clear(now_s)

    def phrase_ended(self, now_s: float, heard: Moment) -> None:
        """The other player's phrase is over."""
        self._phrase = (now_s, heard)

    def earlier(self, now_s: float) -> Moment:
        """Where the music stood some seconds ago."""
        past = [moment for marked_s, moment in self._marks if marked_s < now_s - _MARK_S / 2]
        return past[-1] if past else self._marks[0][1]

    def mark(self, now_s: float, heard: Moment) -> tuple[str, Moment] | None:
        """Every ten seconds, mark where the music is. Where it has left what people play, nothing is marked: returns
        how, and where to go on from instead, the other player's last phrase or the earliest mark."""
        if now_s - self._marks[-1][0] < _MARK_S:
            return None
        complaint = self._health.complaint(now_s)
        if complaint is None:
            self._marks.append((now_s, heard))
            return None
        is_fresh = self._phrase is not None and now_s - self._phrase[0] < _FRESH_S
        moment = self._phrase[1] if self._phrase is not None and is_fresh else self._marks[0][1]
        self._marks = deque([(now_s, moment)], self._marks.maxlen)
        return complaint, moment
