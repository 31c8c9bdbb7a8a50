"""`python -m tests.bench.killed`: sessions killed at random moments, and how much of each is missing in the library.

Each plays with nobody listening until it gets SIGKILL at a moment nobody knows beforehand: the session, or its player
as well. Both read one clock, so what is missing is the time from the last fact kept to the kill. Afterwards every
session is read from its first fact to its last, and exported. `--players` kills only players, two in each session, and
says how long it was until the next note; with `--jack` they play onto a port of a JACK server (Linux).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perfrnn_live.library.export import midi_file
from perfrnn_live.library.sessions import take_of
from perfrnn_live.library.store import Library
from perfrnn_live.live.happenings import Time
from perfrnn_live.music.midi import strikes
from perfrnn_live.music.smf import read_messages
from perfrnn_live.player.clock import SystemClock
from perfrnn_live.player.messages import Sent
from tests import jack_lab

_QUIET: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


@dataclass(frozen=True, slots=True)
class Killed:
    """A session that was killed after so many seconds: what was kept of it, and how much was missing."""

    after_s: float
    kept_s: float
    lost_s: float
    messages: int


def kill_one(library: Path, after_s: float, everything: bool) -> float:
    """Play into `library`, and kill it `after_s` after its first facts were kept; returns when that was."""
    before = _count(library)
    command = [sys.executable, "-m", "perfrnn_live", "play", "--output", "none", "--quiet", "--density", "12"]
    process = subprocess.Popen(
        [*command, "--library", str(library)],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        **_QUIET,
    )
    try:
        until_s = time.monotonic() + 20
        while _count(library) == before and time.monotonic() < until_s:
            time.sleep(0.01)
        time.sleep(after_s)
        killed_s = SystemClock().now()
        os.killpg(process.pid, signal.SIGKILL) if everything else process.kill()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return killed_s


def look_at(library: Path, killed_s: float) -> Killed:
    """What the newest session in the library has. Raises what reading it raises."""
    with Library(library) as kept:
        entry = kept.entries()[0]
        assert not entry.ended
        facts, began_s = list(kept.facts(entry.id)), float(entry.about["began_s"])
    last_s = max(fact.now_s for fact in facts if isinstance(fact, Time))
    messages = len(read_messages(midi_file(take_of(facts, began_s))).tick)
    return Killed(killed_s - began_s, last_s - began_s, killed_s - last_s, messages)


def silences_s(library: Path, output: str) -> list[float]:
    """Kill two players in a session onto `output`; from each kill to the next note."""
    before, killed_s = _count(library), []
    command = [sys.executable, "-m", "perfrnn_live", "play", "--output", output, "--quiet", "--density", "20"]
    with subprocess.Popen([*command, "--library", str(library)], stdin=subprocess.DEVNULL, **_QUIET) as process:
        while _count(library) == before:
            time.sleep(0.01)
        for _ in range(2):
            time.sleep(3)
            player = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[-1]
            killed_s.append(SystemClock().now())
            os.kill(int(player), signal.SIGKILL)
        time.sleep(3)
        process.terminate()
    with Library(library) as kept:
        facts = kept.facts(kept.entries()[0].id)
        struck_s = [fact.sent_s for fact in facts if isinstance(fact, Sent) and strikes(fact.message)]
    return [min(at_s for at_s in struck_s if at_s > kill_s) - kill_s for kill_s in killed_s]


def _count(library: Path) -> int:
    if not library.exists():
        return 0
    with contextlib.suppress(Exception), Library(library) as kept:
        return sum(each.seconds > 0 for each in kept.entries())
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--players", action="store_true")
    parser.add_argument("--jack", action="store_true")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as lab:
        library, output = Path(scratch) / "sessions.db", "none"
        if options.jack:
            lab.enter_context(jack_lab.server())
            output = lab.enter_context(jack_lab.monitor(Path(scratch) / "dump.txt")).port
        if options.players:
            quiet_s = [each for _ in range(options.times // 2) for each in silences_s(library, output)]
            told = {"times": len(quiet_s), "silence_p50_s": np.median(quiet_s), "silence_most_s": max(quiet_s)}
            print(json.dumps({name: round(float(value), 3) for name, value in told.items()}))
            return
        found = []
        for number in range(options.times):
            found.append(look_at(library, kill_one(library, float(rng.uniform(0, 2.0)), everything=number % 2 == 0)))
    lost_s = [each.lost_s for each in found]
    told = {"times": len(found), "lost_p50_s": np.median(lost_s), "lost_most_s": max(lost_s)}
    print(json.dumps({name: round(float(value), 3) for name, value in told.items()}))


if __name__ == "__main__":
    main()
