"""Model folders of the small engines with weights drawn at random, made without PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from perfrnn_live.engines.arrays import WEIGHTS
from perfrnn_live.engines.card import write_card
from perfrnn_live.engines.latent import REACH, TOLD
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS as EVENTS
from perfrnn_live.music.vocabulary import PITCHES

_INPUTS, _SIZE, _WIDTH = EVENTS.inputs, EVENTS.size, 8
_RARE = -4.0  # the logit of a key in a frame, on average

Shapes = dict[str, tuple[int, ...]]


def _rnn() -> tuple[dict[str, int], Shapes]:
    cells = _WIDTH
    return {"cells": cells}, {
        "told": (_INPUTS, cells),
        "kept": (cells, cells),
        "expects": (cells, _SIZE),
        "always": (_SIZE,),
    }


def _transformer() -> tuple[dict[str, int], Shapes]:
    width = _WIDTH
    block = {"before": (width,), "asks": (width, 3 * width), "hears": (width, width)}
    block |= {"between": (width,), "up": (width, 4 * width), "down": (4 * width, width)}
    shapes = {f"{place}.{name}": shape for place in range(2) for name, shape in block.items()}
    network = {"layers": 2, "width": width, "heads": 2, "window": 16}
    return network, {"told": (_INPUTS, width), "last": (width,), "expects": (width, _SIZE), **shapes}


def _roll_lstm() -> tuple[dict[str, int], Shapes]:
    cells = _WIDTH
    return {"layers": 1, "cells": cells}, {
        "0.told": (PITCHES, 4 * cells),
        "0.kept": (cells, 4 * cells),
        "0.always": (4 * cells,),
        "expects": (cells, PITCHES),
        "always": (PITCHES,),
    }


def _roll_convolutions() -> tuple[dict[str, int], Shapes]:
    channels = _WIDTH
    layer = {"before": (channels, 2 * channels), "now": (channels, 2 * channels), "always": (2 * channels,)}
    shapes = {f"{place}.{name}": shape for place in range(3) for name, shape in layer.items()}
    outer = {"told": (PITCHES, channels), "expects": (channels, PITCHES), "always": (PITCHES,)}
    return {"layers": 3, "channels": channels}, outer | shapes


KINDS = {
    "rnn": _rnn,
    "transformer": _transformer,
    "roll-lstm": _roll_lstm,
    "roll-convolutions": _roll_convolutions,
}


def write_untrained(kind: str, folder: Path, seed: int = 1) -> Path:
    """The folder, filled."""
    rng, (network, shapes) = np.random.default_rng(seed), KINDS[kind]()
    weights: dict[str, Any] = {name: rng.normal(0, 0.5, shape) for name, shape in shapes.items()}
    if kind.startswith("roll"):
        weights["always"] += _RARE
    np.savez(folder / WEIGHTS, **weights)
    write_card(folder, {"engine": kind, "vocabulary": EVENTS.name, "network": network})
    return folder


def latent_arrays(cells: int, events: int, size: int, width: int = 6, hidden: int = 7) -> dict[str, Any]:
    """Those of a latent space, for an LSTM of so many cells."""
    rng = np.random.default_rng(1)
    shapes: Shapes = {name: (count, width) for name, count in TOLD.items()}
    products: Shapes = {f"around.{layer}": ((2 * REACH + 1) * width, width) for layer in range(2)}
    products |= {"place": (2 * width, size), "expected": (cells, hidden), "hidden": (hidden, hidden)}
    products |= {"output": (hidden, events)}
    shapes |= products | {f"{name}.bias": shape[1:] for name, shape in products.items()} | {"asked": (size, hidden)}
    return {name: rng.normal(0, 0.3, shape).astype(np.float16) for name, shape in shapes.items()}
