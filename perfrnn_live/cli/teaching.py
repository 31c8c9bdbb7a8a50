"""Commands that make models: train, learn, latent, export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perfrnn_live.cli import options
from perfrnn_live.cli.app import app, needing
from perfrnn_live.engines.card import DEFAULT_MODEL, find_model
from perfrnn_live.errors import BadValue, CannotWrite

if TYPE_CHECKING:
    from perfrnn_live.training.corpus import TokenCorpus

_REHEARSED = 120_000  # events, at most: a minute's work


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
def latent(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A finished LSTM's folder, with its weights.")],
    data: Annotated[Path, typer.Option(help="A folder of .mid files, or a token file (.npz).")],
    validation: Annotated[Path | None, typer.Option(help="Token file to validate on, if --data is one.")] = None,
    lessons: Annotated[int, typer.Option(min=32, help="Of 192 events, to learn from.")] = 6400,
    epochs: Annotated[int, typer.Option(min=1, help="How often it hears them.")] = 5,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Give a finished model a latent space, for --like and for pads; the model stays as it is."""
    from rich.console import Console

    with needing("train"):
        from perfrnn_live.training.latent import Recipe, teach
    recipe = Recipe(lessons=lessons, epochs=epochs, seed=seed)
    without, told = teach(find_model(str(folder)), data, validation, recipe, Console(stderr=True))
    print(f"{folder}: {without:.3f} nats per event where the manner changes, {told:.3f} when it is told")


@app.command()
def export(folder: Annotated[Path, typer.Argument(metavar="DIR")]) -> None:
    """Turn a model folder's weights into the int8 step that plays."""
    with needing("train"):
        from perfrnn_live.engines.lstm.export import export as run
    for path in run(find_model(str(folder))):
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
