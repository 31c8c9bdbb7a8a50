"""Performance RNN: an LSTM over musical events that also sees the keys that sound.

Oore et al. 2018: 3 × 512 LSTM cells, a categorical distribution over 413 events. Three things are ours. Each layer adds
to what it read (residual) and reads it normalised, so that depth trains at once. The keys that sound, and how lately
each was struck, come in beside the event, and go straight to the output too: what is possible need not be remembered.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from perfrnn_live.music.keyboard import KEY_FEATURES
from perfrnn_live.music.vocabulary import VOCABULARIES, Vocabulary

Hidden = tuple[Tensor, Tensor]  # h and c, each (layers, batch, cells)


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes; goes into the card as it is."""

    vocabulary: str = "performance-8ms"
    layers: int = 3
    cells: int = 512

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def events(self) -> Vocabulary:
        """The vocabulary itself."""
        return VOCABULARIES[self.vocabulary]


class PerformanceRNN(nn.Module):
    """Tokens, keys and hidden state in; logits of the next event and new hidden state out. Keeps no state itself."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        size, cells = config.events.size, config.cells
        self.embedding = nn.Embedding(size + 1, cells)  # one more: the start symbol
        self.keys = nn.Linear(KEY_FEATURES, cells, bias=False)
        self.norms = nn.ModuleList(nn.LayerNorm(cells) for _ in range(config.layers))
        self.lstms = nn.ModuleList(nn.LSTM(cells, cells, batch_first=True) for _ in range(config.layers))
        self.output_norm = nn.LayerNorm(cells)
        self.output = nn.Linear(cells, size)
        self.keys_output = nn.Linear(KEY_FEATURES, size, bias=False)
        self._initialise()

    def _initialise(self) -> None:
        # Orthogonal recurrent weights and a forget gate that starts open: with torch's defaults the net sits on the
        # unigram plateau for millions of events.
        nn.init.normal_(self.embedding.weight, std=0.5)
        nn.init.normal_(self.keys.weight, std=0.05)
        nn.init.zeros_(self.keys_output.weight)
        for lstm in self.lstms:
            for gate in lstm.weight_hh_l0.data.chunk(4):
                nn.init.orthogonal_(gate)
            nn.init.xavier_uniform_(lstm.weight_ih_l0)
            nn.init.zeros_(lstm.bias_ih_l0)
            nn.init.zeros_(lstm.bias_hh_l0)
            lstm.bias_ih_l0.data[self.config.cells : 2 * self.config.cells] = 1.0  # torch's gate order: i f g o

    def start(self, batch: int) -> Hidden:
        """The hidden state before anything was heard, two tensors (layers, batch, cells)."""
        shape = (self.config.layers, batch, self.config.cells)
        weight = self.output.weight
        return weight.new_zeros(shape), weight.new_zeros(shape)

    def forward(self, tokens: Tensor, keys: Tensor, hidden: Hidden) -> tuple[Tensor, Hidden]:
        """tokens (batch, time) int64, keys (batch, time, 256): the keyboard after each token → logits (batch, time, size)."""
        x = self.embedding(tokens) + self.keys(keys)  # (batch, time, cells)
        h_in, c_in = hidden
        h_out, c_out = [], []
        for layer, (norm, lstm) in enumerate(zip(self.norms, self.lstms, strict=True)):
            y, (h, c) = lstm(norm(x), (h_in[layer : layer + 1].contiguous(), c_in[layer : layer + 1].contiguous()))
            x = x + y
            h_out.append(h)
            c_out.append(c)
        logits = self.output(self.output_norm(x)) + self.keys_output(keys)
        return logits, (torch.cat(h_out), torch.cat(c_out))
