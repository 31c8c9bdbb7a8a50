"""What is to come in a recording, measured at every event: what the handles are taught by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.engines.handles import CLASSES_WINDOW_S, HARMONY_WINDOW_S, PITCH_CLASSES, WINDOW_S
from perfrnn_live.music.composers import COMPOSERS, OTHER
from perfrnn_live.music.harmony import FEWEST, entropy_bits
from perfrnn_live.music.performance import bin_to_velocity
from perfrnn_live.music.timeline import Timeline
from perfrnn_live.music.vocabulary import EventKind, Vocabulary
from perfrnn_live.training.corpus import TokenCorpus

_ENOUGH = 5  # recordings of a composer
MEASURED = 3 + PITCH_CLASSES + 1


def measured(tokens: NDArray[np.integer], vocabulary: Vocabulary) -> NDArray[np.float32]:
    """Before the first of `tokens` (n,) and after each, what the strikes from there on are: (n + 1, MEASURED).

    Notes a second, mean velocity and mean pitch of the next WINDOW_S, how many of each pitch class in the next
    CLASSES_WINDOW_S, and how many keys sound in the next WINDOW_S on average. NaN where nothing is struck, and for a
    density or a number of keys whose window goes beyond the end.
    """
    line = Timeline.of(tokens, vocabulary)
    step, first = line.step, line.been

    def until(window_s: float) -> NDArray[np.int64]:
        window_steps = round(window_s * vocabulary.steps_per_second)
        return np.asarray(np.searchsorted(line.struck_step, step + window_steps))

    def summed(values: NDArray[np.floating], last: NDArray[np.int64]) -> NDArray[np.floating]:
        upto = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
        return np.asarray(upto[last] - upto[first])

    last = until(WINDOW_S)
    count = (last - first).astype(np.float64)
    struck = np.where(count > 0, count, np.nan)
    density = np.where(step + WINDOW_S * vocabulary.steps_per_second <= step[-1], count / WINDOW_S, np.nan)
    loudness = summed(bin_to_velocity(line.struck_bin).astype(np.float64), last) / struck
    register = summed(line.pitch.astype(np.float64), last) / struck
    classes = summed(np.eye(PITCH_CLASSES)[line.pitch % PITCH_CLASSES], until(CLASSES_WINDOW_S))
    classes[classes.sum(axis=1) == 0] = np.nan
    sounding = np.where(np.isnan(density), np.nan, _sounding(tokens, vocabulary, line))
    seen = [np.stack([density, loudness, register], axis=1), classes, sounding[:, None]]
    return np.concatenate(seen, axis=1).astype(np.float32)


def manners(corpus: TokenCorpus) -> dict[str, dict[str, float]]:
    """How the recordings of each composer are on the whole: notes a second, mean velocity and pitch, keys sounding, by
    the handles' names, and the pitch-class `entropy` of HARMONY_WINDOW_S, if any recording is so long. Composers of
    whom there are fewer than five recordings are left out."""
    by_composer: dict[str, list[list[float]]] = {name: [] for name in COMPOSERS if name != OTHER}
    for index, composer in enumerate(corpus.composers):
        if composer in by_composer:
            tokens = corpus.recording(index)
            line = Timeline.of(tokens, corpus.vocabulary)
            if steps := int(line.step[-1]):
                _, held_steps = _held(tokens, corpus.vocabulary, line)
                density = len(line.pitch) * corpus.vocabulary.steps_per_second / steps
                velocity, pitch = bin_to_velocity(line.struck_bin).mean(), line.pitch.mean()
                manner = [density, velocity, pitch, held_steps[-1] / steps, _entropy_bits(line, corpus.vocabulary)]
                by_composer[composer].append(manner)
    names = "density", "loudness", "register", "sounding", "entropy"
    known = {composer: np.array(seen) for composer, seen in by_composer.items() if len(seen) >= _ENOUGH}
    return {
        composer: {
            name: round(float(values[~np.isnan(values)].mean()), 2)
            for name, values in zip(names, seen.T, strict=True)
            if not np.isnan(values).all()
        }
        for composer, seen in known.items()
    }


def _entropy_bits(line: Timeline, vocabulary: Vocabulary) -> float:
    """The pitch-class entropy of HARMONY_WINDOW_S, on average; NaN if it is nowhere so long."""
    window_steps = round(HARMONY_WINDOW_S * vocabulary.steps_per_second)
    windows = int(line.step[-1]) // window_steps
    window = line.struck_step // window_steps
    counts = np.zeros((windows, PITCH_CLASSES))
    np.add.at(counts, (window[window < windows], line.pitch[window < windows] % PITCH_CLASSES), 1)
    harmonies = counts[counts.sum(axis=1) >= FEWEST]
    return float(entropy_bits(harmonies).mean()) if len(harmonies) else np.nan


def _sounding(tokens: NDArray[np.integer], vocabulary: Vocabulary, line: Timeline) -> NDArray[np.float64]:
    """Keys that sound in the WINDOW_S after each place, on average, (n + 1,); those after the end not counted."""
    sounding, held_steps = _held(tokens, vocabulary, line)
    window_steps = round(WINDOW_S * vocabulary.steps_per_second)
    last = np.searchsorted(line.step, line.step + window_steps, side="right") - 1
    rest = np.minimum(line.step + window_steps, line.step[-1]) - line.step[last]
    return np.asarray((held_steps[last] + sounding[last] * rest - held_steps) / window_steps)


def _held(
    tokens: NDArray[np.integer], vocabulary: Vocabulary, line: Timeline
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many keys sound at each place, and for how many steps keys have sounded up to it, all together, (n + 1,)."""
    on, off = vocabulary.tokens_of(EventKind.NOTE_ON), vocabulary.tokens_of(EventKind.NOTE_OFF)
    strikes, releases = ((tokens >= each.start) & (tokens < each.stop) for each in (on, off))
    places = np.flatnonzero(strikes | releases)
    key = np.where(strikes, tokens - on.start, tokens - off.start)[places]
    places = places[np.argsort(key, kind="stable")]  # key by key, in order
    same = np.diff(np.sort(key), prepend=-1) == 0
    before = np.where(same, np.roll(strikes[places], 1), False)  # whether that key sounds already
    moved = np.zeros(len(tokens), np.int64)
    moved[places] = strikes[places].astype(np.int64) - before
    sounding = np.concatenate([[0], np.cumsum(moved)])
    return sounding, np.concatenate([[0], np.cumsum(sounding[:-1] * np.diff(line.step))])
