"""What is to come, measured at every event."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.music.codec import encode
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.performance import bin_to_velocity
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS, VELOCITY_AT_FIRST, EventKind, Vocabulary
from perfrnn_live.training.corpus import TokenCorpus
from perfrnn_live.training.foresight import MEASURED, manners, measured
from tests.strategies import performances, token_streams, vocabularies

ON, OFF, SHIFT, VELOCITY = (PERFORMANCE_8MS.offsets[kind] for kind in EventKind)
SECOND = SHIFT + 125
DENSITY, LOUDNESS, REGISTER, CLASSES, SOUNDING = 0, 1, 2, slice(3, 15), 15
NAN = float("nan")


def close(values: object, expected: object) -> None:
    np.testing.assert_allclose(np.asarray(values), np.asarray(expected), rtol=1e-6)  # NaN equals NaN here


def test_the_density_of_the_next_three_seconds() -> None:
    tokens = [ON + 60, ON + 64, SECOND, ON + 67, SECOND, SECOND, ON + 72, SECOND, SECOND]
    seen = measured(np.array(tokens, np.int16), PERFORMANCE_8MS)[:, DENSITY]
    # what is struck at 3 s is just beyond the window from 0 s on; from 3 s on there are but two seconds to measure
    close(seen, [3 / 3, 2 / 3, 1 / 3, 2 / 3, 1 / 3, 1 / 3, NAN, NAN, NAN, NAN])


def test_silence_is_a_density_of_nought_and_nothing_else() -> None:
    seen = measured(np.array([ON + 60, *[SECOND] * 6, ON + 62], np.int16), PERFORMANCE_8MS)
    close(seen[1:6, DENSITY], [0, 0, 0, 0, NAN])
    close(seen[1:6, LOUDNESS], [NAN, NAN, NAN, NAN, bin_to_velocity(VELOCITY_AT_FIRST)])
    close(seen[1:6, REGISTER], [NAN, NAN, NAN, NAN, 62])
    assert [np.isnan(row).all() for row in seen[:, CLASSES]] == [False, True, True, *[False] * 5, True]


def test_the_loudness_and_register_of_the_next_three_seconds() -> None:
    low = [VELOCITY + 2, ON + 40, SECOND, VELOCITY + 10, ON + 50]
    high = [SECOND, SECOND, VELOCITY + 30, ON + 90]
    seen = measured(np.array([*low, *high], np.int16), PERFORMANCE_8MS)
    soft, middling, loud = (bin_to_velocity(velocity_bin) for velocity_bin in (2, 10, 30))
    before_all, after_low, at_1_s, after_both, at_2_s = (seen[place] for place in (0, 2, 3, 5, 6))
    close(before_all[[LOUDNESS, REGISTER]], [(soft + middling) / 2, 45])  # not the one at 3 s
    close(after_low[[LOUDNESS, REGISTER]], [middling, 50])
    close(at_1_s[[LOUDNESS, REGISTER]], [(middling + loud) / 2, 70])
    close(after_both[[LOUDNESS, REGISTER]], [loud, 90])
    close(at_2_s[[LOUDNESS, REGISTER]], [loud, 90])  # as far as there is something, beyond the end too
    close(seen[-1], [NAN] * MEASURED)


def test_the_pitch_classes_of_the_next_five_seconds() -> None:
    seen = measured(np.array([ON + 60, ON + 72, ON + 67, *[SECOND] * 5, ON + 71], np.int16), PERFORMANCE_8MS)
    c, g, b = np.eye(12)[[0, 7, 11]]
    close(seen[0, CLASSES], 2 * c + g)  # not the B at 5 s
    close(seen[2, CLASSES], g)
    close(seen[3, CLASSES], [NAN] * 12)
    close(seen[4, CLASSES], b)


def test_the_keys_that_sound_in_the_next_three_seconds_on_average() -> None:
    tokens = [ON + 60, ON + 64, SECOND, OFF + 64, SECOND, SECOND, ON + 67, SECOND, OFF + 60, OFF + 67, SECOND]
    seen = measured(np.array(tokens, np.int16), PERFORMANCE_8MS)[:, SOUNDING]
    close(seen[2], (2 + 1 + 1) / 3)  # both keys for a second, then one
    close(seen[4], (1 + 1 + 2) / 3)
    assert np.isnan(seen[6:]).all()


def test_a_key_that_is_struck_twice_sounds_once() -> None:
    tokens = [ON + 60, ON + 60, SECOND, OFF + 61, OFF + 60, OFF + 60, ON + 64, SECOND, SECOND]
    seen = measured(np.array(tokens, np.int16), PERFORMANCE_8MS)[:, SOUNDING]
    close(seen[:3], [1.0, 1.0, 1.0])


def test_a_composers_manner_is_that_of_all_recordings_together() -> None:
    tokens = np.array([VELOCITY + 15, ON + 60, SECOND, ON + 72, SECOND, OFF + 60, OFF + 72, SECOND, SECOND], np.int16)
    ends = len(tokens) * np.arange(1, 7)
    names = tuple("abcdef")
    corpus = TokenCorpus(PERFORMANCE_8MS, np.tile(tokens, 6), ends, names, ("bach",) * 5 + ("chopin",))
    loudness = round(float(bin_to_velocity(15)), 2)
    assert manners(corpus) == {"bach": {"density": 0.5, "loudness": loudness, "register": 66.0, "sounding": 0.75}}


def test_a_composers_harmony_is_that_of_twenty_seconds() -> None:
    def recording(pitches: list[int], seconds: int) -> list[int]:
        struck = [token for pitch in pitches for token in (ON + pitch, OFF + pitch)]
        return struck + [SECOND] * seconds

    two, four = recording([60, 67] * 12, 20), recording([60, 62, 64, 66] * 3, 20)
    few, short = recording([60, 61], 20), recording(list(range(60, 72)), 19)
    tokens = np.array(two + four + few + short, np.int16)
    corpus = TokenCorpus(
        PERFORMANCE_8MS, np.tile(tokens, 5), len(tokens) * np.arange(1, 6), tuple("abcde"), ("bach",) * 5
    )
    assert manners(corpus)["bach"]["entropy"] == 1.5  # two pitch classes, then four; then too few; then too short


@given(vocabularies, st.data())
def test_it_is_what_one_finds_by_looking(vocabulary: Vocabulary, data: st.DataObject) -> None:
    music = st.builds(encode, performances(), st.just(vocabulary))
    tokens = data.draw(music | token_streams(vocabulary, max_size=60))
    keyboards = [Keyboard.silent()]
    for token in tokens:
        keyboards.append(keyboards[-1].after(vocabulary.decode(token)))
    seen = measured(np.array(tokens, np.int16), vocabulary)
    assert seen.shape == (len(tokens) + 1, MEASURED)
    rate = vocabulary.steps_per_second
    for place, now in enumerate(keyboards):
        to_come = [
            (keyboard.step, event.value, bin_to_velocity(keyboard.velocity_bin))
            for keyboard, event in zip(keyboards[place:], map(vocabulary.decode, tokens[place:]), strict=False)
            if event.kind is EventKind.NOTE_ON
        ]
        soon = [strike for strike in to_come if strike[0] < now.step + 3 * rate]
        assert np.isnan(seen[place, DENSITY]) == (now.step + 3 * rate > keyboards[-1].step)
        if not np.isnan(seen[place, DENSITY]):
            close(seen[place, DENSITY], len(soon) / 3)
        close(seen[place, LOUDNESS], np.mean([velocity for *_, velocity in soon]) if soon else NAN)
        close(seen[place, REGISTER], np.mean([pitch for _, pitch, _ in soon]) if soon else NAN)
        classes = [pitch % 12 for step, pitch, _ in to_come if step < now.step + 5 * rate]
        if not np.isnan(seen[place, DENSITY]):
            last = [(after.step, int(after.sounding.sum())) for after in keyboards[place:]] + [(10**9, 0)]
            ends = now.step + 3 * rate
            held = sum(keys * (min(then, ends) - min(step, ends)) for (step, keys), (then, _) in pairwise(last))
            close(seen[place, SOUNDING], held / (3 * rate))
        close(seen[place, CLASSES], np.bincount(classes, minlength=12) if classes else [NAN] * 12)
