"""The log: a line for everything, figures at the end, and no trouble when the disk is full."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perfrnn_live.errors import CannotWrite
from perfrnn_live.live.journal import Journal


def test_each_thing_is_a_line_at_once(tmp_path: Path) -> None:
    journal = Journal(100.0, tmp_path / "log")
    journal.tell(101.5, "phrase", seconds=2.0)
    journal.took("answer", 102.0, 102.0125)
    told = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert told == [
        {"at_s": 1.5, "what": "phrase", "seconds": 2.0},
        {"at_s": 2.0125, "what": "answer", "ms": 12.5},
    ]
    journal.close()
    journal.close()


def test_the_figures_are_medians_and_extremes() -> None:
    journal = Journal(0.0)
    for ms in range(1, 102):
        journal.took("knob", 0.0, ms / 1000)
    journal.took("note", 1.0, 1.002)
    figures = journal.delays()
    assert figures["knob"] == pytest.approx({"count": 101, "p50": 51.0, "p99": 100.0, "max": 101.0})
    assert figures["note"]["max"] == pytest.approx(2.0)


def test_a_folder_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite):
        Journal(0.0, tmp_path)


def test_a_full_disk_ends_the_log_and_not_the_music() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    journal = Journal(0.0, full)
    for n in range(10_000):
        journal.tell(n, "line")
    assert journal.delays() == {}
