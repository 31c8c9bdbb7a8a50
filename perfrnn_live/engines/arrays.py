"""A model that is arrays in one .npz file beside its card, as the small engines' are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.engines.base import Arrays, arrays_in, fingerprint
from perfrnn_live.engines.card import CARD, Card, read_card
from perfrnn_live.errors import CheckpointMismatch

WEIGHTS = "weights.npz"
_MOST_BYTES = 200_000_000

Engine = TypeVar("Engine")


def weights_in(path: Path, most_bytes: int) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz file, which may unpack to so many bytes. Raises ValueError where one is no number, and of a
    broken file whatever numpy and zipfile trip over."""
    with path.open("rb") as file:
        arrays = arrays_in(file, most_bytes)
    if not all(np.isfinite(each).all() for each in arrays.values()):
        raise ValueError("weights that are no numbers")
    return arrays


def model_in(folder: Path, made: Callable[[Card, Arrays, str], Engine], name: str = WEIGHTS) -> Engine:
    """What `made` makes of a model folder's card, its arrays and their fingerprint; it may raise KeyError, TypeError or
    ValueError where these don't belong together. Raises CheckpointMismatch."""
    card, path = read_card(folder), folder / name
    try:
        return made(card, weights_in(path, _MOST_BYTES), fingerprint(path.read_bytes()))
    except Exception as error:  # numpy and zipfile raise whatever a broken file makes them trip over
        raise CheckpointMismatch(f"{path} is not what {CARD} says: {error}") from error


def shaped(arrays: Arrays, name: str, *shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """One of the arrays, as it should be. Raises KeyError or ValueError."""
    array = arrays[name].astype(np.float32)
    if array.shape != shape:
        raise ValueError(f"{name} has the shape {array.shape}, not {shape}")
    return array
