"""What other programs may import: these names, each where it says, and quickly."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import perfrnn_live

# fmt: off
NAMES = [
    "Action", "Arrays", "Clock", "Constraint", "Continuation", "Controls", "DAW", "DISKLAVIER", "Desk", "Do",
    "ENGINES", "Event", "EventKind", "Face", "FaceWish", "FakeClock", "FakeEngine", "Handles", "KNOBS", "Kept",
    "Likelihood", "Link", "Listener", "LocalLink", "Logits", "MemoryPort", "MidiIn", "MidiOut", "Mode", "Moment",
    "Note", "Nudge", "PERFORMANCE_10MS", "PERFORMANCE_8MS", "Pad", "Pads", "PerfRNNError", "PlayOptions",
    "ProcessLink", "Profile", "Put", "Received", "Said", "Select", "Sent", "Session", "Settings", "Setup", "Shown",
    "Status", "StepEngine", "Summary", "Switching", "SystemClock", "Time", "TokenCorpus", "Turn", "Vocabulary",
    "begin", "decode", "encode", "evaluate", "find_model", "fingerprint", "generate", "open_session", "place_in",
    "play", "read_fact", "read_notes", "tokenise", "write_card", "write_notes", "written_fact",
]
# fmt: on


def test_the_surface_is_this_and_no_more() -> None:
    assert sorted(set(perfrnn_live.__all__) - {"__version__"}) == sorted(NAMES)
    assert dir(perfrnn_live) == sorted([*NAMES, "__version__"])


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_there(name: str) -> None:
    assert getattr(perfrnn_live, name) is not None


def test_another_name_is_not() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Partner'"):
        perfrnn_live.Partner  # noqa: B018


def test_type_checkers_are_told_of_the_same_names() -> None:
    program = ast.parse(Path(perfrnn_live.__file__).read_text(encoding="utf-8"))
    (checking,) = (each for each in program.body if isinstance(each, ast.If))
    imports = [each for each in checking.body if isinstance(each, ast.ImportFrom)]
    assert sorted(name.asname or name.name for each in imports for name in each.names) == sorted(NAMES)


def test_importing_it_loads_nothing() -> None:
    code = "import sys, perfrnn_live; print(*(name for name in sys.modules if name.startswith(('perfrnn', 'numpy'))))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert loaded == ["perfrnn_live"]


def test_the_readmes_first_program_is_the_example() -> None:
    root = Path(__file__).resolve().parents[1]
    example = (root / "examples" / "generate.py").read_text(encoding="utf-8")
    body = example[example.index("import numpy") : example.index("\n\nif __name__")]
    assert body.strip() in (root / "README.md").read_text(encoding="utf-8")
