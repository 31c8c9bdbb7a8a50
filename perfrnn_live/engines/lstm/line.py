"""Events that lie on a line, scored by what lies around them: keys, time shifts, velocities.

What a strike of one key has to do with the keys that sound a third or an octave away is alike for every key, and what a
rhythm says of a time shift is alike for long and short ones. A net with a row of weights for each event has to learn
that once for each; a convolution along the line learns it once.

It is written as a matrix product. The line is cut into blocks; all events of a block see the same window, and the
kernel stands in a banded matrix, the same for all blocks: a few more products than needed, but no copy of the window
for each event, which is what makes small convolutions slow on processors.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, silu


class LineScores(nn.Module):
    """`planes` marks on a line of `length` events → `outputs` scores for each, in the light of what the layers expect.

    `channels` features of each event see the marks up to `reach` events away on either side. `block` divides `length`.
    """

    def __init__(
        self, cells: int, planes: int, length: int, channels: int, reach: int, block: int, outputs: int = 1
    ) -> None:
        super().__init__()
        if length % block:
            raise ValueError(f"blocks of {block} do not divide a line of {length}")
        self.length, self.reach, self.block, self.width = length, reach, block, block + 2 * reach
        self.kernel = nn.Parameter(torch.empty(planes, 2 * reach + 1, channels))
        self.gate = nn.Linear(cells, channels)
        self.hidden = nn.Linear(channels, channels)
        self.output = nn.Linear(channels, outputs)
        nn.init.normal_(self.kernel, std=(planes * (2 * reach + 1)) ** -0.5)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def banded(self) -> Tensor:
        """The kernel as (planes · width, block · channels): from what a window shows to the features of its block."""
        planes, reached, channels = self.kernel.shape
        rows = torch.arange(self.width, device=self.kernel.device)[:, None]
        offset = rows - torch.arange(self.block, device=self.kernel.device)  # (width, block)
        there = (offset >= 0) & (offset < reached)
        band = self.kernel[:, offset.clamp(0, reached - 1)] * there[..., None]  # (planes, width, block, channels)
        return band.reshape(planes * self.width, self.block * channels)

    def forward(self, expected: Tensor, planes: Tensor) -> Tensor:
        """expected (batch, time, cells), planes (batch, time, planes, length) → (batch, time, length, outputs)."""
        gate = self.gate(expected)[:, :, None]
        windows = pad(planes.to(gate.dtype), (self.reach, self.reach)).unfold(-1, self.width, self.block)
        windows = windows.transpose(2, 3).flatten(3)  # (batch, time, blocks, planes · width)
        around = (windows @ self.banded()).view(*expected.shape[:2], self.length, -1)
        features = silu(around + gate)  # (batch, time, length, channels)
        scores: Tensor = self.output(silu(self.hidden(features)))
        return scores


def marks(places: Tensor, length: int, like: Tensor) -> Tensor:
    """places (batch, time, planes) int64 → (batch, time, planes, length), 1 at each place; a place outside has none."""
    return (places[..., None] == torch.arange(length, device=places.device)).to(like.dtype)
