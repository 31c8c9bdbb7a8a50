"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from perfrnn_live.library.store import Library as Opened

Model = Annotated[str, typer.Option(help="A shipped model's name, or a model folder.")]
Prime = Annotated[Path | None, typer.Option(help="A .mid file to go on from; its last 30 s are heard, not replayed.")]
Temperature = Annotated[float, typer.Option(help="1 plays as learned, less is safer, more is freer.")]
Seed = Annotated[int | None, typer.Option(min=0, help="The same seed improvises the same music.")]
TopP = Annotated[float, typer.Option(help="Strike only the likeliest keys that together reach this chance.")]
Precision = Literal["fp32", "bf16"]
Density = Annotated[float | None, typer.Option(help="Ask for so many notes a second, 1 to 30.")]
Loudness = Annotated[float | None, typer.Option(help="Ask for a mean velocity, 20 to 110.")]
Register = Annotated[float | None, typer.Option(help="Ask for a mean pitch, 36 to 84; middle C is 60.")]
Sounding = Annotated[float | None, typer.Option(help="Ask for so many keys sounding, by hand or pedal, 1 to 14.")]
Scale = Annotated[str, typer.Option(help="any, follow (what you just played), or a key as 'C major'.")]
Composer = Annotated[str, typer.Option(help="Ask for a composer's style: chopin, bach, ..., or other.")]
Towards = Annotated[str, typer.Option(help="Another composer, to lean towards.")]
Blend = Annotated[float, typer.Option(help="How far it leans, 0 to 1.")]
Recall = Annotated[float, typer.Option(help="How often and how closely it quotes what was heard, 0 to 1.")]
Like = Annotated[Path | None, typer.Option(help="A .mid file in whose manner to play; it is not quoted.")]
Likeness = Annotated[float | None, typer.Option(help="How closely it keeps to that manner, 0 to 2; 1 with --like.")]
Middle = Annotated[bool, typer.Option("--middle", help="Begin as if the music were under way, not as a piece begins.")]
Output = Annotated[str | None, typer.Option(help="A port's name, 'virtual', 'piano' or 'none'.")]
Audio = Annotated[str, typer.Option(help="What the piano sounds through: a system as 'jack', or a device.")]
NoSound = Annotated[bool, typer.Option("--no-sound", help="No piano beside the virtual port.")]
Input = Annotated[
    list[str] | None, typer.Option(help="Your keys and knobs: a port's name, 'virtual', 'computer', 'none'.")
]
Thru = Annotated[bool, typer.Option("--thru", help="Send what comes in on to the output.")]
Seconds = Annotated[float | None, typer.Option(help="End after so many seconds; otherwise at q or Ctrl-C.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No screen; one line of JSON at the end.")]
SoundFont = Annotated[Path | None, typer.Option(help="A .sf2 file to sound in the piano's place, by FluidSynth.")]
Library = Annotated[Path | None, typer.Option(help="The file in which sessions are kept, in place of your own.")]


def inputs_of(asked: list[str] | None) -> tuple[str, ...] | None:
    """The inputs asked for: none of "none"; None where nothing was asked."""
    return None if asked is None else tuple(name for name in asked if name != "none")


def likeness_of(asked: float | None, like: Path | None) -> float:
    """How closely it is to keep to the manner of the recording `like`, if there is one: as asked, or closely."""
    return float(like is not None) if asked is None else asked


def library_at(asked: Path | None) -> Opened:
    """The library asked for, open. Raises BadValue if there is none yet."""
    from perfrnn_live.errors import BadValue
    from perfrnn_live.library.store import Library as Kept
    from perfrnn_live.stage import places

    path = asked or places.library()
    if not path.exists():
        raise BadValue(f"no session has been kept in {path} yet")
    return Kept(path)
