"""The table of knobs: what a position means, what a key press does, what is refused."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.errors import BadValue
from perfrnn_live.live.controls import KNOBS, Dial, Knob, Mode, Settings, Switch, pitch_class_weights

DIALS = [knob for knob in KNOBS.values() if isinstance(knob, Dial)]
SWITCHES = [knob for knob in KNOBS.values() if isinstance(knob, Switch)]
every_knob = pytest.mark.parametrize("knob", KNOBS.values(), ids=KNOBS)
every_dial = pytest.mark.parametrize("knob", DIALS, ids=lambda knob: knob.name)
every_switch = pytest.mark.parametrize("knob", SWITCHES, ids=lambda knob: knob.name)

counts = st.lists(st.integers(0, 500) | st.floats(0, 500), min_size=12, max_size=12)


def values_of(knob: Knob) -> st.SearchStrategy[Any]:
    return st.floats(knob.low, knob.high) if isinstance(knob, Dial) else st.sampled_from(knob.options)


def test_there_is_a_knob_for_every_setting() -> None:
    assert list(KNOBS) == [field.name for field in fields(Settings)]


@pytest.mark.parametrize(
    ("name", "left", "centre", "right"),
    [
        ("temperature", 0.5, 1.0, 2.0),
        ("top_p", 0.5, 0.75, 1.0),
        ("density", 0.25, 1.0, 4.0),
        ("loudness", -1.0, 0.0, 1.0),
        ("register", -1.0, 0.0, 1.0),
        ("polyphony", 1, 17, 32),
        ("scale", "any", "B major", "B minor"),
        ("answer_length", 0.25, 1.0, 4.0),
        ("morph", 0.0, 0.5, 1.0),
        ("mode", Mode.SOLO, Mode.TRADE, Mode.DUET),
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


@given(st.data(), st.sampled_from(DIALS))
def test_a_value_comes_back_from_its_position_within_a_step(data: st.DataObject, knob: Dial) -> None:
    value = data.draw(values_of(knob))
    position = knob.position_of(value)
    assert 0 <= position <= 127
    below, above = knob.value_at(max(position - 1, 0)), knob.value_at(min(position + 1, 127))
    assert below <= value <= above


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


@given(st.data(), st.sampled_from(list(KNOBS.values())), st.sampled_from([-1, 1]))
def test_a_press_moves_its_way_unless_at_the_end_and_another_undoes_it(
    data: st.DataObject, knob: Knob, press: int
) -> None:
    value = data.draw(values_of(knob))
    after = knob.nudged(value, press)
    knob.check(after)
    stands, stood = knob.position_of(after), knob.position_of(value)
    assert (stands - stood) * press > 0 or after == knob.value_at(127 if press > 0 else 0)
    twice = knob.nudged(after, press)
    assert twice == after or knob.nudged(twice, -press) == after


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("temperature", 0.49, "temperature must be from 0.5 to 2, not 0.49"),
        ("temperature", float("nan"), "temperature must be from 0.5 to 2, not nan"),
        ("top_p", 1.01, "top p must be from 0.5 to 1, not 1.01"),
        ("density", "thick", "density must be from 0.25 to 4, not thick"),
        ("loudness", -2, "loudness must be from -1 to 1, not -2"),
        ("register", float("inf"), "register must be from -1 to 1, not inf"),
        ("polyphony", 33, "polyphony must be one of 1, 2, 3 … 32, not 33"),
        ("polyphony", 2.5, "polyphony must be one of 1, 2, 3 … 32, not 2.5"),
        ("scale", "H major", "scale must be one of any, follow, C major … B minor, not H major"),
        ("answer_length", 0.0, "answer length must be from 0.25 to 4, not 0.0"),
        ("morph", None, "morph must be from 0 to 1, not None"),
        ("mode", "solo", "mode must be one of solo, trade, duet, not solo"),
    ],
)
def test_what_is_out_of_range_is_refused_in_one_sentence(name: str, value: Any, sentence: str) -> None:
    with pytest.raises(BadValue) as refused:
        Settings().turned(name, value)
    assert str(refused.value) == sentence


def test_texts_for_the_screen() -> None:
    assert [knob.text(getattr(Settings(), name)) for name, knob in KNOBS.items()] == [
        *("1.00", "1.00", "1.00", "0.00", "0.00", "32", "any", "1.00", "0.00", "solo")
    ]


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
    scales = KNOBS["scale"].options[2:] if isinstance(KNOBS["scale"], Switch) else ()
    assert len({pitch_class_weights(scale, [0] * 12) for scale in scales}) == 24


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
