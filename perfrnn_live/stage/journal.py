"""What the machine decided and how quickly, as it happens: one line of JSON each."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from perfrnn_live.errors import CannotWrite
from perfrnn_live.live.orders import Told, Took
from perfrnn_live.stage.listeners import Fact


class Journal:
    """A `Listener` that writes lines into `path`. Times are seconds since `began_s`."""

    def __init__(self, began_s: float, path: Path) -> None:
        """Raises CannotWrite."""
        self._began_s = began_s
        self._path = path
        try:
            self._file = path.open("w", encoding="utf-8")
        except OSError as error:
            raise self._cannot(error) from error

    def hear(self, fact: Fact) -> None:
        """Something happened; decisions are written down. Raises CannotWrite."""
        match fact:
            case Told(at_s, what, details):
                self._write(at_s, what, dict(details))
            case Took(what, since_s, until_s):
                self._write(until_s, what, {"ms": round((until_s - since_s) * 1000, 2)})

    def flush(self, now_s: float) -> None:
        """Bring the file up to date. Raises CannotWrite."""
        try:
            self._file.flush()
        except OSError as error:
            raise self._cannot(error) from error

    def close(self) -> None:
        """Nothing more will be told; twice is no error. Raises CannotWrite."""
        try:
            self._file.close()
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.close()
            raise self._cannot(error) from error

    def _write(self, at_s: float, what: str, details: dict[str, object]) -> None:
        try:
            self._file.write(json.dumps({"at_s": round(at_s - self._began_s, 4), "what": what, **details}) + "\n")
        except OSError as error:
            raise self._cannot(error) from error

    def _cannot(self, error: OSError) -> CannotWrite:
        return CannotWrite(f"cannot write {self._path}: {error.strerror}")
