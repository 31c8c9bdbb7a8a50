"""Stepping a network event by event: state in, state out. ONNX Runtime for playing, torch to check it against."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.errors import CheckpointMismatch
from perfrnn_live.model.checkpoint import ONNX, read_card
from perfrnn_live.music.vocabulary import Vocabulary

if TYPE_CHECKING:
    from perfrnn_live.model.network import PerformanceRNN

Logits = NDArray[np.float32]  # (batch, vocabulary size)
Keys = NDArray[np.float32]  # (batch, 256), `Keyboard.features` of each stream


@dataclass(frozen=True, slots=True)
class HiddenState:
    """`h` and `c`, each (layers, batch, cells). Engines hand out fresh arrays, so keeping one is a snapshot."""

    h: NDArray[np.float32]
    c: NDArray[np.float32]

    def streams(self, rows: NDArray[np.int64]) -> HiddenState:
        """The state of some streams, or of one several times."""
        return HiddenState(self.h[:, rows], self.c[:, rows])


class StepEngine(Protocol):
    """Anything that can take a step."""

    vocabulary: Vocabulary

    def start(self, batch: int) -> HiddenState:
        """The state before anything was heard."""
        ...

    def step(self, tokens: NDArray[np.int64], state: HiddenState, keys: Keys) -> tuple[Logits, HiddenState]:
        """Feed one token to each stream; `keys` is the keyboard *after* it. Returns logits of the next event and the
        new state; `state` is left as it was."""
        ...


class OnnxEngine:
    """ONNX Runtime on one thread: a second one would cost more in waking than it brings."""

    def __init__(self, folder: Path, file: str = ONNX) -> None:
        import onnxruntime

        card = read_card(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(folder / file, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has no common base of its errors
            raise CheckpointMismatch(f"{folder / file} cannot be loaded: {error}") from error
        self.vocabulary = card.vocabulary
        ends = [*self._session.get_inputs(), *self._session.get_outputs()]
        shapes = {each.name: tuple(each.shape) for each in ends}
        state = (card.layers, "batch", card.cells)
        if (shapes.get("h"), shapes.get("logits")) != (state, ("batch", card.vocabulary.size)):
            raise CheckpointMismatch(f"{folder / file} and its card differ in size: {shapes}")
        self._shape = (card.layers, card.cells)

    def start(self, batch: int) -> HiddenState:
        layers, cells = self._shape
        return HiddenState(*np.zeros((2, layers, batch, cells), np.float32))

    def step(self, tokens: NDArray[np.int64], state: HiddenState, keys: Keys) -> tuple[Logits, HiddenState]:
        logits, h, c = self._session.run(None, {"token": tokens, "keys": keys, "h": state.h, "c": state.c})
        return logits, HiddenState(h, c)


class TorchEngine:
    """The network itself, stepped plainly."""

    def __init__(self, network: PerformanceRNN) -> None:
        self._network = network.eval()
        self.vocabulary = network.config.events

    def start(self, batch: int) -> HiddenState:
        h, c = self._network.start(batch)
        return HiddenState(h.numpy(), c.numpy())

    def step(self, tokens: NDArray[np.int64], state: HiddenState, keys: Keys) -> tuple[Logits, HiddenState]:
        import torch

        with torch.inference_mode():
            hidden = torch.from_numpy(state.h), torch.from_numpy(state.c)
            logits, (h, c) = self._network(torch.from_numpy(tokens)[:, None], torch.from_numpy(keys)[:, None], hidden)
        return logits[:, 0].numpy(), HiddenState(h.numpy(), c.numpy())
