"""`perfrnn-live train --engine rnn`: a plain recurrent network, trained on segments that follow each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from perfrnn_live.engines.card import write_card
from perfrnn_live.engines.rnn import KIND, WEIGHTS
from perfrnn_live.errors import CannotWrite
from perfrnn_live.music.vocabulary import Vocabulary
from perfrnn_live.training.batches import IGNORE, CarriedBatches
from perfrnn_live.training.corpus import LICENCE, TokenCorpus
from perfrnn_live.training.prefetch import FromThread

_EMBEDDING = 128
_WARM_UP = 200
_CLIP = 1.0
_SHOWN = 50  # updates between two looks


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train: the learning rate warms up and falls linearly to zero over `events` or `minutes`, whichever ends
    first."""

    cells: int
    events: int
    minutes: float
    streams: int
    segment: int
    learning_rate: float
    seed: int


class Network(nn.Module):
    """What `engines.rnn.RnnEngine` steps, for whole segments."""

    def __init__(self, vocabulary: Vocabulary, cells: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary.inputs, _EMBEDDING)
        self.rnn = nn.RNN(_EMBEDDING, cells, batch_first=True)
        self.head = nn.Linear(cells, vocabulary.size)

    def forward(self, inputs: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (streams, events, size) and the new cells (1, streams, cells)."""
        after, cells = self.rnn(self.embedding(inputs), cells)
        return self.head(after), cells

    @torch.no_grad()
    def weights(self) -> dict[str, Tensor]:
        """As the engine wants them."""
        of_input, of_cells, bias, other_bias = (each.data for each in self.rnn.parameters())
        told = self.embedding.weight @ of_input.T + bias + other_bias
        return {
            "told": told.detach(),
            "kept": of_cells.T,
            "expects": self.head.weight.data.T,
            "always": self.head.bias.data,
        }


def train(
    recipe: Recipe,
    training: TokenCorpus,
    out: Path,
    data: str,
    on_progress: Callable[[float, float], None] = lambda share, loss: None,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Train until it is done or `stop` says so, and write a model folder. `on_progress` is told the share that is done
    and the loss in nats per event. Raises CannotWrite."""
    torch.manual_seed(recipe.seed)
    network = Network(training.vocabulary, recipe.cells)
    optimiser = torch.optim.Adam(network.parameters(), betas=(0.9, 0.99))
    supply = FromThread(CarriedBatches(training, recipe.streams, recipe.segment, seed=recipe.seed, middles=0.5))
    cells = torch.zeros(1, recipe.streams, recipe.cells)
    began_s, events, updates, share = perf_counter(), 0, 0, 0.0
    while share < 1 and not stop():
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * min(1.0, (updates + 1) / _WARM_UP) * (1 - share)
        batch = supply.next()
        fresh = torch.from_numpy(batch.fresh)
        cells = torch.where(fresh[None, :, None], 0.0, cells.detach())
        targets = torch.from_numpy(batch.targets.astype(np.int64))
        logits, cells = network(torch.from_numpy(batch.inputs.astype(np.int64)), cells)
        loss = cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), _CLIP)
        optimiser.step()
        events += int((batch.targets != IGNORE).sum())
        updates += 1
        share = max(events / recipe.events, (perf_counter() - began_s) / (60 * recipe.minutes))
        if updates % _SHOWN == 0:
            on_progress(share, loss.item())
    _write(network, recipe, out, data, training, events)


def _write(network: Network, recipe: Recipe, out: Path, data: str, training: TokenCorpus, events: int) -> None:
    arrays = {name: each.detach().numpy().astype(np.float16) for name, each in network.weights().items()}
    learned = {"events": events, "recordings": len(training), "segment": recipe.segment, "seed": recipe.seed}
    network_sizes = {"cells": recipe.cells}
    fields = {"engine": KIND, "vocabulary": training.vocabulary.name, "network": network_sizes, "handles": None}
    made_of = {"data": data, "licence": LICENCE, "training": learned}
    try:
        out.mkdir(parents=True, exist_ok=True)
        with (out / WEIGHTS).open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        write_card(out, {**fields, **made_of})
    except OSError as error:
        raise CannotWrite(f"cannot write into {out}: {error.strerror}") from error
