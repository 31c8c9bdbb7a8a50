"""Logits → a token. Pure functions; the random generator is an argument."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def sample(
    logits: NDArray[np.float32],
    rng: np.random.Generator,
    temperature: float = 1.0,
    top_p: float = 1.0,
    allowed: NDArray[np.bool_] | None = None,
    nucleus: slice = slice(None),
) -> int:
    """One token drawn from softmax(`logits` / `temperature`), logits of shape (size,).

    `allowed` (size,) masks tokens out. With `top_p` below 1, only the likeliest of the tokens in `nucleus` can be
    drawn: the fewest whose chances add up to that share of all of `nucleus`. They take over the chance of the others.
    Temperature 0 takes the likeliest.
    """
    if allowed is not None:
        logits = np.where(allowed, logits, -np.inf)
    if temperature == 0:
        return int(np.argmax(logits))
    with np.errstate(over="ignore"):  # a tiny temperature sends what is less likely to minus infinity, as it should
        weights = np.exp((logits - logits.max()).astype(np.float64) / temperature)
    if top_p < 1:
        part = weights[nucleus]  # a view
        order = np.argsort(part)[::-1]
        reached = np.cumsum(part[order])
        part[order[np.searchsorted(reached, top_p * reached[-1]) + 1 :]] = 0
        if reached[-1] > 0:
            part *= reached[-1] / part.sum()
    cumulative = np.cumsum(weights)
    return int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))


def softmax(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Chances along the last axis, of which at least one logit is finite, at a temperature above 0."""
    with np.errstate(over="ignore"):
        weights = np.exp((logits - logits.max(axis=-1, keepdims=True)).astype(np.float64) / temperature)
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Natural log-probabilities along the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))
