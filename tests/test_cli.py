"""The command line: every mistake is one sentence, costs nothing, and every option is in the README."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from perfrnn_live import __version__, cli
from perfrnn_live.engines.card import DEFAULT_MODEL
from perfrnn_live.engines.handles import HandleSpace
from perfrnn_live.engines.lstm.export import export
from perfrnn_live.engines.lstm.network import NetworkConfig, PerformanceRNN
from perfrnn_live.engines.lstm.weights import load_network, save_network
from perfrnn_live.engines.registry import load
from perfrnn_live.live.controls import AT_FIRST, KNOBS, Mode, Settings
from perfrnn_live.live.pads import Pads
from perfrnn_live.music.composers import COMPOSERS
from perfrnn_live.music.midifile import read_notes, write_notes
from perfrnn_live.music.vocabulary import PERFORMANCE_10MS
from perfrnn_live.stage.options import PlayOptions
from perfrnn_live.stage.status import Summary
from tests import networks

REPOSITORY = Path(__file__).resolve().parents[1]
OLD = b"what was here before"

one_thread = pytest.fixture(scope="module", autouse=True)(networks.one_thread)


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


Run = Callable[..., Outcome]


class _NoPlayer:
    """Stands where the player process would: nothing that is refused gets as far as to be played."""

    opened = closed = 0

    def __init__(self, *_: str) -> None:
        _NoPlayer.opened += 1

    def close(self) -> list[object]:
        _NoPlayer.closed += 1
        return []


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Run]:
    """Run a command in this process, in a folder of its own, with no player and a cache of its own."""
    monkeypatch.chdir(tmp_path)
    for home in ("CACHE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"XDG_{home}_HOME", str(tmp_path / home.lower()))
    monkeypatch.setattr("perfrnn_live.stage.connection.ProcessLink", _NoPlayer)
    _NoPlayer.opened = _NoPlayer.closed = 0

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["perfrnn-live", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), captured.out, captured.err)

    yield run
    assert _NoPlayer.opened == _NoPlayer.closed


def assert_refused(outcome: Outcome, saying: str) -> None:
    """One sentence on standard error, after what was told of files that were skipped."""
    assert outcome.status != 0
    sentences = [line for line in outcome.err.splitlines() if line.startswith("perfrnn-live: ")]
    assert len(sentences) == 1 and outcome.err.splitlines()[-1] == sentences[0]
    assert saying in sentences[0]
    assert "Traceback" not in outcome.err


def contents(folder: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if path.stat().st_size < 1_000_000
    }


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small untrained model folder. Not to be written to."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_network(folder, networks.tiny_network(), {"data": "none"})
    export(folder)
    return folder


@pytest.fixture(params=["play", "generate"])
def improvise(request: pytest.FixtureRequest, run: Run, model: Path, tmp_path: Path) -> Run:
    """`play` and `generate`, each onto a file that has something in it already."""
    out = tmp_path / "out.mid"
    out.write_bytes(OLD)

    def improvise(*arguments: object, out: Path = out) -> Outcome:
        told = ("--model", model, "--seconds", 1, *arguments)  # of an option given twice the last counts
        if request.param == "play":
            return run("play", "--quiet", "--output", "none", "--record", out, *told)
        return run("generate", out, *told)

    return improvise


# values out of range


@pytest.mark.parametrize("option, value", [("--temperature", value) for value in ("0", "-1", "nan", "inf")]
                         + [("--seconds", value) for value in ("0", "-1", "nan", "inf")])  # fmt: skip
def test_a_number_out_of_range(option: str, value: str, improvise: Run, tmp_path: Path) -> None:
    before = contents(tmp_path)
    assert_refused(improvise(option, value), option.strip("-"))
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("option", "value", "on_stage", "in_files"),
    [
        ("--temperature", "101", "temperature must be from 0.5 to 2, not 101.0", "above 0 and at most 100, not 101.0"),
        ("--top-p", "0", "top p must be from 0.5 to 1, not 0.0", "top-p must be above 0 and at most 1, not 0.0"),
        ("--top-p", "2", "top p must be from 0.5 to 1, not 2.0", "top-p must be above 0 and at most 1, not 2.0"),
        ("--top-p", "-0.5", "top p must be from 0.5 to 1, not -0.5", "top-p must be above 0 and at most 1, not -0.5"),
        ("--top-p", "nan", "top p must be from 0.5 to 1, not nan", "top-p must be above 0 and at most 1, not nan"),
    ],
)
def test_a_file_may_be_wilder_than_a_stage(
    option: str, value: str, on_stage: str, in_files: str, run: Run, model: Path, tmp_path: Path
) -> None:
    """The knobs have ends that keep a performance playable; files have only those of what is possible."""
    told = (option, value, "--model", model, "--seconds", 1)
    assert_refused(run("play", "--quiet", "--output", "none", *told), on_stage)
    assert_refused(run("generate", "a.mid", *told), in_files)
    assert run("generate", "a.mid", "--temperature", 5, "--top-p", 0.1, "--model", model, "--seconds", 1).status == 0
    assert list(contents(tmp_path)) == ["a.mid"]


@pytest.mark.parametrize(
    ("option", "value", "saying"),
    [
        ("--density", "0", "density must be from 1 to 30, or free, not 0.0"),
        ("--density", "31", "density must be from 1 to 30, or free, not 31.0"),
        ("--loudness", "nan", "loudness must be from 20 to 110, or free, not nan"),
        ("--register", "2", "register must be from 36 to 84, or free, not 2.0"),
        ("--scale", "H major", "scale must be one of any, follow, held … B minor, not H major"),
        ("--composer", "salieri", f"composer must be one of any, {', '.join(COMPOSERS)}, not salieri"),
        ("--towards", "Bach", f"towards must be one of any, {', '.join(COMPOSERS)}, not Bach"),
        ("--blend", "1.5", "blend must be from 0 to 1, not 1.5"),
    ],
)
def test_a_knob_beyond_its_end(option: str, value: str, saying: str, improvise: Run, tmp_path: Path) -> None:
    before = contents(tmp_path)
    outcome = improvise(option, value)
    assert_refused(outcome, saying)
    assert outcome.status == 1 and outcome.err.count("\n") == 1
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("option", "value", "saying"),
    [
        ("--polyphony", "0", "polyphony must be"),
        ("--answer-length", "100", "answer length must be"),
        ("--range", "C9", "is no range"),
        ("--range", "C5..C4", "is no range"),
        ("--split", "H", "is no pitch"),
        ("--profile", "no such piano", "no such piano"),
    ],
)
def test_what_only_playing_knows(option: str, value: str, saying: str, run: Run, model: Path, tmp_path: Path) -> None:
    before = contents(tmp_path)
    assert_refused(run("play", "--quiet", "--model", model, option, value), saying)
    assert contents(tmp_path) == before


def test_playing_with_what_is_no_file_of_pads_or_controls(run: Run, model: Path, tmp_path: Path) -> None:
    (tmp_path / "pads.npz").write_bytes(OLD)
    told = ("play", "--quiet", "--model", model, "--seconds", 1)
    assert_refused(run(*told, "--pads", "pads.npz"), "is not a file of pads")
    learned = tmp_path / "config" / "perfrnn-live" / "controls.toml"
    learned.parent.mkdir(parents=True)
    learned.write_bytes(OLD)
    assert_refused(run(*told), str(learned))


def test_filling_pads_from_recordings(run: Run, model: Path, tmp_path: Path) -> None:
    for n in range(2):
        write_notes(tmp_path / f"{n}.mid", networks.random_notes(n, 40))
    assert run("pads", "out.npz", "0.mid", "1.mid", "--model", model).out == "pad 1: 0\npad 2: 1\n"
    filled = Pads(load(model), model.name, tmp_path / "out.npz")
    filled.load(tmp_path / "out.npz")
    assert filled.filled == {1, 2}
    assert_refused(run("pads", "more.npz", *["0.mid"] * 9, "--model", model), "there are 8 pads")
    assert_refused(run("pads", "more.npz", "out.npz", "--model", model), "cannot be read as MIDI")
    assert not (tmp_path / "more.npz").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("improvise",),
        ("play", "--loud"),
        ("generate",),
        ("generate", "o.mid", "--count", "0"),
        ("generate", "o.mid", "--beams", "0"),
        ("generate", "o.mid", "--seed", "-1"),
        ("generate", "o.mid", "--seconds", "many"),
        ("generate", "o.mid", "--density", "free"),
        ("generate", "o.mid", "--polyphony", "4"),
        ("train", "--data", "d"),
        ("train", "--data", "d", "--out", "o", "--minutes", "nan"),
        ("train", "--data", "d", "--out", "o", "--learning-rate", "-1"),
        ("train", "--data", "d", "--out", "o", "--learning-rate", "nan"),
        ("train", "--data", "d", "--out", "o", "--cells", "0"),
        ("train", "--data", "d", "--out", "o", "--dropout", "1"),
        ("train", "--data", "d", "--out", "o", "--dropout", "nan"),
        ("train", "--data", "d", "--out", "o", "--precision", "fp16"),
        ("evaluate",),
        ("evaluate", "--data", "d", "--limit", "0"),
        ("export",),
    ],
    ids=" ".join,
)
def test_a_mistyped_command(arguments: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    outcome = run(*arguments)
    assert outcome.status != 0 and outcome.err and "Traceback" not in outcome.err
    assert not contents(tmp_path)


# files that cannot be read


def broken_midi(kind: str, folder: Path) -> Path:
    """A file, or something else in its place, that is no MIDI recording."""
    path = folder / f"{kind}.mid"
    if kind == "folder":
        path.mkdir()
    elif kind == "huge":
        with path.open("wb") as file:
            file.truncate(60_000_000)
    elif kind == "torn":
        write_notes(path, networks.random_notes(1, 20))
        path.write_bytes(path.read_bytes()[:30])  # before its first note
    elif kind != "missing":
        path.write_bytes({"empty": b"", "text": b"hello, this is no music\n" * 9, "header": b"MThd"}[kind])
    return path


KINDS = ["missing", "folder", "empty", "torn", "huge", "text", "header"]


@pytest.mark.parametrize("kind", KINDS)
def test_priming_with_what_is_no_recording(kind: str, improvise: Run, tmp_path: Path) -> None:
    prime = broken_midi(kind, tmp_path)
    before = contents(tmp_path)
    outcome = improvise("--prime", prime)
    assert_refused(outcome, f"{kind}.mid")
    assert not outcome.err.rstrip().endswith(":")  # it says why
    assert contents(tmp_path) == before


@pytest.mark.parametrize("command", [("evaluate",), ("train", "--out", "out")], ids=["evaluate", "train"])
class TestData:
    """Folders and token files to listen to."""

    def test_no_folder(self, command: tuple[str, ...], run: Run, tmp_path: Path) -> None:
        assert_refused(run(*command, "--data", "missing"), "missing is not a folder")
        (tmp_path / "empty").mkdir()
        assert_refused(run(*command, "--data", "empty"), "empty has no .mid file")
        assert list(contents(tmp_path)) == ["empty"]

    @pytest.mark.parametrize("kind", ["empty", "torn", "huge", "text"])
    def test_a_file_in_place_of_a_folder(self, kind: str, command: tuple[str, ...], run: Run, tmp_path: Path) -> None:
        path = broken_midi(kind, tmp_path)
        assert_refused(run(*command, "--data", path), "takes a folder of .mid files, or a token file")
        assert not (tmp_path / "out").exists()

    def test_a_folder_of_broken_files(self, command: tuple[str, ...], run: Run, tmp_path: Path) -> None:
        kinds = [kind for kind in KINDS if kind != "missing"]
        (tmp_path / "data").mkdir()
        for kind in kinds:
            broken_midi(kind, tmp_path / "data")
        (tmp_path / "data" / "any.csv").write_text(
            "midi_filename,split\n"
            + "".join(f"{kind}.mid,{('train', 'validation')[n % 2]}\n" for n, kind in enumerate(kinds))
        )
        outcome = run(*command, "--data", "data")
        assert outcome.err.count("skipped: ") == 3 if command[0] == "evaluate" else not outcome.err.count("skipped: ")
        assert_refused(outcome, "none of the recordings could be used")
        assert not (tmp_path / "out").exists() and not (tmp_path / "cache").exists()

    @pytest.mark.parametrize("kind", ["missing", "empty", "torn", "text", "folder", "array", "tokens", "none"])
    def test_a_token_file_that_is_none(self, kind: str, command: tuple[str, ...], run: Run, tmp_path: Path) -> None:
        path = tmp_path / "tokens.npz"
        networks.corpus_of(networks.random_tokens(1, 200)).save(path)
        whole = path.read_bytes()
        path.unlink()
        if kind == "folder":
            path.mkdir()
        elif kind == "array":
            with path.open("wb") as file:
                np.save(file, np.arange(3))
        elif kind in ("tokens", "none"):
            tokens, ends = ([5, 999, 7], [3]) if kind == "tokens" else ([], [])
            np.savez(
                path,
                tokens=np.array(tokens, np.int16),
                ends=np.array(ends, np.int64),
                names=np.array(["a"]),
                vocabulary=np.array("performance-8ms"),
            )
        elif kind != "missing":
            path.write_bytes({"empty": b"", "torn": whole[: len(whole) // 2], "text": b"tokens"}[kind])
        assert_refused(run(*command, "--data", path), "tokens.npz")
        assert not (tmp_path / "out").exists()

    def test_a_token_file_of_another_vocabulary(self, command: tuple[str, ...], run: Run, tmp_path: Path) -> None:
        corpus = networks.corpus_of(networks.random_tokens(1, 20, PERFORMANCE_10MS), vocabulary=PERFORMANCE_10MS)
        corpus.save(tmp_path / "tokens.npz")
        assert_refused(run(*command, "--data", "tokens.npz"), "holds performance-10ms, not performance-8ms")


def test_a_folder_with_anything_in_it(run: Run, model: Path, tmp_path: Path) -> None:
    """Named and skipped, whatever its name, and the rest is listened to."""
    data = tmp_path / "data"
    data.mkdir()
    for index in range(21):
        write_notes(data / f"{index:02}.mid", networks.random_notes(index, 20))
    strange = data / "00 [" / os.fsdecode(b"red] pian\xf3.mid")  # to the console's mark-up, the end of something red
    strange.parent.mkdir()
    (data / "00.mid").rename(strange)
    (data / "00 nowhere.mid").symlink_to("is not there")
    (data / "table.csv").write_bytes("canonical_composer,midi_filename\nFrédéric,a.mid\n".encode("latin-1"))
    outcome = run("evaluate", "--data", "data", "--model", model, "--json")
    assert (outcome.status, json.loads(outcome.out)["files"]) == (0, 21)
    assert "data/table.csv is not in UTF-8, and is read as Latin-1\n" in outcome.err
    assert "no table in data says which recordings train and which validate" in outcome.err
    assert "skipped: data/00 nowhere.mid cannot be read as MIDI: No such file or directory\n" in outcome.err
    strange.write_bytes(OLD)
    outcome = run("evaluate", "--data", "data", "--model", model, "--json")
    assert (outcome.status, json.loads(outcome.out)["files"]) == (0, 20)
    assert "skipped: data/00 [/red] pian\\udcf3.mid cannot be read as MIDI: it is some other" in outcome.err


# models that are none


def test_an_unknown_model(improvise: Run, run: Run, tmp_path: Path) -> None:
    before = contents(tmp_path)
    shipped = sorted(card.parent.name for card in (REPOSITORY / "models").glob("*/card.json"))
    assert DEFAULT_MODEL in shipped
    for outcome in (
        improvise("--model", "nope"),
        run("evaluate", "--data", "d", "--model", "nope"),
        run("train", "--data", "d", "--out", "o", "--from", "nope"),
    ):
        assert_refused(outcome, f"there is no model 'nope'; shipped are: {', '.join(shipped)}; or give a folder")
    assert_refused(run("export", "nope"), "there is no model 'nope'")
    assert contents(tmp_path) == before


def test_a_model_whose_parts_do_not_fit(improvise: Run, run: Run, model: Path, tmp_path: Path) -> None:
    mismatched = tmp_path / "mismatched"
    mismatched.mkdir()
    for path in model.iterdir():
        (mismatched / path.name).write_bytes(path.read_bytes())
    card = (mismatched / "card.json").read_text()
    for sizes in (card.replace('"cells": 24', '"cells": 32'), card.replace("8ms", "10ms"), "{"):
        (mismatched / "card.json").write_text(sizes)
        before = contents(tmp_path)
        for outcome in (improvise("--model", mismatched), run("export", mismatched)):
            assert_refused(outcome, "mismatched")
        assert contents(tmp_path) == before


def test_weights_that_an_installed_package_left_at_home(run: Run, model: Path, tmp_path: Path) -> None:
    installed = tmp_path / "maestro"
    installed.mkdir()
    for name in ("card.json", "model.onnx", "handling.onnx"):
        (installed / name).write_bytes((model / name).read_bytes())
    networks.corpus_of(networks.random_tokens(1, 60)).save(tmp_path / "tokens.npz")
    data = ("--data", "tokens.npz")
    before = contents(tmp_path)
    sizes = ("--layers", 2, "--cells", 24)
    for outcome in (
        run("export", installed),
        run("evaluate", *data, "--model", installed, "--engine", "torch"),
        run("train", *data, "--validation", "tokens.npz", "--out", "out", "--from", installed, *sizes),
    ):
        assert_refused(outcome, "a clone of the repository, models/maestro")
    assert run("evaluate", *data, "--model", installed, "--json").status == 0
    assert contents(tmp_path) == before


# places that cannot be written to


@pytest.mark.parametrize("place", [".", "folder", "no/such/folder.mid"])
def test_a_place_that_cannot_be_written_is_found_before_playing(place: str, improvise: Run, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    before = contents(tmp_path)
    assert_refused(improvise(out=Path(place)), f"cannot write {place}")
    assert _NoPlayer.opened == 0
    assert contents(tmp_path) == before


@pytest.mark.parametrize("place", [".", "missing/out.mid"])
def test_several_pieces_where_none_can_be_written(place: str, run: Run, model: Path, tmp_path: Path) -> None:
    assert_refused(run("generate", place, "--count", 2, "--model", model), "cannot write")
    assert not contents(tmp_path)


def test_training_into_a_file(run: Run, tmp_path: Path) -> None:
    """Found before a minute was trained, let alone five."""
    (tmp_path / "file").write_bytes(OLD)
    for out in ("file", "file/below"):
        assert_refused(run("train", "--data", "missing", "--out", out), f"cannot write into {out}")
    assert contents(tmp_path) == {"file": OLD}


@pytest.mark.parametrize("sizes", [("--layers", 2), ("--layers", 2, "--cells", 25)])
def test_training_from_a_model_of_other_sizes(sizes: tuple[object, ...], run: Run, model: Path, tmp_path: Path) -> None:
    outcome = run("train", "--data", "missing", "--out", "out", "--from", model, *sizes)
    assert_refused(outcome, "tiny has 2 layers of 24 cells for performance-8ms, not")
    assert not contents(tmp_path)


def test_resuming_without_a_run(run: Run, tmp_path: Path) -> None:
    assert_refused(run("train", "--data", "missing", "--out", "out", "--resume"), "there is nothing to resume")
    assert not contents(tmp_path)


@pytest.mark.parametrize("option, value", [("--vocabulary", "midi"), ("--augmentation", "most")])
def test_an_unknown_name_shows_those_there_are(option: str, value: str, run: Run) -> None:
    assert_refused(
        run("train", "--data", "d", "--out", "o", option, value), f"there is no {option[2:]} '{value}'; there"
    )


# files that are there already


def test_a_piece_is_never_written_over_another(run: Run, model: Path, tmp_path: Path) -> None:
    write_notes(tmp_path / "take.mid", networks.random_notes(2, 30))
    before = (tmp_path / "take.mid").read_bytes()
    told = ("--model", model, "--seconds", 1, "--seed", 1)
    outcome = run("generate", "take.mid", "--prime", "take.mid", *told)
    assert (outcome.status, outcome.err) == (0, "take.mid is kept as it is; the new file is take-2.mid\n")
    assert outcome.out.startswith("take-2.mid: ")
    for expected in (["many-1", "many-2"], ["many-1-2", "many-2-2"]):
        outcome = run("generate", "many.mid", "--count", 2, *told)
        assert [line.partition(".mid: ")[0] for line in outcome.out.splitlines()] == expected
    assert (tmp_path / "take.mid").read_bytes() == before
    assert (tmp_path / "many-1.mid").read_bytes() == (tmp_path / "many-1-2.mid").read_bytes()
    assert len(contents(tmp_path)) == 6


def test_a_recording_and_a_log_are_never_written_over_others(
    run: Run, model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[PlayOptions] = []

    def play(sitting: PlayOptions) -> Summary:
        asked.append(sitting)
        return Summary(0, 0, 0.0, 0.0, 0.0, 0.0, 0)

    monkeypatch.setattr("perfrnn_live.stage.play.play", play)
    for name in ("take.mid", "log.jsonl"):
        (tmp_path / name).write_bytes(OLD)
    play_onto = ("play", "--quiet", "--model", model, "--prime", "take.mid")
    outcome = run(*play_onto, "--record", "take.mid", "--log", "log.jsonl")
    assert outcome.status == 0 and json.loads(outcome.out)
    assert outcome.err == (
        "take.mid is kept as it is; the new file is take-2.mid\n"
        "log.jsonl is kept as it is; the new file is log-2.jsonl\n"
    )
    assert run(*play_onto, "--record", "new.mid", "--log", "new.mid").status == 0
    assert run(*play_onto).err == ""
    assert [(sitting.record, sitting.log) for sitting in asked] == [
        (Path("take-2.mid"), Path("log-2.jsonl")),
        (Path("new.mid"), Path("new-2.mid")),
        (None, None),
    ]


def test_pads_and_profiles_are_never_written_over_others(
    run: Run, model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("out.npz", "piano.toml"):
        (tmp_path / name).write_bytes(OLD)
    write_notes(tmp_path / "a.mid", networks.random_notes(1, 40))
    outcome = run("pads", "out.npz", "a.mid", "--model", model)
    assert (outcome.status, outcome.err) == (0, "out.npz is kept as it is; the new file is out-2.npz\n")
    Pads(load(model), model.name, tmp_path / "out-2.npz").load(tmp_path / "out-2.npz")
    monkeypatch.setattr("perfrnn_live.player.calibration.calibrate", lambda output, input, out: f"into {out}")
    for told, expected in [(("--out", "piano.toml"), "into piano-2.toml\n"), ((), "into None\n")]:
        assert run("calibrate", "--output", "a", "--input", "b", *told).out == expected
    assert (tmp_path / "out.npz").read_bytes() == (tmp_path / "piano.toml").read_bytes() == OLD


# the installation


@pytest.mark.parametrize(
    "command",
    [("train", "--data", "d", "--out", "o"), ("evaluate", "--data", "d", "--engine", "torch"), ("export", "d")],
    ids=" ".join,
)
def test_a_missing_extra_is_named(command: tuple[str, ...], run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.startswith("perfrnn_live.") and "torch" in vars(sys.modules[name]):
            monkeypatch.delitem(sys.modules, name)
    for name in ("training.run", "evaluation.run", "engines.lstm.export", "engines.lstm.weights"):
        monkeypatch.delitem(sys.modules, f"perfrnn_live.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert_refused(run(*command), "pip install 'perfrnn-live[train]'")


def test_evaluating_what_plays_needs_nothing_of_training(model: Path, tmp_path: Path) -> None:
    """Neither for a token file nor for a folder of recordings."""
    (tmp_path / "data").mkdir()
    write_notes(tmp_path / "data" / "a.mid", networks.random_notes(1, 40))
    networks.corpus_of(networks.random_tokens(1, 40)).save(tmp_path / "tokens.npz")
    code = """
import sys
for extra in ("torch", "safetensors", "onnx"):
    sys.modules[extra] = None
from perfrnn_live.cli import main
main()
"""
    environment = {**os.environ, **{f"XDG_{home}_HOME": str(tmp_path / home) for home in ("CACHE", "CONFIG", "DATA")}}
    for data in ("data", "tokens.npz"):
        told = ("evaluate", "--data", str(tmp_path / data), "--model", str(model), "--json")
        command = [sys.executable, "-c", code, *told]
        done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["files"] == 1


def test_what_a_model_cannot_be_asked_is_said(run: Run, model: Path, tmp_path: Path) -> None:
    deaf = tmp_path / "deaf"
    space = HandleSpace((), (), (60.0, 70.0), ("bach",))
    save_network(deaf, PerformanceRNN(NetworkConfig(layers=1, cells=8), handles=space.size), {}, space)
    export(deaf)
    for command in (("generate", "a.mid"), ("play", "--quiet", "--output", "none")):
        told = (*command, "--model", deaf, "--seconds", 1)
        assert_refused(run(*told, "--density", 5), "this model cannot be asked for a density")
        assert_refused(run(*told, "--composer", "liszt"), "there is no composer 'liszt' to ask this model for")
    assert run("generate", "a.mid", "--model", deaf, "--seconds", 1, "--register", 65, "--composer", "bach").status == 0


def test_help_is_there_at_once() -> None:
    """It loads nothing heavy, and a mistake costs no more than the sentence that names it."""
    code = """
import sys
from perfrnn_live.cli import app, main
for command in ([], *([each.callback.__name__] for each in app.registered_commands)):
    sys.argv = ["perfrnn-live", *command, "--help"]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code
print(*sys.modules, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True, capture_output=True, text=True)
    assert "A piano partner" in done.stdout
    assert not {"torch", "onnxruntime", "numpy", "rtmidi", "mido"} & set(done.stderr.split())


def test_a_mistake_in_a_process_of_its_own(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "perfrnn_live", "generate", str(tmp_path / "out.mid"), "--model", "nope"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("perfrnn-live: there is no model 'nope'") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("code_page", ["cp1252", "ascii", "cp932", "utf-8"])
def test_a_name_that_the_terminal_cannot_show_is_shown_as_can_be(code_page: str, model: Path, tmp_path: Path) -> None:
    written, missing = "ピアノ.mid", "é \U0001f3b9.mid"
    command = [sys.executable, "-m", "perfrnn_live", "generate", str(tmp_path / written), "--model", str(model)]
    environment = {**os.environ, "PYTHONIOENCODING": code_page, "PYTHONUTF8": "0"}

    def run(*more: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([*command, *more], cwd=REPOSITORY, env=environment, capture_output=True, check=False)

    done = run("--seconds", "1")
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / written).name.encode(code_page, "backslashreplace") in done.stdout
    assert (tmp_path / written).is_file()
    done = run("--prime", str(tmp_path / missing))
    assert done.returncode == 1 and b"Traceback" not in done.stderr
    assert missing.encode(code_page, "backslashreplace") + b" cannot be read" in done.stderr


def test_it_says_which_version_it_is(run: Run) -> None:
    assert run("--version") == Outcome(0, f"perfrnn-live {__version__}\n", "")


def commands() -> dict[str, Any]:
    group: Any = typer.main.get_command(cli.app)
    return dict(group.commands)


@pytest.mark.parametrize("name", commands())
def test_every_command_and_option_is_in_the_readme(name: str) -> None:
    lines = (REPOSITORY / "README.md").read_text(encoding="utf-8").splitlines()
    (row,) = (line for line in lines if line.startswith(f"| `perfrnn-live {name}"))
    for parameter in commands()[name].params:
        if parameter.param_type_name == "option":
            assert f"`{parameter.opts[0]}`" in row


# what works


def test_generating_is_repeatable(run: Run, model: Path, tmp_path: Path) -> None:
    prime = tmp_path / "prime.mid"
    write_notes(prime, networks.random_notes(2, 30))
    told = ("--model", model, "--seconds", 6, "--seed", 4, "--prime", prime, "--temperature", 0.9, "--top-p", 0.95)
    for name in ("a", "b"):
        outcome = run("generate", f"{name}.mid", "--count", 2, "--beams", 2, *told)
        assert (outcome.status, outcome.out.count(" notes\n"), outcome.err) == (0, 2, "")
    first, second = ((tmp_path / f"a-{n}.mid").read_bytes() for n in (1, 2))
    assert (tmp_path / "b-1.mid").read_bytes() == first != second == (tmp_path / "b-2.mid").read_bytes()
    assert read_notes(tmp_path / "a-1.mid")


@pytest.fixture
def generated(run: Run, model: Path, tmp_path: Path) -> Callable[..., bytes]:
    """Six seconds of seed 4 with these options as well."""

    def generated(*options: object) -> bytes:
        (tmp_path / "out.mid").unlink(missing_ok=True)
        outcome = run("generate", "out.mid", "--model", model, "--seconds", 6, "--seed", 4, *options)
        assert (outcome.status, outcome.err) == (0, "")
        return (tmp_path / "out.mid").read_bytes()

    return generated


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("--density", 3), ("--density", 20)),
        (("--loudness", 30), ("--loudness", 90)),
        (("--register", 45), ("--register", 75)),
        (("--scale", "C major"), ("--scale", "F# minor")),
        (("--composer", "chopin"), ("--composer", "bach")),
        (("--composer", "chopin", "--towards", "bach"), ("--composer", "chopin", "--towards", "bach", "--blend", 0.5)),
        (("--temperature", 0.7), ("--temperature", 1.5)),
        (("--top-p", 0.05), ("--top-p", 0.9)),
        ((), ("--middle",)),
    ],
    ids=lambda options: " ".join(map(str, options)) or "nothing",
)
def test_what_is_asked_for_changes_the_music(
    one: tuple[object, ...], other: tuple[object, ...], generated: Callable[..., bytes]
) -> None:
    assert generated(*one) != generated(*other)
    assert generated(*other) == generated(*other) != generated("--temperature", 0.9)


def test_what_asks_for_nothing_changes_nothing(generated: Callable[..., bytes], tmp_path: Path) -> None:
    plain = generated()
    for options in (("--composer", "any", "--towards", "bach", "--blend", 1), ("--scale", "follow"), ("--top-p", 1)):
        assert generated(*options) == plain
    chopin = generated("--composer", "chopin")
    assert generated("--composer", "chopin", "--towards", "bach") == chopin
    assert generated("--composer", "bach", "--towards", "chopin", "--blend", 1) == chopin != plain
    write_notes(tmp_path / "prime.mid", networks.random_notes(2, 30))
    primed = generated("--prime", "prime.mid")
    assert generated("--prime", "prime.mid", "--middle") == primed != plain  # what was heard is a middle in any case


def test_playing_begins_where_the_knobs_are_told_to_stand(
    run: Run, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[PlayOptions] = []

    def play(sitting: PlayOptions) -> Summary:
        asked.append(sitting)
        return Summary(0, 0, 0.0, 0.0, 0.0, 0.0, 0)

    monkeypatch.setattr("perfrnn_live.stage.play.play", play)
    told = {
        "temperature": 0.8,
        "top_p": 0.9,
        "density": 3.5,
        "loudness": 40.0,
        "register": 70.0,
        "sounding": 6.0,
        "polyphony": 4,
        "scale": "F# minor",
        "answer_length": 2.0,
        "mode": Mode.DUET,
        "composer": "chopin",
        "towards": "bach",
        "blend": 0.25,
        "recall": 0.5,
        "likeness": 0.5,
        "split": 60,
    }
    assert {*told, "morph", "across", "lowest", "highest"} == set(KNOBS)
    options = [
        each
        for name, value in told.items()
        for each in (f"--{name.replace('_', '-')}", value.value if isinstance(value, Mode) else value)
    ]
    options += ["--range", "A0..C8"]
    assert run("play", "--quiet", "--model", model, "--middle", *options).status == 0
    assert run("play", "--quiet", "--model", model).status == 0
    sitting, plain = asked
    assert sitting.settings == Settings(**told, lowest=21, highest=108)  # type: ignore[arg-type]
    assert plain.settings == AT_FIRST == Settings(top_p=0.9, recall=0.34)
    assert sitting.middle and not plain.middle


def test_training_from_the_weights_of_a_model(run: Run, model: Path, tmp_path: Path) -> None:
    networks.corpus_of(*(networks.random_tokens(seed, 60) for seed in range(3))).save(tmp_path / "tokens.npz")
    sizes = ("--layers", 2, "--cells", 24, "--streams", 2, "--segment", 32, "--events", 200)
    train = ("train", "--data", "tokens.npz", "--validation", "tokens.npz", *sizes, "--dropout", 0.25)
    outcome = run(*train, "--out", "same", "--from", model, "--learning-rate", 0)
    assert outcome.status == 0
    before, after = (load_network(folder).state_dict() for folder in (model, tmp_path / "same"))
    assert all(after[name].equal(weight) for name, weight in before.items())
    assert run(*train, "--out", "other", "--from", model, "--precision", "bf16").status == 0
    other = load_network(tmp_path / "other").state_dict()
    assert not all(other[name].equal(weight) for name, weight in before.items())
    recipe = json.loads((tmp_path / "other" / "card.json").read_text(encoding="utf-8"))["training"]["recipe"]
    assert (recipe["dropout"], recipe["precision"]) == (0.25, "bf16")


def test_a_model_from_training_to_playing(run: Run, tmp_path: Path) -> None:
    networks.corpus_of(*(networks.random_tokens(seed, 60) for seed in range(3))).save(tmp_path / "tokens.npz")
    sizes = ("--layers", 1, "--cells", 12, "--streams", 2, "--segment", 32, "--augmentation", "less")
    train = ("train", "--data", "tokens.npz", "--validation", "tokens.npz", "--out", "model", *sizes)
    trained = run(*train, "--events", 500)
    assert trained.status == 0 and trained.out.endswith("model is ready: perfrnn-live play --model model\n")
    resumed = run(*train, "--events", 1500, "--resume")
    assert resumed.status == 0
    card = json.loads((tmp_path / "model" / "card.json").read_text(encoding="utf-8"))
    assert card["training"]["events"] >= 1500
    other = run(*train, "--events", 2000, "--resume", "--cells", 13)
    assert_refused(other, "another run")
    losses = []
    for engine in ("onnx", "torch"):
        evaluated = run("evaluate", "--data", "tokens.npz", "--model", "model", "--engine", engine, "--json")
        assert evaluated.status == 0
        figures = json.loads(evaluated.out)
        assert figures["files"] == 3
        losses.append(figures["nats_per_event"])
    assert losses[0] == pytest.approx(losses[1], abs=0.02)
    one = run("evaluate", "--data", "tokens.npz", "--model", "model", "--limit", 1)
    assert one.status == 0 and "nats_per_second" in one.out
    graphs = {name: (tmp_path / "model" / name).read_bytes() for name in ("model.onnx", "handling.onnx")}
    for name in graphs:
        (tmp_path / "model" / name).unlink()
    exported = run("export", "model")
    assert exported.status == 0
    assert [line.partition(": ")[0] for line in exported.out.splitlines()] == [f"model/{name}" for name in graphs]
    assert {name: (tmp_path / "model" / name).read_bytes() for name in graphs} == graphs
    assert run("generate", "out.mid", "--model", "model", "--seconds", 1, "--density", 5).status == 0
