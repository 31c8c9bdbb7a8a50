"""The keyboard as a value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.music.keyboard import KEY_FEATURES, Keyboard
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS, Event, EventKind
from tests.strategies import token_streams

RATE = PERFORMANCE_8MS.steps_per_second
ON, OFF = Event(EventKind.NOTE_ON, 60), Event(EventKind.NOTE_OFF, 60)
SECOND = Event(EventKind.TIME_SHIFT, RATE)


def after(*events: Event) -> Keyboard:
    keyboard = Keyboard.silent()
    for event in events:
        keyboard = keyboard.after(event)
    return keyboard


def copy_of(keyboard: Keyboard) -> tuple[int, int, list[bool], list[int], list[int], list[tuple[int, int, int]]]:
    arrays = (keyboard.sounding.tolist(), keyboard.struck_step.tolist(), keyboard.released_step.tolist())
    return keyboard.step, keyboard.velocity_bin, *arrays, strikes_of(keyboard)


def strikes_of(keyboard: Keyboard) -> list[tuple[int, int, int]]:
    strikes = keyboard.strikes
    columns = (strikes.pitch.tolist(), strikes.step.tolist(), strikes.velocity_bin.tolist())
    return list(zip(*columns, strict=True))


@given(token_streams(PERFORMANCE_8MS, max_size=60))
def test_old_keyboards_are_never_written_to(tokens: list[int]) -> None:
    keyboards = [Keyboard.silent()]
    copies = [copy_of(keyboards[0])]
    for token in tokens:
        keyboards.append(keyboards[-1].after(PERFORMANCE_8MS.decode(token)))
        copies.append(copy_of(keyboards[-1]))
    assert [copy_of(keyboard) for keyboard in keyboards] == copies


def test_events_change_what_they_name_and_nothing_else() -> None:
    keyboard = after(SECOND, Event(EventKind.VELOCITY, 7), ON, Event(EventKind.TIME_SHIFT, 3))
    assert (keyboard.step, keyboard.velocity_bin) == (RATE + 3, 7)
    assert np.flatnonzero(keyboard.sounding).tolist() == [60]
    assert keyboard.struck_step[60] == RATE
    released = keyboard.after(OFF)
    assert not released.sounding.any()
    assert (released.step, released.velocity_bin, released.struck_step[60]) == (RATE + 3, 7, RATE)
    assert released.released_step[60] == RATE + 3
    np.testing.assert_array_equal(np.delete(released.released_step, 60), np.delete(keyboard.released_step, 60))


def test_silence_is_counted_from_the_last_release_of_any_key() -> None:
    assert Keyboard.silent().silent_steps == 0
    assert after(SECOND, ON, SECOND).silent_steps == 2 * RATE
    assert after(SECOND, ON, SECOND, OFF).silent_steps == 0
    other = (Event(EventKind.NOTE_ON, 72), Event(EventKind.NOTE_OFF, 72))
    assert after(ON, OFF, SECOND, *other, SECOND).silent_steps == RATE


def test_when_each_key_was_released() -> None:
    keyboard = after(ON, SECOND, OFF, SECOND, ON, SECOND, OFF, Event(EventKind.NOTE_ON, 61))
    assert keyboard.released_step[60] == 3 * RATE
    assert (np.delete(keyboard.released_step, 60) < -(10**6)).all()


def test_strikes_are_remembered_with_their_time_and_velocity() -> None:
    keyboard = after(ON, SECOND, Event(EventKind.VELOCITY, 7), OFF, ON, SECOND, Event(EventKind.NOTE_ON, 61), OFF)
    assert strikes_of(keyboard) == [(60, 0, 16), (60, RATE, 7), (61, 2 * RATE, 7)]


def test_reminders_are_of_the_present() -> None:
    keyboard = after(
        ON, SECOND, Event(EventKind.VELOCITY, 7), Event(EventKind.NOTE_ON, 61), Event(EventKind.VELOCITY, 9)
    )
    told, later = keyboard.reminders(), keyboard.after(Event(EventKind.TIME_SHIFT, 5)).reminders()
    np.testing.assert_array_equal(told, keyboard.strikes.reminders(RATE, 9))
    np.testing.assert_array_equal(later, keyboard.strikes.reminders(RATE + 5, 9))
    assert told.tolist() != later.tolist()


def test_silence_has_the_middle_velocity_and_no_keys() -> None:
    silent = Keyboard.silent()
    assert (silent.step, silent.velocity_bin, strikes_of(silent)) == (0, 16, [])
    assert silent.features(RATE).tolist() == [0.0] * KEY_FEATURES


@pytest.mark.parametrize(
    ("events", "strike", "release"),
    [((), True, False), ((ON,), False, True), ((ON, OFF), True, False), ((ON, SECOND), False, True)],
    ids=["silent", "sounding", "released", "still sounding"],
)
def test_only_possible_events_are_allowed(events: tuple[Event, ...], strike: bool, release: bool) -> None:
    keyboard = after(*events)
    assert (keyboard.allows(ON), keyboard.allows(OFF)) == (strike, release)
    assert keyboard.allows(Event(EventKind.NOTE_ON, 61))
    assert not keyboard.allows(Event(EventKind.NOTE_OFF, 61))
    assert keyboard.allows(SECOND)
    assert keyboard.allows(Event(EventKind.VELOCITY, 0))


@given(st.integers(0, 127), st.integers(0, 5))
def test_features_tell_what_sounds_and_how_long_ago_it_was_struck(pitch: int, seconds: int) -> None:
    sounding = after(Event(EventKind.NOTE_ON, pitch), *[SECOND] * seconds)
    expected = np.zeros(KEY_FEATURES, np.float32)
    expected[128 + pitch] = 1 / (1 + seconds)
    released = sounding.after(Event(EventKind.NOTE_OFF, pitch)).features(RATE)
    assert released.dtype == np.float32
    np.testing.assert_array_equal(released, expected)
    expected[pitch] = 1
    np.testing.assert_array_equal(sounding.features(RATE), expected)
