"""How processes of this package are started."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

# Whoever plays in a folder that holds a `queue.py` or an `rtmidi.py` means neither to be run, so `-P`. This package is
# then found by its own folder, for it may lie in a checkout that nothing but the session's path leads to; no other
# module is looked for there.
_PROGRAM = """
import sys
from importlib import import_module
sys.path.insert(0, sys.argv.pop(1))
import perfrnn_live
del sys.path[0]
import_module(sys.argv.pop(1)).main()
"""


def command_of(module: str) -> list[str]:
    """The command line of a process that runs `main` of one of our modules, the same code as this process has, and does
    not search the current folder. What is added to it is the new process's sys.argv[1:]."""
    return [sys.executable, "-P", "-c", _PROGRAM, str(Path(__file__).resolve().parents[2]), module]


def leave_signals_to_the_session() -> None:
    """Ctrl-C and a closed terminal reach all processes; the session decides what they mean. Ctrl-Z must not stop this
    one with keys down: it plays what it has and, hearing no more, ends it."""
    for name in ("SIGINT", "SIGHUP", "SIGTSTP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def player_command() -> list[str]:
    """The command line of a player process."""
    return command_of("perfrnn_live.player.process")
