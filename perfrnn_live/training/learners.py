"""The networks that `engines` steps in NumPy, in PyTorch for whole segments: plain cells, a Transformer, and two that
read frames."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, scaled_dot_product_attention

from perfrnn_live.engines import rnn, rolls, transformer
from perfrnn_live.music.vocabulary import PITCHES, Vocabulary
from perfrnn_live.training.corpus import TokenCorpus
from perfrnn_live.training.lessons import Piece, as_events, as_frames
from perfrnn_live.training.plain import Learner

_EMBEDDING = 128
_WINDOW = 512
_HEAD = 32  # the width of a head


def _linear(of: int, to: int) -> nn.Linear:
    return nn.Linear(of, to, bias=False)


class OfEvents(Learner):
    """What learns from events: `forward` takes and expects tokens."""

    def pieces(self, corpus: TokenCorpus, seed: int) -> Callable[[int], Piece]:
        return as_events(corpus, seed)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        return cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape)


class OfFrames(Learner):
    """What learns from frames: `forward` takes which keys sound, and expects those of the next frame."""

    def pieces(self, corpus: TokenCorpus, seed: int) -> Callable[[int], Piece]:
        return as_frames(corpus, seed)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        return binary_cross_entropy_with_logits(logits, targets.float(), reduction="none").sum(-1)


class Rnn(OfEvents):
    """One layer of tanh cells. Its memory is h, (1, streams, cells)."""

    kind = rnn.KIND

    def __init__(self, vocabulary: Vocabulary, layers: int, cells: int) -> None:
        super().__init__()
        self.sizes = {"cells": cells}
        self.embedding = nn.Embedding(vocabulary.inputs, _EMBEDDING)
        self.rnn = nn.RNN(_EMBEDDING, cells, batch_first=True)
        self.head = nn.Linear(cells, vocabulary.size)

    def nothing(self, streams: int) -> Tensor:
        return torch.zeros(1, streams, self.sizes["cells"])

    def forward(self, inputs: Tensor, memory: Tensor, fresh: Tensor) -> tuple[Tensor, Tensor]:
        after, memory = self.rnn(self.embedding(inputs), torch.where(fresh[None, :, None], 0.0, memory))
        return self.head(after), memory.detach()

    def weights(self) -> dict[str, Tensor]:
        of_input, of_cells, bias, other_bias = self.rnn.parameters()
        told = self.embedding.weight @ of_input.T + bias + other_bias
        return {"told": told, "kept": of_cells.T, "expects": self.head.weight.T, "always": self.head.bias}


class _Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.RMSNorm(width, 1e-6), nn.RMSNorm(width, 1e-6)
        self.asks, self.hears = _linear(width, 3 * width), _linear(width, width)
        self.up, self.down = _linear(width, 4 * width), _linear(4 * width, width)

    def forward(self, music: Tensor, kept: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        asked = self.asks(self.before(music)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = torch.cat([kept, asked[1:]], dim=3)  # keys and values: (2, streams, heads, events, width of a head)
        heard = scaled_dot_product_attention(asked[0], seen[0], seen[1], attn_mask=mask)
        music = music + self.hears(heard.transpose(1, 2).flatten(2))
        return music + self.down(torch.relu(self.up(self.between(music)))), seen[:, :, :, -kept.shape[3] :].detach()


class Transformer(OfEvents):
    """`layers` of attention to the last events. Its memory is how many of those it has, (streams,), and each layer's
    keys and values of them, (2, streams, heads, window, width of a head)."""

    kind = transformer.KIND

    def __init__(self, vocabulary: Vocabulary, layers: int, width: int, window: int = _WINDOW) -> None:
        super().__init__()
        heads = max(width // _HEAD, 1)
        self.sizes = {"layers": layers, "width": width, "heads": heads, "window": window}
        self.told = nn.Embedding(vocabulary.inputs, width)
        nn.init.normal_(self.told.weight, std=0.1)
        self.blocks = nn.ModuleList(_Block(width, heads) for _ in range(layers))
        self.last, self.expects = nn.RMSNorm(width, 1e-6), _linear(width, vocabulary.size)

    def nothing(self, streams: int) -> tuple[Tensor, list[Tensor]]:
        heads, window = self.sizes["heads"], self.sizes["window"]
        kept = torch.zeros(2, streams, heads, window, self.sizes["width"] // heads)
        return torch.zeros(streams, dtype=torch.long), [kept] * self.sizes["layers"]

    def forward(
        self, inputs: Tensor, memory: tuple[Tensor, list[Tensor]], fresh: Tensor
    ) -> tuple[Tensor, tuple[Tensor, list[Tensor]]]:
        has = torch.where(fresh, 0, memory[0])
        music, mask, after = self.told(inputs), self._mask(inputs.shape[1], has), []
        for block, kept in zip(self.blocks, memory[1], strict=True):
            music, kept = block(music, kept, mask)
            after.append(kept)
        return self.expects(self.last(music)), ((has + inputs.shape[1]).clamp(max=self.sizes["window"]), after)

    def _mask(self, events: int, has: Tensor) -> Tensor:
        """What is taken from each score, (streams, heads, events, window + events): all of it for events that are
        later, too long ago, or not there."""
        window = self.sizes["window"]
        places = torch.arange(-window, events)
        away = torch.arange(events)[:, None] - places
        unseen = (away < 0) | (away >= window) | (places < -has[:, None, None, None])
        penalties = -torch.from_numpy(transformer.slopes(self.sizes["heads"]))[:, None, None] * away
        return torch.where(unseen, -torch.inf, penalties)

    def weights(self) -> dict[str, Tensor]:
        found = {"told": self.told.weight, "last": self.last.weight, "expects": self.expects.weight.T}
        for name, weight in self.blocks.state_dict().items():
            found[name.removesuffix(".weight")] = weight.T if weight.dim() == 2 else weight
        return found


class RollLstm(OfFrames):
    """LSTM cells that read frames. Its memory is h and c, each (layers, streams, cells)."""

    kind = rolls.LSTM

    def __init__(self, vocabulary: Vocabulary, layers: int, cells: int) -> None:
        super().__init__()
        self.sizes = {"layers": layers, "cells": cells}
        self.lstm, self.head = nn.LSTM(PITCHES, cells, layers, batch_first=True), nn.Linear(cells, PITCHES)

    def nothing(self, streams: int) -> tuple[Tensor, Tensor]:
        zeros = torch.zeros(self.sizes["layers"], streams, self.sizes["cells"])
        return zeros, zeros

    def forward(
        self, inputs: Tensor, memory: tuple[Tensor, Tensor], fresh: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        h, c = (torch.where(fresh[None, :, None], 0.0, each) for each in memory)
        after, (h, c) = self.lstm(inputs.float(), (h, c))
        return self.head(after), (h.detach(), c.detach())

    def weights(self) -> dict[str, Tensor]:
        found = {"expects": self.head.weight.T, "always": self.head.bias}
        for place in range(self.sizes["layers"]):
            told, kept, *biases = (getattr(self.lstm, name) for name in self.lstm._all_weights[place])
            found |= {f"{place}.told": told.T, f"{place}.kept": kept.T, f"{place}.always": biases[0] + biases[1]}
        return found


class RollConvolutions(OfFrames):
    """Gated convolutions that look back 1, 2, 4 … frames. Its memory is what each layer was told last, (streams,
    frames, channels)."""

    kind = rolls.CONVOLUTIONS

    def __init__(self, vocabulary: Vocabulary, layers: int, channels: int) -> None:
        super().__init__()
        self.sizes = {"layers": layers, "channels": channels}
        self.told = _linear(PITCHES, channels)
        self.before = nn.ModuleList(_linear(channels, 2 * channels) for _ in range(layers))
        self.now = nn.ModuleList(nn.Linear(channels, 2 * channels) for _ in range(layers))
        self.head = nn.Linear(channels, PITCHES)

    def nothing(self, streams: int) -> list[Tensor]:
        return [torch.zeros(streams, 2**place, self.sizes["channels"]) for place in range(self.sizes["layers"])]

    def forward(self, inputs: Tensor, memory: list[Tensor], fresh: Tensor) -> tuple[Tensor, list[Tensor]]:
        music, after, events = self.told(inputs.float()), [], inputs.shape[1]
        for before, now, kept in zip(self.before, self.now, memory, strict=True):
            told = torch.cat([torch.where(fresh[:, None, None], 0.0, kept), music], dim=1)
            after.append(told[:, events:].detach())
            seen, gate = (before(told[:, :events]) + now(music)).chunk(2, dim=-1)
            music = music + torch.tanh(seen) * torch.sigmoid(gate)
        return self.head(torch.relu(music)), after

    def weights(self) -> dict[str, Tensor]:
        found = {"told": self.told.weight.T, "expects": self.head.weight.T, "always": self.head.bias}
        before, now = self.before.state_dict(), self.now.state_dict()
        for place in range(self.sizes["layers"]):
            found[f"{place}.before"] = before[f"{place}.weight"].T
            found |= {f"{place}.now": now[f"{place}.weight"].T, f"{place}.always": now[f"{place}.bias"]}
        return found


LEARNERS: dict[str, Callable[[Vocabulary, int, int], Learner]] = {
    each.kind: each for each in (Rnn, Transformer, RollLstm, RollConvolutions)
}
"""By kind of engine, an untrained network of so many layers and cells (the width of a Transformer, the channels of
convolutions); the plain cells have one layer."""
