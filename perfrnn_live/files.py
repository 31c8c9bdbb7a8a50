"""Where results are written: never over a file that is there already, and nowhere that cannot be written."""

from __future__ import annotations

import os.path
import sys
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

from perfrnn_live.errors import CannotWrite


def unused(path: Path, besides: Sequence[Path | None] = ()) -> Path:
    """This name, or, where a file has it or it is among `besides`, the next that is free: take.mid, take-2.mid ...

    Another name is told in a sentence on standard error. What is no file (a folder, a device) is left as it is, for
    `check_writable` to say whether it can be written to.
    """
    name = next(each for each in _names(path) if each not in besides and not _is_file(each))
    if name != path:
        print(f"{path} is kept as it is; the new file is {name}", file=sys.stderr)
    return name


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
    return os.path.lexists(path) and (path.is_file() or not path.exists())
