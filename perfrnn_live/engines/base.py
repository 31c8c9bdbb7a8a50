"""What it takes to be played: a protocol of engines that step a piece of music event by event, state in, state out.

A *state* is all that an engine remembers of one stream of music. It is the engine's own: everybody else only keeps it
and hands it back, so it may be an LSTM's arrays, a Transformer's cache or a Markov chain's last token. States are
values. A step leaves those that it is given as they were, so keeping one is keeping the way back to it.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.engines.handles import Asked, HandleSpace, Place
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.vocabulary import Vocabulary

Logits = NDArray[np.float32]  # (streams, vocabulary size), or of one stream (vocabulary size,)
Arrays = Mapping[str, NDArray[Any]]
State = TypeVar("State")


class StepEngine(Protocol[State]):
    """An engine that can take a step. A subclass defines what has no body here, and inherits the rest."""

    vocabulary: Vocabulary

    @property
    def fingerprint(self) -> str:
        """A text that is different for every model, also for the same model after it was trained anew. States that were
        kept with one model are of no use to another."""
        ...

    def start(self, streams: int) -> Sequence[State]:
        """The states of so many streams before anything was heard."""
        ...

    def step(
        self, tokens: Sequence[int], states: Sequence[State], keyboards: Sequence[Keyboard]
    ) -> tuple[Logits, Sequence[State]]:
        """Feed one token to each stream, all as one batch. `tokens` are events or the vocabulary's `start` or `middle`
        symbol; `keyboards` are those *after* them, from which an engine takes what it wants to know beside the events.
        Returns the logits (streams, size) of the event to follow in each stream, and the new states.

        The states that are returned may be those of any step, in any order; those of one step, in their order, may be
        quicker. A slice of what is returned is again a sequence of states.
        """
        ...

    def mixed(self, one: State, other: State, share: float) -> State:
        """A state between two: `one` at `share` 0, `other` at 1. By default the nearer of the two, for engines whose
        states cannot be mixed."""
        return one if share < 0.5 else other

    def arrays(self, state: State) -> Arrays:
        """The state as arrays that can be written to a file, by names of the engine's choice."""
        ...

    def state_of(self, arrays: Arrays) -> State:
        """The state that `arrays` were made of. Raises KeyError or ValueError if they are not a state of this
        engine."""
        ...

    @property
    def handles(self) -> HandleSpace | None:
        """What can be asked of the music to come; None if nothing can."""
        return None

    def handled(self, state: State, asked: Asked) -> Logits:
        """What to add to the logits of one stream, (rows, size), for each row of `asked` (rows, handles): what is asked
        as `handles` writes it. By default nothing: an engine without handles is never called."""
        return np.zeros((len(asked), self.vocabulary.size), np.float32)

    @property
    def place_size(self) -> int:
        """How many numbers a place in the latent space has; 0 if there is no such space."""
        return 0

    def place_of(self, keyboard: Keyboard) -> Place | None:
        """The place of the last strikes in the latent space; None if there is none, or they are too few."""
        return None

    def likened(self, state: State, place: Place) -> Logits:
        """What to add to the logits of one stream, (size,), so that it plays in the manner of that place. By default
        nothing: an engine without a latent space is never called."""
        return np.zeros(self.vocabulary.size, np.float32)


def arrays_in(file: BinaryIO, most_bytes: int) -> dict[str, NDArray[Any]]:
    """The arrays of an open .npz file, which may unpack to so many bytes. Of a broken file numpy and zipfile raise
    whatever they trip over; a warning is an error."""
    with warnings.catch_warnings(action="error"), np.load(file, allow_pickle=False) as loaded:
        if sum(member.file_size for member in loaded.zip.infolist()) > most_bytes:
            raise ValueError(f"it unpacks to more than {most_bytes // 1_000_000} MB")
        return {name: loaded[name] for name in loaded.files}


def fingerprint(*parts: bytes) -> str:
    """32 hexadecimal digits that stand for these bytes."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()[:32]
