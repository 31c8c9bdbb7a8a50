"""What other programs may import: these names, each where it says, and quickly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import perfrnn_live

# fmt: off
NAMES = [
    "Action", "Clock", "Constraint", "Continuation", "Controls", "DAW", "DISKLAVIER", "Do", "Event", "EventKind",
    "Face", "FaceWish", "FakeClock", "FakeEngine", "Handles", "Kept", "Likelihood", "Listener", "LocalLink",
    "MemoryPort", "MidiIn", "MidiOut", "Mode", "Moment", "Note", "PERFORMANCE_10MS", "PERFORMANCE_8MS", "Pad",
    "PerfRNNError", "ProcessLink", "Profile", "Put", "Received", "Sent", "Session", "Settings", "Setup", "Shown",
    "Status", "StepEngine", "Summary", "SystemClock", "Time", "Turn", "Vocabulary", "begin", "decode", "encode",
    "evaluate", "find_model", "generate", "open_session", "read_fact", "read_notes", "write_notes", "written_fact",
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


def test_importing_it_loads_nothing() -> None:
    code = "import sys, perfrnn_live; print(*(name for name in sys.modules if name.startswith(('perfrnn', 'numpy'))))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert loaded == ["perfrnn_live"]


def test_the_readmes_first_program_is_the_example() -> None:
    root = Path(__file__).resolve().parents[1]
    example = (root / "examples" / "generate.py").read_text(encoding="utf-8")
    body = example[example.index("import numpy") : example.index("\n\nif __name__")]
    assert body.strip() in (root / "README.md").read_text(encoding="utf-8")
