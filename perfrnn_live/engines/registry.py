"""Which engine plays a model: from the kind that its card names to a loader, which imports only what it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from perfrnn_live.engines.base import StepEngine
from perfrnn_live.engines.card import CARD, read_card
from perfrnn_live.errors import CheckpointMismatch

Loader = Callable[[Path], StepEngine[Any]]


def _lstm(folder: Path) -> StepEngine[Any]:
    from perfrnn_live.engines.lstm.onnx import OnnxEngine

    return OnnxEngine(folder)


def _lstm_weights(folder: Path) -> StepEngine[Any]:
    from perfrnn_live.engines.lstm.torch import TorchEngine

    return TorchEngine.of(folder)


def _markov(folder: Path) -> StepEngine[Any]:
    from perfrnn_live.engines.markov import MarkovEngine

    return MarkovEngine.of(folder)


def _rnn(folder: Path) -> StepEngine[Any]:
    from perfrnn_live.engines.rnn import RnnEngine

    return RnnEngine.of(folder)


def _transformer(folder: Path) -> StepEngine[Any]:
    from perfrnn_live.engines.transformer import TransformerEngine

    return TransformerEngine.of(folder)


def _roll_lstm(folder: Path) -> StepEngine[Any]:
    from perfrnn_live.engines.rolls import lstm

    return lstm(folder)


def _roll_convolutions(folder: Path) -> StepEngine[Any]:
    from perfrnn_live.engines.rolls import convolutions

    return convolutions(folder)


ENGINES: dict[str, Loader] = {
    "lstm": _lstm,
    "markov": _markov,
    "rnn": _rnn,
    "transformer": _transformer,
    "roll-lstm": _roll_lstm,
    "roll-convolutions": _roll_convolutions,
}
"""By kind, what plays; needs what `perfrnn_live` itself needs and no more."""

WEIGHTS: dict[str, Loader] = {"lstm": _lstm_weights}
"""By kind, the weights themselves in full precision, to compare it with; needs the extra `train`."""


def load(folder: Path, loaders: Mapping[str, Loader] = ENGINES) -> StepEngine[Any]:
    """The engine of a model folder. Raises CheckpointMismatch."""
    kind = read_card(folder).engine
    if kind not in loaders:
        raise CheckpointMismatch(
            f"{folder / CARD} names the engine {kind!r}, which is not known here; known are {', '.join(loaders)}"
        )
    return loaders[kind](folder)
