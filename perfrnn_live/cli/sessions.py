"""Commands for what was kept: `perfrnn-live sessions ...`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perfrnn_live.cli import options
from perfrnn_live.cli.app import app, check_seconds
from perfrnn_live.errors import BadValue
from perfrnn_live.files import unused

if TYPE_CHECKING:
    from perfrnn_live.library.sessions import Take
    from perfrnn_live.library.store import Entry

sessions = typer.Typer(no_args_is_help=True, help="Sessions that were kept: every one is, from its first note on.")
app.add_typer(sessions, name="sessions")

Session = Annotated[int, typer.Argument(metavar="ID", help="As `sessions list` numbers them.")]
_DAY_S = 86_400.0


@sessions.command("list")
def list_(
    library: options.Library = None,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON each.")] = False,
) -> None:
    """All sessions, the newest first."""
    with options.library_at(library) as kept:
        for entry in kept.entries():
            if as_json:
                print(json.dumps(_told(entry)))
            else:
                ended = "" if entry.ended else "  (not ended)"
                tag = f"  {entry.tag}" if entry.tag else ""
                moments = f"  {len(entry.moments)} moments" if entry.moments else ""
                began, model = entry.about.get("began", "?"), entry.about.get("model", "?")
                told = f"{_length(entry.seconds)}  {entry.notes:6} notes  {model}{moments}{tag}{ended}"
                print(f"{entry.id:5}  {began}  {told}")


@sessions.command()
def show(session: Session, library: options.Library = None) -> None:
    """What a session was, and what happened in it."""
    entry, take = _taken(session, library)
    told = _told(entry)
    for name, value in told.items():
        print(f"{name}: {value if isinstance(value, str | int | float) else json.dumps(value)}")
    for at_s, what in take.marks:
        print(f"{_length(at_s)}  {what}")


@sessions.command()
def export(
    session: Session,
    out: Annotated[Path, typer.Argument(metavar="OUT.mid|OUT.wav|OUT.svg")],
    library: options.Library = None,
) -> None:
    """A session as a .mid file (it and you on tracks of your own, knobs and marks), as sound, or as a picture."""
    from perfrnn_live.library.export import export as run

    entry, take = _taken(session, library)
    out = unused(out)
    run(take, out)
    print(f"{out}: {_length(take.seconds)}, {entry.notes} notes")


@sessions.command()
def play(
    session: Session,
    from_s: Annotated[float, typer.Option("--from", min=0, help="Seconds from its beginning.")] = 0.0,
    output: options.Output = None,
    audio: options.Audio = "any",
    no_sound: options.NoSound = False,
    soundfont: options.SoundFont = None,
    library: options.Library = None,
) -> None:
    """Sound a kept session again, both players, until its end or Ctrl-C."""
    from perfrnn_live.player.clock import SystemClock
    from perfrnn_live.player.profiles import DAW
    from perfrnn_live.stage.connection import Connection
    from perfrnn_live.stage.playback import play_back
    from perfrnn_live.stage.signals import stopping_on_signals

    _, take = _taken(session, library)
    connection = Connection(output, (), None if no_sound else audio, False, DAW, soundfont)
    with stopping_on_signals() as ended:
        try:
            ready = connection.ready(lambda sentence: print(sentence, file=sys.stderr))
            print(f"session {session}, {_length(take.seconds)}, onto {ready.output}")
            play_back(take, connection.link, SystemClock(), from_s, ended)
        finally:
            connection.link.close()


@sessions.command("continue")
def continue_(
    session: Session,
    at: Annotated[float | None, typer.Option(min=0, help="Seconds from its beginning; by default its end.")] = None,
    output: options.Output = None,
    input: options.Input = None,
    audio: options.Audio = "any",
    no_sound: options.NoSound = False,
    soundfont: options.SoundFont = None,
    thru: options.Thru = False,
    seconds: options.Seconds = None,
    quiet: options.Quiet = False,
    library: options.Library = None,
) -> None:
    """Play on from a kept session: with what was remembered then, and the knobs as they stood."""
    from perfrnn_live.engines.card import find_model
    from perfrnn_live.stage import places
    from perfrnn_live.stage.options import PlayOptions
    from perfrnn_live.stage.play import play as run

    check_seconds(seconds)
    path = library or places.library()
    with options.library_at(path) as kept:
        about = kept.entry(session).about
    asked = PlayOptions(
        model=find_model(str(about.get("model"))),
        output=output,
        audio=None if no_sound else audio,
        soundfont=soundfont,
        inputs=options.inputs_of(input),
        thru=thru,
        continues=(session, at),
        seconds=seconds,
        library=path,
        quiet=quiet,
    )
    summary = run(asked)
    print(json.dumps(summary.to_json()) if quiet else summary)


@sessions.command()
def tag(
    session: Session,
    text: Annotated[str, typer.Argument(help="A name for it; empty takes it away.")],
    library: options.Library = None,
) -> None:
    """Give a session a name."""
    with options.library_at(library) as kept:
        kept.tag(session, text)


@sessions.command()
def delete(
    session: Session,
    library: options.Library = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take a session out for good."""
    with options.library_at(library) as kept:
        entry = kept.entry(session)
        if not yes:
            if not sys.stdin.isatty():
                raise BadValue(f"session {session} is not deleted: nobody can be asked here, say --yes")
            typer.confirm(f"Delete session {session}, {_length(entry.seconds)}, {entry.notes} notes?", abort=True)
        kept.delete([session])


@sessions.command()
def trim(
    keep: Annotated[str, typer.Option(help="How many days are kept: 90d. What is tagged or marked stays.")],
    library: options.Library = None,
) -> None:
    """Take out sessions that are older than so many days, but none that has a tag or a moment."""
    from perfrnn_live.player.clock import wall_s

    if not (days := re.fullmatch(r"(\d{1,5})d", keep)):
        raise BadValue(f"how long sessions are kept is a number of days as 90d, not {keep!r}")
    with options.library_at(library) as kept:
        before = wall_s() - int(days[1]) * _DAY_S
        old = [entry.id for entry in kept.entries() if entry.seen < before and not entry.tag and not entry.moments]
        kept.delete(old)
    print(f"{len(old)} sessions taken out")


@app.command()
def replay(
    session: Session,
    library: options.Library = None,
    model: Annotated[str | None, typer.Option(help="The model's folder, if it is no shipped one.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Fail if anything differs.")] = False,
) -> None:
    """Play a kept session once more, silently and by its facts alone, and compare: the same must come of it."""
    from perfrnn_live.engines.card import find_model
    from perfrnn_live.player.clock import SystemClock
    from perfrnn_live.stage.replay import machine_of
    from perfrnn_live.stage.replay import replay as run

    with options.library_at(library) as kept:
        entry = kept.entry(session)
        machine = machine_of(kept, entry, find_model(model or str(entry.about.get("model"))))
        clock = SystemClock()
        began_s = clock.now()
        told = run(machine, kept.facts(session), entry.began_s)
        took_s = max(clock.now() - began_s, 1e-6)
    pace = f"{told.events} events planned, {entry.seconds / took_s:.0f}× faster than they were played"
    if told.difference is None:
        print(f"session {session} is the same again: {pace}")
    elif check:
        raise BadValue(f"session {session} differs: {told.difference} ({pace})")
    else:
        print(f"session {session} differs: {told.difference} ({pace})")


def _taken(session: int, library: Path | None) -> tuple[Entry, Take]:
    from perfrnn_live.library.sessions import take_of

    with options.library_at(library) as kept:
        entry = kept.entry(session)
        return entry, take_of(kept.facts(session), entry.began_s)


def _told(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "seconds": round(entry.seconds, 1),
        "notes": entry.notes,
        "ended": entry.ended,
        "tag": entry.tag,
        "moments": [[round(each, 1) for each in moment] for moment in entry.moments],
        **entry.about,
    }


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:2}:{rest:02}"
