"""Every message is due a constant while after its moment, however the sound card asks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from perfrnn_live.music.midi import note_off, note_on
from perfrnn_live.sound.piano import Piano
from perfrnn_live.sound.speaker import Speaker

RATE = 48_000


class Marks(Piano):
    """A piano that writes down at which frame it was told what."""

    def __init__(self) -> None:
        self.done = 0
        self.told: list[tuple[int, bytes]] = []
        self._now: list[tuple[int, bytes]] = []

    def play(self, message: bytes, frame: int = 0) -> None:
        self.told.append((self.done + frame, message))

    def render(self, frames: int) -> NDArray[np.float32]:
        self.done += frames
        return np.zeros((frames, 2), np.float32)


def evenly(number: int, rng: np.random.Generator) -> float:
    return number * 256 / RATE


def trembling(number: int, rng: np.random.Generator) -> float:
    return number * 256 / RATE + rng.uniform(0, 0.0015)


def in_pairs(number: int, rng: np.random.Generator) -> float:
    return (number - number % 2) * 256 / RATE


def in_fours(number: int, rng: np.random.Generator) -> float:
    return (number - number % 4) * 256 / RATE


@pytest.mark.parametrize("asks", [evenly, trembling, in_pairs, in_fours])
def test_the_delay_is_constant(asks: Callable[[int, np.random.Generator], float]) -> None:
    rng = np.random.default_rng(2)
    piano = Marks()
    speaker = Speaker(piano, RATE)
    asked_s = np.array([asks(number, rng) for number in range(4000)])
    moments_s = np.sort(rng.uniform(2, 20, 300))
    waiting = list(moments_s)
    for now_s in asked_s:
        while waiting and waiting[0] + 0.0003 <= now_s:  # what a message takes from one process to the other
            speaker.put(float(waiting.pop(0)), note_on(60, 60))
        speaker.block(float(now_s), 256)
    delays_s = np.array([frame for frame, _ in piano.told]) / RATE - moments_s[: len(piano.told)]
    assert len(piano.told) == 300
    assert np.ptp(delays_s) < 0.001
    assert delays_s.mean() < 0.012 + (0.02 if asks is in_fours else 0.006 if asks is in_pairs else 0)


def test_after_standing_still_strikes_are_not_played_in_a_heap_but_keys_are_released() -> None:
    piano = Marks()
    speaker = Speaker(piano, RATE)
    for number in range(10):
        speaker.block(number * 0.005, 240)
    for number in range(10):
        speaker.put(0.05 + number * 0.1, note_on(60 + number, 60))
        speaker.put(0.06 + number * 0.1, note_off(60 + number))
    speaker.block(2.05, 240)
    assert [message for _, message in piano.told] == [note_off(60 + number) for number in range(10)]


def test_order_is_kept() -> None:
    piano = Marks()
    speaker = Speaker(piano, RATE)
    speaker.block(0.0, 256)
    messages = [note_on(60, 60), note_off(60), note_on(60, 70)]
    for message in messages:
        speaker.put(0.001, message)
    for number in range(1, 20):
        speaker.block(number * 256 / RATE, 256)
    assert [message for _, message in piano.told] == messages
