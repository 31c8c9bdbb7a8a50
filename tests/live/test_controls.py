"""The table of knobs: what a position means, what a key press does, what is refused."""

from __future__ import annotations

import math
from dataclasses import fields
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.engines.handles import Handles
from perfrnn_live.errors import BadValue
from perfrnn_live.live.controls import (
    KNOBS,
    Dial,
    Knob,
    Mode,
    OptionalDial,
    Settings,
    Switch,
)
from perfrnn_live.music.composers import COMPOSERS
from perfrnn_live.music.scales import pitch_class_histogram, pitch_class_weights

DIALS = [knob for knob in KNOBS.values() if isinstance(knob, Dial)]
WISHES = [knob for knob in KNOBS.values() if isinstance(knob, OptionalDial)]
SWITCHES = [knob for knob in KNOBS.values() if isinstance(knob, Switch)]
every_knob = pytest.mark.parametrize("knob", KNOBS.values(), ids=KNOBS)
every_dial = pytest.mark.parametrize("knob", DIALS, ids=lambda knob: knob.name)
every_wish = pytest.mark.parametrize("knob", WISHES, ids=lambda knob: knob.name)
every_switch = pytest.mark.parametrize("knob", SWITCHES, ids=lambda knob: knob.name)

NOTHING_PLAYED = [0.0] * 12
(SCALES,) = (knob.options for knob in SWITCHES if knob.name == "scale")
KEYS = SCALES[3:]  # after "any", "follow" and "held"
counts = st.lists(st.integers(0, 500) | st.floats(0, 500), min_size=12, max_size=12)


def values_of(knob: Knob) -> st.SearchStrategy[Any]:
    match knob:
        case Dial():
            return st.floats(knob.low, knob.high)
        case OptionalDial(dial):
            return st.none() | st.floats(dial.low, dial.high)
        case Switch():
            return st.sampled_from(knob.options)


def rank(knob: Knob, value: Any) -> float:
    """Where a value stands in the order in which a controller goes through them, from its lowest position upwards."""
    if isinstance(knob, Switch):
        return knob.options.index(value)
    return float("-inf") if value is None else float(value)


def test_there_is_a_knob_for_every_setting() -> None:
    assert list(KNOBS) == [field.name for field in fields(Settings)]


@pytest.mark.parametrize(
    ("name", "left", "centre", "right"),
    [
        ("temperature", 0.5, 1.0, 2.0),
        ("top_p", 0.5, 0.75, 1.0),
        ("density", None, pytest.approx(math.sqrt(30)), pytest.approx(30.0)),
        ("loudness", None, 65.0, 110.0),
        ("register", None, 60.0, 84.0),  # middle C
        ("polyphony", 1, 17, 32),
        ("scale", "any", "Bb major", "B minor"),
        ("answer_length", 0.25, 1.0, 4.0),
        ("morph", 0.0, 0.5, 1.0),
        ("likeness", 0.0, 1.0, 2.0),
        ("across", 0.0, 0.5, 1.0),
        ("lowest", 0, 64, 127),
        ("highest", 0, 64, 127),
        ("split", None, 64, 127),
        ("mode", Mode.SOLO, Mode.TRADE, Mode.DUET),
        ("composer", "any", "debussy", "other"),
        ("towards", "any", "debussy", "other"),
        ("blend", 0.0, 0.5, 1.0),
    ],
)
def test_ends_and_centre_are_exact(name: str, left: object, centre: object, right: object) -> None:
    assert [KNOBS[name].value_at(position) for position in (0, 64, 127)] == [left, centre, right]


@every_knob
def test_every_position_is_a_valid_setting_that_stands_there(knob: Knob) -> None:
    for position in range(128):
        value = knob.value_at(position)
        assert getattr(Settings().turned(knob.name, value), knob.name) == value
        assert knob.value_at(knob.position_of(value)) == value


@every_dial
def test_a_dial_has_128_rising_values_and_knows_the_position_of_each(knob: Dial) -> None:
    values = [knob.value_at(position) for position in range(128)]
    assert all(before < after for before, after in pairwise(values))
    assert [knob.position_of(value) for value in values] == list(range(128))


@every_dial
def test_equal_turns_are_equal_differences_or_equal_ratios(knob: Dial) -> None:
    values = [knob.value_at(position) for position in range(128)]
    turns = [after / before if knob.curve == "ratio" else after - before for before, after in pairwise(values)]
    assert turns[:64] == pytest.approx([turns[0]] * 64)
    assert turns[64:] == pytest.approx([turns[-1]] * 63)
    assert turns[-1] == pytest.approx(turns[0], rel=0.02)  # 64 positions below the centre, 63 above


@every_wish
def test_a_wish_is_free_at_the_lowest_position_and_rises_over_all_the_others(knob: OptionalDial) -> None:
    values = [knob.value_at(position) for position in range(128)]
    assert values[0] is None
    assert all(before < after for before, after in pairwise(values[1:]))
    assert knob.dial.low < values[1] < values[127] == pytest.approx(knob.dial.high)
    assert [knob.position_of(value) for value in values] == list(range(128))
    assert knob.position_of(knob.dial.low) == 1  # the lowest that can be asked for is asked for, and not free


@given(st.data(), st.sampled_from(DIALS + WISHES))
def test_a_value_comes_back_from_its_position_within_a_step(data: st.DataObject, knob: Dial | OptionalDial) -> None:
    value = data.draw(values_of(knob))
    position = knob.position_of(value)
    assert 0 <= position <= 127
    below, above = knob.value_at(max(position - 1, 0)), knob.value_at(min(position + 1, 127))
    assert rank(knob, below) <= rank(knob, value) <= rank(knob, above)
    assert (position == 0) is (value is None) or isinstance(knob, Dial)


@every_switch
def test_every_option_has_its_even_share_of_positions(knob: Switch) -> None:
    met = [knob.value_at(position) for position in range(128)]
    shares = [met.count(option) for option in knob.options]
    assert max(shares) - min(shares) <= 1
    assert [met.index(option) for option in knob.options] == [knob.position_of(option) for option in knob.options]


@every_dial
def test_sixteen_presses_lead_from_end_to_end_and_eight_to_the_very_centre(knob: Dial) -> None:
    low, high = knob.value_at(0), knob.value_at(127)
    assert knob.nudged(low, 16) == knob.nudged(low, 99) == high
    assert knob.nudged(high, -16) == knob.nudged(high, -99) == low
    assert knob.nudged(low, 8) == knob.nudged(high, -8) == knob.value_at(64)


@every_dial
def test_presses_lead_back_over_the_very_values_they_came_by(knob: Dial) -> None:
    way_up = [knob.value_at(0)]
    for _ in range(16):
        way_up.append(knob.nudged(way_up[-1], 1))
    way_down = [knob.value_at(127)]
    for _ in range(16):
        way_down.append(knob.nudged(way_down[-1], -1))
    assert way_up == way_down[::-1]
    assert len(set(way_up)) == 17


@every_wish
def test_presses_lead_a_wish_from_free_to_the_top_and_back_to_free(knob: OptionalDial) -> None:
    way_up: list[float | None] = [None]
    for _ in range(17):
        way_up.append(knob.nudged(way_up[-1], 1))
    way_down: list[float | None] = [knob.dial.high]
    for _ in range(17):
        way_down.append(knob.nudged(way_down[-1], -1))
    assert way_up == way_down[::-1]
    assert way_up[:2] == [None, knob.dial.low] and way_up[-1] == pytest.approx(knob.dial.high)
    assert len(set(way_up)) == 18
    assert knob.nudged(knob.dial.high, 1) == pytest.approx(knob.dial.high)
    assert knob.nudged(None, -1) is None


@every_wish
def test_several_presses_at_once_are_as_many_one_by_one(knob: OptionalDial) -> None:
    one_by_one: list[float | None] = [None]
    for presses in range(1, 20):
        one_by_one.append(knob.nudged(one_by_one[-1], 1))
        assert knob.nudged(None, presses) == one_by_one[-1]


@given(st.data(), st.sampled_from(list(KNOBS.values())), st.sampled_from([-1, 1]))
def test_a_press_moves_its_way_unless_at_the_end_and_another_undoes_it(
    data: st.DataObject, knob: Knob, press: int
) -> None:
    value = data.draw(values_of(knob))
    after: Any = knob.nudged(value, press)
    knob.check(after)
    assert (rank(knob, after) - rank(knob, value)) * press > 0 or after == knob.value_at(127 if press > 0 else 0)
    twice: Any = knob.nudged(after, press)
    assert twice == after or knob.nudged(twice, -press) == after


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("temperature", 0.49, "temperature must be from 0.5 to 2, not 0.49"),
        ("temperature", float("nan"), "temperature must be from 0.5 to 2, not nan"),
        ("top_p", 1.01, "top p must be from 0.5 to 1, not 1.01"),
        ("density", "thick", "density must be from 1 to 30, or free, not thick"),
        ("density", 0.99, "density must be from 1 to 30, or free, not 0.99"),
        ("loudness", 111, "loudness must be from 20 to 110, or free, not 111"),
        ("loudness", float("nan"), "loudness must be from 20 to 110, or free, not nan"),
        ("register", float("inf"), "register must be from 36 to 84, or free, not inf"),
        ("polyphony", 33, "polyphony must be one of 1, 2, 3 … 32, not 33"),
        ("polyphony", 2.5, "polyphony must be one of 1, 2, 3 … 32, not 2.5"),
        ("scale", "H major", "scale must be one of any, follow, held … B minor, not H major"),
        ("answer_length", 0.0, "answer length must be from 0.25 to 4, not 0.0"),
        ("morph", None, "morph must be from 0 to 1, not None"),
        ("mode", "solo", "mode must be one of solo, trade, duet, not solo"),
        ("blend", -0.1, "blend must be from 0 to 1, not -0.1"),
        ("blend", None, "blend must be from 0 to 1, not None"),
    ],
)
def test_what_is_out_of_range_is_refused_in_one_sentence(name: str, value: Any, sentence: str) -> None:
    with pytest.raises(BadValue) as refused:
        Settings().turned(name, value)
    assert str(refused.value) == sentence


@pytest.mark.parametrize("name", ["composer", "towards"])
@pytest.mark.parametrize("nobody", ["salieri", "Chopin", "", None])
def test_who_cannot_be_asked_for_is_refused_with_those_who_can(name: str, nobody: str | None) -> None:
    with pytest.raises(BadValue) as refused:
        Settings().turned(name, nobody)
    assert str(refused.value) == f"{name} must be one of any, {', '.join(COMPOSERS)}, not {nobody}"


def test_texts_for_the_screen() -> None:
    assert [knob.text(getattr(Settings(), name)) for name, knob in KNOBS.items()] == [
        *("1.00", "1.00", "free", "free", "free", "free", "32", "any", "1.00"),
        *("0.00", "solo", "any", "any", "0.00", "0.00", "0.00", "0.00", "C-1", "G9", "off"),
    ]
    asked = Settings(density=8.4, loudness=60, register=45.5, composer="bach", blend=0.256, mode=Mode.DUET)
    names = ("density", "loudness", "register", "composer", "blend", "mode")
    assert [KNOBS[name].text(getattr(asked, name)) for name in names] == ["8.4", "60", "45.5", "bach", "0.26", "duet"]


@given(
    st.sampled_from(["any", *COMPOSERS]),
    st.sampled_from(["any", *COMPOSERS]),
    st.floats(0.0, 1.0),
)
def test_composers_are_asked_for_in_proportion_to_the_blend(composer: str, towards: str, blend: float) -> None:
    weights = Settings(composer=composer, towards=towards, blend=blend).composers
    Handles(composers=weights)  # can be asked for as they are
    share = dict.fromkeys(COMPOSERS, 0.0)
    for name, weight in weights:
        share[name] += weight
    wanted = dict.fromkeys(COMPOSERS, 0.0)
    if composer != "any":
        leans = 0.0 if towards == "any" else blend
        wanted[composer] += 1 - leans
        wanted[towards if leans else composer] += leans
    assert share == pytest.approx(wanted)


def test_the_composers_of_the_ends_and_the_middle_of_a_blend() -> None:
    assert Settings().composers == Settings(towards="bach", blend=1.0).composers == ()
    assert Settings(composer="chopin", blend=0.7).composers == (("chopin", 1.0),)
    for blend, ((one, its), (other, others)) in (
        (blend, Settings(composer="chopin", towards="bach", blend=blend).composers) for blend in (0.0, 0.25, 1.0)
    ):
        assert (one, its, other, others) == ("chopin", 1 - blend, "bach", blend)


@pytest.mark.parametrize(
    ("scale", "welcome"),
    [
        ("C major", {0, 2, 4, 5, 7, 9, 11}),
        ("A minor", {9, 11, 0, 2, 4, 5, 8}),  # harmonic: G sharp leads to A
        ("Eb minor", {3, 5, 6, 8, 10, 11, 2}),
        ("F# major", {6, 8, 10, 11, 1, 3, 5}),
    ],
)
def test_a_scale_lets_little_else_through(scale: str, welcome: set[int]) -> None:
    weights = pitch_class_weights(scale, [0] * 12)
    assert {pitch_class for pitch_class, weight in enumerate(weights) if weight == 1} == welcome
    assert all(0 < weights[pitch_class] < 0.05 for pitch_class in set(range(12)) - welcome)


def test_the_24_scales_differ() -> None:
    assert len({pitch_class_weights(key, NOTHING_PLAYED) for key in KEYS}) == 24


@given(st.sampled_from(["any", "follow", "D minor"]), counts)
def test_weights_are_usable_whatever_was_played(scale: str, recent: list[float]) -> None:
    weights = pitch_class_weights(scale, recent)
    assert len(weights) == 12
    assert max(weights) == 1.0
    assert min(weights) > 0


@given(counts)
def test_to_follow_is_to_like_most_what_was_played_most(recent: list[float]) -> None:
    weights = pitch_class_weights("follow", recent)
    in_order = sorted(range(12), key=lambda pitch_class: recent[pitch_class])
    assert all(weights[less] <= weights[more] for less, more in pairwise(in_order))


def test_to_follow_nothing_is_freedom_and_one_note_does_not_bind() -> None:
    assert pitch_class_weights("follow", [0] * 12) == pitch_class_weights("any", [9, *[0] * 11]) == (1.0,) * 12
    assert pitch_class_weights("follow", [1, *[0] * 11]) == (1.0, *[0.5] * 11)
    assert pitch_class_weights("follow", [19, *[0] * 11]) == (1.0, *[0.05] * 11)


@pytest.mark.parametrize("recent", [[1] * 11, [-1] + [0] * 11])
def test_counts_that_are_none_are_refused(recent: list[float]) -> None:
    with pytest.raises(ValueError, match="12 counts"):
        pitch_class_weights("follow", recent)


def test_an_unknown_scale_is_refused() -> None:
    with pytest.raises(BadValue, match="scale must be one of"):
        pitch_class_weights("H major", [0] * 12)


# Albrecht & Shanahan (2013), table 1: how often the steps of a key are struck, from its tonic upwards.
PROFILES = {
    "major": (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081),
    "minor": (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052),
}
TONICS = {"C": 0, "C#": 1, "D": 2, "Eb": 3, "E": 4, "F": 5, "F#": 6, "G": 7, "Ab": 8, "A": 9, "Bb": 10, "B": 11}


@pytest.mark.parametrize("key", KEYS)
def test_a_key_asks_for_its_steps_as_often_as_composers_strike_them(key: str) -> None:
    asked = pitch_class_histogram(key, [99.0, *NOTHING_PLAYED[1:]])  # whatever was played
    assert asked is not None
    tonic, name = key.split()
    assert [asked[(TONICS[tonic] + step) % 12] for step in range(12)] == list(PROFILES[name])
    Handles(pitch_classes=asked)


def test_the_24_keys_ask_for_24_different_things() -> None:
    assert len(KEYS) == len({pitch_class_histogram(key, NOTHING_PLAYED) for key in KEYS}) == 24


@given(counts)
def test_to_follow_asks_for_what_was_played_and_any_for_nothing(recent: list[float]) -> None:
    assert pitch_class_histogram("any", recent) is None
    asked = pitch_class_histogram("follow", recent)
    assert asked == (tuple(recent) if any(recent) else None)
    Handles(pitch_classes=asked)


def test_what_is_held_is_asked_for_and_nothing_is_where_nothing_is_held() -> None:
    chord = [1, 0, 0, 0, 2, 0, 0, 1, 0, 0, 0, 0]
    assert pitch_class_histogram("held", chord) == tuple(chord)
    assert pitch_class_weights("held", chord) == tuple(1.0 if held else 0.2 for held in chord)
    assert pitch_class_histogram("held", [0] * 12) is None
    assert pitch_class_weights("held", [0] * 12) == (1.0,) * 12
