"""What the session and the player process say to each other, and the few MIDI messages they speak of.

Commands and reports travel in order through one pipe each way. So when a `TakenBack` arrives, everything that was sent
before it has been reported.
"""

from __future__ import annotations

from dataclasses import dataclass

NOTE_OFF, NOTE_ON, CONTROL_CHANGE = 0x80, 0x90, 0xB0
SUSTAIN = 64


def note_on(pitch: int, velocity: int) -> bytes:
    """A strike on channel 1."""
    return bytes((NOTE_ON, pitch, velocity))


def note_off(pitch: int) -> bytes:
    """A release on channel 1."""
    return bytes((NOTE_OFF, pitch, 64))


def control_change(controller: int, value: int) -> bytes:
    """A controller on channel 1."""
    return bytes((CONTROL_CHANGE, controller, value))


def strikes(message: bytes) -> bool:
    """True for a note-on that sounds: with velocity 0 it is a release."""
    return message[0] & 0xF0 == NOTE_ON and message[2] > 0


def releases(message: bytes) -> bool:
    """True for a note-off, and for a note-on with velocity 0."""
    return message[0] & 0xF0 == NOTE_OFF or (message[0] & 0xF0 == NOTE_ON and message[2] == 0)


@dataclass(frozen=True, slots=True)
class Timed:
    """A message to be sent at `due_s`; `number` counts planned events, so that reports can name them."""

    due_s: float
    number: int
    message: bytes


@dataclass(frozen=True, slots=True)
class Schedule:
    """Send these in time. `plan` counts plans: what belongs to one that was taken back is passed over."""

    plan: int
    messages: tuple[Timed, ...]


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Drop what has not been sent yet, and say so."""


@dataclass(frozen=True, slots=True)
class Panic:
    """Drop what has not been sent yet, silence everything, and say so."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Silence everything and end."""


Command = Schedule | TakeBack | Panic | Stop


@dataclass(frozen=True, slots=True)
class Ready:
    """The ports are open; these are their names, None for no input."""

    output: str
    input: str | None


@dataclass(frozen=True, slots=True)
class Failed:
    """The ports could not be opened, or one broke: one sentence. `missing_system`: no MIDI system works here."""

    sentence: str
    missing_system: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """A message went out at `sent_s`; lateness is `sent_s - due_s`. Releases at a panic or the end have no number."""

    number: int | None
    due_s: float
    sent_s: float
    message: bytes


@dataclass(frozen=True, slots=True)
class TakenBack:
    """At `at_s` everything unsent was dropped: because it was `asked` for, or because it was hopelessly late, and then
    `dropped` note-ons were lost."""

    at_s: float
    asked: bool
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Received:
    """A message came in; stamped in the driver's callback."""

    arrival_s: float
    message: bytes


@dataclass(frozen=True, slots=True)
class Stopped:
    """Everything is silent, the ports are closed."""


Report = Ready | Failed | Sent | TakenBack | Received | Stopped
