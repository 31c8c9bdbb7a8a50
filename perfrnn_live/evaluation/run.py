"""`perfrnn-live evaluate`: a model and recordings → figures."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from perfrnn_live.engines.registry import ENGINES, WEIGHTS, load
from perfrnn_live.errors import BadValue
from perfrnn_live.evaluation.likelihood import evaluate
from perfrnn_live.music.vocabulary import Vocabulary
from perfrnn_live.training.corpus import Split, TokenCorpus, named_splits
from perfrnn_live.training.splits import load_split

LOADERS = {"onnx": ENGINES, "torch": WEIGHTS}


def evaluate_model(
    model: Path, engine_name: str, data: Path, limit: int | None, side_by_side: int | None
) -> dict[str, float | int]:
    """The four likelihoods on `data`: its validation split if it names one, else all of it; or a token file."""
    if engine_name not in LOADERS:
        raise BadValue(f"there is no engine {engine_name!r}; there are {', '.join(LOADERS)}")
    console = Console(stderr=True)
    engine = load(model, LOADERS[engine_name])
    corpus = heard_corpus(data, engine.vocabulary, limit, console)
    with Progress(console=console) as bar:
        task = bar.add_task("listening", total=len(corpus.tokens))
        heard = evaluate(
            engine, corpus, on_progress=lambda events: bar.advance(task, events), side_by_side=side_by_side
        )
        return heard.figures()


def heard_corpus(data: Path, vocabulary: Vocabulary, limit: int | None, console: Console) -> TokenCorpus:
    """The recordings that a model is judged by, at most so many. Raises CorpusEmpty, NotMidi or BadValue."""
    split: Split = "validation" if named_splits(data) else "all"
    corpus = load_split(data, split, vocabulary, console)
    return corpus if limit is None else corpus.first(limit)
