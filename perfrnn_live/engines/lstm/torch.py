"""The network itself, stepped plainly: what the int8 graphs are compared with. Needs the extra `train`."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from perfrnn_live.engines.base import Logits, fingerprint
from perfrnn_live.engines.handles import TAUGHT, Asked, HandleSpace
from perfrnn_live.engines.lstm.network import PerformanceRNN
from perfrnn_live.engines.lstm.sizes import read_sizes
from perfrnn_live.engines.lstm.state import Context, HiddenState, HiddenStates, LstmEngine
from perfrnn_live.engines.lstm.weights import load_network


class TorchEngine(LstmEngine):
    """`network` in full precision, and what its handles mean."""

    def __init__(self, network: PerformanceRNN, handles: HandleSpace = TAUGHT) -> None:
        config = network.config
        super().__init__(config.events, config.layers, config.cells, handles)
        self._network = network.eval()

    @classmethod
    def of(cls, folder: Path) -> TorchEngine:
        """The engine of a model folder. Raises CheckpointMismatch."""
        return cls(load_network(folder), read_sizes(folder).handles)

    @cached_property
    def fingerprint(self) -> str:
        """A digest of the weights, the vocabulary and what the handles mean."""
        weights = (tensor.numpy().tobytes() for tensor in self._network.state_dict().values())
        return fingerprint(*weights, self.vocabulary.name.encode(), self.handles.text.encode())

    def handled(self, state: HiddenState, asked: Asked) -> Logits:
        with torch.inference_mode():
            inner = torch.from_numpy(state.inner).expand(len(asked), -1)
            return np.asarray(self._network.handling(inner, torch.from_numpy(asked)).numpy())

    def _stepped(
        self, tokens: NDArray[np.int64], context: Context, states: HiddenStates
    ) -> tuple[Logits, HiddenStates]:
        with torch.inference_mode():
            told = (torch.from_numpy(each)[:, None] for each in (tokens, context.keys, context.reminders))
            logits, inner, (h, c) = self._network(*told, (torch.from_numpy(states.h), torch.from_numpy(states.c)))
        return logits[:, 0].numpy(), HiddenStates(h.numpy(), c.numpy(), inner[:, 0].numpy())
