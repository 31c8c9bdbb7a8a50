"""`python -m tests.bench.soak`: hours of playing with a partner, and whether anything grows, drifts or sticks (Linux).

`--hours 4` of model time on a fake clock, in this process, as fast as the machine can; the session is kept in a real
library and recorded. `--minutes 30` of real time are over JACK, with the performer of `together.py`. In both the other
player plays phrases in all three modes, turns knobs, freezes, recalls pads, asks for another answer and panics.

Memory is what the processes have written to, beside what they had after the first minute; on the fake clock without
what the C library keeps to spare after a dense minute (`memory_kept_to_spare_mb`), which it is made to give back.
Drift: as long as time does not stand still or fall behind, whatever is due is due on one grid of 8 ms from the first
note to the last; the grid's moves are added up. Lateness is what was sent against what was due.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from heapq import heappop, heappush
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.engines.card import find_model
from perfrnn_live.errors import PerfRNNError
from perfrnn_live.library.keeper import Keeper
from perfrnn_live.library.packed import Fact
from perfrnn_live.library.store import Library
from perfrnn_live.live.controls import Settings
from perfrnn_live.live.pads import Pads
from perfrnn_live.music.midi import control_change, note_off, note_on, releases, strikes
from perfrnn_live.music.midifile import MidiFileWriter
from perfrnn_live.player.clock import FakeClock
from perfrnn_live.player.link import LocalLink
from perfrnn_live.player.messages import Report, Sent
from perfrnn_live.player.ports import SilentPort
from perfrnn_live.player.profiles import DAW
from perfrnn_live.sampling.controls import Controls
from perfrnn_live.sampling.opening import begin
from perfrnn_live.stage.assembly import open_session
from perfrnn_live.stage.keeping import KEPT_OPTIONS, about_session
from perfrnn_live.stage.options import PlayOptions
from perfrnn_live.stage.recorder import Recorder
from perfrnn_live.stage.replay import machine_of, replay

_STEP_S = 0.008
_MODE, _MODES = 28, (0, 64, 127)
_BUTTONS = (103, 104, 104, 105, 105, 106, 110, 112)  # again, freeze twice, panic twice, moment, pads
_KNOBS = (1, 21, 22, 23, 27)
_BEGAN_S = 1000.0
_SETTLED_S = 60.0
_LIBC = ctypes.CDLL(None)
_LOOKED_AT = 200_000  # messages whose lateness is looked at


class Judge:
    """A `Listener`: which of the machine's keys are down, how late they were sent, and how the grid moved."""

    def __init__(self) -> None:
        self.down: set[int] = set()
        self.notes = self.moves = 0
        self.moved_s = 0.0
        self._late_s = np.full(_LOOKED_AT, np.nan)  # written to now, so that looking does not grow
        self._seen = 0
        self._due_s: float | None = None

    def hear(self, fact: Fact) -> None:
        if not isinstance(fact, Sent):
            return
        if strikes(fact.message):
            self.notes += 1
            self.down.add(fact.message[1])
        elif releases(fact.message):
            self.down.discard(fact.message[1])
        if fact.number is None:
            return
        if self._due_s is not None:
            steps = (fact.due_s - self._due_s) / _STEP_S
            off_s = abs(steps - round(steps)) * _STEP_S
            if off_s > 2e-6:  # moments are whole microseconds
                self.moves += 1
                self.moved_s += off_s
        self._due_s = fact.due_s
        if self._seen < _LOOKED_AT:
            self._late_s[self._seen] = fact.sent_s - fact.due_s
            self._seen += 1

    @property
    def late_s(self) -> NDArray[np.float64]:
        """How late the first messages were sent."""
        return self._late_s[: self._seen]

    def flush(self, now_s: float) -> None:
        pass

    def close(self) -> None:
        pass


class Partner(LocalLink):
    """A player in this process on a fake clock, with a partner at its keys who never tires."""

    def __init__(self, clock: FakeClock, seed: int) -> None:
        super().__init__(SilentPort(), clock)
        self._own, self._rng = clock, random.Random(seed)
        self._waiting: list[tuple[float, bytes]] = []

    def receive(self, timeout_s: float) -> Report | None:
        until_s = self._own.now() + max(timeout_s, 0)
        if not self._waiting:
            self._think(self._own.now())
        while self._waiting and self._waiting[0][0] <= until_s:
            report = super().receive(self._waiting[0][0] - self._own.now())
            if report is not None:
                return report
            self.bring(heappop(self._waiting)[1], "keys")
        return super().receive(until_s - self._own.now())

    def _think(self, now_s: float) -> None:
        """The next phrase, or something else, after a while."""
        rng, at_s = self._rng, now_s + self._rng.uniform(1.0, 8.0)
        kind = rng.random()
        if kind < 0.6:
            pitch = rng.randrange(40, 80)
            for _ in range(rng.randrange(4, 30)):
                pitch = min(max(pitch + rng.choice((-5, -3, -2, -1, 1, 2, 3, 4)), 30), 100)
                heappush(self._waiting, (at_s, note_on(pitch, rng.randrange(30, 110))))
                at_s += rng.uniform(0.08, 0.4)
                heappush(self._waiting, (at_s, note_off(pitch)))
        elif kind < 0.7:
            for position in (*_MODES, rng.choice(_MODES)):  # from wherever it stands
                heappush(self._waiting, (at_s, control_change(_MODE, position)))
                at_s += 0.05
        elif kind < 0.85:
            controller = rng.choice(_KNOBS)
            for position in (0, 127, 64, rng.randrange(128)):
                heappush(self._waiting, (at_s, control_change(controller, position)))
                at_s += 0.05
        else:
            button = rng.choice(_BUTTONS)
            for value in (127, 0):
                heappush(self._waiting, (at_s, control_change(button, value)))
                at_s += 0.05


class Watcher:
    """A `Listener` that looks at this process's memory once in ten minutes of model time, from the first one on."""

    def __init__(self) -> None:
        self.held_mb: list[float] = []
        self.spare_mb: list[float] = []
        self._next_s = _BEGAN_S + _SETTLED_S

    def hear(self, fact: Fact) -> None:
        pass

    def flush(self, now_s: float) -> None:
        if now_s >= self._next_s:
            gc.collect()
            before_mb = memory_mb(os.getpid())
            _LIBC.malloc_trim(0)
            self.held_mb.append(round(memory_mb(os.getpid()), 1))
            self.spare_mb.append(round(before_mb - self.held_mb[-1], 1))
            self._next_s += 600.0

    def close(self) -> None:
        pass


def memory_mb(process: int) -> float:
    """What a process alone has written into memory; pages of programs that it shares with others or not, as these come
    and go, are no part of it."""
    rollup = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in rollup if line.startswith("Private_Dirty")) / 1024


def on_a_fake_clock(hours: float, model: str, seed: int) -> dict[str, Any]:
    """Play for so many hours of model time, and say what came of it."""
    folder, settings, clock = find_model(model), Settings(), FakeClock(_BEGAN_S)
    continuation, start = begin(folder)
    pads = Pads(continuation.engine, model, Path("nowhere.npz"))
    options = PlayOptions(folder, settings=settings)
    asked = {name: getattr(options, name) for name in KEPT_OPTIONS}
    about = about_session(asked, model, DAW, continuation.engine.fingerprint, seed, _BEGAN_S, {})
    judge, watcher, link = Judge(), Watcher(), Partner(clock, seed)
    with tempfile.TemporaryDirectory() as scratch:
        library, said = Path(scratch) / "sessions.db", list[str]()
        writer = MidiFileWriter(Path(scratch) / "both.mid")
        keeper = Keeper(library, about, _BEGAN_S, clock.now, said.append)
        listeners = (keeper, Recorder(writer, _BEGAN_S, 0.0), judge, watcher)
        session = open_session(
            link,
            clock,
            continuation,
            start,
            settings,
            Controls(polyphony=DAW.polyphony, min_note_s=DAW.min_note_s),
            seed=seed,
            quantise=options.quantise,
            pads=pads,
            listeners=listeners,
            began_s=_BEGAN_S,
        )
        began = time.perf_counter()
        session.run(hours * 3600)
        took_s = time.perf_counter() - began
        size_mb = library.stat().st_size / 1e6
        with Library(library) as kept:
            began = time.perf_counter()
            entry = kept.entry(1)
            replayed = replay(machine_of(kept, entry, folder), kept.facts(1), entry.began_s)
            replay_s = time.perf_counter() - began
    return {
        "hours": hours,
        "replay_differs": replayed.difference,
        "replay_times_as_fast": hours * 3600 / replay_s,
        "times_as_fast": hours * 3600 / took_s,
        "notes": judge.notes,
        **_told(judge),
        "memory_mb": watcher.held_mb,
        "memory_grew_mb": max(watcher.held_mb) - watcher.held_mb[0],
        "memory_kept_to_spare_mb": watcher.spare_mb,
        "library_mb_an_hour": size_mb / hours,
        "said": said,
    }


def _told(judge: Judge) -> dict[str, Any]:
    p50, p99 = np.percentile(judge.late_s * 1000, [50, 99])
    return {
        "stuck": len(judge.down),
        "late_p50_ms": p50,
        "late_p99_ms": p99,
        "grid_moved": judge.moves,
        "grid_moved_by_ms": judge.moved_s * 1000,
    }


@contextlib.contextmanager
def _sampled(processes: list[int], into: dict[int, list[float]]) -> Iterator[None]:
    """The memory of these, every ten seconds while the block lasts."""
    import threading

    ended = threading.Event()

    def look() -> None:
        while not ended.wait(10.0):
            for process in processes:
                with contextlib.suppress(OSError):
                    into.setdefault(process, []).append(memory_mb(process))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def in_real_time(minutes: float, corpus: Path) -> dict[str, Any]:
    """Play over JACK for so many minutes, and say what came of it."""
    from perfrnn_live.training.corpus import find_recordings
    from tests import jack_lab
    from tests.bench import together

    rng, seconds = random.Random(6), minutes * 60
    phrases = [phrase for path in find_recordings(corpus, "validation")[:20] for phrase in together.phrases_of(path)]
    jack_lab.LIFE_S = round(seconds) + 300
    held: dict[int, list[float]] = {}
    with tempfile.TemporaryDirectory() as scratch, jack_lab.server(), contextlib.ExitStack() as lab:
        folder = Path(scratch)
        monitor = lab.enter_context(jack_lab.monitor(folder / "dump.txt"))
        hand = lab.enter_context(jack_lab.sender())
        library = folder / "sessions.db"
        session = lab.enter_context(together.playing(folder, monitor.port, hand.port, "--library", str(library)))
        time.sleep(3)
        jack_lab.connect(hand.port, monitor.port)
        performer = together.Performer(hand, together.Ear(monitor.dump), phrases, rng)
        children = Path(f"/proc/{session.pid}/task/{session.pid}/children")
        with _sampled([session.pid, *map(int, children.read_text().split())], held):
            ends = time.perf_counter() + seconds
            while time.perf_counter() < ends:
                for mode, position in together.MODES.items():
                    performer.control(_MODE, position)
                    until = min(time.perf_counter() + 100, ends)
                    (performer.trade if mode == "trade" else performer.together)(until)
        session.send_signal(signal.SIGTERM)
        session.communicate(timeout=30)
        judge = Judge()
        with Library(library) as kept:
            for fact in kept.facts(1):
                judge.hear(fact)
        size_mb = library.stat().st_size / 1e6
        time.sleep(0.5)
        heard = len(performer.ear.sounding())
    settled = {process: each[round(_SETTLED_S / 10) :] for process, each in held.items()}
    return {
        "minutes": minutes,
        "notes": judge.notes,
        **_told(judge),
        "down_at_the_monitor": heard,
        "memory_grew_mb": [max(each) - each[0] for each in settled.values()],
        "memory_mb": [each[-1] for each in settled.values()],
        "library_mb_an_hour": size_mb / minutes * 60,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=0.0)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--model", default="maestro")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--maestro", type=Path, default=Path(os.environ.get("PERFRNN_MAESTRO", "../shared/maestro-v3.0.0"))
    )
    options = parser.parse_args()
    try:
        if options.hours:
            print(json.dumps(on_a_fake_clock(options.hours, options.model, options.seed)), flush=True)
        if options.minutes:
            print(json.dumps(in_real_time(options.minutes, options.maestro)), flush=True)
    except PerfRNNError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
