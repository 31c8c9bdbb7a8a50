"""From settings and the other player's hands to how events are chosen, and what is asked of the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.engines.handles import NOTHING, TAUGHT, Handles
from perfrnn_live.live.controls import KNOBS, Mode, Settings
from perfrnn_live.live.steering import Steering, manner_of
from perfrnn_live.music.composers import COMPOSERS
from perfrnn_live.music.midi import note_off, note_on, strikes
from perfrnn_live.music.scales import pitch_class_histogram, pitch_class_weights
from perfrnn_live.player.messages import TakenBack
from perfrnn_live.sampling.controls import Controls
from tests.sittings import BEGAN_S, Sitting

BASE = Controls(polyphony=10, lowest=21, highest=108, min_note_s=0.05)


@pytest.fixture
def steering() -> Steering:
    return Steering(BASE)


def strike(steering: Steering, time_s: float, *pitches: int) -> None:
    for pitch in pitches:
        steering.struck(time_s, pitch)


def test_the_defaults_ask_for_nothing_and_leave_all_that_the_instrument_brings(steering: Steering) -> None:
    strike(steering, 1.0, 60, 64, 67)
    assert steering.controls(Settings(), 2.0) == BASE
    assert steering.controls(Settings(), 2.0).handles == NOTHING
    assert not NOTHING.anything


def test_numbers_are_asked_for_as_they_are(steering: Steering) -> None:
    handles = steering.controls(Settings(density=6.5, loudness=50.0, register=72.0), 0.0).handles
    assert handles == Handles(density=6.5, loudness=50.0, register=72.0)
    only = steering.controls(Settings(loudness=50.0), 0.0).handles
    assert only == Handles(loudness=50.0)
    assert handles.anything and only.anything
    assert np.count_nonzero(TAUGHT.row(only)) == 1  # fifty is a corner, and of the others nothing is said


def test_a_place_is_asked_for_as_far_as_likeness_says() -> None:
    steering = Steering(BASE, (1.0, -0.5))
    assert steering.controls(Settings(), 0.0).handles == NOTHING
    assert steering.controls(Settings(likeness=0.5), 0.0).handles == Handles(like=(1.0, -0.5), likeness=0.5)
    steering.place = None
    assert steering.controls(Settings(likeness=0.5), 0.0).handles.like is None


def test_a_key_asks_for_its_profile_and_hardly_lets_anything_else_through(steering: Steering) -> None:
    strike(steering, 1.0, 60, 64, 67)  # in another key
    controls = steering.controls(Settings(scale="F# minor"), 1.0)
    asked = controls.handles.pitch_classes
    assert asked is not None
    # Albrecht & Shanahan's minor, its tonic on F sharp: from C on, the steps 6, 7, 8 ... 11, 0 ... 5.
    minor = (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052)
    assert asked == minor[6:] + minor[:6]
    assert controls.pitch_classes == pitch_class_weights("F# minor", [0.0] * 12)
    assert controls.handles == Handles(pitch_classes=asked)


def test_following_asks_for_the_histogram_of_what_was_struck_in_the_last_seconds(steering: Steering) -> None:
    follow = Settings(scale="follow")
    assert steering.controls(follow, 0.0) == BASE  # nobody has played
    strike(steering, 1.0, 60, 64, 67, 72)
    strike(steering, 9.0, 62, 62)
    histogram = (2.0, 0.0, 2.0, 0.0, 1.0, 0.0, 0.0, 1.0, *[0.0] * 4)
    controls = steering.controls(follow, 12.5)
    assert controls.handles == Handles(pitch_classes=histogram)
    assert controls.pitch_classes == pitch_class_weights("follow", histogram)
    later = steering.controls(follow, 14.0).handles  # the chord is more than 12 s ago
    assert later == Handles(pitch_classes=(0.0, 0.0, 2.0, *[0.0] * 9))
    assert steering.controls(follow, 60.0) == BASE


def test_composers_and_the_way_between_two(steering: Steering) -> None:
    def asked(settings: Settings) -> dict[str, float]:
        weights = TAUGHT.row(steering.controls(settings, 0.0).handles)[: -len(TAUGHT.soundings)][-len(COMPOSERS) :]
        return {name: float(weight) for name, weight in zip(COMPOSERS, weights, strict=True) if weight}

    assert asked(Settings(towards="bach", blend=1.0)) == {}
    assert asked(Settings(composer="chopin")) == {"chopin": 1.0}
    assert asked(Settings(composer="chopin", towards="bach")) == {"chopin": 1.0}
    assert asked(Settings(composer="chopin", towards="bach", blend=0.25)) == {"chopin": 0.75, "bach": 0.25}
    assert asked(Settings(composer="chopin", towards="bach", blend=1.0)) == {"bach": 1.0}
    assert asked(Settings(composer="chopin", towards="chopin", blend=0.5)) == {"chopin": 1.0}


def test_what_is_no_handle_is_done_to_what_the_model_expects(steering: Steering) -> None:
    controls = steering.controls(Settings(temperature=1.2, top_p=0.9, polyphony=4), 0.0)
    assert controls == Controls(1.2, 0.9, NOTHING, 4, lowest=21, highest=108, min_note_s=0.05)
    assert steering.controls(Settings(polyphony=32), 0.0).polyphony == 10  # no more than the piano has
    free = Steering(Controls())
    limits = [free.controls(Settings(polyphony=keys), 0.0).polyphony for keys in (1, 31, 32)]
    assert limits == [1, 31, 128]  # at the knob's end, as many as it likes


def test_with_a_split_it_takes_the_side_where_the_hand_is_not() -> None:
    steering = Steering(BASE)
    sides = []
    for pitch in (None, 60, 59, 100):
        if pitch is not None:
            steering.struck(1.0, pitch)
        controls = steering.controls(Settings(split=60), 1.0)
        sides.append((controls.lowest, controls.highest))
    assert sides == [(21, 59), (21, 59), (60, 108), (21, 59)]


@pytest.mark.parametrize(
    ("settings", "side"),
    [
        (Settings(lowest=40, highest=80), (40, 80)),
        (Settings(lowest=80, highest=40), (40, 80)),  # whichever is which
        (Settings(lowest=0, highest=127), (21, 108)),  # no further than the piano has keys
        (Settings(lowest=0, highest=5), (21, 21)),
        (Settings(lowest=40, highest=80, split=60), (40, 59)),
        (Settings(lowest=40, highest=80, split=90), (40, 80)),
        (Settings(lowest=40, highest=80, split=40), (40, 80)),  # nothing lies below
    ],
)
def test_range_and_split_are_knobs_that_always_leave_some_keys(settings: Settings, side: tuple[int, int]) -> None:
    controls = Steering(BASE).controls(settings, 0.0)
    assert (controls.lowest, controls.highest) == side


positions = st.fixed_dictionaries({name: st.integers(0, 127) for name in KNOBS})


@given(positions, st.lists(st.tuples(st.floats(0.0, 20.0), st.integers(0, 127)), max_size=20), st.floats(0.0, 40.0))
def test_wherever_the_knobs_stand_events_can_be_chosen(
    turned: dict[str, int], struck: list[tuple[float, int]], now_s: float
) -> None:
    steering = Steering(BASE)
    for at_s, pitch in sorted(struck, key=lambda each: each[0]):
        steering.struck(at_s, pitch)
    steering.held = frozenset({60, 64, 76})
    values: dict[str, Any] = {name: KNOBS[name].value_at(position) for name, position in turned.items()}
    settings = Settings(**values)
    handles = steering.controls(settings, now_s).handles
    assert (handles.density, handles.loudness, handles.register) == (
        settings.density,
        settings.loudness,
        settings.register,
    )
    assert handles.composers == settings.composers
    lately = [pitch for at_s, pitch in struck if at_s > now_s - 12.0]
    split = settings.split
    is_above = split is None or not struck or sorted(struck, key=lambda each: each[0])[-1][1] >= split
    own = [pitch for pitch in (60, 64, 76) if split is None or (pitch >= split) == is_above]
    played = own if settings.scale == "held" else lately
    counts = [float(sum(pitch % 12 == n for pitch in played)) for n in range(12)]
    assert handles.pitch_classes == pitch_class_histogram(settings.scale, counts)
    asks = any(getattr(settings, name) is not None for name in ("density", "loudness", "register"))
    asks |= settings.composer != "any" or handles.pitch_classes is not None
    assert handles.anything is asks


# what becomes of it in a whole session


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("density", 40, 110), ("loudness", 20, 110), ("register", 20, 110)],  # positions of the controller
)
def test_what_is_asked_for_with_a_knob_is_heard_in_what_is_played(name: str, low: int, high: int) -> None:
    figures = []
    for position in (low, high):
        sitting = Sitting(settings=Settings().turned(name, KNOBS[name].value_at(position)))
        sitting.session.run(20.0)
        struck = [message for _, message in sitting.sent if strikes(message)]
        measures = {
            "density": float(len(struck)),
            "loudness": float(np.mean([message[2] for message in struck])),
            "register": float(np.mean([message[1] for message in struck])),
        }
        figures.append(measures[name])
    assert figures[0] < 0.8 * figures[1]


def test_a_wish_picked_up_at_its_bottom_changes_what_comes_and_free_again_nothing_is_asked() -> None:
    plain, turned = Sitting(), Sitting()
    for position in (0, 60, 127):
        turned.link.knob_at(1003.0, position, 23)
    turned.link.knob_at(1008.0, 0, 23)
    plain.session.run(12.0)
    turned.session.run(12.0)
    before = [each for each in turned.sent if each[0] < 1003.0]
    assert before == [each for each in plain.sent if each[0] < 1003.0] != []
    register = {round(status.elapsed_s): status.settings.register for status in turned.shown}
    assert (register[2], register[5], register[10]) == (None, KNOBS["register"].value_at(127), None)
    high, plainly = turned.struck_between(1003.5, 1008.0), turned.struck_between(1009.0, 1012.0)
    assert np.mean(high) > np.mean(plainly) + 6
    assert turned.improviser.course.controls.handles == NOTHING


def test_what_the_knobs_leave_free_is_asked_as_the_last_phrase_had_it() -> None:
    steering = Steering(BASE)
    call = [(10.0 + place / 4, 60 + place, 50 + 10 * place) for place in range(5)]
    assert manner_of(call[:4]) == NOTHING
    steering.manner = manner_of(call)
    assert steering.manner == Handles(density=4.0, loudness=70.0, register=62.0)
    assert steering.controls(Settings(), 0.0).handles == steering.manner
    assert steering.controls(Settings(density=9.0), 0.0).handles == Handles(9.0, 70.0, 62.0)
    chord = [(10.0, pitch, 80) for pitch in range(60, 66)]
    assert manner_of(chord) == Handles(loudness=80.0, register=62.5)


def test_held_harmony_is_that_of_the_keys_on_ones_own_side() -> None:
    steering = Steering(BASE)
    asked = Settings(scale="held", split=60)
    assert steering.controls(asked, 0.0).handles == NOTHING
    assert steering.controls(asked, 0.0).pitch_classes == (1.0,) * 12
    strike(steering, 1.0, 48)
    steering.held = frozenset({48, 52, 55, 74})  # the last is on the machine's side
    controls = steering.controls(asked, 100.0)  # for as long as they are held
    assert controls.handles.pitch_classes == tuple(float(n in (0, 4, 7)) for n in range(12))
    assert [controls.pitch_classes[n] for n in (0, 4, 7)] == [1.0] * 3 and max(controls.pitch_classes[1:4]) < 0.5


@pytest.mark.parametrize("mode", [Mode.SOLO, Mode.DUET])
def test_a_left_hand_steers_the_harmony_at_once(mode: Mode) -> None:
    sitting = Sitting(settings=Settings(mode=mode, scale="held", split=60))
    chords = {1.0: (48, 52, 55), 6.0: (50, 54, 57)}
    for at_s, chord in chords.items():
        for pitch in chord:
            sitting.play_at(BEGAN_S + at_s, note_on(pitch, 60))
            sitting.play_at(BEGAN_S + at_s + 4.9, note_off(pitch))
    sitting.session.run(11.0)
    for at_s, chord in chords.items():
        struck = sitting.struck_between(BEGAN_S + at_s + 0.1, BEGAN_S + at_s + 4.9)  # its plan is half a second long
        within = sum(pitch % 12 in {each % 12 for each in chord} for pitch in struck)
        assert len(struck) > 10 and within / len(struck) > 0.6
        assert min(struck) >= 60
        assert any(0.0 <= fact.at_s - BEGAN_S - at_s < 0.06 for fact in sitting.facts if isinstance(fact, TakenBack))
