"""Stepping a network event by event: state in, state out. ONNX Runtime for playing, torch to check it against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.engines.card import HANDLING, ONNX, read_card
from perfrnn_live.engines.handles import HANDLES, Asked
from perfrnn_live.errors import CheckpointMismatch
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.reminders import REMINDERS
from perfrnn_live.music.vocabulary import Vocabulary

if TYPE_CHECKING:
    from perfrnn_live.engines.lstm.network import PerformanceRNN

Logits = NDArray[np.float32]  # (batch, vocabulary size)


@dataclass(frozen=True, slots=True)
class Context:
    """What a stream's past tells beside its last event: `keys` (batch, 256), `Keyboard.features` of each stream, and
    `reminders` (batch, REMINDERS), its `Keyboard.reminders`."""

    keys: NDArray[np.float32]
    reminders: NDArray[np.int64]

    @classmethod
    def of(cls, keyboards: Sequence[Keyboard], steps_per_second: int) -> Context:
        """That of these keyboards."""
        return cls(
            np.stack([keyboard.features(steps_per_second) for keyboard in keyboards]),
            np.stack([keyboard.reminders() for keyboard in keyboards]),
        )


@dataclass(frozen=True, slots=True)
class Expectation:
    """What comes next, nothing being asked, as `logits` (batch, size); and as `inner` (batch, cells), for `handled`."""

    logits: Logits
    inner: NDArray[np.float32]


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

    def step(self, tokens: NDArray[np.int64], state: HiddenState, context: Context) -> tuple[Expectation, HiddenState]:
        """Feed one token to each stream; `context` is that *after* it. Returns what comes next and the new state;
        `state` is left as it was."""
        ...

    def handled(self, inner: NDArray[np.float32], asked: Asked) -> Logits:
        """What to add to the logits, (batch, size), where `asked` (batch, HANDLES) is asked of the music."""
        ...


class OnnxEngine:
    """ONNX Runtime on one thread: a second one would cost more in waking than it brings."""

    def __init__(self, folder: Path) -> None:
        card = read_card(folder)
        self._step = _session(folder / ONNX)
        self._handling = _session(folder / HANDLING)
        self.vocabulary = card.vocabulary
        size, cells = card.vocabulary.size, card.cells
        shapes, handling = _shapes(self._step), _shapes(self._handling)
        state = (card.layers, "batch", cells)
        _, told = shapes.get("reminders", ("batch", 0))
        self._told = told if isinstance(told, int) else 0  # earlier models are told the first of the reminders only
        if (shapes.get("h"), shapes.get("logits")) != (state, ("batch", size)) or not 0 < self._told <= REMINDERS:
            raise CheckpointMismatch(f"{folder / ONNX} and its card differ in size: {shapes}")
        if handling != {"inner": ("batch", cells), "asked": ("batch", HANDLES), "added": ("batch", size)}:
            raise CheckpointMismatch(f"{folder / HANDLING} and its card differ in size: {handling}")
        self._shape = (card.layers, cells)

    def start(self, batch: int) -> HiddenState:
        layers, cells = self._shape
        return HiddenState(*np.zeros((2, layers, batch, cells), np.float32))

    def step(self, tokens: NDArray[np.int64], state: HiddenState, context: Context) -> tuple[Expectation, HiddenState]:
        told = {"token": tokens, "keys": context.keys, "reminders": context.reminders[:, : self._told]}
        logits, inner, h, c = self._step.run(None, {**told, "h": state.h, "c": state.c})
        return Expectation(logits, inner), HiddenState(h, c)

    def handled(self, inner: NDArray[np.float32], asked: Asked) -> Logits:
        (added,) = self._handling.run(None, {"inner": inner, "asked": asked})
        return np.asarray(added)


class TorchEngine:
    """The network itself, stepped plainly."""

    def __init__(self, network: PerformanceRNN) -> None:
        self._network = network.eval()
        self.vocabulary = network.config.events

    def start(self, batch: int) -> HiddenState:
        h, c = self._network.start(batch)
        return HiddenState(h.numpy(), c.numpy())

    def step(self, tokens: NDArray[np.int64], state: HiddenState, context: Context) -> tuple[Expectation, HiddenState]:
        import torch

        with torch.inference_mode():
            told = (torch.from_numpy(each)[:, None] for each in (tokens, context.keys, context.reminders))
            logits, inner, (h, c) = self._network(*told, (torch.from_numpy(state.h), torch.from_numpy(state.c)))
        return Expectation(logits[:, 0].numpy(), inner[:, 0].numpy()), HiddenState(h.numpy(), c.numpy())

    def handled(self, inner: NDArray[np.float32], asked: Asked) -> Logits:
        import torch

        with torch.inference_mode():
            return np.asarray(self._network.handling(torch.from_numpy(inner), torch.from_numpy(asked)).numpy())


def _session(path: Path) -> Any:
    """An ONNX graph, loaded. Raises CheckpointMismatch."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no common base of its errors
        raise CheckpointMismatch(f"{path} cannot be loaded: {error}") from error


def _shapes(session: Any) -> dict[str, tuple[int | str, ...]]:
    """What goes in and comes out of a graph."""
    return {each.name: tuple(each.shape) for each in (*session.get_inputs(), *session.get_outputs())}
