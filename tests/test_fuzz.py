"""A few thousand inputs that nobody meant for everything that reads files or other programs' bytes; `tests.fuzz` has
more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

RUNS = 1500


def test_whatever_is_read_it_is_taken_or_refused_with_a_sentence(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="there is no fuzzer for this system and Python")
    from tests.fuzz.parsers import PARSERS

    root = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-m", "tests.fuzz", "--runs", str(RUNS)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(PARSERS)
