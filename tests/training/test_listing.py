"""What a folder's CSV says, in whatever shape it comes: read, or named, and never a wrong split in silence."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from perfrnn_live.training.corpus import find_recordings
from perfrnn_live.training.listing import Listing, read_listing

TABLE = """canonical_composer,canonical_title,split,year,midi_filename
Frédéric Chopin,"Études, op. 25",train,2004,2004/a.midi
Johann Sebastian Bach / Ferruccio Busoni,Chaconne,validation,2004,2004/b.midi
Erik Satie,Gymnopédie,test,2004,c.midi
"""
SPLITS = {"2004/a.midi": "train", "2004/b.midi": "validation", "c.midi": "test"}
COMPOSERS = {"2004/a.midi": "chopin", "2004/b.midi": "other", "c.midi": "other"}


def listed(folder: Path, content: bytes, name: str = "table.csv") -> Listing:
    (folder / name).write_bytes(content)
    return read_listing(folder)


def short(told: object) -> dict[str, str]:
    """Without the folder."""
    assert isinstance(told, dict)
    return {
        "/".join(path.parts[-2:] if path.parent.name == "2004" else path.parts[-1:]): each
        for path, each in told.items()
    }


ENCODED = {
    "UTF-8": TABLE.encode(),
    "UTF-8 with a BOM": codecs.BOM_UTF8 + TABLE.encode(),
    "UTF-16": TABLE.encode("utf-16"),
    "UTF-16, the other end first": codecs.BOM_UTF16_BE + TABLE.encode("utf-16-be"),
    "lines of Windows": TABLE.replace("\n", "\r\n").encode(),
}


@pytest.mark.parametrize("content", ENCODED.values(), ids=ENCODED.keys())
def test_a_table_in_any_encoding_that_says_which(content: bytes, tmp_path: Path) -> None:
    listing = listed(tmp_path, content)
    assert (short(listing.splits), short(listing.composers), listing.problems) == (SPLITS, COMPOSERS, ())


def test_a_table_in_latin_1_is_read_and_named(tmp_path: Path) -> None:
    listing = listed(tmp_path, TABLE.encode("latin-1"))
    assert (short(listing.splits), short(listing.composers)) == (SPLITS, COMPOSERS)
    assert listing.problems == (f"{tmp_path / 'table.csv'} is not in UTF-8, and is read as Latin-1",)


HEAD = "canonical_composer,split,midi_filename\n"
ROWS: dict[str, tuple[str, dict[str, str], dict[str, str], list[str]]] = {
    "a short row": (
        "Erik Satie\nErik Satie,train,a.midi\n",
        {"a.midi": "train"},
        {"a.midi": "other"},
        ["line 2, names"],
    ),
    "a row without a file": ("Erik Satie,train, \n,test,a.midi\n", {"a.midi": "test"}, {}, ["line 2, names"]),
    "a long row": ("Erik Satie,train,a.midi,and,more\n", {"a.midi": "train"}, {"a.midi": "other"}, []),
    "an empty line": ("\n,train,a.midi\n\n", {"a.midi": "train"}, {}, []),
    "a blank composer": ("   ,train,a.midi\n,test,b.midi\n", {"a.midi": "train", "b.midi": "test"}, {}, []),
    "a split mistyped": (
        "Bach,trian,a.midi\nBach,test,b.midi\n",
        {"b.midi": "test"},
        {"a.midi": "bach", "b.midi": "bach"},
        ["line 2: its split is 'trian', and none of train, validation, test"],
    ),
    "no split": (
        "Bach,,a.midi\nBach,test,b.midi\n",
        {"b.midi": "test"},
        {"a.midi": "bach", "b.midi": "bach"},
        ["line 2: its split is '', and none of train, validation, test"],
    ),
    "spaces": (" Bach , test , b.midi \n", {"b.midi": "test"}, {"b.midi": "bach"}, []),
    "a quote that never ends": (
        'Bach,test,b.midi\n"' + "x" * 200_000,
        {"b.midi": "test"},
        {"b.midi": "bach"},
        ["table.csv cannot be read: field larger than field limit"],
    ),
}


@pytest.mark.parametrize(("rows", "splits", "composers", "problems"), ROWS.values(), ids=ROWS.keys())
def test_rows(
    rows: str, splits: dict[str, str], composers: dict[str, str], problems: list[str], tmp_path: Path
) -> None:
    listing = listed(tmp_path, (HEAD + rows).encode())
    assert (short(listing.splits), short(listing.composers)) == (splits, composers)
    assert len(listing.problems) == len(problems)
    assert all(part in problem for part, problem in zip(problems, listing.problems, strict=True))


FALLS_BACK = "says which recordings train and which validate: every twentieth validates"
NONE = {
    "another table": (b"name,price\ntea,3\n", "has no column midi_filename: it lists no recordings"),
    "UTF-16 that does not say so": (TABLE.encode("utf-16-le"), "has no column midi_filename: it lists no recordings"),
    "half a letter": (TABLE.encode("utf-16")[:-1], "cannot be read: "),
    "semicolons": (TABLE.replace(",", ";").encode(), "has no column midi_filename: it lists no recordings"),
    "empty": (b"", "has no column midi_filename: it lists no recordings"),
}


@pytest.mark.parametrize(("content", "problem"), NONE.values(), ids=NONE.keys())
def test_where_no_table_can_be_read_every_twentieth_validates_and_it_is_said(
    content: bytes, problem: str, tmp_path: Path
) -> None:
    listing = listed(tmp_path, content)
    assert not listing.splits and not listing.composers
    assert problem in listing.problems[0] and FALLS_BACK in listing.problems[1] and len(listing.problems) == 2
    for index in range(21):
        (tmp_path / f"{index:02}.mid").touch()
    told: list[str] = []
    validating = find_recordings(tmp_path, "validation", on_problem=told.append)
    assert [path.stem for path in validating] == ["00", "20"]
    assert told == list(listing.problems)


def test_a_table_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "link.csv").symlink_to(tmp_path / "nowhere")
    listing = read_listing(tmp_path)
    assert [problem.partition(" cannot be read: ")[2] for problem in listing.problems[:2]] == [
        "Is a directory",
        "No such file or directory",
    ]
    assert FALLS_BACK in listing.problems[2]
    assert read_listing(tmp_path / "nowhere") == Listing({}, {}, ())


def test_a_table_of_composers_alone_falls_back(tmp_path: Path) -> None:
    listing = listed(tmp_path, b"canonical_composer,midi_filename\nFrederic Chopin,a.midi\n")
    assert short(listing.composers) == {"a.midi": "chopin"} and not listing.splits
    assert [FALLS_BACK in problem for problem in listing.problems] == [True]


def test_recordings_that_no_table_names_are_counted(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d"):
        (tmp_path / f"{name}.midi").touch()
    listed(tmp_path, b"split,midi_filename\ntrain,a.midi\nvalidation,b.midi\ntest,gone.midi\n")
    told: list[str] = []
    assert [path.stem for path in find_recordings(tmp_path, "train", on_problem=told.append)] == ["a"]
    assert told == [f"2 of the 4 recordings in {tmp_path} have no split in its table and are left out"]
    told.clear()
    assert len(find_recordings(tmp_path, "all", on_problem=told.append)) == 4 and not told


def test_maestros_own(maestro: Path) -> None:
    listing = read_listing(maestro)
    assert not listing.problems
    assert set(find_recordings(maestro, "all")) <= set(listing.splits) == set(listing.composers)
