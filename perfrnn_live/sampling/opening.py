"""From a model folder to the moment at which playing begins."""

from __future__ import annotations

from pathlib import Path

from perfrnn_live.engines.registry import load
from perfrnn_live.music.codec import encode
from perfrnn_live.music.midifile import read_ending
from perfrnn_live.sampling.continuation import Continuation, Moment

PRIME_S = 30.0  # of a priming file, this much of its end is heard,
PRIME_NOTES = 1000  # and no more notes than these: people play up to 900 in that time, and hearing them takes 0.6 s


def begin(folder: Path, prime: Path | None = None, middle: bool = False) -> tuple[Continuation, Moment]:
    """The model of `folder`, and the moment from which it goes on: after the end of `prime`, or else before a piece
    begins, or in the `middle` of one. Raises CheckpointMismatch or NotMidi."""
    notes = read_ending(prime, PRIME_S, PRIME_NOTES) if prime else []
    continuation = Continuation(load(folder))
    vocabulary = continuation.vocabulary
    symbol = vocabulary.middle if prime or middle else vocabulary.start
    return continuation, continuation.primed(encode(notes, vocabulary), symbol)
