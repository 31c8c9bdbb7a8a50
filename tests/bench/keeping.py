"""`python -m tests.bench.keeping`: what keeping a session costs: the same music with and without a library, in turn.

CPU is that of the session and its player together, their start included, which is the same in both.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np


def play(seconds: float, *options: str) -> tuple[float, dict[str, float]]:
    """Play alone for so long; returns the CPU time it took in seconds, and the session's own figures."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = ["play", "--output", "none", "--quiet", "--seed", "1", "--density", "12", "--seconds", f"{seconds}"]
    done = subprocess.run(
        [sys.executable, "-m", "perfrnn_live", *words, *options], capture_output=True, text=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    with_s, without_s, late_with_ms, late_without_ms = list[float](), list[float](), list[float](), list[float]()
    with tempfile.TemporaryDirectory() as scratch:
        library = Path(scratch) / "sessions.db"
        for _ in range(options.times):
            for how, cpu_s, late_ms in (
                (("--no-library",), without_s, late_without_ms),
                (("--library", str(library)), with_s, late_with_ms),
            ):
                took_s, figures = play(options.seconds, *how)
                cpu_s.append(took_s)
                late_ms.append(figures["lateness_p99_ms"])
    kept, bare = np.median(with_s), np.median(without_s)
    told = {
        "cpu_share_kept": kept / options.seconds,
        "cpu_share_not_kept": bare / options.seconds,
        "keeping_share": (kept - bare) / options.seconds,
        "lateness_p99_ms_kept": np.median(late_with_ms),
        "lateness_p99_ms_not_kept": np.median(late_without_ms),
    }
    print(json.dumps({name: round(float(value), 4) for name, value in told.items()}))


if __name__ == "__main__":
    main()
