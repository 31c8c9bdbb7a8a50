"""The computer's keyboard as a piano: with key-ups, and without."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.music.midi import note_off, note_on, releases, strikes
from perfrnn_live.player.clock import SystemClock
from perfrnn_live.stage.terminal import KEYS, split_keys
from perfrnn_live.stage.typing_keys import ASK_FOR_KEY_UPS, ASK_NO_MORE, TypedKeys, typed_piano

KEYS_OF_PIANO = "zsxdcvgbhnjm,l.;/q2w3er5t6y7ui9o0p"


def kitty(key: str, event: int, modifiers: int = 1) -> str:
    return f"\x1b[{ord(key)};{modifiers}:{event}u"


def test_two_octaves_lie_as_on_a_piano() -> None:
    lower = [TypedKeys().type(0.0, key) for key in "zsxdcvgbhnjm,"]
    assert lower == [[note_on(pitch, 80)] for pitch in range(48, 61)]
    upper = [TypedKeys().type(0.0, key) for key in "q2w3er5t6y7ui9o0p"]
    assert upper == [[note_on(pitch, 80)] for pitch in range(60, 77)]


def test_without_key_ups_a_note_lasts_as_long_as_its_key_repeats() -> None:
    keys = TypedKeys()
    assert keys.type(0.0, "z") == [note_on(48, 80)]
    assert keys.overdue(0.6) == []
    for repeat in range(20):
        assert keys.type(0.6 + repeat * 0.1, "z") == []
    assert keys.overdue(2.6) == []
    assert keys.overdue(2.7) == [note_off(48)]
    assert keys.overdue(5.0) == []
    assert keys.type(6.0, "z") == [note_on(48, 80)]


def test_a_key_struck_once_ends_soon() -> None:
    keys = TypedKeys()
    keys.type(0.0, "z")
    keys.type(0.1, "c")
    assert keys.overdue(0.75) == [note_off(48)]
    assert keys.overdue(0.85) == [note_off(52)]


def test_with_key_ups_a_note_lasts_as_long_as_its_key_is_down() -> None:
    keys = TypedKeys()
    assert keys.type(0.0, kitty("z", 1)) == [note_on(48, 80)]
    assert keys.type(0.5, kitty("z", 2)) == []
    assert keys.overdue(100.0) == []
    assert keys.type(100.0, kitty("z", 3)) == [note_off(48)]
    assert keys.type(100.0, kitty("z", 3)) == []
    assert keys.type(101.0, "\x1b[122u") == [note_on(48, 80)], "a key press without its kind, as that protocol allows"


def test_a_key_that_is_there_twice_sounds_once() -> None:
    keys = TypedKeys()
    assert keys.type(0.0, kitty(",", 1)) == [note_on(60, 80)]
    assert keys.type(0.1, kitty("q", 1)) == []
    assert keys.type(0.2, kitty(",", 3)) == []
    assert keys.type(0.3, kitty("q", 3)) == [note_off(60)]


def test_page_up_and_down_shift_by_an_octave_and_release_what_was_struck_before() -> None:
    keys = TypedKeys()
    keys.type(0.0, kitty("z", 1))
    assert keys.type(0.1, "\x1b[5~") == []
    assert keys.type(0.2, kitty("x", 1)) == [note_on(62, 80)]
    assert keys.type(0.3, kitty("z", 3)) == [note_off(48)]
    for _ in range(20):
        keys.type(0.4, "\x1b[6~")
    assert keys.type(0.5, "s") == [note_on(1, 80)]
    for _ in range(20):
        keys.type(0.6, "\x1b[5;1:1~")
    assert keys.type(0.7, "p") == [note_on(96 + 28, 80)]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("M", "m"),
        ("S", "s"),
        ("Q", "q"),
        (kitty("m", 1, 2), "m"),
        ("\x1b[109;2u", "m"),
        ("\x1b[A", "\x1b[A"),
        ("\x1b[1;1:1A", "\x1b[A"),
        ("\x1b[1;1:2A", "\x1b[A"),
        ("\x1b[27u", "\x1b"),
        ("\x1b[13u", "\r"),
        ("\t", "\t"),
        (" ", " "),
        ("1", "1"),
        ("+", "+"),
        ("\x1bOP", "\x1bOP"),
    ],
)
def test_all_other_keys_and_those_with_shift_steer(typed: str, meant: str) -> None:
    assert TypedKeys().type(0.0, typed) == meant
    assert meant in KEYS


@pytest.mark.parametrize("typed", [kitty("m", 3, 2), "\x1b[1;1:3A", "\x1b[27;1:3u", "\x1b[13;1:3u"])
def test_a_steering_key_that_comes_up_asks_for_nothing(typed: str) -> None:
    assert TypedKeys().type(0.0, typed) == ""


def test_sequences_of_that_protocol_are_told_apart() -> None:
    assert split_keys("z" + kitty("z", 3) + "\x1b[1;1:3Aq")[0] == ["z", kitty("z", 3), "\x1b[1;1:3A", "q"]
    assert split_keys("a\x1b[122;1:") == (["a"], "\x1b[122;1:")


TYPED = st.one_of(
    st.sampled_from(KEYS_OF_PIANO),
    st.builds(kitty, st.sampled_from(KEYS_OF_PIANO), st.integers(1, 3)),
    st.sampled_from(["\x1b[5~", "\x1b[6~", "M", "\x1b[A", "\x1b[999999999u", "\x1b[;u", "\x1b["]),
    st.text(max_size=4),
)


def test_a_note_on_two_keys_ends_once_when_both_are_overdue() -> None:
    keys = TypedKeys()
    assert keys.type(0.0, "/") == [note_on(64, 80)] and keys.type(0.0, "e") == []  # E4, on both rows
    assert keys.overdue(10.0) == [note_off(64)]


@given(st.lists(st.tuples(st.floats(0, 0.5), TYPED), max_size=60))
def test_whatever_is_typed_every_note_ends_and_none_is_struck_twice(typed: list[tuple[float, str]]) -> None:
    keys, now_s = TypedKeys(), 0.0
    down: set[int] = set()

    def hear(messages: list[bytes] | str) -> None:
        for message in messages if isinstance(messages, list) else ():
            assert strikes(message) != releases(message)
            assert (message[1] in down) is releases(message)
            down.symmetric_difference_update({message[1]})

    for pause_s, key in typed:
        now_s += pause_s
        hear(keys.overdue(now_s))
        hear(keys.type(now_s, key))
    for key in KEYS_OF_PIANO:
        hear(keys.type(now_s, kitty(key, 3)))
    hear(keys.overdue(now_s + 10))
    assert not down


def test_a_thread_ends_the_notes_and_the_terminal_is_put_back() -> None:
    brought: list[bytes] = []
    steered: list[str] = []
    written: list[str] = []
    ended = threading.Event()

    def bring(message: bytes) -> None:
        brought.append(message)
        if releases(message):
            ended.set()

    with typed_piano(bring, steered.append, SystemClock(), written.append) as typed:
        typed("z")
        typed("M")
        assert ended.wait(5)
    assert brought == [note_on(48, 80), note_off(48)]
    assert steered == ["m"] and written == [ASK_FOR_KEY_UPS, ASK_NO_MORE]
