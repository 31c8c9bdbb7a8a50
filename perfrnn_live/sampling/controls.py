"""What the next event is chosen by beside what the model expects: the performer's settings, the moment's demands."""

from __future__ import annotations

import math
from dataclasses import dataclass

from perfrnn_live.engines.handles import NOTHING, Handles
from perfrnn_live.errors import BadValue

HOTTEST = 100.0  # every event is as likely as every other long before


@dataclass(frozen=True, slots=True)
class Controls:
    """How events are chosen: one value, swapped whole when a performer turns a knob. The defaults play as learned.

    `handles` are what is asked of the model. Everything else changes what is drawn from its logits: `temperature` above
    0, at most 100; `top_p` in (0, 1] applies to note-ons only, because to cut off rare time shifts and note-offs would
    shorten every note. At most `polyphony`, 1 or more, keys sound at a time, those of other players not counted.
    `pitch_classes`: weights of C, C♯ … B in [0, 1], not all 0, that multiply the chance of striking. Only pitches
    from `lowest` to `highest`, 0 to 127, are struck. In seconds, no note is shorter than `min_note_s` or longer than
    `max_note_s`, no silence is longer than `max_rest_s`. `recall`, 0 to 1: how often and how faithfully what was struck
    before is quoted. Raises BadValue.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    handles: Handles = NOTHING
    polyphony: int = 128
    pitch_classes: tuple[float, ...] = (1.0,) * 12
    lowest: int = 0
    highest: int = 127
    min_note_s: float = 0.0
    max_note_s: float = 4.0
    max_rest_s: float = 4.0
    recall: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.temperature <= HOTTEST:
            raise BadValue(f"the temperature must be above 0 and at most {HOTTEST:g}, not {self.temperature}")
        if not 0 < self.top_p <= 1:
            raise BadValue(f"top-p must be above 0 and at most 1, not {self.top_p}")
        if self.polyphony < 1:
            raise BadValue(f"the polyphony must be at least 1, not {self.polyphony}")
        weights = self.pitch_classes
        if len(weights) != 12 or not all(0 <= each <= 1 for each in weights) or not any(weights):
            raise BadValue(f"pitch classes are 12 weights between 0 and 1, at least one above 0, not {weights}")
        if not 0 <= self.lowest <= self.highest <= 127:
            raise BadValue(f"the range must lie within 0 to 127, lowest first, not {self.lowest} to {self.highest}")
        if not 0 <= self.min_note_s <= self.max_note_s < math.inf or self.max_note_s == 0:
            raise BadValue(f"notes cannot be between {self.min_note_s} and {self.max_note_s} seconds long")
        if not 0 < self.max_rest_s < math.inf:
            raise BadValue(f"the longest rest must be more than 0 seconds, not {self.max_rest_s}")
        if not 0 <= self.recall <= 1:
            raise BadValue(f"recall must be between 0 and 1, not {self.recall}")


@dataclass(frozen=True, slots=True)
class Constraint:
    """What the moment demands of the next event, whatever the controls say.

    `waited_steps`, 0 or more, have passed since the last event. Pitches `held` by somebody else are neither struck nor
    released. `within_steps`, 1 or more: something already fixed happens so many steps after the last event, and no time
    shift passes it. `may_strike` False: the music is to come to rest; only time and releases. `may_wait` False:
    something is to be struck now; no time and no release. Raises ValueError.
    """

    waited_steps: int = 0
    held: frozenset[int] = frozenset()
    within_steps: int | None = None
    may_strike: bool = True
    may_wait: bool = True

    def __post_init__(self) -> None:
        if self.waited_steps < 0:
            raise ValueError(f"{self.waited_steps} steps cannot have passed")
        if self.within_steps is not None and self.within_steps < 1:
            raise ValueError(f"nothing can be chosen before what happens in {self.within_steps} steps")


FREE = Constraint()
