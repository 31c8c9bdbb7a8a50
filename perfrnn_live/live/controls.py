"""What turns the controls: a controller's positions and key presses → temperatures."""

from __future__ import annotations

TEMPERATURE_CC = 1  # the modulation wheel
TEMPERATURE_RANGE = (0.5, 2.0)
_TEMPERATURE_STEP = 2 ** (1 / 8)  # a press of a key: eight of them double it


def temperature_of_cc(value: int) -> float:
    """A controller's 0–127 → 0.5–2.0, the centre 64 being 1.0; equal turns are equal ratios."""
    low, high = TEMPERATURE_RANGE
    return float(low ** (1 - value / 64) if value <= 64 else high ** ((value - 64) / 63))


def nudged(temperature: float, presses: int) -> float:
    """The temperature some key presses up or down. They lead to the ends of the knob's range and no further."""
    low, high = TEMPERATURE_RANGE
    return min(max(temperature * _TEMPERATURE_STEP**presses, min(low, temperature)), max(high, temperature))
