"""The library and its keeper: on a real disk, and on ones that refuse, vanish and are shared."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from perfrnn_live.errors import BadValue, CannotWrite
from perfrnn_live.library import store
from perfrnn_live.library.keeper import Keeper
from perfrnn_live.library.packed import MOST, Fact
from perfrnn_live.library.store import Library
from perfrnn_live.live.controls import Action
from perfrnn_live.live.happenings import Time
from perfrnn_live.live.orders import Told
from perfrnn_live.live.wishes import Do
from perfrnn_live.music.midi import note_off, note_on
from perfrnn_live.player.messages import Sent

BEGAN_S = 100.0
ABOUT = {"began": "2026-11-28 03:00:00", "began_s": BEGAN_S, "model": "fake"}


def sent(number: int) -> Sent:
    at_s = BEGAN_S + number / 10
    return Sent(number, at_s, at_s + 0.0001, note_on(60, 70) if number % 2 == 0 else note_off(60), at_s + 0.0001)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "sessions.db"


_OPEN: list[Keeper] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Keepers that a test leaves open, as one that is killed does, give their files back after it."""
    yield
    while _OPEN:
        _OPEN.pop()._drop()


class Kept:
    """A keeper, and what it said."""

    def __init__(self, path: Path) -> None:
        self.said: list[str] = []
        self.keeper = Keeper(path, ABOUT, BEGAN_S, lambda: 1_000_000.0, self.said.append)
        self.told: list[Fact] = []
        _OPEN.append(self.keeper)

    def tell(self, *facts: Fact) -> None:
        for fact in facts:
            self.keeper.hear(fact)
            self.told.append(fact)
        self.keeper.flush(BEGAN_S + len(self.told) / 10)


def facts_of(path: Path, session: int = 1) -> list[Fact]:
    with Library(path) as library:
        return list(library.facts(session))


def test_what_was_told_is_there_after_every_flush_and_at_the_end(path: Path) -> None:
    kept = Kept(path)
    for number in range(0, 40, 2):
        kept.tell(sent(number), sent(number + 1), Time(BEGAN_S + number / 10))
        assert facts_of(path) == kept.told
        with Library(path) as library:
            (entry,) = library.entries()
            assert not entry.ended and entry.notes == number // 2 + 1
            assert entry.seconds == pytest.approx(number / 10)
    kept.keeper.close()
    with Library(path) as library:
        (entry,) = library.entries()
        assert entry.ended and entry.about == ABOUT and entry.seen == 1_000_000.0
    assert not kept.said


def test_a_moment_is_the_last_phrase_and_its_answer_or_half_a_minute(path: Path) -> None:
    kept = Kept(path)
    kept.tell(Do(BEGAN_S + 40, Action.MOMENT))
    kept.tell(Told(BEGAN_S + 60, "phrase", (("seconds", 4.5),)), Do(BEGAN_S + 68, Action.MOMENT))
    kept.tell(Do(BEGAN_S + 120, Action.MOMENT))
    with Library(path) as library:
        assert library.entry(1).moments == ((10.0, 40.0), (55.5, 68.0), (90.0, 120.0))


def test_two_instruments_share_a_library(path: Path) -> None:
    one, other = Kept(path), Kept(path)
    for number in range(20):
        one.tell(sent(number))
        other.tell(sent(100 + number))
    assert facts_of(path, 1) == one.told and facts_of(path, 2) == other.told
    assert not one.said and not other.said


def test_while_the_disk_refuses_all_waits_and_is_kept_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, add = Kept(path), Library.add
    kept.tell(sent(0))

    def refused(*told: Any, **more: Any) -> None:
        raise CannotWrite("cannot write the library: database or disk is full")

    monkeypatch.setattr(Library, "add", refused)
    for number in range(1, 6):
        kept.tell(sent(number))
    assert len(kept.said) == 1 and "not kept for the time being" in kept.said[0] and "disk is full" in kept.said[0]
    monkeypatch.setattr(Library, "add", add)
    kept.tell(sent(6))
    assert kept.said[1:] == ["the session is kept again"]
    assert facts_of(path) == kept.told


def test_a_full_disk_is_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's own limit of pages stands for it."""
    kept = Kept(path)
    kept.tell(sent(0))
    database = kept.keeper._library._database  # type: ignore[union-attr]
    database.execute("PRAGMA max_page_count = 8")
    for number in range(1, 300):
        kept.tell(*(sent(number * 1000 + more) for more in range(60)))
    assert "full" in kept.said[0]  # the limit is the connection's, and it is opened anew
    assert kept.said[1:] == ["the session is kept again"]
    assert facts_of(path) == kept.told


def test_a_library_that_was_taken_away_is_begun_anew(path: Path) -> None:
    kept = Kept(path)
    kept.tell(sent(0), sent(1))
    shutil.rmtree(path.parent)
    kept.tell(sent(2), sent(3))
    assert facts_of(path) == kept.told[2:]
    with Library(path) as library:
        assert library.entry(1).about == ABOUT


def test_a_long_wait_is_kept_in_parts(path: Path) -> None:
    kept = Kept(path)
    kept.tell(*(sent(number) for number in range(2 * MOST + 5)))
    assert facts_of(path) == kept.told
    kept.tell(sent(0))
    assert facts_of(path) == kept.told


@pytest.mark.parametrize("content", [b"no database at all, but text" * 50, b"SQLite format 3\0" + b"\xff" * 4000])
def test_what_is_no_library_is_a_sentence_and_left_alone(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises((BadValue, CannotWrite), match="librar"):
        Library(path)
    kept, beside = Kept(path), path.with_name("sessions-2.db")
    kept.tell(sent(0))
    assert len(kept.said) == 1 and kept.said[0].endswith(f"the session is kept in {beside}")
    kept.tell(sent(1))
    assert facts_of(beside) == kept.told
    assert path.read_bytes() == content


def test_where_two_are_none_it_says_that_nothing_is_kept(path: Path) -> None:
    path.parent.mkdir()
    for each in (path, path.with_name("sessions-2.db")):
        each.write_bytes(b"no database at all, but text" * 50)
    kept = Kept(path)
    kept.tell(sent(0))
    kept.tell(sent(1))
    assert len(kept.said) == 2 and "not kept for the time being" in kept.said[1]
    with pytest.raises(CannotWrite, match="could not be written"):
        kept.keeper.close()


def test_one_of_a_later_version_is_a_sentence_and_left_alone(path: Path) -> None:
    Kept(path).tell(sent(0))
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version = {store.VERSION + 1}")
    database.close()
    with pytest.raises(BadValue, match="later version"):
        Library(path)


def test_a_database_of_something_else_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE recipe (name TEXT)")
    database.close()
    before = path.read_bytes()
    with pytest.raises(BadValue, match="something else, and is left alone"):
        Library(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("about", ["", "[]", "null", "nonsense", '"text"'])
def test_a_session_that_does_not_say_what_it_was_is_a_sentence(path: Path, about: str) -> None:
    Kept(path).tell(sent(0))
    with sqlite3.connect(path) as database:
        database.execute("UPDATE session SET about = ?", (about,))
    database.close()
    with Library(path) as library, pytest.raises(BadValue, match="broken"):
        library.entries()


@pytest.mark.parametrize("about", [{}, {"began_s": "yesterday"}, {"began_s": None}])
def test_a_session_that_does_not_say_when_it_began_is_a_sentence(path: Path, about: dict[str, Any]) -> None:
    with Library(path) as library:
        session = library.begin(about, 0.0)
        with pytest.raises(BadValue, match="does not say how it began"):
            assert library.entry(session).began_s


def test_a_torn_part_is_a_sentence_and_the_rest_is_there(path: Path) -> None:
    kept = Kept(path)
    kept.tell(sent(0), *(Time(BEGAN_S) for _ in range(400)))
    kept.tell(sent(1))
    kept.keeper.close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE part SET facts = ? WHERE place & 1", (b"\x01torn",))
    database.close()
    with Library(path) as library:
        facts = library.facts(1)
        assert [next(facts) for _ in range(401)] == kept.told[:401]
        with pytest.raises(BadValue, match="no part of a session"):
            next(facts)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_a_sentence(path: Path) -> None:
    path.parent.mkdir()
    path.parent.chmod(0o500)
    kept = Kept(path)
    kept.tell(sent(0))
    assert len(kept.said) == 1 and "cannot" in kept.said[0]


def test_sessions_are_named_taken_out_and_their_room_is_given_back(path: Path) -> None:
    for _ in range(3):
        kept = Kept(path)
        kept.tell(*(sent(number) for number in range(5000)))
        kept.keeper.close()
    with Library(path) as library:
        library.tag(2, "the good one")
        assert [each.tag for each in library.entries()] == ["", "the good one", ""]
        before = path.stat().st_size
        library.delete([1, 3])
        assert [each.id for each in library.entries()] == [2]
        with pytest.raises(BadValue, match="no session 3"):
            library.entry(3)
        assert list(library.facts(1)) == []
    assert path.stat().st_size < 0.6 * before


def test_what_sessions_began_with_is_there_once_and_as_long_as_one_of_them_is(path: Path) -> None:
    pads, prime = b"pads", b"prime"
    about = {**ABOUT, "files": {"pads": store.digest(pads), "prime": store.digest(prime)}}
    with Library(path) as library:
        both, one = library.begin(about, 0.0, [pads, prime]), library.begin(about, 1.0, [pads, prime])
        library.begin(ABOUT, 2.0)
        with sqlite3.connect(path) as database:
            database.execute("INSERT INTO session SELECT 9, 'no JSON', seconds, seen, 1, 0, '' FROM session LIMIT 1")
        database.close()
        library.delete([9, both])
        entry = library.entry(one)
        assert (library.file(entry, "pads"), library.file(entry, "prime")) == (pads, prime)
        assert library.file(library.entry(3), "pads") is None
        library.delete([one])
        with pytest.raises(BadValue, match="the pads that session 2 began with is lost"):
            library.file(entry, "pads")


def test_a_library_of_the_version_before_is_gone_on_with(path: Path) -> None:
    kept = Kept(path)
    for number in range(3):
        kept.tell(*(sent(number * 500 + more) for more in range(500)))
    kept.keeper.close()
    with sqlite3.connect(path) as database:
        database.execute(
            "CREATE TABLE old (session INTEGER, number INTEGER, facts BLOB, PRIMARY KEY (session, number))"
        )
        database.execute("INSERT INTO old SELECT place >> 32, place & 4294967295, facts FROM part")
        for statement in ("DROP TABLE part", "ALTER TABLE old RENAME TO part", "DROP TABLE file"):
            database.execute(statement)
        database.execute("PRAGMA user_version = 1")
    database.close()
    with Library(path) as library:
        assert list(library.facts(1)) == kept.told
        library.begin({**ABOUT, "files": {"pads": store.digest(b"pads")}}, 0.0, [b"pads"])
        assert library.file(library.entry(2), "pads") == b"pads"


def test_a_session_that_broke_off_is_told_of_once(path: Path) -> None:
    Kept(path).tell(sent(0))
    ended = Kept(path)
    ended.keeper.close()
    with Library(path) as library:
        assert library.broken_off(1_000_009.0, 10.0) == []  # it was seen just now: it may go on
        assert [each.id for each in library.broken_off(1_000_010.0, 10.0)] == [1]
        assert library.broken_off(1_000_010.0, 10.0) == []


def test_one_that_was_seen_later_than_now_broke_off_before_the_clock_was_set_back(path: Path) -> None:
    Kept(path).tell(sent(0))
    with Library(path) as library:
        assert [each.id for each in library.broken_off(1_000_000.0 - 3600.0, 10.0)] == [1]


def test_a_thousand_sessions_are_listed(path: Path) -> None:
    with Library(path) as library:
        for number in range(1000):
            session = library.begin(ABOUT, float(number))
            library.add(session, 0, [sent(0)], 1.0, float(number), 1, [(0.0, 1.0)], ended=True)
        entries = library.entries()
    assert [each.id for each in entries] == list(range(1000, 0, -1))
    assert all(len(each.moments) == 1 for each in entries)


_WRITER = """
import sys, time
from pathlib import Path
from perfrnn_live.library.keeper import Keeper
from perfrnn_live.live.happenings import Time
keeper = Keeper(Path(sys.argv[1]), {"began_s": 0.0}, 0.0, time.time, print)
number = 0
while True:
    for _ in range(20):
        keeper.hear(Time(number / 1000))
        number += 1
    keeper.flush(number / 1000)
    print(number, flush=True)
"""


@pytest.fixture
def writer(path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("after_s", [0.0, 0.013, 0.05, 0.11, 0.23])
def test_a_keeper_that_is_killed_leaves_all_that_it_had_flushed(
    path: Path, writer: subprocess.Popen[str], after_s: float
) -> None:
    assert writer.stdout is not None
    writer.stdout.readline()
    time.sleep(after_s)
    writer.send_signal(signal.SIGKILL) if sys.platform != "win32" else writer.kill()
    told = writer.stdout.read().split()
    flushed = int(told[-1]) if told else 20
    kept = facts_of(path)
    assert len(kept) in (flushed, flushed + 20)
    assert kept == [Time(number / 1000) for number in range(len(kept))]
