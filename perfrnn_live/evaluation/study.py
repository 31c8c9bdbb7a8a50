"""`perfrnn-live evaluate --report`: a model and recordings → a folder with a page, pictures, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress

from perfrnn_live.errors import BadValue, CannotWrite
from perfrnn_live.evaluation.distances import likeness
from perfrnn_live.evaluation.excerpts import EXCERPT_S, Excerpt, cut_out, excerpts_of
from perfrnn_live.evaluation.likelihood import likelihood_of, surprises_of
from perfrnn_live.evaluation.page import drawings, page
from perfrnn_live.evaluation.report import copied, likelihoods, likenesses, touches
from perfrnn_live.evaluation.run import heard_corpus
from perfrnn_live.evaluation.statistics import STATISTICS, measured
from perfrnn_live.sampling.continuation import Continuation, Moment
from perfrnn_live.sampling.controls import Controls
from perfrnn_live.sampling.generation import generate
from perfrnn_live.sampling.opening import begin
from perfrnn_live.training.corpus import TokenCorpus, named_splits
from perfrnn_live.training.splits import load_split

SWEPT: Mapping[str, Sequence[float]] = {
    "temperature": (0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.4, 1.7, 2.0),
    "top p": (0.5, 0.7, 0.8, 0.9, 0.95, 1.0),
    "beams": (1, 2, 4),
    "recall": (0.0, 0.17, 0.34, 0.5, 0.7, 0.9),
}
_FEWEST = 3  # excerpts, for distances between them to have a density
_SWEPT_EXCERPTS = 64  # at most, for each place of each knob
_SWEPT_SHOWN = ("note count", "keys sounding", "velocity", "repetition", "silence", "notes in the best key")


@dataclass(frozen=True, slots=True)
class Asked:
    """How a report is made: `excerpts` that the model plays, with these controls and `beams`, from a piece's beginning
    or from the `middle` of one. `knobs` are swept too, or not; `likelihood` is measured, or not."""

    excerpts: int
    controls: Controls
    beams: int = 1
    middle: bool = False
    seed: int = 1
    knobs: bool = False
    likelihood: bool = True


def report_on(
    model: Path, data: Path, out: Path, asked: Asked, limit: int | None, side_by_side: int | None, command: str
) -> dict[str, Any]:
    """Measure a model, and write report.json, report.html, statistics.csv and pictures into the folder `out`; returns
    the figures. What takes long and is not asked for now, the likelihood and what the knobs do, is taken over from a
    report of the same model that is there already. Raises BadValue where there is too little to compare,
    CannotWrite."""
    console = Console(stderr=True)
    continuation, start = begin(model, middle=asked.middle)
    vocabulary = continuation.vocabulary
    corpus = heard_corpus(data, vocabulary, limit, console)
    recordings = [corpus.recording(index) for index in range(len(corpus))]
    figures: dict[str, Any] = {
        "model": model.name,
        "fingerprint": continuation.engine.fingerprint,
        "command": command,
        "recordings": len(recordings),
    }
    people, others = (cut_out(recordings[half::2], vocabulary, 2) for half in (0, 1))
    if min(len(people), len(others)) < _FEWEST:
        raise BadValue(f"a report compares people with people, and {data} has too few recordings of a minute and more")
    if asked.likelihood:
        figures["likelihood"] = _likelihood(continuation, corpus, recordings, asked, side_by_side, console)
    with console.status("playing"):
        _, excerpts = _played(continuation, start, asked.controls, asked)
    if len(excerpts) < _FEWEST:
        raise BadValue(f"{model.name} plays too little to be compared")
    sets = {"people": people, "others": others, "model": excerpts}
    figures |= {"likeness": likenesses(excerpts, people, others), "touch": touches(sets)}
    if named_splits(data):
        trained_on = load_split(data, "train", vocabulary, console)
        known = [trained_on.recording(index) for index in range(len(trained_on))]
        figures["copying"] = copied({who: sets[who] for who in ("people", "model")}, known, vocabulary)
    if asked.knobs:
        with console.status("turning knobs"):
            figures["settings"] = _swept(continuation, start, people, asked)
    figures |= _earlier(out, figures)
    _write(out, figures)
    return figures


def _earlier(out: Path, figures: Mapping[str, Any]) -> dict[str, Any]:
    """What an earlier report of the same model has beside these figures, and the commands that it came from."""
    try:
        before = json.loads((out / "report.json").read_text(encoding="utf-8"))
        if before["fingerprint"] != figures["fingerprint"]:
            return {}
        made_by = {"likelihood": before["command"], "settings": before["command"], **before.get("commands", {})}
    except (OSError, ValueError, TypeError, KeyError):  # none, or not one of ours
        return {}
    kept = {name: before[name] for name in made_by if name in before and name not in figures}
    return {**kept, "commands": {name: made_by[name] for name in kept}} if kept else {}


def _likelihood(
    continuation: Continuation,
    corpus: TokenCorpus,
    recordings: Sequence[Any],
    asked: Asked,
    side_by_side: int | None,
    console: Console,
) -> dict[str, Any]:
    with Progress(console=console) as bar:
        task = bar.add_task("listening", total=len(corpus.tokens))
        surprises = surprises_of(
            continuation.engine, recordings, lambda events: bar.advance(task, events), side_by_side
        )
    return likelihoods(recordings, surprises, corpus.composers, continuation.vocabulary, asked.seed)


def _played(
    continuation: Continuation, start: Moment, controls: Controls, asked: Asked
) -> tuple[list[list[int]], list[Excerpt]]:
    rng = np.random.default_rng(asked.seed)
    pieces = generate(continuation, start, EXCERPT_S, controls, rng, asked.excerpts, asked.beams)
    return pieces, excerpts_of(pieces, continuation.vocabulary, start, EXCERPT_S)


def _swept(
    continuation: Continuation, start: Moment, people: Sequence[Excerpt], asked: Asked
) -> dict[str, list[dict[str, Any]]]:
    """For each value of each knob, what is played with it, the others standing as asked."""
    asked = replace(asked, excerpts=min(asked.excerpts, _SWEPT_EXCERPTS))
    values = measured(people)
    found: dict[str, list[dict[str, Any]]] = {}
    for knob, places in SWEPT.items():
        for place in places:
            own = replace(asked, beams=int(place)) if knob == "beams" else asked
            field: dict[str, Any] = {} if knob == "beams" else {knob.replace(" ", "_"): place}
            controls = replace(asked.controls, **field)
            pieces, excerpts = _played(continuation, start, controls, own)
            music = measured(excerpts)
            overlaps = {each.name: likeness(music[each.name], values[each.name]).overlap for each in STATISTICS}
            tokens = [np.array(piece, np.int16) for piece in pieces]
            nats = [each.nats for each in surprises_of(continuation.engine, tokens)]
            cost = likelihood_of(tokens, nats, continuation.vocabulary)
            row = {
                "value": place,
                "mean_overlap": float(np.mean(list(overlaps.values()))),
                "overlaps": overlaps,
                "values": {name: float(music[name].mean()) for name in _SWEPT_SHOWN},
                "nats_per_event": cost.nats / cost.events,
            }
            found.setdefault(knob, []).append(row)
    return found


def _write(out: Path, figures: Mapping[str, Any]) -> None:
    files = {
        "report.json": json.dumps(figures, indent=1) + "\n",
        "report.html": page(figures),
        "statistics.csv": _table(figures["likeness"]["statistics"]),
        **drawings(figures),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (out / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CannotWrite(f"cannot write into {out}: {error.strerror}") from error


def _table(rows: Mapping[str, Any]) -> str:
    with io.StringIO(newline="") as text:
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["statistic", "who", "mean", "overlap", "divergence"])
        for name, row in rows.items():
            for who in ("model", "people", "others"):
                mean = row["values"][who]["mean"] if "values" in row else ""
                like = row.get(who, {})
                table.writerow([name, who, mean, like.get("overlap", ""), like.get("divergence", "")])
        return text.getvalue()
