"""`python -m tests.bench.knobs`: what is asked of the shipped model, and what it plays.

For every setting `--streams` pieces of 60 s from silence, as one batch and from one seed. Pieces of one setting differ
widely: the figures are means over pieces, each with its standard error.
"""

from __future__ import annotations

import argparse
from itertools import accumulate

import numpy as np

from perfrnn_live.model.checkpoint import DEFAULT_MODEL, find_model
from perfrnn_live.model.controls import Controls
from perfrnn_live.model.generation import generate
from perfrnn_live.model.opening import begin
from perfrnn_live.music.codec import decode
from perfrnn_live.music.performance import Note

SECONDS = 60.0
C_MAJOR = (1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0)
NEARLY_C_MAJOR = tuple(max(weight, 0.02) for weight in C_MAJOR)

SETTINGS = {
    "as learned": Controls(),
    **{f"density {density:g}": Controls(density=density) for density in (0.25, 0.5, 2.0, 4.0)},
    **{f"loudness {loudness:+g}": Controls(loudness=loudness) for loudness in (-1.0, -0.5, 0.5, 1.0)},
    **{f"register {register:+g}": Controls(register=register) for register in (-1.0, -0.5, 0.5, 1.0)},
    **{f"polyphony {polyphony}": Controls(polyphony=polyphony) for polyphony in (1, 2, 4, 8)},
    "C major": Controls(pitch_classes=C_MAJOR),
    "C major, else 0.02": Controls(pitch_classes=NEARLY_C_MAJOR),
    "from middle C upwards": Controls(lowest=60),
    "notes from 0.1 s": Controls(min_note_s=0.1),
    "gaps from 0.1 s": Controls(min_gap_s=0.1),
    "both": Controls(min_note_s=0.1, min_gap_s=0.1),
}
MEASURES = ("notes/s", "velocity", "pitch", "most keys", "mean keys", "in C major", "within 0.1 s")


def measured(piece: list[Note]) -> list[float]:
    """The figures of one piece, in the order of MEASURES; the last is the share of notes whose key was released less
    than 0.1 s before."""
    velocities, pitches = [note.velocity for note in piece], [note.pitch for note in piece]
    released_s: dict[int, float] = {}
    early = 0
    for note in piece:
        early += note.onset_s - released_s.get(note.pitch, -SECONDS) < 0.1
        released_s[note.pitch] = note.offset_s
    edges = sorted(edge for note in piece for edge in ((note.onset_s, 1), (note.offset_s, -1)))
    return [
        len(piece) / SECONDS,
        float(np.mean(velocities)),
        float(np.mean(pitches)),
        max(accumulate(change for _, change in edges)),
        sum(note.offset_s - note.onset_s for note in piece) / SECONDS,
        float(np.mean([C_MAJOR[pitch % 12] for pitch in pitches])),
        early / len(piece),
    ]


def main() -> None:
    """A row for each setting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    continuation, start = begin(find_model(DEFAULT_MODEL), None)
    print(f"{'':22}" + "".join(f"{name:>16}" for name in MEASURES))
    for name, controls in SETTINGS.items():
        rng = np.random.default_rng(options.seed)
        pieces = generate(continuation, start, SECONDS, controls, rng, options.streams)
        figures = np.array([measured(decode(tokens, continuation.vocabulary)) for tokens in pieces])
        means, errors = figures.mean(axis=0), figures.std(axis=0, ddof=1) / np.sqrt(options.streams)
        cells = (f"{mean:.2f} ± {error:.2f}" for mean, error in zip(means, errors, strict=True))
        print(f"{name:22}" + "".join(f"{cell:>16}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
