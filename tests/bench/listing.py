"""`python -m tests.bench.listing`: how long `perfrnn-live sessions list` takes in a library of many sessions.

The whole command is timed, Python's start included, and beside it `perfrnn-live --help`, which lists nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

from perfrnn_live.library.store import Library
from perfrnn_live.music.midi import note_on
from perfrnn_live.player.messages import Sent


def fill(path: Path, sessions: int) -> None:
    """A library of so many sessions of one note and one moment each."""
    with Library(path) as library:
        for number in range(sessions):
            about = {"began": "2026-11-28 03:00:00", "began_s": 100.0, "model": "maestro"}
            session = library.begin(about, float(number))
            fact = Sent(0, 100.0, 100.0, note_on(60, 70), 100.0)
            library.add(session, 0, [fact], 1.0, float(number), 1, [(0.0, 1.0)], ended=True)


def took_s(*words: str) -> float:
    """How long the command line takes for these words."""
    began_s = perf_counter()
    subprocess.run([sys.executable, "-m", "perfrnn_live", *words], stdout=subprocess.DEVNULL, check=True)
    return perf_counter() - began_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        library = Path(scratch) / "sessions.db"
        fill(library, options.sessions)
        listed = [took_s("sessions", "list", "--library", str(library)) for _ in range(options.times)]
        nothing = [took_s("--help") for _ in range(options.times)]
    told = {"sessions": options.sessions, "list_s": np.median(listed), "help_s": np.median(nothing)}
    print(json.dumps({name: round(float(value), 3) for name, value in told.items()}))


if __name__ == "__main__":
    main()
