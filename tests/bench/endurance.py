"""`python -m tests.bench.endurance`: does a model stay itself, listening to long recordings and playing by itself?

Listening: nats per event of MAESTRO's validation recordings of ten minutes and more, the state carried from their
start, minute by minute. Playing: several streams at once, sampled at temperature 1 from a piece's beginning, nothing
masked and nothing bounded; which share of events is impossible (a release of what does not sound, a strike of what
does), and how many keys sound. People keep 1.8 to 9.8 keys sounding (1st and 99th percentile of performances).
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from perfrnn_live.engines.base import StepEngine
from perfrnn_live.engines.card import DEFAULT_MODEL, find_model
from perfrnn_live.engines.registry import load
from perfrnn_live.evaluation.likelihood import heard
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.timeline import Timeline
from perfrnn_live.music.vocabulary import EventKind
from perfrnn_live.sampling.draw import sample
from perfrnn_live.training.corpus import find_recordings, tokenise

LONG_S = 600.0


def listening(engine: StepEngine[Any], maestro: Path) -> list[dict[str, float]]:
    """For each minute: its nats per event, and how many events that is."""
    vocabulary = engine.vocabulary
    corpus = tokenise(find_recordings(maestro, "validation"), vocabulary)
    recordings = sorted((corpus.recording(index) for index in range(len(corpus))), key=len, reverse=True)
    steps = [Timeline.of(recording, vocabulary).step for recording in recordings]
    long_steps = LONG_S * vocabulary.steps_per_second
    chosen = [(tokens, step) for tokens, step in zip(recordings, steps, strict=True) if step[-1] >= long_steps]
    nats: defaultdict[int, list[float]] = defaultdict(list)
    for place, each in enumerate(heard(engine, [tokens for tokens, _ in chosen])):
        for (_, step), surprise in zip(chosen, each[0].tolist(), strict=False):
            nats[int(step[place] / vocabulary.steps_per_second / 60)].append(surprise)
    return [
        {"minute": minute + 1, "nats_per_event": float(np.mean(values)), "events": len(values)}
        for minute, values in sorted(nats.items())
    ]


def playing(engine: StepEngine[Any], streams: int, seconds: float, seed: int) -> dict[str, Any]:
    """What unguarded streams do; lists have a figure for each."""
    vocabulary, rng = engine.vocabulary, np.random.default_rng(seed)
    last_step = round(seconds * vocabulary.steps_per_second)
    keyboards = [Keyboard.silent() for _ in range(streams)]
    tokens, states = [vocabulary.start] * streams, engine.start(streams)
    events, impossible = np.zeros(streams, int), np.zeros(streams, int)
    strikes, key_steps = np.zeros(streams, int), np.zeros(streams)
    while any(keyboard.step < last_step for keyboard in keyboards):
        expected, states = engine.step(tokens, states, keyboards)
        tokens = [sample(logits, rng) for logits in expected]
        for stream, token in enumerate(tokens):
            keyboard, event = keyboards[stream], vocabulary.events[token]
            if keyboard.step < last_step:
                events[stream] += 1
                impossible[stream] += not keyboard.allows(event)
                strikes[stream] += event.kind is EventKind.NOTE_ON
                if event.kind is EventKind.TIME_SHIFT:
                    key_steps[stream] += np.count_nonzero(keyboard.sounding) * event.value
            keyboards[stream] = keyboard.after(event)
    steps = np.array([keyboard.step for keyboard in keyboards])
    return {
        "impossible_share": float(impossible.sum() / events.sum()),
        "mean_keys_sounding": np.round(key_steps / last_step, 2).tolist(),
        "sounding_at_end": [int(np.count_nonzero(keyboard.sounding)) for keyboard in keyboards],
        "notes_per_s": np.round(strikes / seconds, 2).tolist(),
        "events": events.tolist(),
        "seconds": np.round(steps / vocabulary.steps_per_second).tolist(),
    }


def main() -> None:
    """Both, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--maestro", type=Path, default=Path("../shared/maestro-v3.0.0"))
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    engine = load(find_model(options.model))
    print(json.dumps({"playing": playing(engine, options.streams, options.seconds, options.seed)}), flush=True)
    for row in listening(engine, options.maestro):
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
