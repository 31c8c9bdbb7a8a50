"""The LSTM that plays: the int8 graphs of a model folder in ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.engines.base import Logits, fingerprint
from perfrnn_live.engines.card import HANDLING, ONNX
from perfrnn_live.engines.handles import Asked, Place
from perfrnn_live.engines.latent import Latent
from perfrnn_live.engines.lstm.sizes import read_sizes
from perfrnn_live.engines.lstm.state import Context, HiddenState, HiddenStates, LstmEngine
from perfrnn_live.errors import CheckpointMismatch
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.reminders import REMINDERS


class OnnxEngine(LstmEngine):
    """ONNX Runtime on one thread: a second one would cost more in waking than it brings."""

    def __init__(self, folder: Path) -> None:
        """The engine of a model folder. Raises CheckpointMismatch."""
        sizes = read_sizes(folder)
        vocabulary, layers, cells, handles = sizes.vocabulary, sizes.layers, sizes.cells, sizes.handles
        super().__init__(vocabulary, layers, cells, handles)
        self._step = _session(folder / ONNX)
        self._handling = _session(folder / HANDLING)
        size = vocabulary.size
        shapes, state = _shapes(self._step), (layers, "batch", cells)
        _, told = shapes.get("reminders", ("batch", 0))
        self._told = told if isinstance(told, int) else 0  # earlier models are told the first of the reminders only
        if (shapes.get("h"), shapes.get("logits")) != (state, ("batch", size)) or not 0 < self._told <= REMINDERS:
            raise CheckpointMismatch(f"{folder / ONNX} and its card differ in size: {shapes}")
        shapes, asked = _shapes(self._handling), ("batch", handles.size)
        if shapes != {"inner": ("batch", cells), "asked": asked, "added": ("batch", size)}:
            raise CheckpointMismatch(f"{folder / HANDLING} and its card differ in size: {shapes}")
        self._latent = Latent.beside(folder, cells, size)
        graphs = ((folder / name).read_bytes() for name in (ONNX, HANDLING))
        self._fingerprint = fingerprint(*graphs, vocabulary.name.encode(), handles.text.encode())

    @property
    def fingerprint(self) -> str:
        """A digest of both graphs, the vocabulary and what the handles mean: all that states depend on."""
        return self._fingerprint

    def handled(self, state: HiddenState, asked: Asked) -> Logits:
        inner = np.repeat(state.inner[None], len(asked), axis=0)
        (added,) = self._handling.run(None, {"inner": inner, "asked": asked})
        return np.asarray(added)

    @property
    def place_size(self) -> int:
        return self._latent.size if self._latent is not None else 0

    def place_of(self, keyboard: Keyboard) -> Place | None:
        return self._latent.place_of(keyboard) if self._latent is not None else None

    def likened(self, state: HiddenState, place: Place) -> Logits:
        assert self._latent is not None, "there is no latent space"
        return self._latent.added(state.inner, place)

    def _stepped(
        self, tokens: NDArray[np.int64], context: Context, states: HiddenStates
    ) -> tuple[Logits, HiddenStates]:
        told = {"token": tokens, "keys": context.keys, "reminders": context.reminders[:, : self._told]}
        logits, inner, h, c = self._step.run(None, {**told, "h": states.h, "c": states.c})
        return logits, HiddenStates(h, c, inner)


def _session(path: Path) -> Any:
    """An ONNX graph, loaded. Raises CheckpointMismatch."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False  # as quick, and what a burst of steps took is given back
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no common base of its errors
        raise CheckpointMismatch(f"{path} cannot be loaded: {error}") from error


def _shapes(session: Any) -> dict[str, tuple[int | str, ...]]:
    """What goes in and comes out of a graph."""
    return {each.name: tuple(each.shape) for each in (*session.get_inputs(), *session.get_outputs())}
