"""Names that the terminal's code page cannot show are shown as can be, by the real command in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.fake_rtmidi import BINDINGS

REPOSITORY = Path(__file__).resolve().parents[1]
PIANO = "\N{KATAKANA LETTER PI}\N{KATAKANA LETTER A}\N{KATAKANA LETTER NO}"
SHOWN = r"\u30d4\u30a2\u30ce"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    for binding in BINDINGS:
        source = (
            f"import sys\nfrom tests.fake_rtmidi import FakeRtMidi\nsys.modules[__name__] = FakeRtMidi([{PIANO!r}])\n"
        )
        (folder / f"{binding}.py").write_text(source, encoding="utf-8")
    path = os.pathsep.join((str(folder), str(REPOSITORY)))
    environment = os.environ | {"PYTHONPATH": path, "PYTHONIOENCODING": "cp1252"}
    command = [sys.executable, "-m", "perfrnn_live", *arguments]
    return subprocess.run(
        command, capture_output=True, encoding="cp1252", env=environment, cwd=folder, timeout=60, check=False
    )


def test_a_port(tmp_path: Path) -> None:
    done = run(tmp_path, "ports")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"output  api0  {SHOWN}\ninput  api0  {SHOWN}\n"


def test_a_port_in_a_sentence(tmp_path: Path) -> None:
    done = run(tmp_path, "play", "--output", "flute", "--quiet")
    assert done.returncode == 1
    assert done.stderr == f"perfrnn-live: No MIDI output is called 'flute'; there are '{SHOWN}'.\n"


def test_a_file(tmp_path: Path) -> None:
    done = run(tmp_path, "generate", f"{PIANO}.mid", "--seconds", "1", "--seed", "1")
    assert done.returncode == 0 and done.stdout.startswith(f"{SHOWN}.mid: ")
    assert (tmp_path / f"{PIANO}.mid").exists()
