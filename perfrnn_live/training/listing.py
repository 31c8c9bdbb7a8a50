"""What a folder's CSV says of its recordings, as MAESTRO's does: which split each is of, and who composed it."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from perfrnn_live.music.composers import COMPOSERS, OTHER

_FILE, _SPLIT, _COMPOSER = "midi_filename", "split", "canonical_composer"
_SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Listing:
    """By recording: its split, one of train, validation and test, and its composer, one of COMPOSERS; without those of
    which nobody says. `problems` has a sentence for each thing that could not be read."""

    splits: Mapping[Path, str]
    composers: Mapping[Path, str]
    problems: tuple[str, ...]


def read_listing(folder: Path) -> Listing:
    """All CSVs of a folder as one. Tables and rows that cannot be read are among its problems."""
    splits: dict[Path, str] = {}
    composers: dict[Path, str] = {}
    problems: list[str] = []
    tables = sorted(folder.glob("*.csv"))
    for table in tables:
        try:
            _read_table(table, splits, composers, problems)
        except (OSError, UnicodeError, csv.Error) as error:
            problems.append(f"{table} cannot be read: {getattr(error, 'strerror', None) or error}")
    if tables and not splits:
        problems.append(
            f"no table in {folder} says which recordings train and which validate: every twentieth validates"
        )
    return Listing(splits, composers, tuple(problems))


def _read_table(table: Path, splits: dict[Path, str], composers: dict[Path, str], problems: list[str]) -> None:
    """Add what one table says. Raises OSError, UnicodeError and csv.Error."""
    text, is_utf = _decoded(table.read_bytes())
    rows = csv.DictReader(io.StringIO(text, newline=""))
    columns = rows.fieldnames or ()
    if _FILE not in columns:
        problems.append(f"{table} has no column {_FILE}: it lists no recordings")
        return
    if not is_utf:
        problems.append(f"{table} is not in UTF-8, and is read as Latin-1")
    for row in rows:
        told = {column: (row[column] or "").strip() for column in (_FILE, _SPLIT, _COMPOSER) if column in columns}
        if not told[_FILE]:
            problems.append(f"{table}, line {rows.line_num}, names no recording")
            continue
        path = table.parent / told[_FILE]
        if told.get(_SPLIT) in _SPLITS:
            splits[path] = told[_SPLIT]
        elif _SPLIT in columns:
            wrong = f"its split is {told[_SPLIT]!r}, and none of {', '.join(_SPLITS)}"
            problems.append(f"{table}, line {rows.line_num}: {wrong}")
        if told.get(_COMPOSER):
            composers[path] = _composer(told[_COMPOSER])


def _decoded(data: bytes) -> tuple[str, bool]:
    """The text of a table, and whether it is in UTF-8 or UTF-16. Raises UnicodeError."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16"), True
    try:
        return data.decode("utf-8-sig"), True
    except UnicodeDecodeError:
        return data.decode("latin-1"), False


def _composer(name: str) -> str:
    """The full name as one of COMPOSERS: two names, of a composer and an arranger, are neither's."""
    surname = name.split()[-1].lower()
    return surname if "/" not in name and surname in COMPOSERS else OTHER
