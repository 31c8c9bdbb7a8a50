"""`perfrnn-live train --engine markov`: events counted into a model folder that plays."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.engines.card import write_card
from perfrnn_live.engines.markov import COUNTS, KIND, Table
from perfrnn_live.errors import CannotWrite
from perfrnn_live.training.corpus import LICENCE, TokenCorpus


def tables(corpus: TokenCorpus, order: int) -> list[Table]:
    """What followed one event, two events, and so on up to `order`, in all recordings; each begins with the start
    symbol. What comes in the middle begins there too: its first context is the middle symbol, and then any event."""
    vocabulary = corpus.vocabulary
    symbols = vocabulary.inputs
    streams = [
        np.concatenate([[vocabulary.start], corpus.recording(number)]).astype(np.int64) for number in range(len(corpus))
    ]
    found = []
    for length in range(1, order + 1):
        contexts, events = zip(*(_pairs(stream, length, symbols) for stream in streams), strict=True)
        before, after = np.concatenate(contexts), np.concatenate(events)
        if length == 1:
            before = np.append(before, np.full(len(after), vocabulary.middle))
            after = np.append(after, after)
        found.append(Table.of(before, after, vocabulary.size))
    return found


def count(corpus: TokenCorpus, order: int, out: Path, data: str) -> None:
    """Write a model folder. Raises CannotWrite."""
    counted = tables(corpus, order)
    arrays: dict[str, NDArray[np.integer]] = {}
    for length, table in enumerate(counted, 1):
        columns = {"contexts": table.contexts, "starts": table.starts, "events": table.events, "counts": table.counts}
        arrays |= {f"{length}.{name}": _small(column.astype(np.int64)) for name, column in columns.items()}
    try:
        out.mkdir(parents=True, exist_ok=True)
        with (out / COUNTS).open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        network = {"order": order, "contexts": len(counted[-1].contexts)}
        fields = {"engine": KIND, "vocabulary": corpus.vocabulary.name, "network": network, "handles": None}
        training = {"events": int(corpus.ends[-1]), "recordings": len(corpus)}
        write_card(out, {**fields, "data": data, "licence": LICENCE, "training": training})
    except OSError as error:
        raise CannotWrite(f"cannot write into {out}: {error.strerror}") from error


def _pairs(stream: NDArray[np.int64], length: int, symbols: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The contexts of so many events in a stream, as numbers, and what followed each."""
    contexts = np.zeros(max(len(stream) - length, 0), np.int64)
    for place in range(length):
        contexts = contexts * symbols + stream[place : len(stream) - length + place]
    return contexts, stream[length:]


def _small(column: NDArray[np.int64]) -> NDArray[np.integer]:
    """In as few bytes as its numbers need."""
    bits = 8 * 2 ** math.ceil(math.log2(max((int(column.max()).bit_length() + 1) / 8, 1)))
    return column.astype(f"int{min(bits, 64)}")
