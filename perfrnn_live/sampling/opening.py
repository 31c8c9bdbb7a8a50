"""From a model folder to the moment at which playing begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from perfrnn_live.engines.base import StepEngine
from perfrnn_live.engines.handles import Place
from perfrnn_live.engines.latent import FEWEST_NOTES, NOTES
from perfrnn_live.engines.registry import load
from perfrnn_live.errors import BadValue
from perfrnn_live.music.codec import encode
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.midifile import read_ending, read_notes
from perfrnn_live.music.vocabulary import EventKind
from perfrnn_live.sampling.continuation import Continuation, Moment

PRIME_S = 30.0  # of a priming file, this much of its end is heard,
PRIME_NOTES = 1000  # and no more notes than these: people play up to 900 in that time, and hearing them takes 0.6 s

_STRIDE = 32  # strikes from one place of a recording to the next


def begin(folder: Path, prime: Path | None = None, middle: bool = False) -> tuple[Continuation, Moment]:
    """The model of `folder`, and the moment from which it goes on: after the end of `prime`, or else before a piece
    begins, or in the `middle` of one. Raises CheckpointMismatch or NotMidi."""
    notes = read_ending(prime, PRIME_S, PRIME_NOTES) if prime else []
    continuation = Continuation(load(folder))
    vocabulary = continuation.vocabulary
    symbol = vocabulary.middle if prime or middle else vocabulary.start
    return continuation, continuation.primed(encode(notes, vocabulary), symbol)


def place_in(engine: StepEngine[Any], recording: Path) -> Place:
    """Where in the engine's latent space a .mid file lies: the mean of the places all along it. Raises NotMidi, or
    BadValue where there is no such space or too little in the file."""
    if not engine.place_size:
        raise BadValue("this model has no latent space, so it cannot be asked to play like a recording")
    vocabulary, keyboard, struck = engine.vocabulary, Keyboard.silent(), 0
    places = []
    for token in encode(read_notes(recording), vocabulary):
        event = vocabulary.events[token]
        keyboard = keyboard.after(event)
        if event.kind is EventKind.NOTE_ON:
            struck += 1
            if struck >= NOTES and not struck % _STRIDE:
                places.append(engine.place_of(keyboard))
    known = [place for place in (*places, engine.place_of(keyboard)) if place is not None]
    if not known:
        raise BadValue(f"{recording} has too few notes to play like it: there must be {FEWEST_NOTES} at least")
    return tuple(np.mean(known, axis=0).tolist())
