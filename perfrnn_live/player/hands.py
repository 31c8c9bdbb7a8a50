"""What the other player holds down, input by input: several keyboards are one pair of hands."""

from __future__ import annotations

from perfrnn_live.music.midi import CONTROL_CHANGE, control_change, is_played, note_off, releases, strikes
from perfrnn_live.music.pedal import PEDAL_DOWN

_ALL_OFF = (120, 123)  # all sound off, all notes off


class Hands:
    """Keys and pedals that are down, each as the message that lets go of it, on each channel of each input."""

    def __init__(self) -> None:
        self._down: dict[tuple[str, int], set[bytes]] = {}

    @property
    def down(self) -> set[bytes]:
        """What lets go of everything."""
        return set().union(*self._down.values())

    def holds(self, pitch: int) -> bool:
        """Whether a key is down."""
        return self._is_down(note_off(pitch))

    def move(self, port: str, message: bytes) -> list[bytes]:
        """What `message`, received on an input, means when all inputs are taken together.

        A key or pedal that goes up in one place while it is down in another stays down; a key that is struck where it
        is down already comes up first; and what lets go of all keys lets go of those of this input.
        """
        if len(message) == 3 and message[0] & 0xF0 == CONTROL_CHANGE and message[1] in _ALL_OFF:
            return self.let_go(port)
        if not is_played(message):
            return [message]
        down = self._down.setdefault((port, message[0] & 0x0F), set())
        if releases(message) or (not strikes(message) and message[2] < PEDAL_DOWN):
            up = _up(message)
            down.discard(up)
            return [] if self._is_down(up) else [message]
        up = _up(message)
        again = strikes(message) and self._is_down(up)
        down.add(up)
        return [up, message] if again else [message]

    def let_go(self, port: str) -> list[bytes]:
        """Release all that an input holds down; returns the messages that let go of what nobody holds any more."""
        off = [key for key in self._down if key[0] == port]
        released = set().union(*(self._down.pop(key) for key in off))
        return sorted(released - self.down)

    def _is_down(self, up: bytes) -> bool:
        return any(up in down for down in self._down.values())


def _up(message: bytes) -> bytes:
    """What lets go of the key or pedal that `message` moves."""
    is_pedal = message[0] & 0xF0 == CONTROL_CHANGE
    return control_change(message[1], 0) if is_pedal else note_off(message[1])
