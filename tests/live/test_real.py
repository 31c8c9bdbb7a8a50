"""The real command on real ports: what it sends is heard, written down and recorded by programs nobody here wrote."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest

from tests.live import jack_lab
from tests.live.jack_lab import Gesture, Heard, Monitor, gesture

pytestmark = pytest.mark.midi

_ROOT = Path(__file__).resolve().parents[2]
_OUTPUT, _INPUT = "perfrnn-live:perfrnn-live", "perfrnn-live-in:perfrnn-live"
_MARK = bytes((0xB0, 119, 1))  # a controller that nobody uses: it stamps a moment in the monitor's own time
_PEDAL_UP = ("control", 64, 0)
_END_S = 15.0  # for starting, and for ending with a driver that hangs


@pytest.fixture
def lab() -> Iterator[subprocess.Popen[Any]]:
    if not jack_lab.available():
        pytest.skip(f"not installed: {', '.join(jack_lab.missing()) or 'JACK (this is not Linux)'}")
    with jack_lab.server() as server:
        yield server


@contextlib.contextmanager
def playing(*options: str) -> Iterator[subprocess.Popen[str]]:
    """`perfrnn-live play --quiet`, leading a process group of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "perfrnn_live", "play", "--quiet", *options],
        cwd=_ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def player_of(session: subprocess.Popen[str]) -> int:
    """The process number of its player."""
    children = Path(f"/proc/{session.pid}/task/{session.pid}/children")
    jack_lab.wait_for(lambda: children.read_text().split(), "the player process")
    return int(children.read_text().split()[0])


def connect_before_the_first_note(session: subprocess.Popen[str], *ears: str) -> None:
    """Connect the virtual output while the session stands still: its player opens the port long before it plays."""
    player_of(session)
    session.send_signal(signal.SIGSTOP)
    jack_lab.wait_for(lambda: _OUTPUT in jack_lab.lsp(), "the virtual output")
    for ear in ears:
        jack_lab.connect(_OUTPUT, ear)
    session.send_signal(signal.SIGCONT)


def recorded(path: Path) -> list[tuple[float, Gesture]]:
    """What a .mid file holds, as another library reads it: seconds and gestures."""
    now_s, told = 0.0, []
    for message in mido.MidiFile(path):
        now_s += message.time
        if not message.is_meta and (one := gesture(bytes(message.bytes()))) is not None:
            told.append((now_s, one))
    return told


def strikes(told: Sequence[Gesture]) -> list[Gesture]:
    return [one for one in told if one[0] == "on"]


def sounding(told: Sequence[Gesture]) -> set[int]:
    """The pitches still down after all that."""
    down: set[int] = set()
    for word, pitch, _ in told:
        (down.add if word == "on" else down.discard if word == "off" else lambda _: None)(pitch)
    return down


def assert_silent(told: Sequence[Gesture]) -> None:
    assert strikes(told) and not sounding(told) and told[-1] == _PEDAL_UP
