"""How the player process is started."""

from __future__ import annotations

import sys
from pathlib import Path

# Whoever plays in a folder that holds a `queue.py` or an `rtmidi.py` means neither to be run, so `-P`. This package is
# then found by its own folder, for it may lie in a checkout that nothing but the session's path leads to; no other
# module is looked for there.
_PROGRAM = """
import sys
sys.path.insert(0, sys.argv.pop())
import perfrnn_live
del sys.path[0]
from perfrnn_live.player.process import main
main()
"""


def player_command() -> list[str]:
    """The command line of a player process that runs the same code as this one and does not search the current
    folder."""
    return [sys.executable, "-P", "-c", _PROGRAM, str(Path(__file__).resolve().parents[2])]
