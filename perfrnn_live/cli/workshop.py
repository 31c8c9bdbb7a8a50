"""Commands that make music, sound or models into files, and measure them: generate, render, train, evaluate, export."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perfrnn_live.cli import options
from perfrnn_live.cli.app import app, check_seconds, needing
from perfrnn_live.engines.card import DEFAULT_MODEL, find_model
from perfrnn_live.errors import BadValue, CannotWrite
from perfrnn_live.files import check_writable, unused

if TYPE_CHECKING:
    from perfrnn_live.training.corpus import TokenCorpus

_REHEARSED = 120_000  # events, at most: a minute's work


@app.command()
def generate(
    out: Annotated[Path, typer.Argument(metavar="OUT.mid|OUT.wav")],
    seconds: Annotated[float, typer.Option(help="Length of each piece.")] = 30.0,
    count: Annotated[int, typer.Option(min=1, help="Several pieces: OUT-1.mid, OUT-2.mid, ...")] = 1,
    prime: options.Prime = None,
    middle: options.Middle = False,
    temperature: options.Temperature = 1.0,
    top_p: options.TopP = 1.0,
    density: options.Density = None,
    loudness: options.Loudness = None,
    register: options.Register = None,
    sounding: options.Sounding = None,
    composer: options.Composer = "any",
    towards: options.Towards = "any",
    blend: options.Blend = 0.0,
    recall: options.Recall = 0.0,
    scale: options.Scale = "any",
    beams: Annotated[int, typer.Option(min=1, help="Continuations to choose the likeliest from, again and again.")] = 1,
    seed: options.Seed = None,
    model: options.Model = DEFAULT_MODEL,
) -> None:
    """Improvise into .mid files, or into sound, faster than time."""
    import numpy as np

    from perfrnn_live.live.controls import Settings
    from perfrnn_live.live.steering import Steering
    from perfrnn_live.music.codec import decode
    from perfrnn_live.music.midifile import write_notes
    from perfrnn_live.sampling import generation
    from perfrnn_live.sampling.controls import Controls
    from perfrnn_live.sampling.opening import begin
    from perfrnn_live.sound.wav import is_sound, write_sound

    check_seconds(seconds)
    knobs = (1.0, 1.0, density, loudness, register, sounding, 32, scale)
    asked = Settings(*knobs, composer=composer, towards=towards, blend=blend)
    steered = Steering(Controls(), None).controls(asked, 0.0)
    controls = replace(steered, temperature=temperature, top_p=top_p, recall=recall)
    if not out.name:
        raise CannotWrite(f"cannot write {out}: it is a folder")
    paths: list[Path] = []
    for path in [out] if count == 1 else [out.with_stem(f"{out.stem}-{n}") for n in range(1, count + 1)]:
        paths.append(unused(path, besides=paths))
        check_writable(paths[-1])
    write = write_sound if is_sound(out) else write_notes
    continuation, start = begin(find_model(model), prime, middle)
    continuation.check(controls.handles)
    pieces = generation.generate(continuation, start, seconds, controls, np.random.default_rng(seed), count, beams)
    for path, tokens in zip(paths, pieces, strict=True):
        notes = decode(tokens, continuation.vocabulary, start.keyboard)
        write(path, notes)
        print(f"{path}: {len(notes)} notes")


@app.command()
def render(
    file: Annotated[Path, typer.Argument(metavar="FILE.mid")],
    out: Annotated[Path, typer.Argument(metavar="OUT.wav")],
    soundfont: options.SoundFont = None,
) -> None:
    """Play a .mid file on the built-in piano, or with a sound font, into a sound file."""
    from perfrnn_live.music.midifile import read_notes
    from perfrnn_live.sound.wav import write_sound

    notes = read_notes(file)
    out = unused(out)
    write_sound(out, notes, soundfont)
    print(f"{out}: {len(notes)} notes")


@app.command()
def train(
    data: Annotated[Path, typer.Option(help="A folder of .mid files, a token file (.npz) or a token folder.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoints and the finished model.")],
    validation: Annotated[Path | None, typer.Option(help="Token file to validate on, if --data is one.")] = None,
    engine: Annotated[
        str, typer.Option(help="lstm, markov, rnn, transformer, roll-lstm or roll-convolutions.")
    ] = "lstm",
    order: Annotated[int, typer.Option(min=1, max=2, help="For markov: how many of the last events.")] = 2,
    minutes: Annotated[float, typer.Option(min=0.01, help="Time to train for.")] = 120.0,
    events: Annotated[int, typer.Option(min=1, help="Events to train on, if they come sooner.")] = 200_000_000,
    layers: Annotated[int, typer.Option(min=1, help="LSTM layers.")] = 3,
    cells: Annotated[int, typer.Option(min=1, help="Cells in each layer.")] = 512,
    streams: Annotated[int, typer.Option(min=1, help="Recordings side by side, over all processes.")] = 48,
    segment: Annotated[int, typer.Option(min=2, help="Events between updates in each stream.")] = 128,
    learning_rate: Annotated[float, typer.Option(min=0, help="Adam's, at its highest.")] = 6e-3,
    augmentation: Annotated[str, typer.Option(help="none, less or more, as in the paper.")] = "none",
    dropout: Annotated[float, typer.Option(min=0, max=0.9, help="Of what each layer adds, the share left out.")] = 0.0,
    weight_dropout: Annotated[
        float, typer.Option(min=0, max=0.9, help="Of the weights from each cell to its layer, the share left out.")
    ] = 0.0,
    loaders: Annotated[int, typer.Option(min=0, help="Processes that make batches; 0: a thread.")] = 0,
    precision: Annotated[
        options.Precision, typer.Option(help="bf16 where the processor or GPU has products of it.")
    ] = "fp32",
    vocabulary: Annotated[str, typer.Option(help="performance-8ms or performance-10ms.")] = "performance-8ms",
    seed: Annotated[int, typer.Option(min=0)] = 0,
    handles_only: Annotated[
        bool, typer.Option("--handles-only", help="Leave the layers as they are: learn only what can be asked.")
    ] = False,
    start_from: Annotated[str | None, typer.Option("--from", help="Begin with the weights of this model.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from OUT/last.pt exactly where it stopped.")] = False,
) -> None:
    """Train a model; the best one so far is always on disk, also after Ctrl-C."""
    if engine == "markov":
        _count(data, out, order, vocabulary)
        return
    if engine != "lstm":
        sizes = (layers, cells, events, minutes, streams, segment, learning_rate, seed)
        _train_plainly(engine, data, out, vocabulary, *sizes)
        return
    with needing("train"):
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
        weight_dropout=weight_dropout,
        loaders=loaders,
        precision=precision,
        handles_only=handles_only,
        seed=seed,
    )
    run(recipe, data, validation, out, resume, find_model(start_from) if start_from is not None else None)


def _count(data: Path, out: Path, order: int, vocabulary: str) -> None:
    from perfrnn_live.training.markov import count

    corpus = _training_split(data, vocabulary)
    count(corpus, order, out, data.name)
    print(f"{out} is ready: perfrnn-live play --model {out}")


def _train_plainly(engine: str, data: Path, out: Path, vocabulary: str, *sizes: Any) -> None:
    from rich.console import Console
    from rich.progress import Progress

    with needing("train"):
        from perfrnn_live.training.learners import LEARNERS
        from perfrnn_live.training.plain import Recipe
        from perfrnn_live.training.plain import train as run
        from perfrnn_live.training.run import stopping_on_signals
    if engine not in LEARNERS:
        raise BadValue(f"there is no engine {engine!r} to train; there are lstm, markov, {', '.join(LEARNERS)}")
    corpus = _training_split(data, vocabulary)
    with Progress(console=Console(stderr=True)) as bar, stopping_on_signals() as stopped:
        task = bar.add_task("starting", total=1.0)

        def show(share: float, loss: float) -> None:
            bar.update(task, completed=min(share, 1.0), description=f"loss {loss:.3f} nats")

        run(LEARNERS[engine], Recipe(*sizes), corpus, out, data.name, show, lambda: bool(stopped))
    print(f"{out} is ready: perfrnn-live play --model {out}")


def _training_split(data: Path, vocabulary: str) -> TokenCorpus:
    from rich.console import Console

    from perfrnn_live.music.vocabulary import VOCABULARIES
    from perfrnn_live.training.splits import load_split

    if vocabulary not in VOCABULARIES:
        raise BadValue(f"there is no vocabulary {vocabulary!r}; there are {', '.join(VOCABULARIES)}")
    return load_split(data, "train", VOCABULARIES[vocabulary], Console(stderr=True))


@app.command()
def learn(
    name: Annotated[Path, typer.Argument(metavar="NAME", help="The new model's folder.")],
    recordings: Annotated[list[Path], typer.Argument(metavar="FILE.mid|FOLDER...", help="Your own playing.")],
    minutes: Annotated[float, typer.Option(min=0.01, help="Time to learn for.")] = 8.0,
    model: options.Model = DEFAULT_MODEL,
) -> None:
    """Let a model learn from your recordings: ten minutes, and half an hour of music or more."""
    import numpy as np
    from rich.console import Console

    from perfrnn_live.sampling.controls import Controls
    from perfrnn_live.sampling.generation import generate
    from perfrnn_live.sampling.opening import begin

    with needing("train"):
        from perfrnn_live.training.learn import learn as run
        from perfrnn_live.training.run import shown
    if name.exists():
        raise CannotWrite(f"cannot write {name}: it is there already")
    folder, console = find_model(model), Console(stderr=True)

    def rehearse(events: int) -> list[list[int]]:
        continuation, start = begin(folder, None, False)
        pieces: list[list[int]] = []
        rng = np.random.default_rng(len(recordings))
        while sum(map(len, pieces)) < min(events, _REHEARSED):
            console.print("rehearsing", style="dim")
            pieces += generate(continuation, start, 60.0, Controls(), rng, 32)
        return pieces

    def tell(sentence: str) -> None:
        console.print(sentence, style="yellow", markup=False, highlight=False, soft_wrap=True)

    with shown(console) as (show, stop):
        learned = run(folder, recordings, name, minutes, rehearse, show, tell, stop)
    music = f"{learned.recordings} recordings, {learned.seconds / 60:.0f} minutes"
    print(f"{name}: {music}; takes held back {learned.before:.3f} nats per event before, {learned.after:.3f} now")
    print(f"perfrnn-live play --model {name}")


@app.command()
def evaluate(
    data: Annotated[Path, typer.Option(help="A folder of .mid files (their validation split), or a token file.")],
    model: options.Model = DEFAULT_MODEL,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many recordings.")] = None,
    side_by_side: Annotated[
        int | None, typer.Option(min=1, help="Recordings in a batch: 1 is exactly as it plays; all are quicker.")
    ] = None,
    engine: Annotated[
        str, typer.Option(help="onnx: the int8 step that plays; torch: the weights themselves.")
    ] = "onnx",
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
    report: Annotated[Path | None, typer.Option(metavar="DIR", help="A folder for a page of all figures.")] = None,
    excerpts: Annotated[int, typer.Option(min=3, help="Of 30 s, that the model plays for the report.")] = 137,
    temperature: options.Temperature = 1.0,
    top_p: options.TopP = 0.9,
    recall: options.Recall = 0.34,
    beams: Annotated[int, typer.Option(min=1, help="As for generate.")] = 1,
    middle: options.Middle = False,
    seed: Annotated[int, typer.Option(min=0, help="Of what the model plays.")] = 1,
    knobs: Annotated[bool, typer.Option("--knobs", help="In the report, what each knob does.")] = False,
    no_likelihood: Annotated[bool, typer.Option("--no-likelihood", help="In the report, only what it plays.")] = False,
) -> None:
    """How likely real recordings are to a model: nats per event, 8 ms step, note and second; and how like people it
    plays."""
    from perfrnn_live.evaluation.run import evaluate_model

    if report is not None:
        from perfrnn_live.evaluation.study import Asked, report_on
        from perfrnn_live.sampling.controls import Controls

        controls = Controls(temperature=temperature, top_p=top_p, recall=recall)
        asked = Asked(excerpts, controls, beams, middle, seed, knobs, not no_likelihood)
        command = shlex.join(["perfrnn-live", *sys.argv[1:]])
        figures = report_on(find_model(model), data, report, asked, limit, side_by_side, command)
        means = figures["likeness"]["mean_overlap"]
        print(f"{report / 'report.html'}: mean overlap {means['model']:.3f}, people's {means['others']:.3f}")
        return
    with needing("train"):  # for --engine torch alone
        figures = evaluate_model(find_model(model), engine, data, limit, side_by_side)
    if as_json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:16} {value:.4f}" if isinstance(value, float) else f"{name:16} {value}")


@app.command()
def export(folder: Annotated[Path, typer.Argument(metavar="DIR")]) -> None:
    """Turn a model folder's weights into the int8 step that plays."""
    with needing("train"):
        from perfrnn_live.engines.lstm.export import export as run
    for path in run(find_model(str(folder))):
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
