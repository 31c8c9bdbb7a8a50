"""`python -m tests.bench.hour`: does an unattended hour stay where people's playing lies, alone and steered?

The shipped model goes on by itself as fast as it can, all hours side by side: left alone, or looked at every ten
seconds and sent two minutes back at every complaint, as in a session.

A minute is a character: `·` where notes a second, pitch-class entropy and mean velocity all lie between the 1st and the
99th percentile of people's minutes, else n, p or v for the first that lies below, N, P or V above. 18 hours of music in
about 6 minutes.
"""

from __future__ import annotations

import argparse
from collections import Counter, deque
from dataclasses import dataclass
from itertools import product

import numpy as np

from perfrnn_live.engines.card import DEFAULT_MODEL, find_model
from perfrnn_live.engines.handles import Handles
from perfrnn_live.engines.registry import load
from perfrnn_live.live.health import CORPUS, WINDOW_S, Health, Range, entropy_nats
from perfrnn_live.music.codec import StreamEncoder
from perfrnn_live.music.vocabulary import EventKind
from perfrnn_live.sampling.continuation import Continuation, Moment
from perfrnn_live.sampling.controls import Controls
from tests.bench.ranges import BAR, Figures, Listener, sounds, windows

LETTERS = dict(zip(BAR, (("n", "N"), ("p", "P"), ("v", "V")), strict=True))
# The 1st and 99th percentile of people's ten minutes, measured by `python -m tests.bench.ranges`
TEN_MINUTES = {
    "notes_per_s": Range(4.19, 15.3),
    "pitch_class_entropy_bits": Range(3.13, 3.57),
    "mean_velocity": Range(48.3, 73.3),
}
LOOK_S, MARKS_KEPT = 10.0, 12  # as in the session


@dataclass(frozen=True, slots=True)
class Way:
    """How an hour is played."""

    controls: Controls
    goes_back: bool

    def __str__(self) -> str:
        density = self.controls.handles.density
        asked = "nothing asked" if density is None else f"density {density:g}"
        figures = f"temperature {self.controls.temperature:g}, top-p {self.controls.top_p:g}, {asked}"
        return f"{figures}, {'going back' if self.goes_back else 'left alone'}"


class Hour:
    """One improvisation, watched and steered."""

    def __init__(self, continuation: Continuation, way: Way, seed: int) -> None:
        self._continuation, self._way = continuation, way
        self._rng = np.random.default_rng(seed)
        (self.moment,) = continuation.beginning()
        self._health = Health()
        self._listener = Listener(self._health, continuation.vocabulary)
        self._marks = deque([self.moment], maxlen=MARKS_KEPT)
        self._next_look_s = LOOK_S
        self.tokens: list[int] = []
        self.complaints: list[str] = []

    @property
    def now_s(self) -> float:
        """How long it has lasted so far."""
        return self._listener.now_s

    def choose(self) -> int:
        """The next event."""
        return self._continuation.choose(self.moment, self._way.controls, self._rng)

    def go_on(self, token: int, moment: Moment) -> None:
        """`token` was played, and now the music stands there. Every ten seconds mark the way, or steer."""
        self._play(token)
        self.moment = moment
        if sounds(self._continuation.vocabulary.events[token]):
            self._health.expected(entropy_nats(moment.logits))
        if self.now_s < self._next_look_s:
            return
        self._next_look_s = self.now_s + LOOK_S
        complaint = self._health.complaint(self.now_s)
        if complaint is None:
            self._marks.append(self.moment)
            return
        self.complaints.append(complaint)
        if self._way.goes_back:
            self._go_back()
        self._health.clear(self.now_s)

    def _go_back(self) -> None:
        for token in self._releases(self.moment):
            self._play(token)
        self.moment = self._marks[0]
        for token in self._releases(self.moment):
            (self.moment,) = self._continuation.feed([self.moment], [token])
        offset = self._continuation.vocabulary.offsets[EventKind.VELOCITY]
        self._play(offset + self.moment.keyboard.velocity_bin)
        self._marks = deque([self.moment], maxlen=MARKS_KEPT)

    def _releases(self, moment: Moment) -> list[int]:
        """A step later all keys are released."""
        sounding = np.flatnonzero(moment.keyboard.sounding).tolist()
        return StreamEncoder(self._continuation.vocabulary).encode(1, sounding, ())

    def _play(self, token: int) -> None:
        self.tokens.append(token)
        self._listener.hear(token)


def play(continuation: Continuation, hours: list[Hour], seconds: float) -> None:
    """All of them, to the end."""
    while playing := [hour for hour in hours if hour.now_s < seconds]:
        tokens = [hour.choose() for hour in playing]
        moments = continuation.feed([hour.moment for hour in playing], tokens)
        for hour, token, moment in zip(playing, tokens, moments, strict=True):
            hour.go_on(token, moment)


def astray(figures: Figures, ranges: dict[str, Range]) -> str:
    """The letter of the first of the three figures that is out of its range, or nothing."""
    for name, (below, above) in LETTERS.items():
        if figures[name] not in ranges[name]:
            return below if figures[name] < ranges[name].low else above
    return ""


def report(way: Way, hours: list[Hour], continuation: Continuation, seconds: float) -> None:
    """Minutes, tens of minutes and the whole."""
    vocabulary = continuation.vocabulary
    minutes = [windows(hour.tokens, vocabulary, WINDOW_S, WINDOW_S) for hour in hours]
    tens = [figures for hour in hours for figures in windows(hour.tokens, vocabulary, 600.0, 600.0)]
    every = [figures for hour in minutes for figures in hour]
    inside = sum(not astray(figures, CORPUS) for figures in every)
    print(f"\n{way}")
    print(f"  minutes inside: {inside} of {len(every)}, {inside / len(every):.1%}")
    for yardstick, ranges in (("minutes", CORPUS), ("tens of minutes", TEN_MINUTES)):
        inside = sum(not astray(figures, ranges) for figures in tens)
        print(f"  tens of minutes inside people's {yardstick}: {inside} of {len(tens)}")
    for name in every[0]:
        mean = np.mean([figures[name] for figures in every])
        outside = sum(figures[name] not in CORPUS[name] for figures in every)
        print(f"  {name}: mean of the minutes {mean:.3g}, outside {outside}")
    complaints = Counter(complaint.partition(":")[0] for hour in hours for complaint in hour.complaints)
    reasons = ", ".join(f"{reason} {count}" for reason, count in complaints.most_common())
    print(f"  complaints an hour: {complaints.total() / (len(hours) * seconds / 3600):.1f} ({reasons})")
    for hour, own in zip(hours, minutes, strict=True):
        (whole,) = windows(hour.tokens, vocabulary, seconds, seconds)
        figures = ", ".join(f"{whole[name]:.3g}" for name in BAR)
        print(f"  {''.join(astray(each, CORPUS) or '·' for each in own)} the whole: {figures}")


def main() -> None:
    """All ways."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--temperatures", type=float, nargs="+", default=[0.8, 1.0, 1.2])
    parser.add_argument("--top-p", type=float, nargs="+", default=[1.0])
    parser.add_argument("--densities", type=float, nargs="+", default=[None], help="notes a second to ask for")
    wanted = parser.parse_args()
    continuation = Continuation(load(find_model(DEFAULT_MODEL)))
    knobs = product(wanted.temperatures, wanted.top_p, wanted.densities)
    ways = [
        Way(Controls(temperature, top_p, Handles(density)), goes_back)
        for temperature, top_p, density in knobs
        for goes_back in (False, True)
    ]
    hours = {way: [Hour(continuation, way, seed) for seed in range(wanted.seeds)] for way in ways}
    play(continuation, [hour for each in hours.values() for hour in each], wanted.minutes * 60)
    for way in ways:
        report(way, hours[way], continuation, wanted.minutes * 60)


if __name__ == "__main__":
    main()
