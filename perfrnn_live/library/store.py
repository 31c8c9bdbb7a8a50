"""The library: sessions in a SQLite database, each a row of what it was and parts of what happened, in order.

It is in WAL mode with `synchronous = EXTRA`: what is committed is on the disk, whatever becomes of the program or the
power. With FULL, a power cut could bring the journal of its making back, and that would empty it. Several instruments
may write into one library at once. Nothing in it is a pickle, and nothing is executed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perfrnn_live.errors import BadValue, CannotWrite

if TYPE_CHECKING:
    from perfrnn_live.library.packed import Fact

VERSION = 2
_PATIENCE_S = 2.0  # for another instrument's commit
_FILES = """
CREATE TABLE IF NOT EXISTS file (
    digest TEXT PRIMARY KEY,
    data BLOB NOT NULL         -- what sessions began with beside what is said of them: pads, a priming file
) WITHOUT ROWID
"""
_ABOUT = "CASE WHEN json_valid(about) THEN about ELSE '{}' END"
_PARTS = """
CREATE TABLE {} (
    place INTEGER PRIMARY KEY, -- a session's id and, in the lower 32 bits, the number of the part
    facts BLOB NOT NULL        -- see packed.py
)
"""
_FROM_VERSION_1 = (
    _FILES,
    _PARTS.format("parts"),
    "INSERT INTO parts SELECT session << 32 | number, facts FROM part ORDER BY session, number",
    "DROP TABLE part",
    "ALTER TABLE parts RENAME TO part",
    f"PRAGMA user_version = {VERSION}",
)
_IN_USE = f"SELECT each.value FROM session, json_each({_ABOUT}, '$.files') AS each"
_SCHEMA = f"""
CREATE TABLE session (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    about TEXT NOT NULL,       -- JSON: when it began, model, seed, settings and so on
    seconds REAL NOT NULL,     -- how long it has been kept for
    seen REAL NOT NULL,        -- when that was, seconds since 1970
    ended INTEGER NOT NULL,    -- 1 if it came to its end, 2 if it did not and somebody was told
    notes INTEGER NOT NULL,    -- strikes of both players
    tag TEXT NOT NULL
);
{_PARTS.format("part")};
CREATE TABLE moment (
    session INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    from_s REAL NOT NULL,      -- from the beginning of the session
    to_s REAL NOT NULL
);
{_FILES};
CREATE INDEX moments ON moment (session);
PRAGMA user_version = {VERSION};
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A session as it stands in the library. `about` is what it was begun with; `seconds` its length; `moments` are
    marked passages, each from and to so many seconds from its beginning."""

    id: int
    about: dict[str, Any]
    seconds: float
    seen: float
    ended: bool
    notes: int
    tag: str
    moments: tuple[tuple[float, float], ...] = field(default=())

    @property
    def began_s(self) -> float:
        """When it began, on the clock of its facts. Raises BadValue if it does not say so."""
        began_s = self.about.get("began_s")
        if not isinstance(began_s, float | int):
            raise BadValue(f"session {self.id} does not say how it began")
        return float(began_s)


class Library:
    """An open library. One thread uses it. Raises CannotWrite where the disk refuses, BadValue where it is no library,
    or one of a later version."""

    def __init__(self, path: Path) -> None:
        """Opens it, or makes a new one."""
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise CannotWrite(f"cannot open the library {path}: {error}") from error
        try:
            with self._refusals():
                self._prepare()
        except BaseException:
            self._database.close()
            raise

    def begin(self, about: dict[str, Any], now: float, files: Iterable[bytes] = ()) -> int:
        """A new session; returns its number. `now` is in seconds since 1970. What its `about` has digests of among its
        "files" are `files`."""
        with self._refusals(), self._change() as database:
            database.executemany("INSERT OR IGNORE INTO file VALUES (?, ?)", [(digest(each), each) for each in files])
            made = database.execute(
                "INSERT INTO session (about, seconds, seen, ended, notes, tag) VALUES (?, 0, ?, 0, 0, '')",
                (json.dumps(about), now),
            )
        assert made.lastrowid is not None
        return made.lastrowid

    def has(self, session: int, about: dict[str, Any]) -> bool:
        """Whether it has that session, begun like that."""
        with self._refusals():
            row = self._database.execute("SELECT about FROM session WHERE id = ?", (session,)).fetchone()
        return row is not None and row[0] == json.dumps(about)

    def add(
        self,
        session: int,
        number: int,
        facts: list[Fact],
        seconds: float,
        now: float,
        notes: int,
        moments: list[tuple[float, float]],
        ended: bool = False,
    ) -> None:
        """Part `number` of a session, in place of what it was before. The session has lasted `seconds` and has so many
        more `notes` and `moments` now. When this returns, it is on the disk."""
        from perfrnn_live.library.packed import pack  # not above: it loads what facts are made of, which no list needs

        with self._refusals(), self._change() as database:
            if facts:
                database.execute("INSERT OR REPLACE INTO part VALUES (?, ?)", (session << 32 | number, pack(facts)))
            database.execute(
                "UPDATE session SET seconds = ?, seen = ?, notes = notes + ?, ended = ? WHERE id = ?",
                (seconds, now, notes, int(ended), session),
            )
            database.executemany("INSERT INTO moment VALUES (?, ?, ?)", [(session, *each) for each in moments])

    def entries(self) -> list[Entry]:
        """All sessions, the newest first."""
        with self._refusals():
            marked: dict[int, list[tuple[float, float]]] = {}
            for session, from_s, to_s in self._database.execute("SELECT * FROM moment ORDER BY from_s"):
                marked.setdefault(session, []).append((from_s, to_s))
            rows = self._database.execute(
                "SELECT id, about, seconds, seen, ended, notes, tag FROM session ORDER BY id DESC"
            )
            return [
                Entry(number, _read(about), seconds, seen, bool(ended), notes, tag, tuple(marked.get(number, ())))
                for number, about, seconds, seen, ended, notes, tag in rows
            ]

    def entry(self, session: int) -> Entry:
        """One of them. Raises BadValue if there is none of that number."""
        found = [each for each in self.entries() if each.id == session]
        if not found:
            raise BadValue(f"there is no session {session} in {self.path}")
        return found[0]

    def facts(self, session: int) -> Iterator[Fact]:
        """What happened in a session, in order."""
        from perfrnn_live.library.packed import unpack

        with self._refusals():
            rows = self._database.execute(f"SELECT facts FROM part WHERE {_OF_SESSION} ORDER BY place", _parts(session))
            for (packed,) in rows:
                yield from unpack(packed)

    def file(self, session: Entry, name: str) -> bytes | None:
        """What is called `name` among the files that a session began with, if it had it. Raises BadValue where that is
        lost."""
        files = session.about.get("files")
        wanted = files.get(name) if isinstance(files, dict) else None
        if wanted is None:
            return None
        with self._refusals():
            row = self._database.execute("SELECT data FROM file WHERE digest = ?", (str(wanted),)).fetchone()
        if row is None or not isinstance(row[0], bytes) or digest(row[0]) != wanted:
            raise BadValue(f"the {name} that session {session.id} began with is lost")
        return row[0]

    def tag(self, session: int, text: str) -> None:
        """Give a session a name."""
        self.entry(session)
        with self._refusals(), self._change() as database:
            database.execute("UPDATE session SET tag = ? WHERE id = ?", (text, session))

    def mark(self, session: int, from_s: float, to_s: float) -> None:
        """Mark a passage of a session as a moment, in seconds from its beginning."""
        self.entry(session)
        with self._refusals(), self._change() as database:
            database.execute("INSERT INTO moment VALUES (?, ?, ?)", (session, from_s, to_s))

    def delete(self, sessions: list[int]) -> None:
        """Take sessions out for good, and give their room back."""
        with self._refusals():
            with self._change() as database:
                for session in sessions:
                    database.execute("DELETE FROM session WHERE id = ?", (session,))
                    database.execute(f"DELETE FROM part WHERE {_OF_SESSION}", _parts(session))
                database.execute(f"DELETE FROM file WHERE digest NOT IN ({_IN_USE})")
            self._database.executescript("PRAGMA incremental_vacuum")  # `execute` would free a single page
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def broken_off(self, now: float, lately_s: float) -> list[Entry]:
        """Sessions that did not come to their end; each is told of once. What was seen in the last `lately_s` may be
        going on; what was seen later than `now` was so on a clock that has been set back."""
        found = [each for each in self.entries() if not each.ended and not 0 <= now - each.seen < lately_s]
        if found:  # at most starts there is none, and another instrument's commit need not be waited for
            with self._refusals(), self._change() as database:
                database.executemany("UPDATE session SET ended = 2 WHERE id = ?", [(each.id,) for each in found])
        return found

    def close(self) -> None:
        """Close it; twice is no error."""
        with contextlib.suppress(sqlite3.Error):
            self._database.close()

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *what: object) -> None:
        self.close()

    def _prepare(self) -> None:
        database = self._database
        database.execute("PRAGMA foreign_keys = ON")
        database.execute("PRAGMA synchronous = EXTRA")
        database.execute("PRAGMA cache_size = -128")  # KB: what is written is seldom read again
        (version,) = database.execute("PRAGMA user_version").fetchone()
        (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if version == 0 and tables:
            raise BadValue(f"{self.path} is a database of something else, and is left alone")
        if version > VERSION:
            raise BadValue(f"the library {self.path} is of a later version of perfrnn-live: update that")
        if version == 1:
            with self._change():
                if database.execute("PRAGMA user_version").fetchone() == (1,):  # and no other instrument was quicker
                    for statement in _FROM_VERSION_1:
                        database.execute(statement)
        if version == 0:
            database.execute("PRAGMA page_size = 1024")  # parts are a page or two long: little room is left over
            database.execute("PRAGMA auto_vacuum = INCREMENTAL")
            database.execute("PRAGMA journal_mode = WAL")
            with self._change():
                if database.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
                    for statement in _SCHEMA.split(";"):
                        database.execute(statement)

    @contextlib.contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing, on the disk at the end."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield self._database
            self._database.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise CannotWrite(f"cannot write the library {self.path}: {error}") from error
            raise BadValue(f"{self.path} is no library of sessions, or is broken: {error}") from error
        except (ValueError, TypeError) as error:  # also of sqlite3, which takes names in a broken file for text
            raise BadValue(f"{self.path} is no library of sessions, or is broken: {error}") from error


_OF_SESSION = "place BETWEEN ? AND ?"


def _parts(session: int) -> tuple[int, int]:
    """The places of the first part of a session and of the last that it could have."""
    return session << 32, (session + 1 << 32) - 1


def digest(data: bytes) -> str:
    """What a file is known by."""
    return hashlib.sha256(data).hexdigest()


def _read(about: str) -> dict[str, Any]:
    told = json.loads(about)
    if not isinstance(told, dict):
        raise TypeError("a session does not say what it was")
    return told
