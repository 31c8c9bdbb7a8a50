"""The command line. Each command imports what it needs when it is called, so that `--help` is there at once."""

from __future__ import annotations

import sys
from io import TextIOWrapper

from perfrnn_live.cli import playing, sessions, teaching, workshop
from perfrnn_live.cli.app import app
from perfrnn_live.errors import PerfRNNError

__all__ = ["app", "main", "playing", "sessions", "teaching", "workshop"]


def main() -> None:
    """Run a command; what a player can mend is one sentence on standard error and exit status 1.

    Names of ports and files that the terminal cannot show are shown as can be.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except PerfRNNError as error:
        print(f"perfrnn-live: {error}", file=sys.stderr)
        sys.exit(1)
