"""Recall: a pointer into what was struck before, followed while keys are chosen, so that motifs come back.

The model goes on with a motif when it hears that one has begun (`music/returns.py`), but seldom begins one: of an
answer's patterns of three intervals about one in a hundred is the call's, where people have one in ten. So at a strike,
now and then, a place among the latest strikes is chosen that the model finds likely as it is or moved by an octave, a
fourth or a fifth; from there the keys are played as they were, together those that were together, as long as the model
goes along. When, how loud and how long stays the model's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.music.reminders import Strikes
from perfrnn_live.music.vocabulary import PITCHES

_REACH = 250  # strikes back, at most, to where a quotation begins; half a minute of most music
_NEAREST = 4  # and at least: what was just struck is no memory
_FEWEST = 8  # strikes before anything is quoted
_TOGETHER_STEPS = 3  # strikes at most so far apart are heard as one
_CHORD_STEPS = 6  # strikes so close together are one chord: a quotation begins with its first
_MOVES = np.array([0, 0, 0, 12, -12, 5, -5, 7, -7])  # semitones; most motifs come back where they were
_FAREWELL = 2e-4  # a key that the model holds less likely than this, given that one is struck, ends the quotation
_MISSES = 2  # strikes of other keys that end it: one passing note does not


@dataclass(frozen=True, slots=True)
class Quote:
    """A place among the earlier strikes that is being quoted: the key to strike next is that of the strike `back`
    places before it, moved by `moved` semitones. `back` stays the same while the music goes on, so the place moves
    forward by itself. `misses` counts strikes of other keys since the quotation began."""

    back: int
    moved: int
    misses: int = 0

    def key(self, strikes: Strikes) -> int | None:
        """The key to be struck next; None where there is none so high or so low."""
        key = int(strikes.pitch[len(strikes.pitch) - self.back]) + self.moved
        return key if 0 <= key < PITCHES else None

    def goes_together(self, strikes: Strikes) -> bool:
        """Whether the key to be struck next was of one chord with the one before it."""
        place = len(strikes.pitch) - self.back
        return place > 0 and bool(strikes.step[place] - strikes.step[place - 1] <= _TOGETHER_STEPS)

    def after(self, strikes: Strikes, pitch: int) -> Quote | None:
        """When `pitch` is struck after `strikes`, by whomever; None where the quotation is over."""
        if self.key(strikes) == pitch:
            return self
        misses = self.misses + 1
        return None if misses >= _MISSES else Quote(self.back, self.moved, misses)


def recalled(
    quote: Quote | None,
    key: int,
    chances: NDArray[np.float64],
    strikes: Strikes,
    recall: float,
    rng: np.random.Generator,
) -> tuple[int, Quote | None]:
    """The key to strike where the model has drawn `key` from its `chances` (128,) of keys given that one is struck, and
    the quotation that it belongs to. `recall` in [0, 1] says how often one begins, and how faithfully it is followed.
    """
    if quote is None and rng.random() < recall**2:
        quote = _begun(chances, strikes, rng)
    if quote is None:
        return key, None
    quoted = quote.key(strikes)
    if quoted is None or chances[quoted] < _FAREWELL:
        return key, None
    return (quoted if rng.random() < faithfulness(recall) else key), quote


def opening(called: int, recall: float, rng: np.random.Generator) -> Quote | None:
    """What an answer to the last `called` strikes begins with: a quotation of their first notes, or None. The higher
    the recall, the likelier it is one."""
    return Quote(called, moved=0) if called and rng.random() < 1 - (1 - recall) ** 2 else None


def faithfulness(recall: float) -> float:
    """The chance that what is quoted is followed."""
    return 1 - (1 - recall) ** 3


def now_or_later(quote: Quote, strikes: Strikes, step: int) -> bool | None:
    """At `step`: True where the key to be struck next goes with the one that was just struck, False where it does not;
    None where time has passed since then."""
    just_struck = len(strikes.step) > 0 and step - strikes.step[-1] <= _TOGETHER_STEPS
    return quote.goes_together(strikes) if just_struck else None


def _begun(chances: NDArray[np.float64], strikes: Strikes, rng: np.random.Generator) -> Quote | None:
    """A quotation from some onset, drawn in proportion to the chances of its first key; None if there is no such."""
    count = len(strikes.pitch)
    if count < _FEWEST:
        return None
    places = np.arange(max(0, count - _REACH), count - _NEAREST)
    waited = np.diff(strikes.step[places], prepend=-1 - _CHORD_STEPS)
    places = places[waited > _CHORD_STEPS]
    keys = strikes.pitch[places][:, None] + _MOVES
    weights = np.where((keys >= 0) & (keys < PITCHES), chances[keys.clip(0, PITCHES - 1)], 0.0).ravel()
    upto = np.cumsum(weights)
    if not len(upto) or upto[-1] <= 0:
        return None
    drawn = int(np.searchsorted(upto, rng.random() * upto[-1], side="right"))
    place, move = divmod(min(drawn, len(upto) - 1), len(_MOVES))
    return Quote(count - int(places[place]), int(_MOVES[move]))
