"""What the machine is told: facts, each with its own time in seconds on the player's clock. Most are the player's
reports as they come; whoever keeps these facts, in order, can replay the session."""

from __future__ import annotations

from dataclasses import dataclass

from perfrnn_live.live.wishes import Do, Turn
from perfrnn_live.player.messages import PortBack, PortLost, Pulse, Received, Said, Sent, TakenBack, Transport


@dataclass(frozen=True, slots=True)
class Time:
    """Time has passed: it is `now_s` now. The machine acts of its own accord only when it is told the time."""

    now_s: float


@dataclass(frozen=True, slots=True)
class PlayerGone:
    """The player is lost; another one will release what it left sounding."""

    at_s: float


@dataclass(frozen=True, slots=True)
class PlayerBack:
    """Another player is on the same ports, and everything is silent."""

    at_s: float


_Reported = Sent | TakenBack | Received | PortLost | PortBack | Transport | Pulse | Said
Happening = Time | PlayerGone | PlayerBack | Turn | Do | _Reported
