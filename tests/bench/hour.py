"""`python -m tests.bench.hour`: does an unattended hour stay where people's playing lies, alone and steered?

The shipped model goes on by itself as fast as it can, all hours side by side: left alone, or looked at every ten
seconds as the session does, and at every complaint steered: by going back two minutes, by turning the temperature, by
both.

A minute is a character: `·` where notes a second, pitch-class entropy and mean velocity all lie between the 1st and the
99th percentile of people's minutes, else n, p or v for the first that lies below, N, P or V above. 36 hours of music in
about 15 minutes.
"""

from __future__ import annotations

import argparse
from collections import deque
from dataclasses import dataclass
from itertools import product

import numpy as np

from perfrnn_live.live.health import CORPUS, WINDOW_S, Health, Range, entropy_nats
from perfrnn_live.model.checkpoint import DEFAULT_MODEL, find_model
from perfrnn_live.model.continuation import Continuation, Moment
from perfrnn_live.model.controls import Controls
from perfrnn_live.model.engine import OnnxEngine
from perfrnn_live.music.codec import StreamEncoder
from perfrnn_live.music.vocabulary import EventKind
from tests.bench.ranges import BAR, Figures, Listener, windows

MARKS = dict(zip(BAR, (("n", "N"), ("p", "P"), ("v", "V")), strict=True))
# The 1st and 99th percentile of people's ten minutes, by `python -m tests.bench.ranges`
TEN_MINUTES = {
    "notes_per_s": Range(4.19, 15.3),
    "pitch_class_entropy_bits": Range(3.13, 3.571),
    "mean_velocity": Range(48.3, 73.3),
}
LOOK_S, WAY_BACK = 10.0, 12  # as in the session


@dataclass(frozen=True, slots=True)
class Way:
    """How an hour is played."""

    temperature: float
    top_p: float
    goes_back: bool
    turns_temperature: bool

    def __str__(self) -> str:
        steering = " and ".join(["going back"] * self.goes_back + ["turning the temperature"] * self.turns_temperature)
        return f"temperature {self.temperature:g}, top-p {self.top_p:g}, {steering or 'left alone'}"


class Hour:
    """One improvisation, watched and steered."""

    def __init__(self, continuation: Continuation, way: Way, seed: int) -> None:
        self._continuation, self._way = continuation, way
        self._rng = np.random.default_rng(seed)
        (self.moment,) = continuation.beginning()
        self._controls = Controls(temperature=way.temperature, top_p=way.top_p)
        self._health = Health()
        self._listener = Listener(self._health, continuation.vocabulary)
        self._milestones = deque([self.moment], maxlen=WAY_BACK)
        self._next_look_s = LOOK_S
        self.temperatures: list[float] = []
        self.tokens: list[int] = []
        self.complaints: list[str] = []

    @property
    def now_s(self) -> float:
        return self._listener.now_s

    def choose(self) -> int:
        """The next event, told to the watch."""
        token = self._continuation.choose(self.moment, self._controls, self._rng)
        self._health.expected(entropy_nats(self.moment.logits))
        self._play(token)
        return token

    def look(self) -> None:
        """Every ten seconds: mark the way, or steer."""
        if self.now_s < self._next_look_s:
            return
        self._next_look_s = self.now_s + LOOK_S
        self.temperatures.append(self._controls.temperature)
        complaint = self._health.complaint(self.now_s)
        if complaint is None:
            self._milestones.append(self.moment)
            return
        self.complaints.append(complaint)
        if self._way.turns_temperature:
            temperature = self._controls.temperature * self._health.remedy(self.now_s)
            self._controls = Controls(temperature=temperature, top_p=self._way.top_p)
        if self._way.goes_back:
            self._go_back()
        self._health.clear(self.now_s)

    def _go_back(self) -> None:
        for token in self._releases(self.moment):
            self._play(token)
        self.moment = self._milestones[0]
        for token in self._releases(self.moment):
            (self.moment,) = self._continuation.feed([self.moment], [token])
        offset = self._continuation.vocabulary.offsets[EventKind.VELOCITY]
        self._play(offset + self.moment.keyboard.velocity_bin)
        self._milestones = deque([self.moment], maxlen=WAY_BACK)

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
        moments = continuation.feed([hour.moment for hour in playing], [hour.choose() for hour in playing])
        for hour, moment in zip(playing, moments, strict=True):
            hour.moment = moment
            hour.look()


def astray(figures: Figures, ranges: dict[str, Range]) -> str:
    """The mark of the first of the three figures that is out of its range, or nothing."""
    for name, (below, above) in MARKS.items():
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
    complaints = sum(len(hour.complaints) for hour in hours) / (len(hours) * seconds / 3600)
    temperature = np.mean([each for hour in hours for each in hour.temperatures])
    print(f"  complaints an hour: {complaints:.1f}; mean temperature: {temperature:.2f}")
    for hour, own in zip(hours, minutes, strict=True):
        (whole,) = windows(hour.tokens, vocabulary, seconds, seconds)
        figures = ", ".join(f"{whole[name]:.3g}" for name in MARKS)
        print(f"  {''.join(astray(each, CORPUS) or '·' for each in own)} the whole: {figures}")


def main() -> None:
    """All ways."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--temperatures", type=float, nargs="+", default=[0.8, 1.0, 1.2])
    parser.add_argument("--top-p", type=float, nargs="+", default=[1.0])
    wanted = parser.parse_args()
    continuation = Continuation(OnnxEngine(find_model(DEFAULT_MODEL)))
    ways = [
        Way(temperature, top_p, goes_back, turns)
        for temperature, top_p in product(wanted.temperatures, wanted.top_p)
        for goes_back, turns in product((False, True), repeat=2)
    ]
    hours = {way: [Hour(continuation, way, seed) for seed in range(wanted.seeds)] for way in ways}
    play(continuation, [hour for each in hours.values() for hour in each], wanted.minutes * 60)
    for way in ways:
        report(way, hours[way], continuation, wanted.minutes * 60)


if __name__ == "__main__":
    main()
