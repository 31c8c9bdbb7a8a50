"""The terminal through a real pty: keys arrive singly, the settings come back, and the screen obeys."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.errors import NotMidi
from perfrnn_live.music.midifile import read_notes
from perfrnn_live.stage.terminal import key_presses, split_keys
from tests.jack_lab import wait_for

pty = pytest.importorskip("pty", reason="Windows has no pty")
termios = pytest.importorskip("termios", reason="Windows has no termios")

_ROOT = Path(__file__).resolve().parents[2]
_CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\r")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """A terminal as this process's standard input: the end where one types, and the end where one listens."""
    hand, ours = pty.openpty()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True, fileno=lambda: ours))
    yield hand, ours
    os.close(hand)
    os.close(ours)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (b"q", ["q"]),
        (b"+- \n\t", ["+", "-", " ", "\n", "\t"]),
        (b"\x1b[A\x1b[B\x1b[C\x1b[D", ["\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D"]),
        (b"x\xc3\xa9\x1bOPq", ["x", "é", "\x1bOP", "q"]),
        (b"\xe9q", ["q"]),  # from a terminal that is not UTF-8
        (b"\x1b", ["\x1b"]),  # Escape, when nothing follows
        (b"\x1b\x1b[A", ["\x1b", "\x1b[A"]),
        (b"a" * 62 + b"\x1b[A", [*["a"] * 62, "\x1b[A"]),  # torn at the 64th byte
    ],
)
def test_keys_are_heard_without_enter(terminal: tuple[int, int], typed: bytes, meant: list[str]) -> None:
    hand, _ = terminal
    pressed: SimpleQueue[str] = SimpleQueue()
    with key_presses(pressed.put):
        os.write(hand, typed)
        assert [pressed.get(timeout=5) for _ in meant] == meant
    assert pressed.empty()


def test_an_undecodable_byte_does_not_end_the_hearing(terminal: tuple[int, int]) -> None:
    hand, _ = terminal
    pressed: SimpleQueue[str] = SimpleQueue()
    with key_presses(pressed.put):
        os.write(hand, b"\xe9")
        wait_for(lambda: not select.select([terminal[1]], [], [], 0)[0], "the byte to be read")
        os.write(hand, b"q")
        assert pressed.get(timeout=5) == "q"


@given(st.lists(st.text(st.sampled_from("\x1b[OAB1;q~"), max_size=4), max_size=12))
def test_keys_are_the_same_however_they_arrive(pieces: list[str]) -> None:
    keys, begun = split_keys("".join(pieces))
    assert "".join(keys) + begun == "".join(pieces)
    one_by_one, rest = [], ""
    for piece in pieces:
        whole, rest = split_keys(rest + piece)
        one_by_one += whole
    assert (one_by_one, rest) == (keys, begun)


def test_the_terminal_is_put_back_and_its_thread_ends(terminal: tuple[int, int]) -> None:
    _, ours = terminal
    before, threads = termios.tcgetattr(ours), threading.active_count()
    with pytest.raises(ZeroDivisionError), key_presses(lambda key: None):
        assert not termios.tcgetattr(ours)[3] & (termios.ICANON | termios.ECHO)
        raise ZeroDivisionError
    assert termios.tcgetattr(ours) == before
    assert threading.active_count() == threads


def test_keys_are_heard_after_the_shell_brought_it_back(terminal: tuple[int, int]) -> None:
    hand, ours = terminal
    shells = termios.tcgetattr(ours)
    pressed: SimpleQueue[str] = SimpleQueue()
    with key_presses(pressed.put):
        termios.tcsetattr(ours, termios.TCSANOW, shells)
        os.kill(os.getpid(), signal.SIGCONT)
        os.write(hand, b"q")
        assert pressed.get(timeout=5) == "q"


def test_keys_are_heard_outside_the_main_thread(terminal: tuple[int, int]) -> None:
    hand, ours = terminal
    before = termios.tcgetattr(ours)
    pressed: SimpleQueue[str] = SimpleQueue()

    def listen() -> None:
        with key_presses(pressed.put):
            os.write(hand, b"q")
            pressed.put(pressed.get(timeout=5) + "!")

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert pressed.get(timeout=5) == "q!"
    assert termios.tcgetattr(ours) == before


def test_without_a_terminal_nothing_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: False))
    threads = threading.active_count()
    with key_presses(lambda key: None):
        assert threading.active_count() == threads


class _Seat:
    """`play` on a terminal of its own, and what it has shown there, without colours and cursor movements."""

    def __init__(self, *options: str) -> None:
        self._hand, self.terminal = pty.openpty()
        termios.tcsetwinsize(self.terminal, (24, 80))
        self.settings = termios.tcgetattr(self.terminal)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "perfrnn_live", "play", "--output", "none", "--seed", "3", *options],
            cwd=_ROOT,
            env={**os.environ, "TERM": "xterm-256color"},
            stdin=self.terminal,
            stdout=self.terminal,
            stderr=self.terminal,
            start_new_session=True,
        )
        self.shown = bytearray()
        self._looked_at = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while piece := os.read(self._hand, 4096):
                self.shown += piece

    def type(self, keys: bytes) -> None:
        os.write(self._hand, keys)

    def await_text(self, pattern: str) -> None:
        """Wait until it is shown, and forget everything up to there."""

        shown = b""

        def found() -> object:
            nonlocal shown
            shown = bytes(self.shown)
            return re.search(pattern.encode(), _CONTROL.sub(b"", shown[self._looked_at :]))

        wait_for(found, repr(pattern))
        self._looked_at = len(shown)


@contextlib.contextmanager
def seated(*options: str) -> Iterator[_Seat]:
    seat = _Seat(*options)
    yield seat
    with contextlib.suppress(ProcessLookupError):
        os.killpg(seat.process.pid, signal.SIGKILL)
    seat.process.wait()
    os.close(seat.terminal)


@pytest.fixture
def seat() -> Iterator[_Seat]:
    with seated() as seat:
        yield seat


def test_the_screen_shows_what_the_keys_do(seat: _Seat) -> None:
    seat.await_text(r"plays onto none")
    seat.await_text(r"0:01   solo   playing\s+temperature 1\.00[^/]*[1-9]\d* events/s")
    seat.type(b"+")
    seat.await_text(r"temperature 1\.09")
    seat.type(b" ")
    seat.await_text(r"solo   silent")
    seat.type(b" ")
    seat.await_text(r"solo   playing")
    seat.type(b"q")
    seat.await_text(r"[1-9]\d* notes, ")
    assert seat.process.wait(10) == 0
    assert termios.tcgetattr(seat.terminal) == seat.settings


def test_a_closed_terminal_ends_it(seat: _Seat) -> None:
    seat.await_text(r"0:01   solo")
    os.killpg(seat.process.pid, signal.SIGHUP)
    assert seat.process.wait(10) == 0


def last_struck_s(record: Path) -> float:
    """When the last note began in a recording that grows."""
    try:
        return read_notes(record)[-1].onset_s
    except NotMidi:  # none yet, or it is being written at this instant
        return 0.0


def test_a_terminal_that_stops_reading_does_not_stop_the_music(tmp_path: Path) -> None:
    record = tmp_path / "played.mid"
    with seated("--seconds", "5", "--density", "12", "--record", str(record)) as seat:
        seat.await_text(r"0:00   solo   playing")
        seat.type(b"\x13")  # Ctrl-S
        wait_for(lambda: last_struck_s(record) > 4.0, "the end of the music")
        seat.type(b"\x11")  # Ctrl-Q
        seat.await_text(r"[1-9]\d* notes, ")
        assert seat.process.wait(10) == 0
        shown = bytes(seat.shown)
    assert b"0:02" not in shown  # it was stuck
    struck_s = [note.onset_s for note in read_notes(record)]
    assert max(after - before for before, after in pairwise(struck_s)) < 1.5
    assert struck_s[-1] < 5.2
