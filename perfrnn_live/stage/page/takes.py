"""The library's sessions for the page: a list, and each as .mid, picture or sound, made when it is asked for."""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
from pathlib import Path

from perfrnn_live.errors import PerfRNNError
from perfrnn_live.library.export import export
from perfrnn_live.library.sessions import take_of
from perfrnn_live.library.store import Library

LIST = "takes.json"
KINDS = {"mid": "audio/midi", "svg": "image/svg+xml", "wav": "audio/wav"}
_MOST = 200  # sessions listed, the newest
_MOMENT_S = 30.0  # a moment, up to where it is marked
_LONGEST_S = 1800.0  # of a session that is made into sound or a picture while somebody waits
_NAME = re.compile(r"takes/(\d{1,12})\.(mid|svg|wav)")


def takes(library: Path | None, name: str) -> tuple[bytes, str] | None:
    """The body and kind of a name below the page's, from a library; None if there is nothing of that name. Takes up to
    seconds."""
    if library is None or not library.exists():
        return (b"[]", "application/json") if name == LIST else None
    try:
        if name == LIST:
            return _listed(library), "application/json"
        if found := _NAME.fullmatch(name):
            return _exported(library, int(found[1]), found[2]), KINDS[found[2]]
    except PerfRNNError:
        pass
    return None


def mark(library: Path, session: int, at_s: float) -> None:
    """Mark what led to a second of a session as a moment; nothing, where there is no such session."""
    with contextlib.suppress(PerfRNNError), Library(library) as kept:
        to_s = min(at_s, kept.entry(session).seconds)
        kept.mark(session, max(to_s - _MOMENT_S, 0.0), to_s)


def _listed(library: Path) -> bytes:
    with Library(library) as kept:
        told = [
            {
                "id": entry.id,
                "began": entry.about.get("began", "?"),
                "model": entry.about.get("model", "?"),
                "seconds": round(entry.seconds, 1),
                "notes": entry.notes,
                "moments": len(entry.moments),
                "tag": entry.tag,
                "short": entry.seconds <= _LONGEST_S,
            }
            for entry in kept.entries()[:_MOST]
        ]
    return json.dumps(told).encode()


def _exported(library: Path, session: int, kind: str) -> bytes:
    with Library(library) as kept, tempfile.TemporaryDirectory() as folder:
        entry = kept.entry(session)
        if kind != "mid" and entry.seconds > _LONGEST_S:
            raise PerfRNNError("too long to be made while somebody waits")
        out = Path(folder) / f"take.{kind}"
        export(take_of(kept.facts(session), entry.began_s), out)
        return out.read_bytes()
