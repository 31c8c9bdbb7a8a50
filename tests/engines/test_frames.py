"""Frames played as events: the chances of a frame are the network's, its time is a twentieth of a second, and what
others play between two frames is heard."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from perfrnn_live.engines.frames import Framed, FrameEngine
from perfrnn_live.music.codec import encode
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.performance import Note
from perfrnn_live.music.vocabulary import (
    PERFORMANCE_8MS,
    PERFORMANCE_10MS,
    PITCHES,
    VELOCITY_AT_FIRST,
    Event,
    EventKind,
    Vocabulary,
)
from perfrnn_live.sampling.continuation import Continuation
from perfrnn_live.sampling.controls import Controls
from perfrnn_live.sampling.generation import generate

Frames = tuple[frozenset[int], ...]
CHANCES = {60: 0.25, 64: 0.5, 67: 0.9}


class Told:
    """A roll network that always expects the same; it remembers the frames that it was told."""

    def nothing(self) -> Frames:
        return ()

    def next(self, memory: Frames, frame: NDArray[np.bool_]) -> tuple[Frames, NDArray[np.float32]]:
        chances = np.zeros(PITCHES, np.float32)
        chances[list(CHANCES)] = list(CHANCES.values())
        return (*memory, frozenset(np.flatnonzero(frame).tolist())), chances

    def arrays(self, memory: Frames) -> Mapping[str, NDArray[Any]]:
        return {"frames": np.array(len(memory))}

    def memory_of(self, arrays: Mapping[str, NDArray[Any]]) -> Frames:
        return (frozenset(),) * int(arrays["frames"])


class Played:
    """A stream of a frame engine."""

    def __init__(self, vocabulary: Vocabulary = PERFORMANCE_8MS) -> None:
        self.engine = FrameEngine(vocabulary, Told(), "known")
        self.keyboard = Keyboard.silent()
        self.state: Framed[Frames]
        (logits,), (self.state,) = self.engine.step([vocabulary.start], self.engine.start(1), [self.keyboard])
        self.chances = np.exp(logits.astype(np.float64))

    def play(self, kind: EventKind, value: int) -> float:
        """Hear an event; the chance that it had."""
        token = self.engine.vocabulary.encode(Event(kind, value))
        had = float(self.chances[token])
        self.keyboard = self.keyboard.after(Event(kind, value))
        (logits,), (self.state,) = self.engine.step([token], [self.state], [self.keyboard])
        self.chances = np.exp(logits.astype(np.float64))
        return had

    def likely(self) -> dict[tuple[EventKind, int], float]:
        events = self.engine.vocabulary.events
        return {(events[t].kind, events[t].value): self.chances[t] for t in np.flatnonzero(self.chances > 1e-3)}


ON, OFF, SHIFT, VELOCITY = EventKind.NOTE_ON, EventKind.NOTE_OFF, EventKind.TIME_SHIFT, EventKind.VELOCITY


@pytest.mark.parametrize("before", [(), (64,), (60, 67)])
def test_the_events_of_a_frame_have_the_chance_of_the_frame(before: tuple[int, ...]) -> None:
    total = 0.0
    for keys in itertools.chain.from_iterable(itertools.combinations(CHANCES, n) for n in range(4)):
        stream = Played()
        for key in before:
            stream.play(ON, key)
        stream.play(SHIFT, 7)  # a frame begins
        chance = 1.0
        for key in CHANCES:
            if (key in keys) != (key in before):
                chance *= stream.play(ON if key in keys else OFF, key)
        chance *= stream.play(SHIFT, stream_steps(stream))
        wanted = math.prod(CHANCES[key] if key in keys else 1 - CHANCES[key] for key in CHANCES)
        assert chance == pytest.approx(wanted, rel=1e-3)
        total += chance
    assert total == pytest.approx(1, abs=1e-3)


def stream_steps(stream: Played) -> int:
    """Steps to the next frame, by what is expected."""
    (steps,) = (value for kind, value in stream.likely() if kind is SHIFT)
    return steps


@pytest.mark.parametrize(("vocabulary", "steps"), [(PERFORMANCE_8MS, [7, 6, 6, 6]), (PERFORMANCE_10MS, [5, 5, 5, 5])])
def test_a_second_has_twenty_frames(vocabulary: Vocabulary, steps: list[int]) -> None:
    stream = Played(vocabulary)
    for frame in range(40):
        waits = stream_steps(stream)
        assert waits == steps[frame % 4]
        stream.play(SHIFT, waits)
        assert len(stream.state.memory) == frame + 2  # the silence before the first, and all that are over
    assert stream.keyboard.step == 2 * vocabulary.steps_per_second


def test_what_others_play_between_two_frames_is_heard() -> None:
    stream = Played()
    stream.play(SHIFT, 3)
    assert set(stream.likely()) == {(SHIFT, 4)}  # in the midst of a frame, nothing of its own changes
    assert stream.play(ON, 72) < 1e-5
    stream.play(SHIFT, 1)
    stream.play(OFF, 72)  # struck and released within the frame
    stream.play(ON, 74)
    stream.play(SHIFT, 30)
    assert list(map(set, stream.state.memory)) == [set(), {72, 74}, {74}, {74}, {74}, {74}]


def test_keys_are_decided_in_the_order_of_pitch() -> None:
    stream = Played()
    stream.play(ON, 64)
    assert set(stream.likely()) == {(ON, 67), (SHIFT, 7)}


def test_a_strike_has_the_one_velocity_there_is() -> None:
    stream = Played()
    stream.play(VELOCITY, 30)
    assert set(stream.likely()) == {(VELOCITY, VELOCITY_AT_FIRST)}
    stream.play(VELOCITY, VELOCITY_AT_FIRST)
    assert (ON, 67) in stream.likely()


def test_its_notes_begin_and_end_with_frames() -> None:
    continuation = Continuation(FrameEngine(PERFORMANCE_10MS, Told(), "known"))
    (tokens,) = generate(
        continuation, continuation.beginning()[0], 20.0, Controls(recall=0.0), np.random.default_rng(1)
    )
    step = 0
    for token in tokens[:-3]:  # it ends at twenty seconds, whatever sounds
        event = PERFORMANCE_10MS.events[token]
        step += event.value if event.kind is SHIFT else 0
        assert event.kind is SHIFT or step % 5 == 0
    assert sum(PERFORMANCE_10MS.events[token].kind is ON for token in tokens) > 50


def test_a_state_that_is_none_is_refused() -> None:
    stream = Played()
    written = dict(stream.engine.arrays(stream.state))
    assert stream.engine.state_of(written).passed == 0
    for name, wrong in (("place", np.array([0, 999])), ("chances", np.zeros(5)), ("struck", np.zeros(5))):
        with pytest.raises(ValueError, match="no place"):
            stream.engine.state_of({**written, name: wrong})


def test_a_recording_as_frames() -> None:
    pytest.importorskip("torch", reason="needs the extra train")
    from perfrnn_live.training.lessons import roll_of

    notes = [Note(0.0, 0.12, 60, 64), Note(0.06, 0.09, 64, 80), Note(0.2, 0.3, 60, 30), Note(0.3, 0.31, 60, 64)]
    roll = roll_of(np.array(encode(notes, PERFORMANCE_10MS), np.int16), PERFORMANCE_10MS)
    assert [set(np.flatnonzero(frame).tolist()) for frame in roll] == [{60}, {60, 64}, set(), set(), {60}, {60}, {60}]
