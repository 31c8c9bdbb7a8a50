"""Performance RNN: an LSTM over musical events that also sees the keys that sound.

Oore et al. 2018: 3 × 512 LSTM cells, a categorical distribution over 413 events. Three things are ours. Each layer adds
to what it read (residual) and reads it normalised, so that depth trains at once. The keys that sound, and how lately
each was struck, come in beside the event and go straight to the output too, so that the network need not remember what
is possible. Reminders of what followed when the last notes were heard before come in likewise, so that it need not
remember what the music repeats. Beside the output, keys, time shifts and velocities are scored by what lies around them
(`line.py`).

What a performer asks for (`handles.py`) comes in last, between the layers and the events. So it acts at once and leaves
no trace: what the network remembers is what sounded, whatever was asked, and unasked it is what it would be without.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, silu

from perfrnn_live.engines.handles import TAUGHT
from perfrnn_live.engines.lstm.line import LineScores, marks
from perfrnn_live.music.keyboard import KEY_FEATURES
from perfrnn_live.music.reminders import (
    KEY_PLACES,
    REMINDERS,
    RETURN_KEY_PLACE,
    RETURN_LEVEL_PLACE,
    STEP_PLACES,
    VALUES,
    VELOCITY_PLACES,
)
from perfrnn_live.music.returns import LEVELS
from perfrnn_live.music.vocabulary import PITCHES, VELOCITY_BINS, VOCABULARIES, Vocabulary

KEY_PLANES = 5 + len(KEY_PLACES)
FIRST_SHIFT = 2  # the reminder that says: in one step
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

    def __init__(self, cells: int, dropout: float, weight_dropout: float) -> None:
        super().__init__()
        self.weight_dropout = weight_dropout
        self.norm = nn.LayerNorm(cells)
        self.dropout = nn.Dropout(dropout)
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
        w_ih, w_hh, b_ih, b_hh = self.lstm.parameters()
        # weights left out are the same ones for the whole segment (Merity et al. 2018)
        weights = [w_ih, dropout(w_hh, self.weight_dropout, self.training), b_ih, b_hh]
        state = [h.contiguous(), c.contiguous()]
        y, h, c = torch.lstm(self.norm(x), state, weights, True, 1, 0.0, self.training, False, True)
        return x + self.dropout(y), h, c


class Handling(nn.Module):
    """What the network expects, and what is asked of the music to come → by how much that changes what it expects."""

    def __init__(self, cells: int, size: int, handles: int) -> None:
        super().__init__()
        self.expected = nn.Linear(cells, cells)
        self.asked = nn.Linear(handles, cells, bias=False)
        self.norm = nn.LayerNorm(cells)
        self.hidden = nn.Linear(cells, cells)
        self.output = nn.Linear(cells, size)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, expected: Tensor, asked: Tensor) -> Tensor:
        """expected (..., cells), asked (..., handles) → what is to be added to the logits (..., size)."""
        x = silu(self.expected(expected) + self.asked(asked))  # not relu: at this learning rate all of it died
        return self.output(silu(self.hidden(self.norm(x))))  # type: ignore[no-any-return]


class PerformanceRNN(nn.Module):
    """Tokens, what the past tells and hidden state in; logits of the next event and new hidden state out. Keeps no
    state itself. For training: of what each layer adds the share `dropout` is left out, of the weights from each cell
    to its layer the share `weight_dropout`. Of `handles` corners is what can be asked."""

    def __init__(
        self, config: NetworkConfig, dropout: float = 0.0, weight_dropout: float = 0.0, handles: int = TAUGHT.size
    ) -> None:
        super().__init__()
        self.config = config
        size, cells = config.events.size, config.cells
        self.embedding = nn.Embedding(config.events.inputs, cells)
        self.keys = nn.Linear(KEY_FEATURES, cells, bias=False)
        self.reminders = nn.EmbeddingBag(REMINDERS * VALUES, cells, mode="sum")  # a table for each, one after the other
        self.layers = nn.ModuleList(Layer(cells, dropout, weight_dropout) for _ in range(config.layers))
        self.output_norm = nn.LayerNorm(cells)
        self.output = nn.Linear(cells, size)
        self.keys_output = nn.Linear(KEY_FEATURES, size, bias=False)
        self.handling = Handling(cells, size, handles)
        shifts = config.events.max_shift
        self.key_scores = LineScores(cells, KEY_PLANES, PITCHES, channels=32, reach=24, block=16, outputs=2)
        self.shift_scores = LineScores(cells, len(STEP_PLACES), shifts, channels=16, reach=12, block=25)
        self.velocity_scores = LineScores(cells, len(VELOCITY_PLACES), VELOCITY_BINS, channels=16, reach=15, block=32)
        nn.init.normal_(self.embedding.weight, std=0.5)
        nn.init.normal_(self.keys.weight, std=0.05)
        nn.init.normal_(self.reminders.weight, std=0.05)
        nn.init.zeros_(self.keys_output.weight)

    def start(self, batch: int) -> Hidden:
        """The hidden state before anything was heard, two tensors (layers, batch, cells)."""
        shape = (self.config.layers, batch, self.config.cells)
        weight = self.output.weight
        return weight.new_zeros(shape), weight.new_zeros(shape)

    def forward(self, tokens: Tensor, keys: Tensor, reminders: Tensor, hidden: Hidden) -> tuple[Tensor, Tensor, Hidden]:
        """tokens (batch, time) int64, keys (batch, time, 256) and reminders (batch, time, REMINDERS) int64 as they are
        after each token → logits (batch, time, size) of the event after each, nothing being asked; what is expected
        (batch, time, cells), for `handling`; and the hidden state after the last."""
        places = reminders + VALUES * torch.arange(REMINDERS, device=reminders.device)
        reminded = self.reminders(places.flatten(0, 1)).unflatten(0, tokens.shape)
        x = self.embedding(tokens) + self.keys(keys) + reminded  # (batch, time, cells)
        h_out, c_out = [], []
        for layer, h_in, c_in in zip(self.layers, *(torch.split(state, 1) for state in hidden), strict=True):
            x, h, c = layer(x, h_in, c_in)
            h_out.append(h)
            c_out.append(c)
        expected = self.output_norm(x)
        logits = self.output(expected) + self.keys_output(keys) + self.scores(expected, keys, reminders)
        return logits, expected, (torch.cat(h_out), torch.cat(c_out))

    def scores(self, expected: Tensor, keys: Tensor, reminders: Tensor) -> Tensor:
        """What the lines of keys, time shifts and velocities add to the logits, (batch, time, size)."""
        steps = marks(reminders[..., STEP_PLACES] - FIRST_SHIFT, self.shift_scores.length, keys)
        bins = marks(reminders[..., VELOCITY_PLACES], VELOCITY_BINS, keys)
        strikes, releases = self.key_scores(expected, key_planes(keys, reminders)).unbind(-1)
        shifts, velocities = self.shift_scores(expected, steps), self.velocity_scores(expected, bins)
        return torch.cat([strikes, releases, shifts.squeeze(-1), velocities.squeeze(-1)], -1)


def key_planes(keys: Tensor, reminders: Tensor) -> Tensor:
    """What is marked on the line of keys, (batch, time, KEY_PLANES, 128): those that sound; how lately each was struck,
    by slow and by quick measures; those that followed when the last strikes were heard before; and the one
    that followed the longest run heard before, the more the longer the run."""
    sounding, recency = keys[..., :PITCHES], keys[..., PITCHES:]
    eighth = recency**8
    followed = marks(reminders[..., KEY_PLACES], PITCHES, keys).unbind(-2)
    returning = marks(reminders[..., [RETURN_KEY_PLACE]], PITCHES, keys).squeeze(-2)
    sure = reminders[..., [RETURN_LEVEL_PLACE]] / LEVELS
    return torch.stack([sounding, recency, eighth, eighth**8, *followed, returning * sure], dim=-2)
