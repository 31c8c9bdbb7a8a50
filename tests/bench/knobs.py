"""`python -m tests.bench.knobs`: what is asked of a model, and what it plays.

For every setting `--streams` pieces of `--seconds` from silence, as one batch and from one seed, steered as `play`
steers. Pieces of one setting differ widely: the figures are means over pieces, each with its standard error. A key is
asked of the model, and strikes outside it are made rare as well; the rows `key, asked alone` leave the second out. A
composer has no figure to be held to, only those of the others to be told from. `--json` writes the table for drawing:
of every measure the mean and the error.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perfrnn_live.engines.card import DEFAULT_MODEL, find_model
from perfrnn_live.live.controls import Settings
from perfrnn_live.live.steering import Steering
from perfrnn_live.music.codec import decode
from perfrnn_live.music.composers import COMPOSERS, OTHER
from perfrnn_live.music.harmony import entropy_bits
from perfrnn_live.music.performance import Note
from perfrnn_live.music.scales import pitch_class_weights
from perfrnn_live.sampling.controls import Controls
from perfrnn_live.sampling.generation import generate
from perfrnn_live.sampling.opening import begin

KEYS = ("C major", "F# minor")
ENDS = ("bach", "rachmaninoff")  # of the blend


@dataclass(frozen=True, slots=True)
class Setting:
    """A row of the table. `got` names the measure that tells whether what was `asked` for was played."""

    knob: str
    asked: float | str
    controls: Controls
    got: str | None = None


def steered(**settings: Any) -> Controls:
    """With these knobs turned."""
    return Steering(Controls()).controls(Settings(**settings), 0.0)


SETTINGS = [
    Setting("as learned", "nothing", steered()),
    *(Setting("density", each, steered(density=each), "notes/s") for each in (2.0, 4.0, 8.0, 12.0, 16.0, 24.0)),
    *(Setting("loudness", each, steered(loudness=each), "velocity") for each in (30.0, 45.0, 60.0, 75.0, 90.0)),
    *(Setting("register", each, steered(register=each), "pitch") for each in (45.0, 52.0, 60.0, 68.0, 76.0)),
    *(Setting("sounding", each, steered(sounding=each), "mean keys") for each in (2.0, 4.0, 6.0, 9.0)),
    *(Setting("key", key, steered(scale=key), f"in {key}") for key in KEYS),
    *(Setting("key, asked alone", key, Controls(handles=steered(scale=key).handles), f"in {key}") for key in KEYS),
    *(Setting("composer", name, steered(composer=name)) for name in COMPOSERS if name != OTHER),
    *(
        Setting(f"blend of {' and '.join(ENDS)}", each, steered(composer=ENDS[0], towards=ENDS[1], blend=each))
        for each in (0.0, 0.25, 0.5, 0.75, 1.0)
    ),
]


def within(key: str, notes: Sequence[Note]) -> float:
    """The share of strikes that are of the key; minor is harmonic."""
    weights = pitch_class_weights(key, [0] * 12)
    return float(np.mean([weights[note.pitch % 12] == 1 for note in notes]))


def spread_bits(notes: Sequence[Note]) -> float:
    """How evenly the strikes are spread over the twelve pitch classes: at most 3.58."""
    return float(entropy_bits(np.bincount([note.pitch % 12 for note in notes], minlength=12)))


MEASURES: dict[str, Callable[[Sequence[Note], float], float]] = {
    "notes/s": lambda notes, seconds: len(notes) / seconds,
    "velocity": lambda notes, _: float(np.mean([note.velocity for note in notes])),
    "pitch": lambda notes, _: float(np.mean([note.pitch for note in notes])),
    "mean keys": lambda notes, seconds: sum(note.offset_s - note.onset_s for note in notes) / seconds,
    "entropy, bits": lambda notes, _: spread_bits(notes),
    **{f"in {key}": lambda notes, _, key=key: within(key, notes) for key in KEYS},  # type: ignore[misc]
}


def measured(pieces: Sequence[Sequence[Note]], seconds: float) -> dict[str, tuple[float, float]]:
    """The mean of every measure over the pieces that have a note, and its standard error."""
    played = [notes for notes in pieces if notes]
    figures = {}
    for name, measure in MEASURES.items():
        values = np.array([measure(notes, seconds) for notes in played])
        error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
        figures[name] = (float(values.mean()) if len(values) else np.nan, float(error))
    return figures


def main() -> None:
    """A row for each setting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    continuation, start = begin(find_model(options.model))
    rows = []
    print(f"{'knob':30}{'asked':>14}{'got':>16}" + "".join(f"{name:>16}" for name in MEASURES))
    for setting in SETTINGS:
        rng = np.random.default_rng(options.seed)
        pieces = generate(continuation, start, options.seconds, setting.controls, rng, options.streams)
        notes = [decode(tokens, continuation.vocabulary) for tokens in pieces]
        figures = measured(notes, options.seconds)
        cells = {name: f"{mean:.2f} ± {error:.2f}" for name, (mean, error) in figures.items()}
        asked = setting.asked if isinstance(setting.asked, str) else f"{setting.asked:g}"
        got = "" if setting.got is None else cells[setting.got]
        print(f"{setting.knob:30}{asked:>14}{got:>16}" + "".join(f"{cell:>16}" for cell in cells.values()), flush=True)
        rows.append({"knob": setting.knob, "asked": setting.asked, "got": setting.got, "measures": figures})
    if options.json:
        made_by = {"command": shlex.join(["python3", "-m", "tests.bench.knobs", *sys.argv[1:]])}
        run = {name: getattr(options, name) for name in ("model", "streams", "seconds", "seed")}
        options.json.write_text(json.dumps({**made_by, **run, "settings": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
