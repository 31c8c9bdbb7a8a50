"""What the commands are registered with, and the checks that several of them make."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Annotated

import typer

from perfrnn_live import __version__
from perfrnn_live.errors import BadValue, MissingPackage

app = typer.Typer(
    help="A piano partner: Performance RNN, played live.",
    add_completion=False,
    pretty_exceptions_enable=False,
)

_NEXT = """perfrnn-live play                     it plays: on its own piano, and onto a MIDI port called perfrnn-live
perfrnn-live play --mode trade --input computer   you play on the letter keys, it answers
perfrnn-live ports                    which MIDI ports there are: play --input NAME for your keyboard
perfrnn-live generate piece.wav       a piece as a sound file, or as .mid
perfrnn-live --help                   everything else"""


@app.callback(invoke_without_command=True)
def begin(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Say which one this is.")] = False,
) -> None:
    """A piano partner: Performance RNN, played live."""
    if version:
        print(f"perfrnn-live {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(_NEXT)


@contextlib.contextmanager
def needing(extra: str) -> Iterator[None]:
    """Turns a package that is not there into a sentence on which extra of the installation brings it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingPackage(f"this command needs {error.name}: pip install 'perfrnn-live[{extra}]'") from error


def check_seconds(seconds: float | None) -> None:
    """Raises BadValue for what is no length of time; None is no end."""
    if seconds is not None and not (math.isfinite(seconds) and seconds > 0):
        raise BadValue(f"the seconds must be a number above 0, not {seconds}")
