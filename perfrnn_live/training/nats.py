"""How likely batches of music are to a network, in nats: what it learns from, and what it is judged by."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from perfrnn_live.engines.lstm.keys import KeyState, key_features, silent_keys
from perfrnn_live.engines.lstm.network import Hidden, PerformanceRNN
from perfrnn_live.music.vocabulary import Vocabulary
from perfrnn_live.training.batches import IGNORE, Batch, CarriedBatches
from perfrnn_live.training.corpus import TokenCorpus


@torch.no_grad()
def validate(network: PerformanceRNN, corpus: TokenCorpus, events: int) -> tuple[float, float]:
    """Nats per event over the first `events` of up to 64 recordings side by side, the state carried: with nothing
    asked, and with some of what is to come asked for."""
    streams = min(64, len(corpus))
    batches = CarriedBatches(corpus.first(streams), streams, segment=128)
    hidden, keys = network.start(streams), silent_keys(streams, network.output.weight.device)
    unasked, asked, counted = 0.0, 0.0, 0
    events = min(events, int(corpus.ends[streams - 1]))
    while counted < events:
        batch = batches.next()
        hidden, keys = begin_anew(batch, hidden, keys)
        nats, nats_asked, hidden, keys = nats_of(Both(network), batch, hidden, keys, corpus.vocabulary)
        unasked, asked = unasked + nats.item(), asked + nats_asked.item()
        counted += int((batch.targets != IGNORE).sum())
    return unasked / counted, asked / counted


class Both(nn.Module):
    """The network as it is trained: what it expects unasked, and, with no way back into its layers, asked."""

    def __init__(self, network: PerformanceRNN) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, tokens: Tensor, keys: Tensor, reminders: Tensor, asked: Tensor, hidden: Hidden
    ) -> tuple[Tensor, Tensor, Hidden]:
        """Logits unasked and asked, each (batch, time, size), and the hidden state after the last token."""
        logits, expected, hidden = self.network(tokens, keys, reminders, hidden)
        return logits, logits.detach() + self.network.handling(expected.detach(), asked), hidden


def nats_of(
    both: nn.Module, batch: Batch, hidden: Hidden, keys: KeyState, vocabulary: Vocabulary
) -> tuple[Tensor, Tensor, Hidden, KeyState]:
    """Nats of all the batch's targets, unasked and asked, and where its streams stand after it."""
    device = hidden[0].device
    inputs, targets, reminders = (_on(device, array).long() for array in (batch.inputs, batch.targets, batch.reminders))
    asked_for = _on(device, batch.asked).float()
    features, keys = key_features(inputs, keys, vocabulary)
    *logits, hidden = both(inputs, features, reminders, asked_for, hidden)
    unasked, asked = (
        cross_entropy(each.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORE, reduction="sum")
        for each in logits
    )
    return unasked, asked, hidden, keys


def begin_anew(batch: Batch, hidden: Hidden, keys: KeyState) -> tuple[Hidden, KeyState]:
    """The state detached from the last segment, and cleared for the streams that begin a recording."""
    fresh = _on(hidden[0].device, batch.fresh)[:, None]

    def clear(state: Tensor, empty: float) -> Tensor:
        return torch.where(fresh, empty, state.detach().float())  # what is carried on is not rounded

    return (clear(hidden[0], 0.0), clear(hidden[1], 0.0)), (clear(keys[0], 0.0), clear(keys[1], torch.inf))


def _on(device: torch.device, array: NDArray[np.generic]) -> Tensor:
    """An array as a tensor; onto a GPU from pinned memory, for which nobody waits."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor
