"""`play` as other programs call it."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

import pytest

from perfrnn_live.engines.card import DEFAULT_MODEL, find_model
from perfrnn_live.music.midifile import read_notes
from perfrnn_live.stage.options import PlayOptions
from perfrnn_live.stage.play import play
from perfrnn_live.stage.status import Summary


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for folder in ("CONFIG", "DATA"):
        monkeypatch.setenv(f"XDG_{folder}_HOME", str(tmp_path / folder.lower()))


def test_it_plays_outside_the_main_thread_too(tmp_path: Path) -> None:
    record = tmp_path / "played.mid"
    played: list[Summary] = []
    sitting = PlayOptions(find_model(DEFAULT_MODEL), output="none", seed=1, seconds=1.0, record=record, quiet=True)
    handlers, interval_s = signal.getsignal(signal.SIGTERM), sys.getswitchinterval()
    thread = threading.Thread(target=lambda: played.append(play(sitting)))
    thread.start()
    thread.join(20)
    (summary,) = played
    assert summary.notes == len(read_notes(record)) > 0
    assert summary.complaints == ()
    assert signal.getsignal(signal.SIGTERM) is handlers
    assert sys.getswitchinterval() == interval_s
