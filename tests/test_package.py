"""What is installed: a wheel built from a copy of this checkout, with things lying about that must not travel."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import perfrnn_live
from perfrnn_live.engines.card import read_card

pytest.importorskip("hatchling")

REPOSITORY = Path(__file__).resolve().parents[1]
PLAYED = {
    "lstm": {"card.json", "model.onnx", "handling.onnx", "pads.npz"},
    "markov": {"card.json", "counts.npz"},
    "rnn": {"card.json", "weights.npz"},
}
MODELS = {card.parent.name for card in REPOSITORY.glob("models/*/card.json")}
PIANO = "perfrnn_live/sound/salamander"
PAGE = "perfrnn_live/stage/page/web"
SHIPPED = "perfrnn_live/models/"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    checkout, built = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("dist")
    for name in ("perfrnn_live", "models"):
        shutil.copytree(REPOSITORY / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(REPOSITORY / name, checkout)
    (checkout / "models" / "maestro" / "last.pt").write_bytes(b"a run that goes on")
    (checkout / "models" / "scratch").mkdir()
    (checkout / "models" / "scratch" / "model.onnx").write_bytes(b"tried and left")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)]
    done = subprocess.run(build, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = built.iterdir()
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(name).decode())


def test_models_bring_what_plays_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    models = {name.removeprefix(SHIPPED) for name in wheel.namelist() if name.startswith(SHIPPED)}
    engines = {model: read_card(REPOSITORY / "models" / model).engine for model in MODELS}
    played = {f"{model}/{file}" for model in MODELS for file in PLAYED[engines[model]]}
    assert models == {"README.md", "LICENSE", "maestro/latent.npz"} | played
    assert sum(info.compress_size for info in wheel.infolist()) <= 26_000_000


def test_the_code_is_whole_and_typed(wheel: zipfile.ZipFile) -> None:
    names = {name for name in wheel.namelist() if ".dist-info/" not in name and not name.startswith(SHIPPED)}
    modules = {path.relative_to(REPOSITORY).as_posix() for path in REPOSITORY.glob("perfrnn_live/**/*.py")}
    piano = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / PIANO).iterdir() if path.is_file()}
    page = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / PAGE).iterdir()}
    assert len(piano) == 34 and len(page) == 14
    assert names == modules | piano | page | {"perfrnn_live/py.typed"}


def test_the_version_stands_in_one_place(metadata: Message) -> None:
    assert metadata["Version"] == perfrnn_live.__version__


def test_both_licences_travel(wheel: zipfile.ZipFile, metadata: Message) -> None:
    assert metadata["License-Expression"] == "Apache-2.0 AND CC-BY-NC-SA-4.0 AND CC-BY-3.0"
    texts = {name.partition("/licenses/")[2]: wheel.read(name) for name in wheel.namelist() if "/licenses/" in name}
    assert set(texts) == {"LICENSE", "models/LICENSE", f"{PIANO}/LICENSE"}
    assert b"Apache License" in texts["LICENSE"]
    assert b"Alexander Holm" in texts[f"{PIANO}/LICENSE"]
    assert texts["models/LICENSE"].startswith(b"Attribution-NonCommercial-ShareAlike 4.0 International")


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
@pytest.mark.parametrize("python", PYTHONS)
def test_each_python_gets_one_binding_of_rtmidi_and_a_way_to_jack(python: str, system: str, metadata: Message) -> None:
    assert python in SpecifierSet(metadata["Requires-Python"])
    environment = {"python_version": python, "sys_platform": system, "extra": ""}
    wanted = [Requirement(text) for text in metadata.get_all("Requires-Dist", [])]
    names = {each.name.lower() for each in wanted if each.marker is None or each.marker.evaluate(environment)}
    assert names & {"python-rtmidi", "supriya-midi"} == {"supriya-midi" if python >= "3.13" else "python-rtmidi"}
    assert ("jack-client" in names) == (system == "linux")


def test_ci_pins_every_package_that_is_asked_for() -> None:
    project: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    asked = [Requirement(text) for group in groups for text in group]
    lines = (REPOSITORY / "tests" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {pin.name: pin.specifier for pin in (Requirement(line) for line in lines if not line.startswith("#"))}
    assert set(pins) == {each.name for each in asked}
    for each in asked:
        (pinned,) = pins[each.name]
        assert pinned.operator == "==" and each.specifier.contains(pinned.version, prereleases=True)
