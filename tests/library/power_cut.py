"""A disk whose power may be cut: every write that SQLite makes is written down, and what could be on the disk after any
of them is made again: what was not synced is there, lost, torn or in another order.

SQLite reaches files through a table of functions (its VFS, https://sqlite.org/vfs.html). Those that change a file are
replaced in the very library that Python's `sqlite3` uses.
"""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import sqlite3
from collections.abc import Iterator
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_int64, c_void_p
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

SECTOR = 512

_Write = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_Truncate = CFUNCTYPE(c_int, c_void_p, c_int64)
_Sync = CFUNCTYPE(c_int, c_void_p, c_int)
# names as they are and not as `bytes`: SQLite keeps more around them
_Open = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_Delete = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)


class _Methods(ctypes.Structure):
    """sqlite3_io_methods of version 3: what can be done with an open file."""

    _fields_ = [
        ("version", c_int),
        ("close", c_void_p),
        ("read", c_void_p),
        ("write", _Write),
        ("truncate", _Truncate),
        ("sync", _Sync),
        ("rest", c_void_p * 13),
    ]


class _File(ctypes.Structure):
    _fields_ = [("methods", POINTER(_Methods))]


class _VFS(ctypes.Structure):
    """The beginning of sqlite3_vfs."""

    _fields_ = [
        ("version", c_int),
        ("file_size", c_int),
        ("longest_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("data", c_void_p),
        ("open", _Open),
        ("delete", _Delete),
    ]


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a file: bytes written at an offset; or its new `size`; or all before it `synced`; or it is
    `deleted`, and that synced or not."""

    name: str
    offset: int = 0
    written: bytes = b""
    size: int | None = None
    synced: bool = False
    deleted: bool = False


@dataclass
class Log:
    """What SQLite did to the files of one folder, in order."""

    folder: Path
    changes: list[Change] = field(default_factory=list)

    def after(self, count: int, rng: np.random.Generator, keeps: float) -> dict[str, bytes]:
        """The files as the power may leave them after `count` changes: of what was not synced, each write is there with
        the chance `keeps`, all of these in any order, and some only with their first sectors."""
        files: dict[str, bytearray] = {}
        waiting: dict[str, list[Change]] = {}
        for change in self.changes[:count]:
            if change.deleted:
                waiting.pop(change.name, None)
                if change.synced or rng.random() < keeps:  # else the directory may not know of it yet
                    files.pop(change.name, None)
            elif change.synced:
                content = files.setdefault(change.name, bytearray())
                for each in waiting.pop(change.name, []):
                    _apply(content, each)
            else:
                waiting.setdefault(change.name, []).append(change)
        for name, changes in waiting.items():
            kept = [each for each in changes if rng.random() < keeps]
            if kept:
                content = files.setdefault(name, bytearray())
                for number in range(len(kept)) if keeps == 1 else rng.permutation(len(kept)):
                    _apply(content, _torn(kept[number], rng) if 0 < keeps < 1 else kept[number])
        return {name: bytes(content) for name, content in files.items()}


def _torn(change: Change, rng: np.random.Generator) -> Change:
    sectors = len(change.written) // SECTOR
    if sectors == 0 or rng.random() < 0.5:
        return change
    return Change(change.name, change.offset, change.written[: SECTOR * int(rng.integers(sectors + 1))])


def _apply(content: bytearray, change: Change) -> None:
    if change.size is not None:
        del content[change.size :]
        return
    content.extend(bytes(max(change.offset - len(content), 0)))
    content[change.offset : change.offset + len(change.written)] = change.written


def _path(name: int) -> Path:
    return Path(ctypes.string_at(name).decode())


def _address(function: Any) -> int:
    """Where it is; read through the field it stands in, a function would be whatever stands there later."""
    address = ctypes.cast(function, c_void_p).value
    assert address is not None
    return address


def library() -> ctypes.CDLL | None:
    """The SQLite that Python uses, if it can be reached."""
    name = ctypes.util.find_library("sqlite3")
    if name is None:
        return None
    found = ctypes.CDLL(name)
    found.sqlite3_libversion.restype = c_char_p
    found.sqlite3_vfs_find.restype = POINTER(_VFS)
    return found if found.sqlite3_libversion().decode() == sqlite3.sqlite_version else None


@contextlib.contextmanager
def watched(sqlite: ctypes.CDLL, folder: Path) -> Iterator[Log]:
    """While the block lasts, what SQLite does to the files in `folder` that it opens then is written down."""
    log, opened = Log(folder), dict[int, tuple[str, _Methods]]()
    alive: list[Any] = []  # what C holds pointers to
    vfs = sqlite.sqlite3_vfs_find(None).contents
    real_open, real_delete = _Open(_address(vfs.open)), _Delete(_address(vfs.delete))

    def write(file: int, data: int, length: int, offset: int) -> int:
        name, real = opened[file]
        log.changes.append(Change(name, offset, ctypes.string_at(data, length)))
        return int(real.write(file, data, length, offset))

    def truncate(file: int, size: int) -> int:
        name, real = opened[file]
        log.changes.append(Change(name, size=size))
        return int(real.truncate(file, size))

    def sync(file: int, flags: int) -> int:
        name, real = opened[file]
        log.changes.append(Change(name, synced=True))
        return int(real.sync(file, flags))

    changing = {"write": _Write(write), "truncate": _Truncate(truncate), "sync": _Sync(sync)}

    def open_file(where: int, name: int | None, file: int, flags: int, out: int) -> int:
        status = int(real_open(where, name, file, flags, out))
        path = None if name is None else _path(name)
        if status == 0 and path is not None and path.parent == folder:
            handle = _File.from_address(file)
            real = handle.methods.contents
            ours = _Methods.from_buffer_copy(real)
            for what, function in changing.items():
                setattr(ours, what, function)
            alive.append(ours)
            opened[file] = path.name, real
            handle.methods = ctypes.pointer(ours)
        return status

    def delete(where: int, name: int, syncs: int) -> int:
        if _path(name).parent == folder:
            log.changes.append(Change(_path(name).name, synced=bool(syncs), deleted=True))
        return int(real_delete(where, name, syncs))

    watching = _Open(open_file), _Delete(delete)
    vfs.open, vfs.delete = watching
    try:
        yield log
    finally:
        vfs.open, vfs.delete = real_open, real_delete
