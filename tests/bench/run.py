"""`python -m tests.bench.run`: the figures of the README, each beside its baseline, measured in one run (Linux).

Give `--quick` for a short look. Speeds are medians; on a shared machine believe the ratios, not the milliseconds.
"""

from __future__ import annotations

import argparse
import os
import platform
import pty
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from perfrnn_live.engines.card import DEFAULT_MODEL, find_model, read_card
from perfrnn_live.engines.handles import NOTHING, Handles
from perfrnn_live.engines.lstm.export import export
from perfrnn_live.engines.lstm.network import NetworkConfig, PerformanceRNN
from perfrnn_live.engines.lstm.weights import save_network
from perfrnn_live.engines.registry import load
from perfrnn_live.sampling.continuation import Continuation
from perfrnn_live.sampling.controls import Controls

COMMAND = [sys.executable, "-m", "perfrnn_live"]


def median_ms(step: Callable[[], None], times: int) -> float:
    """The median time of one call, after a tenth as many to warm up."""
    durations = []
    for n in range(times + times // 10):
        began = time.perf_counter()
        step()
        if n >= times // 10:
            durations.append(time.perf_counter() - began)
    return float(np.median(durations)) * 1000


def plain_lstm_step(cells: int) -> Callable[[], None]:
    """Performance RNN as everyone writes it: one-hot in, `torch.nn.LSTM`, a linear layer, `multinomial`."""
    size = 413
    torch.set_num_threads(1)
    lstm, linear = torch.nn.LSTM(size, cells, 3, batch_first=True).eval(), torch.nn.Linear(cells, size)
    memory: dict[str, object] = {"token": torch.zeros(1, dtype=torch.int64), "hidden": None}

    def step() -> None:
        with torch.no_grad():
            one_hot = torch.nn.functional.one_hot(memory["token"], size).float()[None]  # type: ignore[arg-type]
            y, memory["hidden"] = lstm(one_hot, memory["hidden"])
            memory["token"] = torch.multinomial(torch.softmax(linear(y[:, -1]), -1), 1)[0]

    return step


def our_step(folder: Path, handles: Handles) -> Callable[[], None]:
    """Choose an event with all the rules of playing and what is asked, and step the int8 engine."""
    continuation = Continuation(load(folder))
    rng, controls = np.random.default_rng(0), Controls(handles=handles)
    moments = continuation.beginning()

    def step() -> None:
        moments[:] = continuation.feed(moments, [continuation.choose(moments[0], controls, rng)])

    return step


def bench_step(times: int) -> None:
    """One event, chosen and stepped, against the plain way, in turns so that both see the same machine."""
    shipped = find_model(DEFAULT_MODEL)
    with tempfile.TemporaryDirectory() as scratch:
        large = Path(scratch)
        save_network(large, PerformanceRNN(NetworkConfig()).eval(), {})
        export(large)
        for folder in (shipped, large):
            network = read_card(folder).network
            layers, cells = network["layers"], network["cells"]
            ours, asked = our_step(folder, NOTHING), our_step(folder, Handles(density=6.0, composers=(("bach", 1.0),)))
            plain = plain_lstm_step(cells)
            rounds = [
                (median_ms(ours, times), median_ms(asked, times), median_ms(plain, max(times // 20, 5)))
                for _ in range(5)
            ]
            mine, handled, theirs = (float(np.median(column)) for column in zip(*rounds, strict=True))
            speed = f"torch.nn.LSTM on one thread {theirs:.1f} ms; {theirs / mine:.0f}× faster"
            print(f"step {layers}×{cells}: {mine:.2f} ms, with something asked {handled:.2f} ms; {speed}")


def bench_generate(seconds: float) -> None:
    """The whole command, start-up included, against the time its music lasts."""
    with tempfile.TemporaryDirectory() as scratch:
        began = time.perf_counter()
        subprocess.run(
            [*COMMAND, "generate", f"{scratch}/a.mid", "--seconds", str(seconds), "--seed", "1"],
            check=True,
            capture_output=True,
        )
        took = time.perf_counter() - began
    print(f"generate: {seconds:.0f} s of music in {took:.2f} s; {seconds / took:.0f}× faster than it plays")


def bench_start(times: int) -> None:
    """From command to first note at most: a session of 0.3 s, less that, with the 0.05 s before its first note."""

    def whole(command: list[str]) -> float:
        def once() -> None:
            subprocess.run(command, check=True, capture_output=True)

        return median_ms(once, times) / 1000

    took = whole([*COMMAND, "play", "--output", "none", "--seconds", "0.3", "--quiet"]) - 0.3 + 0.05
    bare = whole([sys.executable, "-c", "import numpy, onnxruntime"])
    print(f"first note: at most {took:.2f} s after the command; importing numpy and onnxruntime alone {bare:.2f} s")


def bench_playing(seconds: float) -> None:
    """Lateness, memory and processor time of a session with its screen on a terminal of its own."""
    terminal, screen = pty.openpty()
    began = time.perf_counter()
    command = [*COMMAND, "play", "--output", "none", "--seconds", str(seconds), "--seed", "1"]
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
    process = subprocess.Popen(command, stdin=screen, stdout=screen, stderr=screen, env=environment)
    os.close(screen)
    shown = bytearray()

    def watch() -> None:
        try:
            while chunk := os.read(terminal, 65536):
                shown.extend(chunk)
        except OSError:
            pass  # how a pseudo-terminal ends

    watcher = threading.Thread(target=watch)
    watcher.start()
    time.sleep(3)
    family = [process.pid, *map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())]
    first_cpu, first_at = sum(map(cpu_s, family)), time.perf_counter()
    time.sleep(seconds - (first_at - began) - 1)
    cpu = (sum(map(cpu_s, family)) - first_cpu) / (time.perf_counter() - first_at)
    memory = sum(map(proportional_mb, family))
    process.wait()
    watcher.join()
    summary = shown.decode(errors="replace").strip().splitlines()[-1].rpartition("\x1b[2K")[2]
    floor = sleeping_lateness_ms(min(seconds, 20))
    print(f"playing with the screen: {summary}")
    print(f"a bare sleeping loop's lateness: {'/'.join(f'{each:.2f}' for each in floor)} ms")
    print(f"both processes: {memory:.0f} MB, {100 * cpu:.1f} % of one core")


def sleeping_lateness_ms(seconds: float) -> tuple[float, float, float]:
    """How late `time.sleep` alone wakes up thirty times a second: the machine's own floor."""
    late, began = [], time.perf_counter()
    for n in range(int(seconds * 30)):
        due = began + n / 30
        time.sleep(max(due - time.perf_counter(), 0))
        late.append((time.perf_counter() - due) * 1000)
    return float(np.percentile(late, 50)), float(np.percentile(late, 99)), max(late)


def cpu_s(pid: int) -> float:
    """Processor seconds of a process so far, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def proportional_mb(pid: int) -> float:
    """Memory of a process, what it shares counted by its share."""
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else float("nan")


def main() -> None:
    """All of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    processor = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    name = processor[1] if processor else platform.processor()
    print(f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"load before: {os.getloadavg()[0]:.2f}")
    bench_step(100 if quick else 1000)
    bench_generate(10 if quick else 60)
    bench_start(2 if quick else 5)
    bench_playing(8 if quick else 60)


if __name__ == "__main__":
    main()
