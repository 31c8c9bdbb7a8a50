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


class Layer(nn.Module):
    """One LSTM layer: reads its input normalised, adds what it makes of it."""

    def __init__(self, cells: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(cells)
        self.lstm = nn.LSTM(cells, cells, batch_first=True)
        # Orthogonal recurrent weights and a forget gate that starts open: with torch's defaults the net sits on the
        # unigram plateau for millions of events.
        weights = dict(self.lstm.named_parameters())
        nn.init.xavier_uniform_(weights["weight_ih_l0"])
        for gate in weights["weight_hh_l0"].data.chunk(4):
            nn.init.orthogonal_(gate)
        nn.init.zeros_(weights["bias_ih_l0"])
        nn.init.zeros_(weights["bias_hh_l0"])
        nn.init.ones_(weights["bias_ih_l0"].data[cells : 2 * cells])  # torch's gates stand in the order i f g o

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x (batch, time, cells); h and c (1, batch, cells)."""
        y, (h, c) = self.lstm(self.norm(x), (h.contiguous(), c.contiguous()))
        return x + y, h, c


class PerformanceRNN(nn.Module):
    """Tokens, keys and hidden state in; logits of the next event and new hidden state out. Keeps no state itself."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        size, cells = config.events.size, config.cells
        self.embedding = nn.Embedding(size + 1, cells)  # one more: the start symbol
        self.keys = nn.Linear(KEY_FEATURES, cells, bias=False)
        self.layers = nn.ModuleList(Layer(cells) for _ in range(config.layers))
        self.output_norm = nn.LayerNorm(cells)
        self.output = nn.Linear(cells, size)
        self.keys_output = nn.Linear(KEY_FEATURES, size, bias=False)
        nn.init.normal_(self.embedding.weight, std=0.5)
        nn.init.normal_(self.keys.weight, std=0.05)
        nn.init.zeros_(self.keys_output.weight)

    def start(self, batch: int) -> Hidden:
        """The hidden state before anything was heard, two tensors (layers, batch, cells)."""
        shape = (self.config.layers, batch, self.config.cells)
        weight = self.output.weight
        return weight.new_zeros(shape), weight.new_zeros(shape)

    def forward(self, tokens: Tensor, keys: Tensor, hidden: Hidden) -> tuple[Tensor, Hidden]:
        """tokens (batch, time) int64, keys (batch, time, 256) as they are after each token → logits (batch, time, size)
        of the event after each, and the hidden state after the last."""
        x = self.embedding(tokens) + self.keys(keys)  # (batch, time, cells)
        h_out, c_out = [], []
        for layer, h_in, c_in in zip(self.layers, *(torch.split(state, 1) for state in hidden), strict=True):
            x, h, c = layer(x, h_in, c_in)
            h_out.append(h)
            c_out.append(c)
        logits = self.output(self.output_norm(x)) + self.keys_output(keys)
        return logits, (torch.cat(h_out), torch.cat(c_out))
