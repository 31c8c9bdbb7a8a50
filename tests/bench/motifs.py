"""`python -m tests.bench.motifs`: does anything come back? Answers beside their calls, and repetition within excerpts.

Calls are ten seconds out of validation recordings. What the pianist played in the next ten is compared with the call,
and so is what the model plays after it has heard the call and nothing else; another pianist's ten seconds, and the
model's own from the middle of nothing, are what chance gives. Repetition is measured within thirty seconds. Patterns
are runs of intervals between successive strikes, those within 24 ms of each other being a chord, from its lowest key
up; so a pattern is the same on whatever step it comes. Figures are means.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from perfrnn_live.engines.card import DEFAULT_MODEL, find_model
from perfrnn_live.evaluation.patterns import between_strikes
from perfrnn_live.live.controls import AT_FIRST
from perfrnn_live.music.codec import decode, encode
from perfrnn_live.music.performance import Note
from perfrnn_live.sampling.continuation import Continuation, Moment
from perfrnn_live.sampling.controls import Controls
from perfrnn_live.sampling.generation import generate
from perfrnn_live.sampling.opening import begin
from perfrnn_live.sampling.recall import opening
from perfrnn_live.training.corpus import TokenCorpus, find_recordings, tokenise

CALL_S, EXCERPT_S = 10.0, 30.0
ANSWERED, REPEATED = 3, 4  # intervals in a pattern: of an answer that are the call's, and of an excerpt heard before
FEWEST = 8  # strikes: what has less tells nothing


@dataclass(frozen=True, slots=True)
class Comparison:
    """An answer beside its call."""

    pitch_class_cosine: float
    density_log2_ratio: float  # how far apart, as all that follow
    velocity: float
    pitch: float
    patterns: float  # the share of the answer's that are the call's


def intervals(notes: Sequence[Note]) -> list[int]:
    """Between successive strikes, chords from their lowest key up."""
    ordered = sorted(notes, key=lambda note: note.onset_s)
    struck_s = np.array([note.onset_s for note in ordered], np.float64)
    between: list[int] = between_strikes(struck_s, np.array([note.pitch for note in ordered], np.int64)).tolist()
    return between


def patterns(notes: Sequence[Note], length: int) -> list[tuple[int, ...]]:
    """Every run of `length` intervals, in order."""
    between = intervals(notes)
    return [tuple(between[at : at + length]) for at in range(len(between) - length + 1)]


def compared(call: Sequence[Note], answer: Sequence[Note]) -> Comparison:
    """Both with at least FEWEST notes, in spans of the same length."""
    classes = [np.bincount([note.pitch % 12 for note in notes], minlength=12) for notes in (call, answer)]
    cosine = float(classes[0] @ classes[1] / np.prod([np.linalg.norm(each) for each in classes]))
    loud, high = (
        [float(np.mean([getattr(note, name) for note in notes])) for notes in (call, answer)]
        for name in ("velocity", "pitch")
    )
    called, answered = set(patterns(call, ANSWERED)), patterns(answer, ANSWERED)
    return Comparison(
        cosine,
        abs(float(np.log2(len(answer) / len(call)))),
        abs(loud[0] - loud[1]),
        abs(high[0] - high[1]),
        float(np.mean([each in called for each in answered])),
    )


def repetition(excerpt: Sequence[Note]) -> float:
    """The share of patterns that were heard before in the excerpt."""
    heard: set[tuple[int, ...]] = set()
    again = []
    for each in patterns(excerpt, REPEATED):
        again.append(each in heard)
        heard.add(each)
    return float(np.mean(again))


def repetitions(excerpts: Sequence[Sequence[Note]]) -> float:
    """The mean over those that have anything to repeat."""
    return float(np.mean([repetition(each) for each in excerpts if len(each) >= FEWEST]))


def cut(notes: Sequence[Note], from_s: float, seconds: float) -> list[Note]:
    """What is struck in that span, from 0 on; what rings longer is cut."""
    return [
        Note(note.onset_s - from_s, min(note.offset_s - from_s, seconds), note.pitch, note.velocity)
        for note in notes
        if from_s <= note.onset_s < from_s + seconds - 0.01
    ]


def answers(
    continuation: Continuation, calls: Sequence[Sequence[Note]], controls: Controls, seed: int, seconds: float
) -> list[list[Note]]:
    """What the model answers to each call, begun as answers in `trade` are."""
    vocabulary, rng = continuation.vocabulary, np.random.default_rng(seed)
    played = []
    for number, call in enumerate(calls):
        start = continuation.primed(encode(call, vocabulary), vocabulary.middle)
        start = replace(start, quote=opening(len(call), controls.recall, rng))
        played.append(excerpts(continuation, start, controls, seed + number, seconds, 1)[0])
    return played


def excerpts(
    continuation: Continuation, start: Moment, controls: Controls, seed: int, seconds: float, count: int
) -> list[list[Note]]:
    """Pieces from one moment."""
    pieces = generate(continuation, start, seconds, controls, np.random.default_rng(seed), count)
    return [decode(piece, continuation.vocabulary, start.keyboard) for piece in pieces]


def table(rows: dict[str, list[Comparison]]) -> dict[str, dict[str, float]]:
    """Means, and the median share of patterns."""
    return {
        who: {
            **{name: float(np.mean([getattr(each, name) for each in found])) for name in Comparison.__slots__},
            "patterns_median": float(np.median([each.patterns for each in found])),
        }
        for who, found in rows.items()
    }


def pairs(calls: Sequence[Sequence[Note]], played: Sequence[Sequence[Note]]) -> list[Comparison]:
    """Those in which both have something to say."""
    return [compared(call, answer) for call, answer in zip(calls, played, strict=False) if len(answer) >= FEWEST]


def middles(corpus: TokenCorpus, count: int) -> list[tuple[list[Note], list[Note], list[Note]]]:
    """From the middle of so many recordings: a call, what followed it, and an excerpt that begins there."""
    found = []
    for index in np.linspace(0, len(corpus) - 1, count).astype(int).tolist():
        notes = decode(corpus.recording(index).tolist(), corpus.vocabulary)
        middle_s = notes[-1].onset_s / 2
        spans = (cut(notes, middle_s, CALL_S), cut(notes, middle_s + CALL_S, CALL_S), cut(notes, middle_s, EXCERPT_S))
        if min(map(len, spans)) >= FEWEST:
            found.append(spans)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--excerpts", type=int, default=50)
    parser.add_argument("--top-p", type=float, default=0.9)
    parser.add_argument("--recall", type=float, nargs="+", default=[0.0, AT_FIRST.recall, 0.9])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--maestro", type=Path, default=Path("../shared/maestro-v3.0.0"))
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()

    continuation, nothing = begin(find_model(asked.model), middle=True)
    corpus = tokenise(find_recordings(asked.maestro, "validation"), continuation.vocabulary)
    heard = middles(corpus, asked.calls)
    calls, followed, people = (list(each) for each in zip(*heard, strict=True))
    rows = {
        "the pianist": pairs(calls, followed),
        "another's piece": pairs(calls, [*followed[1:], followed[0]]),
    }
    repeated = {"people": repetitions(people)}
    for recall in asked.recall:
        controls = Controls(top_p=asked.top_p, recall=recall)
        who = f"the model, recall {recall:g}"
        rows[who] = pairs(calls, answers(continuation, calls, controls, asked.seed, CALL_S))
        free = excerpts(continuation, nothing, controls, asked.seed, EXCERPT_S, asked.excerpts)
        rows[f"{who}, from nothing"] = pairs(calls, [cut(each, 0.0, CALL_S) for each in free])
        repeated[who] = repetitions(free)
    compared_with_calls = table(rows)
    figures = {"answers": compared_with_calls, "repetition": repeated}
    for who, row in compared_with_calls.items():
        print(f"{who:26}" + "".join(f"  {name} {value:.3f}" for name, value in row.items()))
    for who, share in repeated.items():
        print(f"repeated within {EXCERPT_S:.0f} s, {who}: {share:.3f}")
    if asked.json:
        made_by = {"command": f"python3 -m tests.bench.motifs {shlex.join(sys.argv[1:])}"}
        asked.json.write_text(json.dumps(made_by | figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
