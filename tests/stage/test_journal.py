"""The log: a line of JSON for everything that was decided, and one sentence when it cannot be written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perfrnn_live.errors import CannotWrite
from perfrnn_live.live.happenings import Time
from perfrnn_live.live.orders import Told, Took
from perfrnn_live.player.messages import PortLost, Said
from perfrnn_live.stage.journal import Journal


def test_each_decision_is_a_line_when_it_is_flushed(tmp_path: Path) -> None:
    journal = Journal(100.0, tmp_path / "log")
    journal.hear(Told(101.5, "phrase", (("seconds", 2.0),)))
    journal.hear(Time(101.7))
    journal.hear(Said("pads kept"))
    journal.hear(Took("answer", 102.0, 102.0125))
    journal.hear(PortLost("piano", "output"))
    journal.flush(102.1)
    told = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert told == [
        {"at_s": 1.5, "what": "phrase", "seconds": 2.0},
        {"at_s": 1.7, "what": "said", "sentence": "pads kept"},
        {"at_s": 2.0125, "what": "answer", "ms": 12.5},
        {"at_s": 1.7, "what": "said", "sentence": "the output 'piano' is gone: waiting for it to come back"},
    ]
    journal.close()
    journal.close()


def test_a_folder_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite):
        Journal(0.0, tmp_path)


def test_a_full_disk_is_said() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    journal = Journal(0.0, full)
    journal.hear(Told(1.0, "line"))
    with pytest.raises(CannotWrite, match="No space left"):
        journal.flush(1.5)
    with pytest.raises(CannotWrite, match="No space left"):
        journal.close()
    journal.close()
