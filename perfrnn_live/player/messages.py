"""What the session and the player process say to each other.

Commands and reports travel in order through one pipe each way. So when a `TakenBack` arrives, everything that was sent
before it has been reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from perfrnn_live.player.profiles import Profile

COMPUTER, PAGE = SOUNDLESS = "computer", "page"
"""Inputs that are no ports: the keys that are typed on, and those of the page. Nothing sounds by itself there, so what
is played on them is always sent on."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What the player process is told first: the ports by name, or in part ("virtual" for one of its own, "none" for
    an output into nothing, "piano" for the built-in one), whether what comes in is sent on, and what the output needs.
    `left`: a player before this one was lost, and left these pitches sounding and perhaps others; None if there was
    none. `audio`: what the piano sounds through, see `sound.device`; `beside`: it is to sound beside the output;
    `soundfont`: what is to sound in its place.
    `controller`: an output to motor faders or rings of lights. `transport`: the output is sent Start and Stop."""

    output: str
    inputs: tuple[str, ...]
    thru: bool
    profile: Profile
    left: frozenset[int] | None = None
    audio: str = "any"
    beside: bool = False
    soundfont: Path | None = None
    controller: str | None = None
    transport: bool = False


@dataclass(frozen=True, slots=True)
class Timed:
    """A message that is to sound at `due_s`; `number` counts planned events, so that reports can name them. `quoted`:
    it quotes what was struck so many seconds before, at that pitch."""

    due_s: float
    number: int
    message: bytes
    quoted: tuple[float, int] | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """Let these sound in time. `plan` counts plans: what belongs to one that was taken back is passed over."""

    plan: int
    messages: tuple[Timed, ...]


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Drop what has not been sent of this `plan` and of those before it, and say so."""

    plan: int


@dataclass(frozen=True, slots=True)
class Release:
    """Take back and release the machine's own keys, and no others, and say so."""

    plan: int


@dataclass(frozen=True, slots=True)
class Panic:
    """Take back and silence everything, what the other player holds down included, and say so."""

    plan: int


@dataclass(frozen=True, slots=True)
class Steer:
    """From now on these controls, as `control_of` names them, steer: what they send is no music. It is reported, but
    neither sent on nor taken for a hand on a key."""

    controls: frozenset[str]


@dataclass(frozen=True, slots=True)
class Show:
    """Send these to the controller: something of it is to move, or to light up."""

    messages: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Beat:
    """The session is alive, and has nothing else to say."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Silence everything and end."""


Direction = Literal["output", "input"]
Part = Direction | Literal["sound", "controller"]  # of the connections that may be lost


@dataclass(frozen=True, slots=True)
class Ready:
    """The ports are open; these are their full names. `sound` is what the piano sounds through, "" if it does not;
    `no_sound` says why it does not though it was to."""

    output: str
    inputs: tuple[str, ...]
    sound: str = ""
    no_sound: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The ports could not be opened, or one broke: one sentence, and the name of the error that it was."""

    sentence: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message went out at `sent_s`; lateness is `sent_s - due_s`, and `sounds_s - sent_s` is what the output needs.
    What the player sends by itself, as the releases at a panic or the end, has no number."""

    number: int | None
    due_s: float
    sent_s: float
    message: bytes
    sounds_s: float


@dataclass(frozen=True, slots=True)
class TakenBack:
    """At `at_s` everything unsent of `plan` and of those before it was dropped: because it was `asked` for, or because
    it was hopelessly late, had nowhere to go, or the session said nothing for too long, and then `dropped` note-ons
    were lost. If `silenced`, the machine's own keys were released as well."""

    plan: int
    at_s: float
    asked: bool
    silenced: bool = False
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Received:
    """A message came in on the input called `port`; stamped in the driver's callback, less what the input is slow by.
    Keys and pedals that a vanished input held down come in as released. What `steers` is no music."""

    arrival_s: float
    message: bytes
    port: str = ""
    steers: bool = False


Command = Schedule | TakeBack | Release | Panic | Steer | Show | Beat | Stop | Received
"""What the session says; a `Received` came in with it and not with a port of the player's."""


@dataclass(frozen=True, slots=True)
class PortLost:
    """A port that was open is there no more: an output's music goes nowhere until it is back. The piano beside an
    output is its "sound"; an output to motor faders is a "controller"."""

    name: str
    direction: Part

    @property
    def sentence(self) -> str:
        """The same for people."""
        return f"the {self.direction} {self.name!r} is gone: waiting for it to come back"


@dataclass(frozen=True, slots=True)
class PortBack:
    """A lost port is open again, and silent."""

    name: str
    direction: Part

    @property
    def sentence(self) -> str:
        """The same for people."""
        return f"the {self.direction} {self.name!r} is back"


@dataclass(frozen=True, slots=True)
class Transport:
    """A sequencer started, or went on, at `at_s`; or it stopped."""

    at_s: float
    plays: bool


@dataclass(frozen=True, slots=True)
class Pulse:
    """Quarter `number` of a sequencer's piece, from 0, came at `at_s`; its quarters last `quarter_s`."""

    at_s: float
    quarter_s: float
    number: int


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence for the other player to read."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """Everything is silent, the ports are closed. `echoes` of the machine's own playing came in and were left out."""

    echoes: int = 0


Report = Ready | Failed | Sent | TakenBack | Received | PortLost | PortBack | Transport | Pulse | Said | Stopped
