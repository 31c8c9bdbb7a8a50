"""`perfrnn-live train`: a folder or token file → a trained, exported model folder, with a progress bar."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from perfrnn_live.engines.handles import TAUGHT
from perfrnn_live.engines.lstm.export import export
from perfrnn_live.engines.lstm.weights import load_network, save_training_result, with_all_corners
from perfrnn_live.errors import BadValue, CannotWrite
from perfrnn_live.music.vocabulary import VOCABULARIES
from perfrnn_live.training import loop
from perfrnn_live.training.augmentation import AUGMENTATIONS
from perfrnn_live.training.corpus import LICENCE
from perfrnn_live.training.foresight import manners
from perfrnn_live.training.splits import load_split


def train(
    recipe: loop.Recipe, data: Path, validation: Path | None, out: Path, resume: bool, start_from: Path | None
) -> None:
    """Train by `recipe`, beginning with the weights of a model folder if one is given, and leave `out` as one. Ctrl-C
    ends early and keeps the best."""
    if recipe.network.vocabulary not in VOCABULARIES:
        raise BadValue(f"there is no vocabulary {recipe.network.vocabulary!r}; there are {', '.join(VOCABULARIES)}")
    if recipe.augmentation not in AUGMENTATIONS:
        raise BadValue(f"there is no augmentation {recipe.augmentation!r}; there are {', '.join(AUGMENTATIONS)}")
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if recipe.streams % (processes * max(recipe.loaders, 1)):
        loading = f" with {recipe.loaders} loaders each" if recipe.loaders else ""
        raise BadValue(f"{processes} processes{loading} cannot share {recipe.streams} streams evenly")
    existing = next(folder for folder in (out, *out.parents) if folder.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        raise CannotWrite(f"cannot write into {out}: {existing} is no folder to write to")
    if resume and not (out / "last.pt").is_file():
        raise BadValue(f"there is nothing to resume: {out / 'last.pt'} does not exist")
    weights = None
    if start_from is not None:
        network = load_network(start_from)
        if network.config != recipe.network:
            had, wanted = ((each.layers, each.cells, each.vocabulary) for each in (network.config, recipe.network))
            raise BadValue(f"{start_from.name} has {_sizes(*had)}, not {_sizes(*wanted)}")
        weights = with_all_corners(network.state_dict())
    first = os.environ.get("RANK", "0") == "0"  # under torchrun one process speaks for all
    console = Console(quiet=not first)
    vocabulary = recipe.network.events
    training = load_split(data, "train", vocabulary, console)
    validating = load_split(validation or data, "validation", vocabulary, console)
    with shown(console) as (show, stop):
        best = loop.train(recipe, training, validating, out, resume, weights, show, stop)
    if not best.is_file():
        raise BadValue(f"training with a learning rate of {recipe.learning_rate} came to nothing: try a lower one")
    if first:
        space = replace(TAUGHT, manners=manners(training))
        save_training_result(best, out, space, data=str(data.name), licence=LICENCE)
        export(out)
        console.print(f"{out} is ready: perfrnn-live play --model {out}")


@contextlib.contextmanager
def shown(console: Console) -> Iterator[tuple[Callable[[loop.Progress], None], Callable[[], bool]]]:
    """A progress bar, and whether Ctrl-C or SIGTERM came meanwhile."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar, stopping_on_signals() as stopped:
        task = bar.add_task("starting", total=1.0)

        def show(progress: loop.Progress) -> None:
            best = "-" if progress.validation is None else f"{progress.validation:.4f}"
            bar.update(
                task,
                completed=min(progress.share, 1.0),
                description=f"{progress.events / 1e6:.2f} M events  {progress.events_per_s:.0f}/s  "
                f"loss {progress.loss:.3f}  validation {best} nats/event",
            )

        yield show, lambda: bool(stopped)


def _sizes(layers: int, cells: int, vocabulary: str) -> str:
    return f"{layers} layers of {cells} cells for {vocabulary}"


@contextlib.contextmanager
def stopping_on_signals() -> Iterator[list[int]]:
    """Ctrl-C and SIGTERM are put into the list instead of ending the process."""
    received: list[int] = []
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {each: signal.signal(each, lambda number, _: received.append(number)) for each in signals}
    try:
        yield received
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
