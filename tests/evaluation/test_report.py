"""The report: every part of it on music made up for it, its page and its files."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from perfrnn_live.engines.fake import ConstantEngine
from perfrnn_live.errors import BadValue, CannotWrite
from perfrnn_live.evaluation import study
from perfrnn_live.evaluation.excerpts import Excerpt
from perfrnn_live.evaluation.likelihood import surprises_of
from perfrnn_live.evaluation.page import page
from perfrnn_live.evaluation.report import copied, likelihoods, likenesses
from perfrnn_live.evaluation.statistics import STATISTICS
from perfrnn_live.evaluation.study import Asked, report_on
from perfrnn_live.music.codec import encode
from perfrnn_live.music.midifile import write_notes
from perfrnn_live.music.performance import Note
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS
from perfrnn_live.sampling.controls import Controls

BACH, LISZT = "Johann Sebastian Bach", "Franz Liszt"


def music(seed: int, seconds: float = 100.0) -> list[Note]:
    rng, notes, at_s = np.random.default_rng(seed), list[Note](), 0.0
    while at_s < seconds:
        pitch = int(rng.integers(40, 84))
        notes.append(Note(at_s, at_s + rng.uniform(0.1, 0.5), pitch, int(rng.integers(30, 100))))
        at_s += rng.uniform(0.0, 0.4)
    return notes


def tokens_of(notes: list[Note]) -> np.ndarray:
    return np.array(encode(notes, PERFORMANCE_8MS), np.int16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Four recordings that validate, and two that train."""
    folder = tmp_path_factory.mktemp("maestro")
    lines = ["midi_filename,split,canonical_composer"]
    for number in range(6):
        write_notes(folder / f"{number}.mid", music(number))
        lines.append(f"{number}.mid,{'validation' if number < 4 else 'train'},{BACH if number % 2 else LISZT}")
    (folder / "maestro.csv").write_text("\n".join(lines) + "\n")
    yield folder


def test_likelihoods_are_told_by_kind_minute_and_composer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perfrnn_live.evaluation.report._LEAST_EVENTS", 100)
    recordings = [tokens_of(music(seed)) for seed in range(3)]
    surprises = surprises_of(ConstantEngine(), recordings)
    told = likelihoods(recordings, surprises, ["bach", "", "bach"], PERFORMANCE_8MS, seed=1)
    assert told["perplexity"] == pytest.approx(413, rel=1e-4)
    assert told["kinds"]["note-on"]["nats_given_kind"] == pytest.approx(np.log(128), rel=1e-4)
    assert sum(each["share"] for each in told["kinds"].values()) == pytest.approx(1)
    low, high = told["intervals"]["nats_per_second"]
    assert low < told["nats_per_second"] < high
    assert [each["minute"] for each in told["minutes"]] == [1, 2]
    assert sum(each["events"] for each in told["minutes"]) == sum(map(len, recordings))
    assert told["composers"]["bach"]["recordings"] == 2 and list(told["composers"]) == ["bach"]


def test_a_model_that_plays_as_people_do_is_like_them_and_one_that_does_not_is_told_of() -> None:
    people, others, alike = (
        [Excerpt.of(music(seed, 30.0), 0.0, 30.0, 0.008) for seed in range(first, first + 30)] for first in (0, 30, 60)
    )
    loud = [[Note(n.onset_s, n.offset_s, n.pitch, 120) for n in music(seed, 30.0)] for seed in range(30)]
    louder = [Excerpt.of(notes, 0.0, 30.0, 0.008) for notes in loud]
    like, unlike = likenesses(alike, people, others), likenesses(louder, people, others)
    assert like["mean_overlap"]["model"] == pytest.approx(like["mean_overlap"]["others"], abs=0.05)
    assert unlike["statistics"]["velocity"]["model"]["overlap"] < 0.1
    told = page({"model": "loud", "command": "c", "likeness": unlike})
    assert re.search(r"Unlike people[^$]*velocity: 120 , people's 6", told)


def test_what_was_copied_is_found() -> None:
    trained_on = [tokens_of(music(1)), tokens_of(music(2))]
    stolen = [Note(n.onset_s, n.offset_s, n.pitch + 5, n.velocity) for n in music(2, 40.0)]
    sets = {"people": [Excerpt.of(music(3), 0.0, 30.0, 0.008)], "model": [Excerpt.of(stolen, 5.0, 30.0, 0.008)]}
    told = copied(sets, trained_on, PERFORMANCE_8MS)
    assert told["people"]["longest"] <= 6 and told["model"]["longest"] > 100


class Tags(HTMLParser):
    """That every tag is closed where it should be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_report_of_a_shipped_model_has_everything(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "SWEPT", {"temperature": (0.8, 1.2), "beams": (2,), "top p": (0.9,), "recall": (0.5,)})
    monkeypatch.setattr(study, "EXCERPT_S", 4.0)
    monkeypatch.setattr("perfrnn_live.evaluation.report._LEAST_EVENTS", 100)
    asked = Asked(3, Controls(top_p=0.9), knobs=True)
    model, out = Path("models/maestro-nano"), tmp_path / "report"
    figures = report_on(model.absolute(), folder, out, asked, None, None, "perfrnn-live evaluate <here>")
    assert json.loads((out / "report.json").read_text()) == json.loads(json.dumps(figures))
    assert set(figures["likelihood"]["composers"]) == {"bach", "liszt"}
    assert set(figures["likeness"]["statistics"]) == {each.name for each in STATISTICS}
    assert set(figures["copying"]) == {"people", "model"}
    assert [row["value"] for row in figures["settings"]["temperature"]] == [0.8, 1.2]
    text = (out / "report.html").read_text()
    tags = Tags()
    tags.feed(text)
    assert not tags.open and "perfrnn-live evaluate <here>" in tags.text
    assert "http" not in re.sub(r'xmlns="[^"]*"', "", text), "it needs nothing from elsewhere"
    for part in ("Where it is like a pianist", "Touch", "Copying", "What the knobs do", "Likelihood", "perplexity"):
        assert part in tags.text
    with (out / "statistics.csv").open() as file:
        assert len(list(csv.reader(file))) == 1 + 3 * len(STATISTICS)
    pictures = {path.name for path in out.glob("*.svg")}
    assert pictures == {f"{knob.replace(' ', '_')}.svg" for knob in study.SWEPT} | {
        "likeness.svg",
        "melody_lead.svg",
        "velocities.svg",
    }
    for name in pictures:
        ElementTree.fromstring((out / name).read_text())

    # what takes long stays when only the rest is made anew, and is told of as what it is
    quick = Asked(3, Controls(top_p=0.9), seed=2, likelihood=False)
    again = report_on(model.absolute(), folder, out, quick, None, None, "quicker")
    assert again["likelihood"] == figures["likelihood"] and again["settings"] == figures["settings"]
    assert again["command"] == "quicker" and again["likeness"] != figures["likeness"]
    assert again["commands"] == dict.fromkeys(("likelihood", "settings"), "perfrnn-live evaluate <here>")
    told = (out / "report.html").read_text()
    assert "quicker" in told and told.count("perfrnn-live evaluate &lt;here&gt;") == 2
    report_on(model.absolute(), folder, out, quick, None, None, "and once more")
    assert json.loads((out / "report.json").read_text())["commands"] == again["commands"]
    (out / "report.json").write_text(json.dumps({**again, "fingerprint": "another model's"}))
    assert not {"likelihood", "settings", "commands"} & {*report_on(model, folder, out, quick, None, None, "new")}


def test_what_cannot_be_reported_on_is_a_sentence(folder: Path, tmp_path: Path) -> None:
    model, asked = Path("models/maestro-nano").absolute(), Asked(3, Controls(), likelihood=False)
    with pytest.raises(BadValue, match="compares people with people"):
        report_on(model, folder, tmp_path / "out", asked, 1, None, "")
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(CannotWrite, match="taken"):
        report_on(model, folder, tmp_path / "taken", asked, None, None, "")
