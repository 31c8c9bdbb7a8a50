"""Telling endless encoders and one-way footswitches from knobs and buttons, by what they have sent so far."""

from __future__ import annotations

from dataclasses import dataclass

_SLOW = (1, 127, 63, 65)  # what an encoder sends that is turned slowly, in the usual three encodings
_FAST = 7  # more in one message is no turn of an encoder
_PRESSED = 64  # a button is down from here on, as a pedal is
_REPEATS = 3  # a knob sends a position when it is new


@dataclass(slots=True)
class Habit:
    """What one controller has sent. `value` is the latest, None before the first.

    A knob sends where it stands, and nothing while it stands there. An endless encoder sends how far it was turned, the
    same again and again: 1 … 7 is forward; back is 127 … 121 (two's complement), 63 … 57 with 65 … 71 for forward
    (binary offset), or 65 … 71 with 1 … 7 for forward (sign and magnitude).
    """

    value: int | None = None
    is_encoder: bool = False
    may_be_encoder: bool = True  # it has sent nothing yet that an encoder would not send that is turned slowly
    presses: bool = False  # its latest message means, if it is a button, that it was pressed
    lets_go: bool = False  # or, if it went up to be pressed before, that it was let go
    _repeats: int = 0
    _varies: bool = False  # it has sent different values
    _counts_from_nought: bool = False  # it has sent 1 … 7, so forward is not 65 … 71

    def follow(self, value: int) -> None:
        """The controller sent `value`, 0–127."""
        before, self.value = self.value, value
        self._repeats = self._repeats + 1 if value == before else 1
        self._varies = self._varies or before not in (None, value)
        self._counts_from_nought = self._counts_from_nought or 1 <= value <= _FAST
        self.may_be_encoder = self.may_be_encoder and value in _SLOW
        self.lets_go = value < _PRESSED <= (before or 0)
        # A footswitch that says nothing when it is let go has never sent anything else.
        self.presses = value >= _PRESSED and ((before or 0) < _PRESSED or not self._varies)
        if self.is_encoder:
            self.is_encoder = value not in (0, 64) and min(abs(value - each) for each in (0, 64, 128)) <= _FAST
        else:
            self.is_encoder = self._repeats >= _REPEATS and value in _SLOW

    @property
    def ticks(self) -> int:
        """How far the encoder was turned by its latest message, back below 0."""
        value = self.value or 0
        if value <= _FAST:
            return value
        if value >= 128 - _FAST:
            return value - 128
        return 64 - value if self._counts_from_nought else value - 64
