"""What somebody wishes of the machine, each with the moment at which it was wished, in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from perfrnn_live.live.controls import Action, Pad


@dataclass(frozen=True, slots=True)
class Turn:
    """The knob of this `name`, one of `KNOBS`, is to stand at `value`."""

    at_s: float
    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class Do:
    """This is to be done once. `Action.QUIT` is for the stage; the machine does nothing about it."""

    at_s: float
    action: Action | Pad


Wish = Turn | Do
