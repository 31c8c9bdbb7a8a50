"""What the session does and how quickly, as it happens: one line of JSON each, and the figures of the end."""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from perfrnn_live.errors import CannotWrite


class Journal:
    """Lines into `path`, or nowhere. Times are seconds since `began_s`."""

    def __init__(self, began_s: float, path: Path | None = None) -> None:
        """Raises CannotWrite."""
        self._began_s = began_s
        self._delays_ms: defaultdict[str, list[float]] = defaultdict(list)
        try:
            self._file = path.open("w", encoding="utf-8", buffering=1) if path is not None else None
        except OSError as error:
            raise CannotWrite(f"cannot write {path}: {error.strerror}") from error

    def tell(self, at_s: float, what: str, **details: object) -> None:
        """Something happened."""
        if self._file is None:
            return
        try:
            self._file.write(json.dumps({"at_s": round(at_s - self._began_s, 4), "what": what, **details}) + "\n")
        except OSError:  # a full disk ends the journal and not the music
            self.close()

    def took(self, what: str, since_s: float, until_s: float) -> None:
        """Something was asked for at `since_s` and was there at `until_s`."""
        delay_ms = (until_s - since_s) * 1000
        self._delays_ms[what].append(delay_ms)
        self.tell(until_s, what, ms=round(delay_ms, 2))

    def delays(self) -> dict[str, dict[str, float]]:
        """How long each thing took: how often, and in milliseconds the median, the 99th percentile and the longest."""
        return {
            what: {"count": len(ms), "p50": np.median(ms), "p99": float(np.percentile(ms, 99)), "max": max(ms)}
            for what, ms in self._delays_ms.items()
        }

    def close(self) -> None:
        """Nothing more will be told."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()
