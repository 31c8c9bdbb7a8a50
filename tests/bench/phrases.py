"""`python -m tests.bench.phrases`: how well the ends of phrases are judged, beside fixed silences, on people playing.

**Who plays.** Twenty performances, spread evenly over the sorted list of MAESTRO's validation split, whole.

**What is true.** No recording says where phrases end, and the silences do not say it either: their lengths have no
valley between a breath and an end, only a slope. So the truth is a rule, which unlike the judge knows the whole
performance, its future included. A phrase ends at a silence of the hands (no key down, whatever the pedal does,
nothing struck) of at least 0.5 s with a gap score of at least 10. The gap score is that of Temperley's Grouper (The
Cognition of Basic Musical Structures, 2001, chapter 3): time from strike to strike and time from release to strike,
added, over the performance's mean time from strike to strike (a chord, 50 ms, being one). Ten makes phrases of about
ten seconds. The other rows say what becomes of the figures if it is another number, or if any silence of a fixed
length is an end.

**What is counted.** The performer follows the recording, but waits after every phrase: the judge decides, four
seconds of answer pass, the next phrase begins. *False*: ends judged within a phrase, the performer strikes again,
over phrases (a phrase cut twice counts twice). *Missed*: ends judged later than 3 s after the hands have left the
keys, or never, over phrases. *Delay*: from the hands' leaving the keys to the judgement, also where the pedal lets
the sound go on; negative where a chord was held for so long that its player was not waited for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from perfrnn_live.live.phrases import Phrase
from perfrnn_live.music.midifile import read_gestures
from perfrnn_live.music.pedal import PEDAL_DOWN, Gesture, Move
from perfrnn_live.training.corpus import find_recordings

EXCERPTS = 20
_CHORD_S = 0.05
_ANSWER_S = 4.0
_MISSED_S = 3.0


class Judge(Protocol):
    """What is put to the test."""

    def strike(self, time_s: float, pitch: int, velocity: int) -> None: ...
    def rest(self, time_s: float, keys_down: bool, pedal_down: bool) -> None: ...
    def over_at_s(self) -> float | None: ...
    def clear(self) -> None: ...


class FixedSilence:
    """The baseline: over when the hands have been off the keys for `silence_s`, or nothing was struck for 4 s."""

    def __init__(self, silence_s: float) -> None:
        self._silence_s = silence_s
        self._last_strike_s: float | None = None
        self._hands_off_s: float | None = None

    def strike(self, time_s: float, pitch: int, velocity: int) -> None:
        self._last_strike_s = time_s

    def rest(self, time_s: float, keys_down: bool, pedal_down: bool) -> None:
        if keys_down:
            self._hands_off_s = None
        elif self._hands_off_s is None:
            self._hands_off_s = time_s

    def over_at_s(self) -> float | None:
        if self._last_strike_s is None:
            return None
        return self._last_strike_s + 4.0 if self._hands_off_s is None else self._hands_off_s + self._silence_s

    def clear(self) -> None:
        self._last_strike_s = None


class Happening(NamedTuple):
    """What a hand or a foot did, and which of keys and pedal are down from then on."""

    gesture: Gesture
    keys_down: bool
    pedal_down: bool


Performance = list[Happening]


@dataclass(frozen=True, slots=True)
class Truth:
    """Where phrases end: silences of the hands of at least `silence_s` and a gap score of at least `score`."""

    silence_s: float
    score: float

    def __str__(self) -> str:
        return f"silence {self.silence_s:4.2f} s" + (f", score {self.score:2.0f}" if self.score else "")


TRUTH = Truth(0.5, 10)
SENSITIVITY = (Truth(0.5, 8), Truth(0.5, 12), Truth(0.5, 15), *(Truth(each, 0) for each in (0.75, 1.0, 1.5, 2.0)))
JUDGES: dict[str, Callable[[], Judge]] = {
    "adaptive": Phrase,
    "0.5 s": lambda: FixedSilence(0.5),
    "1 s": lambda: FixedSilence(1.0),
    "2 s": lambda: FixedSilence(2.0),
}


@dataclass(frozen=True, slots=True)
class PlayedPhrase:
    """What happens from its first strike to the next phrase's, where its last strike is, and when it truly ends."""

    happenings: Performance
    last_strike: int
    ended_s: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares of phrases, delays in seconds."""

    phrases: int
    false: float
    missed: float
    delay_p50_s: float
    delay_p90_s: float

    def __str__(self) -> str:
        shares = f"{100 * self.false:6.1f} % {100 * self.missed:6.1f} %"
        return f"{self.phrases:5} {shares} {self.delay_p50_s:6.2f} s {self.delay_p90_s:6.2f} s"


def maestro_folder() -> Path:
    """The MAESTRO folder: $PERFRNN_MAESTRO, or beside the repository."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "maestro-v3.0.0"
    return Path(os.environ.get("PERFRNN_MAESTRO") or beside)


def read_performance(path: Path) -> Performance:
    """All keys and the sustain pedal of a recording as they moved."""
    keys: set[int] = set()
    pedal_down = False
    performance: Performance = []
    for gesture in map(Gesture._make, read_gestures(path).rows()):
        if gesture.move is Move.STRIKE:
            keys.add(gesture.pitch)
        elif gesture.move is Move.RELEASE:
            keys.discard(gesture.pitch)
        elif gesture.move is Move.PEDAL:
            pedal_down = gesture.value >= PEDAL_DOWN
        performance.append(Happening(gesture, bool(keys), pedal_down))
    return performance


def cut(performance: Performance, truth: Truth) -> list[PlayedPhrase]:
    """A performance → its phrases. What happens before the first strike belongs to the first."""
    strikes = [index for index, (gesture, _, _) in enumerate(performance) if gesture.move is Move.STRIKE]
    struck_s = np.array([performance[index].gesture.time_s for index in strikes])
    gaps_s = np.diff(struck_s)
    mean_s = float(gaps_s[gaps_s > _CHORD_S].mean())
    phrases: list[PlayedPhrase] = []
    began = 0
    for last, following in zip(strikes, [*strikes[1:], len(performance)], strict=True):
        off_s = next((each.gesture.time_s for each in performance[last:following] if not each.keys_down), None)
        if off_s is None:
            continue
        if following < len(performance):
            next_s = performance[following].gesture.time_s
            silence_s, gap_s = next_s - off_s, next_s - performance[last].gesture.time_s
            if silence_s < truth.silence_s or (gap_s + silence_s) / mean_s < truth.score:
                continue
        phrases.append(PlayedPhrase(performance[began:following], last - began, off_s))
        began = following
    return phrases


def play(phrases: Sequence[PlayedPhrase], judge: Judge) -> tuple[list[int], list[float]]:
    """Play the phrases of one performance to a judge → false ends of each, delay in seconds of each."""
    false: list[int] = []
    delays_s: list[float] = []
    waited_s = 0.0
    for phrase in phrases:
        cuts = 0
        for index, (gesture, keys_down, pedal_down) in enumerate(phrase.happenings):
            now_s = gesture.time_s + waited_s
            over_s = judge.over_at_s()
            if over_s is not None and over_s < now_s:
                if index > phrase.last_strike:
                    break
                cuts += 1
                judge.clear()
            if gesture.move is Move.STRIKE:
                judge.strike(now_s, gesture.pitch, gesture.value)
            judge.rest(now_s, keys_down, pedal_down)
        over_s = judge.over_at_s()
        assert over_s is not None, "the last strike of a phrase comes after the last of its false ends"
        false.append(cuts)
        delays_s.append(over_s - phrase.ended_s - waited_s)
        judge.clear()
        played_s = phrase.happenings[-1].gesture.time_s
        waited_s = max(over_s - played_s, waited_s) + _ANSWER_S
    return false, delays_s


def judged(performances: Sequence[Performance], truth: Truth, judge: Callable[[], Judge]) -> Figures:
    """How a new judge for each performance fares by a truth."""
    false: list[int] = []
    delays_s: list[float] = []
    for performance in performances:
        its_false, its_delays_s = play(cut(performance, truth), judge())
        false += its_false
        delays_s += its_delays_s
    p50_s, p90_s = np.quantile(delays_s, [0.5, 0.9]).tolist()
    return Figures(len(false), sum(false) / len(false), float(np.mean(np.array(delays_s) > _MISSED_S)), p50_s, p90_s)


def excerpts(maestro: Path) -> list[Performance]:
    """Twenty performances, evenly over the validation split. Raises CorpusEmpty where there is none."""
    recordings = find_recordings(maestro, "validation")
    return [read_performance(recordings[index * len(recordings) // EXCERPTS]) for index in range(EXCERPTS)]


def main() -> None:
    """Every judge by every truth."""
    performances = excerpts(maestro_folder())
    print(f"{'a phrase ends at':24} {'judge':9} {'phrases':>7} {'false':>6} {'missed':>8} {'p50':>7} {'p90':>8}")
    for truth in (TRUTH, *SENSITIVITY):
        for name, judge in JUDGES.items():
            print(f"{truth!s:24} {name:11}{judged(performances, truth, judge)}", flush=True)


if __name__ == "__main__":
    main()
