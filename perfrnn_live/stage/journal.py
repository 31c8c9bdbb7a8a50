"""What the machine decided and how quickly, and what was said, as it happens: one line of JSON each."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from perfrnn_live.errors import CannotWrite
from perfrnn_live.live.happenings import Time
from perfrnn_live.live.orders import Told, Took
from perfrnn_live.player.messages import PortBack, PortLost, Said
from perfrnn_live.stage.listeners import Fact


class Journal:
    """A `Listener` that writes lines into `path`. Times are seconds since `began_s`."""

    def __init__(self, began_s: float, path: Path) -> None:
        """Raises CannotWrite."""
        self._began_s = self._now_s = began_s
        self._path = path
        self._lines: list[str] = []
        self._kept = 0  # bytes in whole lines
        try:
            self._file = path.open("wb", buffering=0)  # what a buffer could not write, it would try again later
        except OSError as error:
            raise self._cannot(error) from error

    def hear(self, fact: Fact) -> None:
        """Something happened; decisions and sentences are written down at the next flush."""
        match fact:
            case Time(now_s):
                self._now_s = now_s
            case Said() | PortLost() | PortBack():
                self._add(self._now_s, "said", {"sentence": fact.sentence})
            case Told(at_s, what, details):
                self._add(at_s, what, dict(details))
            case Took(what, since_s, until_s):
                self._add(until_s, what, {"ms": round((until_s - since_s) * 1000, 2)})

    def flush(self, now_s: float) -> None:
        """Bring the file up to date. Raises CannotWrite; then the file ends with the last line that was whole."""
        rest = "".join(self._lines).encode()
        size = self._kept + len(rest)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(self._kept)
                self._file.seek(self._kept)
            raise self._cannot(error) from error
        self._kept = size
        self._lines.clear()

    def close(self) -> None:
        """Nothing more will be told; twice is no error. Raises CannotWrite."""
        if self._file.closed:
            return
        try:
            self.flush(self._began_s)
        finally:
            with contextlib.suppress(OSError):  # what it would say, `flush` has said
                self._file.close()

    def _add(self, at_s: float, what: str, details: dict[str, object]) -> None:
        self._lines.append(json.dumps({"at_s": round(at_s - self._began_s, 4), "what": what, **details}) + "\n")

    def _cannot(self, error: OSError) -> CannotWrite:
        return CannotWrite(f"cannot write {self._path}: {error.strerror}")
