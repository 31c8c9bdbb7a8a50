"""`perfrnn-live evaluate`: a model and a folder → figures."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from perfrnn_live.evaluation.likelihood import evaluate
from perfrnn_live.model.engine import OnnxEngine
from perfrnn_live.training.run import load_split


def evaluate_model(model: Path, data: Path, limit: int | None) -> dict[str, float | int]:
    """The four likelihoods of the int8 step that plays, on the validation split of `data` or a token file."""
    console = Console(stderr=True)
    engine = OnnxEngine(model)
    corpus = load_split(data, "validation", engine.vocabulary, console)
    if limit is not None:
        corpus = corpus.first(limit)
    with Progress(console=console) as bar:
        task = bar.add_task("listening", total=len(corpus.tokens))
        return evaluate(engine, corpus, on_progress=lambda events: bar.advance(task, events)).figures()
