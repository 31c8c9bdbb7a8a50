"""How the session stands, and how it went: figures from the facts."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import numpy as np

from perfrnn_live.live.controls import Settings
from perfrnn_live.live.happenings import Happening, PlayerGone
from perfrnn_live.live.orders import Decision, Took
from perfrnn_live.live.pads import Sight
from perfrnn_live.music.midi import releases, strikes
from perfrnn_live.player.messages import Schedule, Sent, TakenBack

LATE_MS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Summary:
    """What was played. Lateness is from due to sent, in milliseconds, over all planned messages; `delays` is how long
    what the other player did took to be answered: for each thing how often, and in milliseconds the median, the 99th
    percentile and the longest. `complaints`: what went wrong on the way, a sentence each."""

    notes: int
    events: int
    seconds: float
    lateness_p50_ms: float
    lateness_p99_ms: float
    lateness_max_ms: float
    dropped: int
    delays: dict[str, dict[str, float]] = field(default_factory=dict)
    complaints: tuple[str, ...] = ()

    def __str__(self) -> str:
        late = f"{self.lateness_p50_ms:.2f}/{self.lateness_p99_ms:.2f}/{self.lateness_max_ms:.2f} ms"
        played = f"{self.notes} notes, {self.events} events in {self.seconds:.1f} s"
        return f"{played}; lateness p50/p99/max {late}; {self.dropped} dropped"

    def to_json(self) -> dict[str, object]:
        """For programs: figures by name."""
        return {name: round(value, 3) if isinstance(value, float) else value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Status:
    """A snapshot for a face to show. `sounding` are the pitches that the machine sounds, `held` the other player's;
    `planned` the strikes to come, each in how many seconds and its pitch; `state` is what the machine does, `said` the
    latest thing that it has to say. `pads`: how what each filled one holds looks, the one used
    last at the end. Of the other player: how sure
    the machine is that the phrase is over, `nearly_over`, 0 to 1, and how much the last notes were a `surprise`, nats a
    note; each None before there is any. `late`: of the last thousand messages, how many were late by up to each of
    LATE_MS and by more. `helps`: what each key does is asked for."""

    elapsed_s: float
    state: str
    settings: Settings
    selected: str
    said: str
    events_per_s: float
    lookahead_s: float
    lateness_p99_ms: float
    dropped: int
    sounding: frozenset[int]
    held: frozenset[int]
    planned: tuple[tuple[float, int], ...] = ()
    pads: Mapping[int, Sight] = field(default_factory=dict)
    nearly_over: float | None = None
    surprise: float | None = None
    late: tuple[int, ...] = ()
    helps: bool = False


class Figures:
    """What can be counted along the way. `sounding` are the pitches that the machine sounds."""

    def __init__(self) -> None:
        self._planned: dict[int, tuple[float, int]] = {}  # number → due, pitch
        self.notes = self.dropped = 0
        self.sounding: set[int] = set()
        self._lately_ms: deque[float] = deque(maxlen=1000)
        self._lateness: Counter[int] = Counter()  # hundredths of a millisecond: hours are as small as minutes
        self._delays_ms: defaultdict[str, list[float]] = defaultdict(list)

    def hear(self, fact: Happening | Decision) -> None:
        """This happened, or was decided."""
        match fact:
            case Sent():
                self._count(fact)
            case TakenBack(asked=asked, dropped=dropped):
                self._planned.clear()
                self.dropped += 0 if asked else dropped
            case Took(what, since_s, until_s):
                self._delays_ms[what].append((until_s - since_s) * 1000)
            case PlayerGone():
                self._planned.clear()
                self.sounding.clear()

    def plan(self, schedule: Schedule) -> None:
        """This is with the player, and may be taken back."""
        for each in schedule.messages:
            if strikes(each.message):
                self._planned[each.number] = each.due_s, each.message[1]

    def planned(self, now_s: float) -> tuple[tuple[float, int], ...]:
        """The strikes to come: in how many seconds, and their pitch."""
        return tuple((due_s - now_s, pitch) for due_s, pitch in self._planned.values() if due_s > now_s)

    @property
    def lateness_p99_ms(self) -> float:
        """The 99th percentile of the last thousand messages."""
        return float(np.percentile(self._lately_ms, 99)) if self._lately_ms else 0.0

    @property
    def late(self) -> tuple[int, ...]:
        """How many of the last thousand messages were late by up to each of LATE_MS, and by more."""
        places = np.searchsorted(LATE_MS, np.array(self._lately_ms), side="left")
        return tuple(np.bincount(places, minlength=len(LATE_MS) + 1).tolist())

    def summary(self, events: int, seconds: float, complaints: tuple[str, ...]) -> Summary:
        """All that was counted, after so many `events` were heard and so many `seconds`."""
        late, times = map(np.array, zip(*sorted(self._lateness.items()) or [(0, 1)], strict=True))
        p50, p99 = (float(late[np.searchsorted(times.cumsum(), times.sum() * share)] / 100) for share in (0.5, 0.99))
        delays = {
            what: {"count": len(ms), "p50": np.median(ms), "p99": float(np.percentile(ms, 99)), "max": max(ms)}
            for what, ms in self._delays_ms.items()
        }
        return Summary(self.notes, events, seconds, p50, p99, float(late[-1] / 100), self.dropped, delays, complaints)

    def _count(self, sent: Sent) -> None:
        if sent.number is not None:
            self._planned.pop(sent.number, None)
            late_ms = (sent.sent_s - sent.due_s) * 1000
            self._lately_ms.append(late_ms)
            self._lateness[round(late_ms * 100)] += 1
        if strikes(sent.message):
            self.notes += 1
            self.sounding.add(sent.message[1])
        elif releases(sent.message):
            self.sounding.discard(sent.message[1])
