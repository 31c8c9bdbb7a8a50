"""The doctor is right about broken set-ups, each of them really broken, and about one that is well."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perfrnn_live.engines.card import find_model
from perfrnn_live.library.store import Library
from perfrnn_live.live.pads import Pads
from perfrnn_live.player import link
from perfrnn_live.player.clock import SystemClock
from perfrnn_live.stage import doctor, places
from perfrnn_live.stage.doctor import Finding, Wanted, looked_at, verdict

PLAYED = ("card.json", "model.onnx", "handling.onnx")


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))


@pytest.fixture
def nano(tmp_path: Path) -> Path:
    """A model folder to break."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name in PLAYED:
        shutil.copy(find_model("maestro-nano") / name, folder)
    return folder


def found(look: Callable[[], Finding]) -> Finding:
    """What the doctor says of one part."""
    (finding,) = looked_at({"it": look})
    return finding


def test_a_machine_without_a_midi_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", f"nobody{os.getpid()}")
    if Path("/dev/snd/seq").exists():
        pytest.skip("ALSA works here")
    finding = found(doctor._midi)
    assert finding.state == "broken" and "start a JACK server" in finding.sentence


def test_the_midi_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("rtmidi", "supriya_midi"):
        monkeypatch.setitem(sys.modules, name, None)
    finding = found(doctor._midi)
    assert finding.state == "broken" and "pip install" in finding.sentence


def test_an_audio_device_that_is_not_there() -> None:
    finding = found(lambda: doctor._audio("no such device"))
    assert finding.state == "broken" and "no such device" in finding.sentence
    assert found(lambda: doctor._audio("null")).state == "well"


def test_the_audio_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "miniaudio", None)
    finding = found(lambda: doctor._audio("any"))
    assert finding.state == "broken" and "pip install miniaudio" in finding.sentence


@pytest.mark.parametrize("name", PLAYED)
def test_a_torn_model(nano: Path, name: str) -> None:
    (nano / name).write_bytes((nano / name).read_bytes()[:100])
    finding = found(lambda: doctor._model(Wanted(str(nano), "null", Path(), 1.0), SystemClock()))
    assert finding.state == "broken" and str(nano) in finding.sentence


def test_a_model_that_is_not_there() -> None:
    finding = found(lambda: doctor._model(Wanted("mozart", "null", Path(), 1.0), SystemClock()))
    assert finding.state == "broken" and "mozart" in finding.sentence


def test_a_model_that_is_too_slow_for_this_machine(nano: Path) -> None:
    class Slow(SystemClock):
        """A machine on which everything takes thirty times as long."""

        def now(self) -> float:
            return super().now() * 200

    finding = found(lambda: doctor._model(Wanted(str(nano), "null", Path(), 1.0), Slow()))
    assert finding.state in ("warning", "broken") and "maestro-nano" in finding.sentence
    assert not verdict([finding])[0] or finding.state == "warning"


def test_own_pads_of_another_model(nano: Path) -> None:
    class Other:
        """As an engine, with another fingerprint."""

        fingerprint = "another"

    own = places.pads(nano)
    own.parent.mkdir(parents=True)
    Pads(Other(), "other", own).save()  # type: ignore[arg-type]
    finding = found(lambda: doctor._pads(str(nano)))
    assert finding.state == "warning" and "playing without them" in finding.sentence


def test_learned_controls_that_are_broken() -> None:
    places.controls().parent.mkdir(parents=True)
    places.controls().write_text("temperature = ")
    finding = found(doctor._controls)
    assert finding.state == "broken" and "not TOML" in finding.sentence


def torn(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 4000)


def of_a_later_version(path: Path) -> None:
    with Library(path) as library:
        library._database.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize(("breaks", "wrong"), [(torn, "broken"), (of_a_later_version, "later version")])
def test_a_library_that_is_broken(tmp_path: Path, breaks: Callable[[Path], None], wrong: str) -> None:
    breaks(tmp_path / "sessions.db")
    finding = found(lambda: doctor._library(tmp_path / "sessions.db"))
    assert finding.state == "broken" and wrong in finding.sentence


def test_a_library_where_there_can_be_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    finding = found(lambda: doctor._library(tmp_path / "file" / "sessions.db"))
    assert finding.state == "broken" and "cannot open the library" in finding.sentence
    disk = found(lambda: doctor._disk(tmp_path / "file" / "sessions.db", SystemClock()))
    assert disk.state == "broken"


def test_a_player_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "player_command", lambda: [sys.executable, "-c", "raise SystemExit('no player here')"])
    finding = found(lambda: doctor._timing(1.0, SystemClock()))
    assert finding.state == "broken" and "no player here" in finding.sentence
    assert verdict([Finding("timing", "broken", "no player")]) == (False, "it cannot play here: no player")


def test_what_nobody_foresaw_is_told_all_the_same() -> None:
    def trip() -> Finding:
        raise ZeroDivisionError("division by zero")

    assert found(trip).sentence == "ZeroDivisionError: division by zero"


def finding(part: str, state: Any) -> Finding:
    return Finding(part, state, f"{part} is {state}")


@pytest.mark.parametrize(
    ("states", "plays", "words"),
    [
        ({}, True, "all is well"),
        ({"MIDI": "broken"}, True, "it plays, but MIDI is broken"),
        ({"MIDI": "broken", "library": "broken"}, True, "it plays, but MIDI, library are broken"),
        ({"MIDI": "broken", "audio": "broken"}, False, "it can only play into files here"),
        ({"disk": "warning"}, True, "it plays; look at disk"),
        ({"model": "broken"}, False, "it cannot play here: model is broken"),
    ],
)
def test_the_verdict(states: dict[str, str], plays: bool, words: str) -> None:
    parts = ("MIDI", "audio", "model", "pads", "library", "disk", "timing")
    told = verdict([finding(part, states.get(part, "well")) for part in parts])
    assert told[0] is plays and told[1].startswith(words)


def test_the_command_says_it_all_and_ends_with_a_status(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "perfrnn_live", "doctor", "--audio", "null", "--seconds", "1"]
    told = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=60, check=False)
    answer = json.loads(told.stdout)
    assert (told.returncode == 0) is answer["plays"] is True
    states = {each["part"]: each["state"] for each in answer["findings"]}
    assert {part for part, state in states.items() if state == "broken"} <= {"MIDI"}
    assert sum(answer["findings"][-1]["figures"]["lateness"].values()) > 30
    assert told.stderr == ""
    broken = subprocess.run([*command, "--model", "mozart"], capture_output=True, text=True, timeout=60, check=False)
    assert broken.returncode == 1
    assert broken.stdout.splitlines()[-1].startswith("it cannot play here") and "Traceback" not in broken.stderr
