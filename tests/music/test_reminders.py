"""What the recent past says will come: event by event and for whole recordings alike."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from perfrnn_live.music import reminders
from perfrnn_live.music.codec import encode
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.performance import Note
from perfrnn_live.music.reminders import INTERVALS, LOUDNESSES, ORDERS, REMEMBERED, REMINDERS, UNKNOWN, Strikes, along
from perfrnn_live.music.vocabulary import (
    PERFORMANCE_8MS,
    VELOCITY_AT_FIRST,
    VELOCITY_BINS,
    VOCABULARIES,
    EventKind,
    Vocabulary,
)
from tests.strategies import performances, token_streams, vocabularies

ON, OFF, SHIFT, VELOCITY = (PERFORMANCE_8MS.offsets[kind] for kind in EventKind)

# where each reminder stands
RHYTHM = slice(0, 6)  # steps left if one of the last intervals came again, the latest first
ELAPSED = 6
AFTER_TWO = slice(7, 10)  # what followed the last two strikes: key, steps left, velocity bin
AFTER_THREE = slice(10, 13)
IN_FORCE = 13
LAST_BINS = slice(14, 18)
RETURN = slice(18, 23)  # the longest run heard before: level, key, steps left, velocity bin, semitones moved + 64


def live(tokens: list[int], vocabulary: Vocabulary) -> NDArray[np.int64]:
    keyboard = Keyboard.silent()
    rows = [keyboard.reminders()]
    for token in tokens:
        keyboard = keyboard.after(vocabulary.decode(token))
        rows.append(keyboard.reminders())
    return np.array(rows)


def assert_alike(tokens: list[int], vocabulary: Vocabulary) -> NDArray[np.int64]:
    """Both ways tell the same, and nothing that has no row in its table."""
    whole = along(np.array(tokens, np.int16), vocabulary)
    assert (str(whole.dtype), whole.shape) == ("int16", (len(tokens) + 1, REMINDERS))
    stepwise = live(tokens, vocabulary)
    np.testing.assert_array_equal(whole, stepwise)
    assert stepwise.min() >= 0 and stepwise.max() <= UNKNOWN
    return stepwise


def test_what_trained_models_read() -> None:
    """Another number here, and no model that was trained before knows what it is told."""
    assert (INTERVALS, ORDERS, LOUDNESSES, REMEMBERED, REMINDERS, UNKNOWN) == (6, (2, 3), 4, 1024, 23, 128)


@given(vocabularies, performances())
def test_possible_music_is_told_alike_live_and_whole(vocabulary: Vocabulary, notes: list[Note]) -> None:
    assert_alike(encode(notes, vocabulary), vocabulary)


@given(vocabularies, st.data())
def test_any_tokens_are_told_alike_live_and_whole(vocabulary: Vocabulary, data: st.DataObject) -> None:
    assert_alike(data.draw(token_streams(vocabulary)), vocabulary)


def tunes(keys: int, max_strikes: int) -> st.SearchStrategy[list[tuple[int, int, int | None]]]:
    """Strikes of a few keys, so that much comes again: key, steps before it, velocity bin or None for that in force."""
    waits = st.sampled_from([0, 1, 5, 40, 126, 127, 128, 300])
    bins = st.none() | st.integers(0, VELOCITY_BINS - 1)
    return st.lists(st.tuples(st.integers(0, keys - 1), waits, bins), max_size=max_strikes)


def tokens_of(tune: list[tuple[int, int, int | None]], vocabulary: Vocabulary = PERFORMANCE_8MS) -> list[int]:
    """Each key is released as soon as it was struck."""
    on, off, shift, velocity = (vocabulary.offsets[kind] for kind in EventKind)
    longest = vocabulary.max_shift
    tokens = []
    for key, wait, velocity_bin in tune:
        tokens += [shift + longest] * (wait // longest) + [shift + wait % longest] * (wait % longest > 0)
        tokens += [] if velocity_bin is None else [velocity + velocity_bin]
        tokens += [on + 60 + key, off + 60 + key]
    return tokens


@given(vocabularies, tunes(keys=2, max_strikes=40), st.integers(1, 3))
def test_what_comes_again_is_told_alike_live_and_whole(
    vocabulary: Vocabulary, tune: list[tuple[int, int, int | None]], times: int
) -> None:
    tokens = tokens_of(tune, vocabulary) * times
    stepwise = assert_alike(tokens, vocabulary)
    keys = [60 + key for key, _, _ in tune] * times
    struck = np.cumsum([vocabulary.decode(token).kind is EventKind.NOTE_ON for token in tokens])
    for place, count in enumerate(struck, 1):  # which key followed, once more by its definition
        for order, told in ((2, AFTER_TWO), (3, AFTER_THREE)):
            before = keys[:count]
            followed = [before[at] for at in range(order, count) if before[at - order : at] == before[-order:]]
            assert stepwise[place, told.start] == (followed[-1] if followed else UNKNOWN)


def test_before_anything_only_the_velocity_is_known() -> None:
    told = Keyboard.silent().reminders()
    assert told[IN_FORCE] == VELOCITY_AT_FIRST
    assert (np.delete(told, IN_FORCE) == UNKNOWN).all()
    np.testing.assert_array_equal(along(np.array([], np.int16), PERFORMANCE_8MS), [told])


def test_what_is_left_of_each_of_the_last_intervals() -> None:
    intervals = [3, 10, 20, 30, 40, 50, 60, 25]
    tokens = [ON + 60]
    for number, interval in enumerate(intervals, 1):
        tokens += [SHIFT + interval, ON + 60 + number]
    tokens += [ON + 80, SHIFT + 24, SHIFT + 1, SHIFT + 36, SHIFT + 100, SHIFT + 100]
    told = assert_alike(tokens, PERFORMANCE_8MS)
    struck, chord, soon, now, late, later, latest = told[-7:]
    assert struck[RHYTHM].tolist() == [26, 61, 51, 41, 31, 21]  # one more than the steps; the oldest two are forgotten
    assert chord.tolist()[RHYTHM] == struck.tolist()[RHYTHM]  # of the same onset
    assert soon[RHYTHM].tolist() == [2, 37, 27, 17, 7, 0]
    assert now[RHYTHM].tolist() == [1, 36, 26, 16, 6, 0]
    assert late[RHYTHM].tolist() == later[RHYTHM].tolist() == [0] * INTERVALS  # over
    assert [row[ELAPSED] for row in (struck, chord, soon, now, late, later, latest)] == [0, 0, 24, 25, 61, 127, 127]


def test_an_interval_is_known_once_two_onsets_are() -> None:
    told = assert_alike([SHIFT + 9, ON + 60, SHIFT + 7, ON + 61, SHIFT + 125, SHIFT + 100, ON + 62], PERFORMANCE_8MS)
    unknown = [UNKNOWN] * INTERVALS
    assert told[1].tolist()[RHYTHM] == told[2].tolist()[RHYTHM] == told[3].tolist()[RHYTHM] == unknown
    assert told[1][ELAPSED] == UNKNOWN and told[3][ELAPSED] == 7
    assert told[4].tolist()[RHYTHM] == [8, *unknown[1:]]
    assert told[-1].tolist()[RHYTHM] == [127, 8, *unknown[2:]]  # 225 steps are more than can be told


def test_what_followed_when_the_last_strikes_were_heard_before() -> None:
    def strike(key: int, wait: int, velocity_bin: int) -> list[int]:
        return [SHIFT + wait, VELOCITY + velocity_bin, ON + key]

    once = [*strike(60, 1, 1), *strike(62, 10, 2), *strike(64, 20, 3), *strike(65, 30, 4)]
    other = [*strike(61, 11, 5), *strike(62, 12, 6), *strike(64, 13, 7), *strike(67, 14, 8)]
    again = [*strike(60, 15, 9), *strike(62, 16, 10), *strike(64, 17, 11), SHIFT + 9, SHIFT + 20, VELOCITY + 12]
    told = assert_alike([*once, *other, *again], PERFORMANCE_8MS)
    unknown = [UNKNOWN] * 3
    after_first_pair = told[len(once) + 6]  # 61 62, never heard before
    assert after_first_pair[AFTER_TWO].tolist() == after_first_pair[AFTER_THREE].tolist() == unknown
    after_second_pair = told[len(once) + 9]  # 62 64, after which 65 came; 61 62 64 is new
    assert after_second_pair[AFTER_TWO].tolist() == [65, 31, 4]
    assert after_second_pair[AFTER_THREE].tolist() == unknown
    struck, waited, longer, velocity = told[-4:]
    assert struck[AFTER_TWO].tolist() == [67, 15, 8]  # the last time that counts
    assert struck[AFTER_THREE].tolist() == [65, 31, 4]  # after 60 62 64
    assert (waited[AFTER_TWO].tolist(), waited[AFTER_THREE].tolist()) == ([67, 6, 8], [65, 22, 4])
    assert (longer[AFTER_TWO].tolist(), longer[AFTER_THREE].tolist()) == ([67, 0, 8], [65, 2, 4])  # over; nearly
    assert velocity.tolist()[RHYTHM.start : IN_FORCE] == longer.tolist()[RHYTHM.start : IN_FORCE]


def test_what_followed_in_a_chord_followed_at_once() -> None:
    told = assert_alike([ON + 60, ON + 64, ON + 67, SHIFT + 50, OFF + 60, OFF + 64, ON + 60, ON + 64], PERFORMANCE_8MS)
    assert told[-1][AFTER_TWO].tolist() == [67, 1, VELOCITY_AT_FIRST]


def test_the_velocity_in_force_and_those_of_the_last_strikes() -> None:
    tokens = [ON + 60, VELOCITY + 3, ON + 61, OFF + 60, ON + 60, VELOCITY + 0, VELOCITY + 31, ON + 62, ON + 63]
    told = assert_alike(tokens, PERFORMANCE_8MS)
    first = VELOCITY_AT_FIRST
    assert told[:, IN_FORCE].tolist() == [first, first, 3, 3, 3, 3, 0, 31, 31, 31]
    assert told[1][LAST_BINS].tolist() == told[2][LAST_BINS].tolist() == [first, *[UNKNOWN] * 3]
    assert told[3][LAST_BINS].tolist() == [3, first, *[UNKNOWN] * 2]
    assert told[7][LAST_BINS].tolist() == [3, 3, first, UNKNOWN]
    assert told[-1][LAST_BINS].tolist() == [31, 31, 3, 3]  # the latest first


@pytest.mark.parametrize("vocabulary", VOCABULARIES.values(), ids=VOCABULARIES)
def test_the_same_music_is_told_alike_beyond_what_is_remembered(vocabulary: Vocabulary) -> None:
    rng = np.random.default_rng(3)
    keys = [int(key) for key in rng.integers(0, 9, 2 * REMEMBERED + 300)]
    keys[:3], keys[4] = [20, 21, 22], 23  # heard at the beginning, and again when that is long forgotten
    keys[-300:-297] = [20, 21, 22]
    waits = rng.choice([0, 1, 12, 130], len(keys)).tolist()
    tokens = tokens_of([(key, wait, None) for key, wait in zip(keys, waits, strict=True)], vocabulary)
    told = assert_alike(tokens, vocabulary)
    assert (told[-100:, AFTER_THREE.start] != UNKNOWN).any()


@pytest.mark.parametrize("since", [REMEMBERED - 4, REMEMBERED - 3, REMEMBERED - 2])
def test_what_is_forgotten(since: int) -> None:
    """Two strikes, `since` others of which no two are alike, and the two again."""
    others = [(key, second) for key in range(2, 40) for second in range(40, 60)]
    between = [key for pair in others for key in pair][:since]
    tune = [*[0, 1], *between, *[0, 1]]
    told = assert_alike(tokens_of([(key, 5, None) for key in tune]), PERFORMANCE_8MS)
    followed = told[-1, AFTER_TWO.start]
    remembered = len(tune) <= REMEMBERED  # the first of them is among the last
    assert followed == (60 + between[0] if remembered else UNKNOWN)


@given(tunes(keys=2, max_strikes=60).filter(lambda tune: len(tune) > 9))
def test_any_limit_is_the_same_live_and_whole(tune: list[tuple[int, int, int | None]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reminders, "REMEMBERED", INTERVALS + 2)
        tune = [(key, wait + 1, velocity_bin) for key, wait, velocity_bin in tune]  # no chords: all intervals are kept
        assert_alike(tokens_of(tune), PERFORMANCE_8MS)


def test_strikes_are_never_written_to() -> None:
    strikes = [Strikes.none()]
    for number in range(REMEMBERED + 20):
        strikes.append(strikes[-1].and_then(number % 7, 10 * number, number % VELOCITY_BINS))
    for count, each in enumerate(strikes):
        last = range(count)[-REMEMBERED:]
        assert each.pitch.tolist() == [number % 7 for number in last]
        assert each.step.tolist() == [10 * number for number in last]
        assert each.velocity_bin.tolist() == [number % VELOCITY_BINS for number in last]
    with pytest.raises(dataclasses.FrozenInstanceError):
        strikes[0].pitch = strikes[1].pitch  # type: ignore[misc]


def test_telling_changes_nothing() -> None:
    strikes = Strikes.none().and_then(60, 0, 3).and_then(62, 10, 4).and_then(60, 20, 5).and_then(62, 30, 6)
    once = strikes.reminders(35, 7)
    assert once[AFTER_TWO].tolist() == [60, 6, 5]
    once[:] = 0
    later, same = (strikes.reminders(step, 7) for step in (300, 35))
    assert (later[AFTER_TWO].tolist(), same[AFTER_TWO].tolist()) == ([60, 0, 5], [60, 6, 5])


def test_a_return_is_told_as_high_and_as_loud_as_it_is_now() -> None:
    """A motif of five keys, then again a fourth higher and two bins louder: after four, the fifth is foretold."""
    motif, waits = [60, 62, 64, 65, 71], [10, 10, 10, 20]
    tokens: list[int] = []
    for moved, louder in ((0, 0), (5, 2)):
        for key, wait in zip(motif, [*waits, 50], strict=True):
            tokens += [VELOCITY + 12 + louder, ON + key + moved, OFF + key + moved, SHIFT + wait]
    told = assert_alike(tokens, PERFORMANCE_8MS)
    fourth = len(tokens) - 4 - 1  # after the release of the last but one key, before time passes
    assert told[fourth, RETURN].tolist() == [1, 76, 21, 14, 64 + 5]
    assert told[fourth + 1, RETURN].tolist() == [1, 76, 1, 14, 64 + 5]  # twenty steps later it is due
    assert (told[: 4 * 8, RETURN] == UNKNOWN).all()  # the motif had not returned yet
