"""Where results are written: never over a file that is there already, and nowhere that cannot be written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from os import path as os_path
from pathlib import Path

from perfrnn_live.errors import CannotWrite


def unused(path: Path, taken: Sequence[Path | None] = ()) -> Path:
    """This name, or, where a file has it or it is `taken`, the next that is free: take.mid, take-2.mid, take-3.mid ...

    What is no file (a folder, a device) is left as it is: `check_writable` says whether it can be written to.
    """
    return next(each for each in _names(path) if each not in taken and not _is_file(each))


def check_writable(path: Path) -> None:
    """Raises CannotWrite if `path` cannot be written; leaves what is there untouched."""
    try:
        existed = path.exists()
        path.open("ab").close()
        if not existed:
            path.unlink()
    except OSError as error:
        raise CannotWrite(f"cannot write {path}: {error.strerror}") from error


def _names(path: Path) -> Iterator[Path]:
    yield path
    for number in count(2):
        yield path.with_stem(f"{path.stem}-{number}")


def _is_file(path: Path) -> bool:
    """True also for a link to nowhere, which cannot be opened as a new file."""
    return os_path.lexists(path) and (path.is_file() or not path.exists())
