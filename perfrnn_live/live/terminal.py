"""Single key presses from the terminal, without Enter, on a thread; the terminal is put back as it was."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from enum import Enum


class Key(Enum):
    """What a key means while playing."""

    WARMER = "warmer"
    COOLER = "cooler"
    PANIC = "panic"
    QUIT = "quit"


KEYS = {
    "+": Key.WARMER,
    "=": Key.WARMER,
    "\x1b[A": Key.WARMER,
    "-": Key.COOLER,
    "\x1b[B": Key.COOLER,
    " ": Key.PANIC,
    "q": Key.QUIT,
}


@contextlib.contextmanager
def key_presses(pressed: Callable[[Key], None]) -> Iterator[None]:
    """Call `pressed` from a thread for each key that means something, until the block is left.

    Does nothing where standard input is no terminal.
    """
    if not sys.stdin.isatty():
        yield
    elif sys.platform == "win32":
        with _windows_keys(pressed):
            yield
    else:
        with _posix_keys(pressed):
            yield


@contextlib.contextmanager
def _posix_keys(pressed: Callable[[Key], None]) -> Iterator[None]:
    import select
    import signal
    import termios
    import tty

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    wake, leave = os.pipe()

    def listen() -> None:
        while True:
            ready, _, _ = select.select([terminal, wake], [], [])
            if wake in ready:
                return
            typed = os.read(terminal, 64).decode(errors="ignore")
            if not typed:
                return
            for key in [KEYS[typed]] if typed in KEYS else [KEYS[each] for each in typed if each in KEYS]:
                pressed(key)

    thread = threading.Thread(target=listen, daemon=True)
    tty.setcbreak(terminal)
    # After Ctrl-Z and `fg` the terminal has the shell's settings, and a key would wait for Enter.
    ignored = signal.signal(signal.SIGCONT, lambda *_: tty.setcbreak(terminal))
    thread.start()
    try:
        yield
    finally:
        signal.signal(signal.SIGCONT, ignored)
        os.write(leave, b"x")
        thread.join()
        os.close(wake)
        os.close(leave)
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _windows_keys(pressed: Callable[[Key], None]) -> Iterator[None]:
    if sys.platform != "win32":
        return
    import msvcrt

    arrows = {"H": Key.WARMER, "P": Key.COOLER}
    left = threading.Event()

    def listen() -> None:
        while not left.wait(0.02):
            while msvcrt.kbhit():
                typed = msvcrt.getwch()
                key = arrows.get(msvcrt.getwch()) if typed in "\x00\xe0" else KEYS.get(typed)
                if key is not None:
                    pressed(key)

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield
    finally:
        left.set()
        thread.join()
