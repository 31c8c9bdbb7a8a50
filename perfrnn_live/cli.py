"""The command line. Each command imports what it needs when it is called, so that `--help` is there at once."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Literal

import typer

from perfrnn_live.engines.card import DEFAULT_MODEL, find_model
from perfrnn_live.errors import BadValue, CannotWrite, MidiUnavailable, MissingPackage, PerfRNNError
from perfrnn_live.files import check_writable, unused
from perfrnn_live.live.controls import Mode

app = typer.Typer(
    help="A piano partner: Performance RNN, played live.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Model = Annotated[str, typer.Option(help="A shipped model's name, or a model folder.")]
Prime = Annotated[Path | None, typer.Option(help="A .mid file to go on from; its last 30 s are heard, not replayed.")]
Temperature = Annotated[float, typer.Option(help="1 plays as learned, less is safer, more is freer.")]
Seed = Annotated[int | None, typer.Option(min=0, help="The same seed improvises the same music.")]
TopP = Annotated[float, typer.Option(help="Strike only the likeliest keys that together reach this chance.")]
Precision = Literal["fp32", "bf16"]
Density = Annotated[float | None, typer.Option(help="Ask for so many notes a second, 1 to 30.")]
Loudness = Annotated[float | None, typer.Option(help="Ask for a mean velocity, 20 to 110.")]
Register = Annotated[float | None, typer.Option(help="Ask for a mean pitch, 36 to 84; middle C is 60.")]
Scale = Annotated[str, typer.Option(help="any, follow (what you just played), or a key as 'C major'.")]
Composer = Annotated[str, typer.Option(help="Ask for a composer's style: chopin, bach, ..., or other.")]
Towards = Annotated[str, typer.Option(help="Another composer, to lean towards.")]
Blend = Annotated[float, typer.Option(help="How far it leans, 0 to 1.")]
Middle = Annotated[bool, typer.Option("--middle", help="Begin as if the music were under way, not as a piece begins.")]


@app.command()
def play(
    output: Annotated[str | None, typer.Option(help="A port's name, 'virtual' or 'none'.")] = None,
    input: Annotated[
        list[str] | None, typer.Option(help="Your keys and knobs: a port's name, 'virtual' or 'none'; several times.")
    ] = None,
    mode: Annotated[Mode, typer.Option(help="It alone, call and response, or both at once.")] = Mode.SOLO,
    model: Model = DEFAULT_MODEL,
    prime: Prime = None,
    middle: Middle = False,
    temperature: Temperature = 1.0,
    top_p: TopP = 0.9,  # at 1 the shipped model strays from people's keys within the hour
    density: Density = None,
    loudness: Loudness = None,
    register: Register = None,
    composer: Composer = "any",
    towards: Towards = "any",
    blend: Blend = 0.0,
    polyphony: Annotated[int, typer.Option(help="Keys at a time, at most; 32 is as many as it likes.")] = 32,
    scale: Scale = "any",
    answer_length: Annotated[float, typer.Option(help="An answer's length, as the call's times this.")] = 1.0,
    beams: Annotated[int, typer.Option(min=1, max=8, help="Sound the likeliest of so many continuations.")] = 1,
    range: Annotated[str, typer.Option(help="The machine's lowest and highest key, as A0..C8.")] = "0..127",
    split: Annotated[str | None, typer.Option(help="A key: the machine keeps to the other side than you.")] = None,
    profile: Annotated[str, typer.Option(help="What the output needs: daw, disklavier, or a profile file.")] = "daw",
    thru: Annotated[bool, typer.Option("--thru", help="Send what comes in on to the output.")] = False,
    pads: Annotated[Path | None, typer.Option(help="A file of pads, in place of your own.")] = None,
    seed: Seed = None,
    seconds: Annotated[float | None, typer.Option(help="End after so many seconds; otherwise at q or Ctrl-C.")] = None,
    record: Annotated[Path | None, typer.Option(help="Keep what was sounded in a new .mid file.")] = None,
    log: Annotated[Path | None, typer.Option(help="Keep what was decided, and how quickly, in a new file.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No screen; one line of JSON at the end.")] = False,
) -> None:
    """Improvise in time onto a MIDI port; by default a virtual one called perfrnn-live."""
    from perfrnn_live.live.controls import Settings
    from perfrnn_live.music.pitch import pitch_of, range_of
    from perfrnn_live.player.profiles import load_profile
    from perfrnn_live.stage.play import Sitting
    from perfrnn_live.stage.play import play as run

    _check_seconds(seconds)
    lowest, highest = range_of(range)
    sound = (temperature, top_p, density, loudness, register, polyphony, scale, answer_length)
    settings = Settings(*sound, mode=mode, composer=composer, towards=towards, blend=blend)
    record = record and unused(record)
    log = log and unused(log, besides=[record])
    sitting = Sitting(
        model=find_model(model),
        output=output,
        inputs=None if input is None else tuple(name for name in input if name != "none"),
        thru=thru,
        profile=load_profile(profile),
        prime=prime,
        middle=middle,
        settings=settings,
        lowest=lowest,
        highest=highest,
        split=pitch_of(split) if split is not None else None,
        beams=beams,
        seed=seed,
        seconds=seconds,
        record=record,
        pads=pads,
        log=log,
        quiet=quiet,
    )
    summary = run(sitting)
    print(json.dumps(summary.to_json()) if quiet else summary)


@app.command()
def calibrate(
    output: Annotated[str, typer.Option(help="The port of the piano.")],
    input: Annotated[str, typer.Option(help="The port on which it reports back, or a cable from output to input.")],
    out: Annotated[Path | None, typer.Option(help="Write a profile file for --profile.")] = None,
) -> None:
    """Measure how long an output takes to sound, soft and loud, by what comes back from it."""
    from perfrnn_live.player.calibration import calibrate as run

    print(run(output, input, out and unused(out)))


@app.command()
def generate(
    out: Annotated[Path, typer.Argument(metavar="OUT.mid")],
    seconds: Annotated[float, typer.Option(help="Length of each piece.")] = 30.0,
    count: Annotated[int, typer.Option(min=1, help="Several pieces: OUT-1.mid, OUT-2.mid, ...")] = 1,
    prime: Prime = None,
    middle: Middle = False,
    temperature: Temperature = 1.0,
    top_p: TopP = 1.0,
    density: Density = None,
    loudness: Loudness = None,
    register: Register = None,
    composer: Composer = "any",
    towards: Towards = "any",
    blend: Blend = 0.0,
    scale: Scale = "any",
    beams: Annotated[int, typer.Option(min=1, help="Continuations to choose the likeliest from, again and again.")] = 1,
    seed: Seed = None,
    model: Model = DEFAULT_MODEL,
) -> None:
    """Improvise into .mid files, faster than time."""
    import numpy as np

    from perfrnn_live.live.controls import Settings
    from perfrnn_live.live.steering import Steering
    from perfrnn_live.music.codec import decode
    from perfrnn_live.music.midifile import write_notes
    from perfrnn_live.sampling import generation
    from perfrnn_live.sampling.controls import Controls
    from perfrnn_live.sampling.opening import begin

    _check_seconds(seconds)
    asked = Settings(1.0, 1.0, density, loudness, register, 32, scale, composer=composer, towards=towards, blend=blend)
    controls = replace(Steering(Controls(), None).controls(asked, 0.0), temperature=temperature, top_p=top_p)
    if not out.name:
        raise CannotWrite(f"cannot write {out}: it is a folder")
    paths: list[Path] = []
    for path in [out] if count == 1 else [out.with_stem(f"{out.stem}-{n}") for n in range(1, count + 1)]:
        paths.append(unused(path, besides=paths))
        check_writable(paths[-1])
    continuation, start = begin(find_model(model), prime, middle)
    continuation.check(controls.handles)
    pieces = generation.generate(continuation, start, seconds, controls, np.random.default_rng(seed), count, beams)
    for path, tokens in zip(paths, pieces, strict=True):
        notes = decode(tokens, continuation.vocabulary, start.keyboard)
        write_notes(path, notes)
        print(f"{path}: {len(notes)} notes")


@app.command()
def pads(
    out: Annotated[Path, typer.Argument(metavar="OUT.npz")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE.mid...", help="Up to eight, a pad each.")],
    model: Model = DEFAULT_MODEL,
) -> None:
    """Fill the eight pads with places to play on from: how recordings begin, 30 s of each."""
    from perfrnn_live.live.pads import PADS, Pads
    from perfrnn_live.music.codec import encode
    from perfrnn_live.music.midifile import read_beginning
    from perfrnn_live.sampling.opening import PRIME_NOTES, PRIME_S, begin

    if len(files) > PADS:
        raise BadValue(f"there are {PADS} pads, not {len(files)}")
    out = unused(out)
    check_writable(out)
    folder = find_model(model)
    beginnings = [read_beginning(file, PRIME_S, PRIME_NOTES) for file in files]
    continuation, _ = begin(folder)
    filled = Pads(continuation.engine, folder.name, out)
    for number, (file, notes) in enumerate(zip(files, beginnings, strict=True), 1):
        filled.store(number, continuation.primed(encode(notes, continuation.vocabulary)))
        print(f"pad {number}: {file.stem}")
    filled.save()


@app.command()
def ports() -> None:
    """List the MIDI ports of this machine."""
    from perfrnn_live.player.ports import list_ports

    found = list_ports()
    for direction, names in (("output", found.outputs), ("input", found.inputs)):
        for port in names:
            print(f"{direction}  {port.api}  {port.name}")
    if found.problem:
        raise MidiUnavailable(found.problem)
    if not found.outputs and not found.inputs:
        print("the MIDI system works, but no other program or device has a port open")


@app.command()
def train(
    data: Annotated[Path, typer.Option(help="A folder of .mid files, a token file (.npz) or a token folder.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoints and the finished model.")],
    validation: Annotated[Path | None, typer.Option(help="Token file to validate on, if --data is one.")] = None,
    minutes: Annotated[float, typer.Option(min=0.01, help="Time to train for.")] = 120.0,
    events: Annotated[int, typer.Option(min=1, help="Events to train on, if they come sooner.")] = 200_000_000,
    layers: Annotated[int, typer.Option(min=1, help="LSTM layers.")] = 3,
    cells: Annotated[int, typer.Option(min=1, help="Cells in each layer.")] = 512,
    streams: Annotated[int, typer.Option(min=1, help="Recordings side by side, over all processes.")] = 48,
    segment: Annotated[int, typer.Option(min=2, help="Events between updates in each stream.")] = 128,
    learning_rate: Annotated[float, typer.Option(min=0, help="Adam's, at its highest.")] = 6e-3,
    augmentation: Annotated[str, typer.Option(help="none, less or more, as in the paper.")] = "none",
    dropout: Annotated[float, typer.Option(min=0, max=0.9, help="Of what each layer adds, the share left out.")] = 0.0,
    precision: Annotated[Precision, typer.Option(help="bf16 where the processor or GPU has products of it.")] = "fp32",
    vocabulary: Annotated[str, typer.Option(help="performance-8ms or performance-10ms.")] = "performance-8ms",
    seed: Annotated[int, typer.Option(min=0)] = 0,
    start_from: Annotated[str | None, typer.Option("--from", help="Begin with the weights of this model.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from OUT/last.pt exactly where it stopped.")] = False,
) -> None:
    """Train a model; the best one so far is always on disk, also after Ctrl-C."""
    with _needing("train"):
        from perfrnn_live.engines.lstm.network import NetworkConfig
        from perfrnn_live.training.loop import Recipe
        from perfrnn_live.training.run import train as run
    recipe = Recipe(
        network=NetworkConfig(vocabulary, layers, cells),
        events=events,
        minutes=minutes,
        streams=streams,
        segment=segment,
        learning_rate=learning_rate,
        augmentation=augmentation,
        dropout=dropout,
        precision=precision,
        seed=seed,
    )
    run(recipe, data, validation, out, resume, find_model(start_from) if start_from is not None else None)


@app.command()
def evaluate(
    data: Annotated[Path, typer.Option(help="A folder of .mid files (their validation split), or a token file.")],
    model: Model = DEFAULT_MODEL,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many recordings.")] = None,
    engine: Annotated[
        str, typer.Option(help="onnx: the int8 step that plays; torch: the weights themselves.")
    ] = "onnx",
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """How likely real recordings are to a model: nats per event, 8 ms step, note and second."""
    from perfrnn_live.evaluation.run import evaluate_model

    with _needing("train"):  # for --engine torch alone
        figures = evaluate_model(find_model(model), engine, data, limit)
    if as_json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:16} {value:.4f}" if isinstance(value, float) else f"{name:16} {value}")


@app.command()
def export(folder: Annotated[Path, typer.Argument(metavar="DIR")]) -> None:
    """Turn a model folder's weights into the int8 step that plays."""
    with _needing("train"):
        from perfrnn_live.engines.lstm.export import export as run
    for path in run(find_model(str(folder))):
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


@contextlib.contextmanager
def _needing(extra: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingPackage(f"this command needs {error.name}: pip install 'perfrnn-live[{extra}]'") from error


def _check_seconds(seconds: float | None) -> None:
    if seconds is not None and not (math.isfinite(seconds) and seconds > 0):
        raise BadValue(f"the seconds must be a number above 0, not {seconds}")


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
