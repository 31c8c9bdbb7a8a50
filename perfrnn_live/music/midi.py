"""MIDI messages as bytes: status bytes, controller numbers, and what a message does. Source: MIDI 1.0."""

from __future__ import annotations

NOTE_OFF, NOTE_ON, CONTROL_CHANGE, CHANNEL_PRESSURE, PITCH_BEND = 0x80, 0x90, 0xB0, 0xD0, 0xE0
MODULATION, EXPRESSION, SUSTAIN = 1, 11, 64
PEDALS = (SUSTAIN, 66, 67)
ALL_SOUND_OFF, RESET_CONTROLLERS, ALL_NOTES_OFF = 120, 121, 123  # controllers that are channel mode messages


def note_on(pitch: int, velocity: int) -> bytes:
    """A strike on channel 1."""
    return bytes((NOTE_ON, pitch, velocity))


def note_off(pitch: int) -> bytes:
    """A release on channel 1."""
    return bytes((NOTE_OFF, pitch, 64))


def control_change(controller: int, value: int) -> bytes:
    """A controller on channel 1."""
    return bytes((CONTROL_CHANGE, controller, value))


def is_of_channel(message: bytes) -> bool:
    """True for a whole message to a channel; not for a clock, active sensing, sysex, or data without a status."""
    length = 2 if message[:1] and message[0] & 0xE0 == 0xC0 else 3
    return len(message) == length and 0x80 <= message[0] < 0xF0 and max(message[1:]) < 0x80


def strikes(message: bytes) -> bool:
    """True for a note-on that sounds: with velocity 0 it is a release. Any bytes may be asked about."""
    return len(message) == 3 and message[0] & 0xF0 == NOTE_ON and message[2] > 0


def releases(message: bytes) -> bool:
    """True for a note-off, and for a note-on with velocity 0. Any bytes may be asked about."""
    return len(message) == 3 and (message[0] & 0xF0 == NOTE_OFF or (message[0] & 0xF0 == NOTE_ON and message[2] == 0))


def control_of(message: bytes) -> str | None:
    """The control that sent a message, on whatever channel: "CC 74" for a controller, "note 36" for a key; None for
    all else. Any bytes may be asked about."""
    if len(message) != 3 or max(message[1:]) > 127:
        return None
    if strikes(message) or releases(message):
        return f"note {message[1]}"
    return f"CC {message[1]}" if message[0] & 0xF0 == CONTROL_CHANGE else None


def moves_all_keys(message: bytes) -> bool:
    """True for a bend and for channel pressure; where each finger has a channel of its own, that is one key. Any bytes
    may be asked about."""
    return bool(message) and message[0] & 0xF0 in (CHANNEL_PRESSURE, PITCH_BEND)


def is_played(message: bytes) -> bool:
    """True for what hands and feet do at a piano: keys and the three pedals. Any bytes may be asked about."""
    moves_pedal = len(message) == 3 and message[0] & 0xF0 == CONTROL_CHANGE and message[1] in PEDALS
    return moves_pedal or strikes(message) or releases(message)
