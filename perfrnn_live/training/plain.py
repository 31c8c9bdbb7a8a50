"""`perfrnn-live train --engine NAME` for networks beside the LSTM: one recipe and one loop for all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from perfrnn_live.engines.arrays import WEIGHTS
from perfrnn_live.engines.card import write_card
from perfrnn_live.errors import CannotWrite
from perfrnn_live.music.vocabulary import Vocabulary
from perfrnn_live.training.corpus import LICENCE, TokenCorpus
from perfrnn_live.training.lessons import Lessons, Piece

_WARM_UP = 200
_CLIP = 1.0
_SHOWN = 20  # updates between two looks


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train: the learning rate warms up and falls linearly to zero over `events` (or frames) or `minutes`,
    whichever ends first."""

    layers: int
    cells: int
    events: int
    minutes: float
    streams: int
    segment: int
    learning_rate: float
    seed: int


class Learner(nn.Module, ABC):
    """A network that learns segment by segment."""

    kind: str
    sizes: dict[str, int]  # what its engine reads in the card's `network`

    @abstractmethod
    def pieces(self, corpus: TokenCorpus, seed: int) -> Callable[[int], Piece]:
        """What it learns from."""

    @abstractmethod
    def nothing(self, streams: int) -> Any:
        """What it remembers of streams of which it heard nothing."""

    @abstractmethod
    def forward(self, inputs: Tensor, memory: Any, fresh: Tensor) -> tuple[Tensor, Any]:
        """Logits of what follows each of `inputs` (streams, segment, ...), and the new memory, detached. Where a stream
        is `fresh`, what it remembers is of another piece."""

    @abstractmethod
    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Nats for each place, (streams, segment)."""

    @abstractmethod
    def weights(self) -> dict[str, Tensor]:
        """As its engine wants them."""


def train(
    untrained: Callable[[Vocabulary, int, int], Learner],
    recipe: Recipe,
    training: TokenCorpus,
    out: Path,
    data: str,
    on_progress: Callable[[float, float], None] = lambda share, loss: None,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Make a network of a vocabulary, layers and cells, train it until it is done or `stop` says so, and write a model
    folder. `on_progress` is told the share that is done
    and the loss in nats per event or frame. Raises CannotWrite."""
    torch.manual_seed(recipe.seed)
    learner = untrained(training.vocabulary, recipe.layers, recipe.cells)
    optimiser = torch.optim.Adam(learner.parameters(), betas=(0.9, 0.99))
    lessons = Lessons(learner.pieces(training, recipe.seed), recipe.streams, recipe.segment)
    memory = learner.nothing(recipe.streams)
    began_s, events, updates, share = perf_counter(), 0, 0, 0.0
    with ThreadPoolExecutor(1) as ahead:
        ready = ahead.submit(lessons.next)
        while share < 1 and not stop():
            for group in optimiser.param_groups:
                group["lr"] = recipe.learning_rate * min(1.0, (updates + 1) / _WARM_UP) * (1 - share)
            segment, ready = ready.result(), ahead.submit(lessons.next)
            fresh, counts = torch.from_numpy(segment.fresh), torch.from_numpy(segment.counts)
            logits, memory = learner(torch.from_numpy(segment.inputs), memory, fresh)
            loss = learner.loss(logits, torch.from_numpy(segment.targets))[counts].mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(learner.parameters(), _CLIP)
            optimiser.step()
            events += int(segment.counts.sum())
            updates += 1
            share = max(events / recipe.events, (perf_counter() - began_s) / (60 * recipe.minutes))
            if updates % _SHOWN == 0:
                on_progress(share, loss.item())
    learned = {"events": events, "recordings": len(training), "segment": recipe.segment, "seed": recipe.seed}
    _write(learner, out, {"data": data, "licence": LICENCE, "training": learned}, training.vocabulary.name)


def _write(learner: Learner, out: Path, made_of: dict[str, Any], vocabulary: str) -> None:
    arrays = {name: each.detach().numpy().astype(np.float16) for name, each in learner.weights().items()}
    fields = {"engine": learner.kind, "vocabulary": vocabulary, "network": learner.sizes, "handles": None}
    try:
        out.mkdir(parents=True, exist_ok=True)
        with (out / WEIGHTS).open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        write_card(out, {**fields, **made_of})
    except OSError as error:
        raise CannotWrite(f"cannot write into {out}: {error.strerror}") from error
