"""The computer's keyboard as a piano of two octaves, and more by shifting them.

The keys lie as in most programs for music: Z to / are an octave and a third from C, with the row above as black keys;
Q to P are the octave above it, with the digits. Terminals tell of a key that goes down, and again as long as it
repeats, but not that it comes up. So a note lasts as long as the repeat goes on. Those that know kitty's keyboard
protocol do tell, and are asked to: there a note lasts as long as its key is down.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator

from perfrnn_live.music.midi import note_off, note_on
from perfrnn_live.player.clock import Clock

ASK_FOR_KEY_UPS, ASK_NO_MORE = "\x1b[>11u", "\x1b[<u"  # kitty's protocol: 1 + 2 + 8, all keys with what they do

_LOWER, _UPPER = "zsxdcvgbhnjm,l.;/", "q2w3er5t6y7ui9o0p"  # semitones from C; the upper row begins an octave higher
_LOWEST = 48
_SEMITONES = {key: place for place, key in enumerate(_LOWER)} | {key: 12 + place for place, key in enumerate(_UPPER)}
_OCTAVES = {"\x1b[5~": 12, "\x1b[6~": -12}  # page up and down
_VELOCITY = 80
_FIRST_S = 0.7  # systems begin to repeat a key after 0.25 to 0.66 s
_REPEAT_S = 0.15  # and then do so every 0.03 to 0.1 s
_KITTY = re.compile(r"\x1b\[(\d+)(?::\d*)*(?:;(\d*)(?::(\d))?)?(?:;[\d:]*)?u")
_KITTY_OTHER = re.compile(r"\x1b\[(\d+);(\d*):(\d)([~A-Z])")
_SHIFT, _UP = 1, "3"


class TypedKeys:
    """What is typed → notes. Times are in seconds on one clock."""

    def __init__(self) -> None:
        self._lowest = _LOWEST
        self._down: dict[str, tuple[int, float | None]] = {}  # typed key → pitch, and until when, if that is not told

    def type(self, now_s: float, typed: str) -> list[bytes] | str:
        """Notes that begin or end, if it is a key of the piano; else the key press that it is for others, "" if it is
        none."""
        key, shifted, up, told = _read(typed)
        if shifted or (key not in _SEMITONES and key not in _OCTAVES):
            return "" if up else key
        if key in _OCTAVES:
            self._lowest = min(max(self._lowest + (0 if up else _OCTAVES[key]), 0), 96)
            return []
        if up:
            return self._release([key])
        until_s = None if told else now_s + (_REPEAT_S if key in self._down else _FIRST_S)
        if key in self._down:
            self._down[key] = self._down[key][0], until_s
            return []
        pitch = self._lowest + _SEMITONES[key]
        sounds = any(pitch == other for other, _ in self._down.values())  # a few keys are there twice
        self._down[key] = pitch, until_s
        return [] if sounds else [note_on(pitch, _VELOCITY)]

    def overdue(self, now_s: float) -> list[bytes]:
        """The ends of notes whose keys repeat no longer."""
        return self._release([key for key, (_, until_s) in self._down.items() if until_s and until_s <= now_s])

    def _release(self, keys: list[str]) -> list[bytes]:
        pitches = dict.fromkeys(self._down.pop(key)[0] for key in keys if key in self._down)  # each once
        return [note_off(pitch) for pitch in pitches if all(pitch != other for other, _ in self._down.values())]


@contextlib.contextmanager
def typed_piano(
    bring: Callable[[bytes], None], others: Callable[[str], None], clock: Clock, write: Callable[[str], object]
) -> Iterator[Callable[[str], None]]:
    """While the block lasts: what is to be called with each key that is typed. Notes go to `bring`, all other keys to
    `others`, in one thread or another; `write` reaches the terminal."""
    keys, lock, left = TypedKeys(), threading.Lock(), threading.Event()

    def typed(key: str) -> None:
        with lock:
            told = keys.type(clock.now(), key)
            for message in told if isinstance(told, list) else ():
                bring(message)
        if isinstance(told, str) and told:
            others(told)

    def let_go() -> None:
        while not left.wait(_REPEAT_S / 10):
            with lock:
                for message in keys.overdue(clock.now()):
                    bring(message)

    thread = threading.Thread(target=let_go, daemon=True)
    thread.start()
    write(ASK_FOR_KEY_UPS)
    try:
        yield typed
    finally:
        write(ASK_NO_MORE)
        left.set()
        thread.join()


def _read(typed: str) -> tuple[str, bool, bool, bool]:
    """The key in lower case, whether with shift, whether it came up, and whether that is told at all."""
    if (kitty := _KITTY.fullmatch(typed)) is not None:
        code, modifiers, event = kitty.groups()
        shifted = bool((int(modifiers or 1) - 1) & _SHIFT)
        key = chr(int(code)) if int(code) < 0x110000 else ""
        return key, shifted, event == _UP, True
    if (other := _KITTY_OTHER.fullmatch(typed)) is not None:
        number, _, event, last = other.groups()
        return f"\x1b[{number if last == '~' else ''}{last}", False, event == _UP, True
    if len(typed) == 1:
        return typed.lower(), typed != typed.lower(), False, False
    return typed, False, False, False
