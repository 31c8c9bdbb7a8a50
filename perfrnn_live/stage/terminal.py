"""Single key presses from the terminal, without Enter, on a thread, and what each asks for; the terminal is put back as
it was."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator

from perfrnn_live.live.controls import Action, Pad
from perfrnn_live.stage.desk import FaceWish, Nudge, Select, Switching

_F_KEYS = *(f"\x1bO{last}" for last in "PQRS"), *(f"\x1b[{number}~" for number in (15, 17, 18, 19))

KEYS: dict[str, FaceWish] = {
    "\x1b[C": Select(1),  # right
    "\t": Select(1),
    "\x1b[D": Select(-1),  # left
    "\x1b[A": Nudge(1),  # up
    "+": Nudge(1),
    "=": Nudge(1),  # is + without shift
    "\x1b[B": Nudge(-1),  # down
    "-": Nudge(-1),
    "m": Switching.NEXT_MODE,
    "s": Switching.STORE_NEXT,
    "l": Switching.LEARN,
    "\x1b": Switching.LEARN_NOTHING,
    " ": Action.PANIC,
    "\n": Action.PHRASE_OVER,
    "\r": Action.PHRASE_OVER,
    "a": Action.AGAIN,
    "f": Action.FREEZE,
    "w": Action.SAVE_PADS,
    "k": Action.MOMENT,
    "?": Switching.HELP,
    "q": Action.QUIT,
    **{str(number): Pad(number, store=False) for number in range(1, 9)},
    **{key: Pad(number, store=False) for number, key in enumerate(_F_KEYS, 1)},
}
"""What each key asks for; the others ask for nothing."""

_KEY = re.compile(r"\x1b\[[0-9;:]*[^0-9;:\x1b]|\x1bO[^\x1b]|.", re.DOTALL)
_BEGUN = re.compile(r"\x1b(\[[0-9;:]*|O)?\Z")
_REST_S = 0.05  # a sequence comes at once, over a network nearly so; a person is slower


@contextlib.contextmanager
def key_presses(pressed: Callable[[str], None]) -> Iterator[None]:
    """Call `pressed` from a thread with each key's text until the block is left.

    The thread that enters and leaves it need not be the main one; then, after Ctrl-Z, keys may want Enter.

    That is one character, or the whole escape sequence of a key that sends one: "\\x1b[A" for up, and B, C, D for down,
    right, left, on Windows too. Escape alone is "\\x1b". Does nothing where standard input is no terminal.
    """
    if not sys.stdin.isatty():
        yield
    elif sys.platform == "win32":
        with _windows_keys(pressed):
            yield
    else:
        with _posix_keys(pressed):
            yield


def split_keys(typed: str) -> tuple[list[str], str]:
    """What was typed, key by key, and at its end what may be the beginning of a sequence: the rest is still to come."""
    begun = _BEGUN.search(typed)
    end = begun.start() if begun else len(typed)
    return _KEY.findall(typed[:end]), typed[end:]


@contextlib.contextmanager
def _posix_keys(pressed: Callable[[str], None]) -> Iterator[None]:
    import select
    import signal
    import termios
    import tty

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    wake, leave = os.pipe()

    def listen() -> None:
        begun = ""
        while True:
            ready, _, _ = select.select([terminal, wake], [], [], _REST_S if begun else None)
            if wake in ready:
                return
            if ready:
                typed = os.read(terminal, 64)
                if not typed:
                    return
                keys, begun = split_keys(begun + typed.decode(errors="ignore"))
            else:  # nothing more came: it was Escape
                keys, begun = list(begun), ""
            for key in keys:
                pressed(key)

    thread = threading.Thread(target=listen, daemon=True)
    tty.setcbreak(terminal)
    # After Ctrl-Z and `fg` the terminal has the shell's settings, and a key would wait for Enter.
    is_main = threading.current_thread() is threading.main_thread()  # only there signals can be looked after
    ignored = signal.signal(signal.SIGCONT, lambda *_: tty.setcbreak(terminal)) if is_main else None
    thread.start()
    try:
        yield
    finally:
        if is_main:
            signal.signal(signal.SIGCONT, ignored)
        os.write(leave, b"x")
        thread.join()
        os.close(wake)
        os.close(leave)
        termios.tcsetattr(terminal, termios.TCSANOW, before)  # one that reads no more must not be waited for


@contextlib.contextmanager
def _windows_keys(pressed: Callable[[str], None]) -> Iterator[None]:
    if sys.platform != "win32":
        return
    import msvcrt

    arrows = {"H": "\x1b[A", "P": "\x1b[B", "M": "\x1b[C", "K": "\x1b[D"}
    left = threading.Event()

    def listen() -> None:
        while not left.wait(0.02):
            while msvcrt.kbhit():
                typed = msvcrt.getwch()
                key = arrows.get(msvcrt.getwch()) if typed in "\x00\xe0" else typed
                if key is not None:
                    pressed(key)

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield
    finally:
        left.set()
        thread.join()
