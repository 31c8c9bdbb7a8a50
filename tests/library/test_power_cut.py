"""The power is cut after any write: what was flushed before is there, and what comes after it is whole or missing."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from perfrnn_live.errors import PerfRNNError
from perfrnn_live.library.keeper import Keeper
from perfrnn_live.library.packed import Fact
from perfrnn_live.library.store import Library
from perfrnn_live.live.happenings import Time
from perfrnn_live.music.midi import note_off, note_on
from perfrnn_live.player.messages import Sent
from tests.library.power_cut import Log, library, watched

FLUSHES, NOTES = 40, 60
sqlite = library() if sys.platform != "win32" else None

pytestmark = pytest.mark.skipif(sqlite is None, reason="the SQLite that this Python uses cannot be reached")


class Told:
    """A session that was kept on a watched disk: its facts, and how many were flushed after how many changes."""

    def __init__(self, folder: Path) -> None:
        self.facts: list[Fact] = []
        self.complaints: list[str] = []
        self.flushed: list[tuple[int, int]] = []
        assert sqlite is not None
        with watched(sqlite, folder) as self.log:
            keeper = Keeper(folder / "sessions.db", {"began_s": 0.0}, 0.0, lambda: 1e9, self.complaints.append)
            for flush in range(FLUSHES):
                now_s = flush / 2
                facts: list[Fact] = [Time(now_s)]
                for number in range(NOTES):
                    message = note_off(60) if number % 2 else note_on(60, 64)
                    facts.append(Sent(number, now_s, now_s + number / 1e6, message, now_s))
                for fact in facts:
                    keeper.hear(fact)
                self.facts += facts
                keeper.flush(now_s)
                self.flushed.append((len(self.log.changes), len(self.facts)))
                if flush == 0:  # else it writes into the database itself after 4 MB only
                    keeper._library._database.execute("PRAGMA wal_autocheckpoint = 25")  # type: ignore[union-attr]
            keeper.close()
            self.flushed.append((len(self.log.changes), len(self.facts)))

    def flushed_after(self, changes: int) -> int:
        return max((facts for when, facts in self.flushed if when <= changes), default=0)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    yield Told(tmp_path_factory.mktemp("watched"))


def kept(folder: Path, files: dict[str, bytes]) -> list[Fact]:
    """What a library has after the power is back."""
    for old in folder.iterdir():
        old.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    with Library(folder / "sessions.db") as library:
        (sound,) = library._database.execute("PRAGMA integrity_check").fetchone()
        assert sound == "ok"
        entries = library.entries()
        return list(library.facts(entries[0].id)) if entries else []


def check(told: Told, facts: list[Fact], changes: int) -> None:
    assert facts == told.facts[: len(facts)]
    assert len(facts) >= told.flushed_after(changes), f"after {changes} changes"


@pytest.mark.parametrize("keeps", [0.0, 0.5, 1.0])
def test_what_was_flushed_outlives_a_power_cut_after_any_write(told: Told, tmp_path: Path, keeps: float) -> None:
    assert not told.complaints and len(told.log.changes) > 3 * FLUSHES
    assert {change.name for change in told.log.changes} >= {"sessions.db", "sessions.db-wal"}
    rng = np.random.default_rng(0)
    for changes in range(len(told.log.changes) + 1):
        check(told, kept(tmp_path, told.log.after(changes, rng, keeps)), changes)


def test_a_disk_that_says_it_has_synced_and_has_not_is_noticed(told: Told, tmp_path: Path) -> None:
    """The test above can fail."""
    lying = Log(told.log.folder, [change for change in told.log.changes if not change.synced])
    lost, count = lying.after(len(lying.changes), np.random.default_rng(0), 0.5), len(told.log.changes)
    with pytest.raises((AssertionError, PerfRNNError, sqlite3.Error)):
        check(told, kept(tmp_path, lost), count)
