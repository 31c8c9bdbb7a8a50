"""Figures that people are told stand in the files that commands wrote: none is older than what ships."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from perfrnn_live.engines.card import read_card
from perfrnn_live.engines.registry import load

ROOT = Path(__file__).resolve().parents[1]
REPORTS = sorted(ROOT.glob("models/*/report/report.json"))


def told(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def figures(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.parts[-3])
def test_a_report_is_of_the_model_that_ships_and_says_how_it_was_made(path: Path) -> None:
    report, folder = figures(path), path.parents[1]
    assert report["model"] == folder.name
    assert report["fingerprint"] == load(folder).fingerprint
    assert report["command"].startswith("perfrnn-live evaluate ") and "--report models/" in report["command"]
    assert "/work" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.parts[-3])
def test_the_readmes_tell_what_the_reports_say(path: Path) -> None:
    means = figures(path)["likeness"]["mean_overlap"]
    model, people = f"{means['model']:.3f}", f"{means['others']:.3f}"
    row = next(line for line in told("models/README.md").splitlines() if line.startswith(f"| `{path.parts[-3]}` plays"))
    assert model in row and people in row
    if path.parts[-3] == "maestro":
        (sentence,) = re.findall(r"mean overlap[^.]*\.\d+[^.]*\.\d+[^.]*\.\d+", told("README.md"))
        assert model in sentence and people in sentence


def test_likelihoods_in_the_readmes_are_those_of_the_cards() -> None:
    for name in ("maestro", "maestro-nano"):
        metrics = read_card(ROOT / "models" / name).fields["metrics"]["int8"]
        (row,) = (line for line in told("README.md").splitlines() if line.startswith(f"| `{name}`"))
        for unit, digits in (("event", 3), ("step", 3), ("note", 2), ("second", 1)):
            assert f"{metrics[f'nats_per_{unit}']:.{digits}f}" in row


def test_composers_are_told_apart_as_the_readme_says() -> None:
    composers = figures(ROOT / "models/maestro/composers.json")
    assert composers["command"].startswith("python3 -m tests.bench.composers --data ")
    text = told("models/README.md")
    for name in ("correlations", "alone"):
        keys, bits, density, velocity, pitch = (
            f"{composers[name][each]:.2f}" for each in ("mean keys", "entropy, bits", "notes/s", "velocity", "pitch")
        )
        assert all(each in text for each in (keys, bits, density, velocity, pitch))
    for composer, each in composers["composers"].items():
        (row,) = (line for line in text.splitlines() if line.startswith(f"| {composer} |"))
        for measure, digits in (("mean keys", 1), ("entropy, bits", 2), ("notes/s", 1)):
            assert f"{each['people'][measure]:.{digits}f} / {each['asked'][measure]:.{digits}f}" in row


def test_what_comes_back_is_as_the_readme_says() -> None:
    motifs, text = figures(ROOT / "models/maestro/motifs.json"), " ".join(told("README.md").split())
    patterns = {who: each["patterns"] * 100 for who, each in motifs["answers"].items()}
    strangers = patterns["another's piece"]
    by_default, none, most = (patterns[f"the model, recall {recall}"] for recall in ("0.34", "0", "0.9"))
    assert f"{by_default:.1f} % are the call's at recall 0.34, where `play` begins, " in text
    assert f", {none:.1f} % at 0 and {most:.0f} % at 0.9; people's answers" in text
    assert f"have {patterns['the pianist']:.1f} %, another's piece {strangers:.1f} %" in text
    model, people = (motifs["repetition"][who] * 100 for who in ("the model, recall 0.34", "people"))
    assert f"{model:.1f} % of four-interval patterns are repeated (people {people:.1f} %)" in text


def test_the_latent_space_does_what_the_readme_tells() -> None:
    latent = figures(ROOT / "models/maestro/latent.json")
    assert latent["model"] == "maestro" and latent["command"].startswith("python3 -m tests.bench.latent --data ")
    rows = {line.split("|")[1].strip(): line for line in told("models/README.md").splitlines() if line.startswith("| ")}
    asked = latent["asked and got"]
    (row,) = (line for name, line in rows.items() if name.startswith("places asked and got"))
    for name in ("density", "loudness", "register", "sounding"):
        assert asked[name]["correlation"] > asked[name]["shuffled"] + 0.3
        assert f"{asked[name]['correlation']:.2f}" in row
        way = latent["from one to the other"][name]["places"]
        assert way["rank correlation"] >= 0.9, "from one end to the other in nine steps, upwards"
        assert f"{way['rank correlation']:.2f}" in rows[name]
    assert f"{asked['pitch classes']['cosine']:.2f}" in row
    assert latent["neighbours"]["same composer"] > 2 * latent["neighbours"]["by chance"]
