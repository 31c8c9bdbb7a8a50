"""What the library is told of a session at its beginning, and what it tells: sessions that broke off."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from perfrnn_live import __version__
from perfrnn_live.errors import PerfRNNError
from perfrnn_live.library.keeper import beside
from perfrnn_live.library.store import Library, digest
from perfrnn_live.live.pads import Pads
from perfrnn_live.player.clock import wall_s
from perfrnn_live.player.profiles import Profile

KEPT_OPTIONS = "settings", "beams", "quantise", "middle", "prime", "continues"
"""The options of `play` without which a session cannot begin in the same way again."""

_STILL_PLAYS_S = 10.0  # a session in the library that was seen so lately may be going on


def about_session(
    options: Mapping[str, Any],
    model: str,
    profile: Profile,
    fingerprint: str,
    seed: int,
    began_s: float,
    files: Mapping[str, bytes],
) -> dict[str, Any]:
    """All that a session begins with, as JSON can have it; `options` are those of KEPT_OPTIONS and
    the `place` in the latent space, and of `files` it has
    the digests."""
    settings = {name: getattr(value, "value", value) for name, value in asdict(options["settings"]).items()}
    prime = None if options["prime"] is None else str(options["prime"].absolute())
    return {
        "began": f"{datetime.now():%Y-%m-%d %H:%M:%S}",
        "began_s": began_s,
        "model": model,
        "fingerprint": fingerprint,
        "seed": seed,
        "version": __version__,
        **options,
        "settings": settings,
        "prime": prime,
        "profile": profile.name,
        "polyphony": profile.polyphony,
        "min_note_s": profile.min_note_s,
        "lead_s": profile.longest_delay_s,
        "files": {name: digest(data) for name, data in files.items()},
    }


def files_of(pads: Pads, prime: Path | None) -> dict[str, bytes]:
    """What a session begins with that may be another file tomorrow."""
    files = {"pads": pads.written()} if pads.filled else {}
    return files if prime is None else {**files, "prime": prime.read_bytes()}


def tell_of_broken_off(library: Path, tell: Callable[[str], None]) -> None:
    """Sessions that did not come to their end, which somebody may be looking for; each is told of once."""
    for path in (library, beside(library)):
        if not path.exists():
            continue
        with contextlib.suppress(PerfRNNError), Library(path) as kept:
            for entry in kept.broken_off(wall_s(), _STILL_PLAYS_S):
                show = f"perfrnn-live sessions show {entry.id}" + (f" --library {path}" if path != library else "")
                began, minutes = entry.about.get("began", "?"), f"{entry.seconds / 60:.1f} minutes, {entry.notes} notes"
                tell(f"session {entry.id} of {began} broke off; kept are {minutes}: {show}")
