"""`python -m tests.bench.engines MODEL...`: every engine plays over a real JACK server, and what a monitor hears.

Each model, a shipped one's name or a folder, plays for `--seconds` onto the port of a monitor that is a program of its
own, beside a performer's silence: with `play`'s defaults, one seed. Told are the strikes that the session reports and
the monitor heard, the keys that are down at its end (0 is right), how late it sent (p99), and what its steps took.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests import jack_lab

_RING_S = 3.0  # after the end of a session, for what is under way to the monitor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--seconds", type=float, default=30.0)
    given = parser.parse_args()
    print("| model | strikes told, heard | keys left down | late, p99 |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        for number, model in enumerate(given.models):  # a server each: the lab's do not live long
            with jack_lab.server(), jack_lab.monitor(Path(scratch) / f"{number}.txt") as ear:
                told = played(model, ear.port, given.seconds)
                time.sleep(_RING_S)
                heard = ear.gestures()
            down: set[int] = set()
            for kind, pitch, _ in heard:
                if kind != "control":
                    (down.add if kind == "on" else down.discard)(pitch)
            struck = sum(kind == "on" for kind, _, _ in heard)
            name = Path(model).name
            print(
                f"| {name} | {told['notes']}, {struck} | {len(down)} | {told['lateness_p99_ms']:.2f} ms |", flush=True
            )


def played(model: str, port: str, seconds: float) -> dict[str, float]:
    """What a session says of itself at its end."""
    options = ("--output", port, "--model", model, "--seconds", str(seconds), "--seed", "1", "--no-library")
    command = [sys.executable, "-m", "perfrnn_live", "play", "--quiet", *options]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + 60)
    summary: dict[str, float] = json.loads(done.stdout)
    return summary


if __name__ == "__main__":
    main()
