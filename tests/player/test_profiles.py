"""What outputs need: the shipped ones, what a file may say, and what it may not."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.errors import BadValue
from perfrnn_live.music.midi import SUSTAIN, control_change, note_off, note_on
from perfrnn_live.player.profiles import DAW, DISKLAVIER, PROFILES, Profile, load_profile
from tests.strategies import pitches, velocities

C = 60
messages = st.one_of(
    st.builds(note_on, pitches, st.integers(0, 127)),
    st.builds(note_off, pitches),
    st.builds(control_change, st.integers(0, 127), st.integers(0, 127)),
)


@given(messages)
def test_daw_changes_nothing(message: bytes) -> None:
    assert DAW.to_output(message) == message
    assert DAW.output_delay_s(message) == DAW.longest_delay_s == DAW.input_delay_s == 0


@pytest.mark.parametrize(
    ("velocity", "delay_ms"),
    [(127, 50), (100, 50), (95, 52), (80, 60), (60, 110), (50, 135), (40, 155), (20, 190), (10, 205), (1, 205)],
)
def test_a_disklavier_needs_longer_for_softer_strikes(velocity: int, delay_ms: float) -> None:
    assert DISKLAVIER.output_delay_s(note_on(C, velocity)) * 1000 == pytest.approx(delay_ms)


@pytest.mark.parametrize("message", [note_off(C), note_on(C, 0), control_change(SUSTAIN, 127)])
def test_releases_and_the_pedal_need_the_base_delay(message: bytes) -> None:
    assert DISKLAVIER.output_delay_s(message) == 0.05


@given(st.lists(st.tuples(velocities, st.floats(0, 1)), unique_by=lambda point: point[0]), st.floats(0, 1), messages)
def test_no_message_needs_longer_than_the_longest(
    points: list[tuple[int, float]], base_delay_s: float, message: bytes
) -> None:
    profile = Profile("any", base_delay_s=base_delay_s, strike_delays_s=tuple(sorted(points)))
    assert base_delay_s <= profile.output_delay_s(message) <= profile.longest_delay_s


@given(st.floats(0.25, 4), velocities, velocities, velocities)
def test_the_velocity_curve_rises_from_the_softest_to_127(gamma: float, softest: int, one: int, other: int) -> None:
    profile = Profile("any", velocity_gamma=gamma, softest_velocity=softest)
    softer, louder = (profile.to_output(note_on(C, velocity))[2] for velocity in sorted((one, other)))
    assert softest <= softer <= louder <= 127
    assert profile.to_output(note_on(C, 127)) == note_on(C, 127)


def test_the_velocity_curve_is_a_power_law_and_for_strikes_only() -> None:
    profile = Profile("bright", velocity_gamma=0.5, softest_velocity=30)
    assert profile.to_output(note_on(C, 64)) == note_on(C, 90)  # 127 * sqrt(64 / 127) = 90.2
    assert profile.to_output(note_on(C, 1)) == note_on(C, 30)
    for message in (note_off(C), note_on(C, 0), control_change(SUSTAIN, 64), b"\xfe"):
        assert profile.to_output(message) == message


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_shipped_profiles_load_by_name_and_travel_between_processes(profile: Profile) -> None:
    assert load_profile(profile.name) is profile
    assert pickle.loads(pickle.dumps(profile)) == profile


FULL = """
like = "disklavier"
name = "our C7"
input_delay_s = 0.04
base_delay_s = 0
strike_delays_s = [[20, 0.15], [90, 0.01]]
velocity_gamma = 1.5
softest_velocity = 12
min_note_s = 0.08
min_gap_s = 0.09
min_pedal_gap_s = 0.11
polyphony = 24
pedal = "notes"
active_sensing = false
echo = false
echo_tolerance_s = 0.2
echo_velocity_tolerance = 20
"""


def written(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("profile", [DAW, DISKLAVIER, Profile('our "C7", Saal 2 – Flügel\n', echo_tolerance_s=1e-05)])
def test_a_file_written_is_the_profile_again(tmp_path: Path, profile: Profile) -> None:
    assert load_profile(written(tmp_path, profile.to_toml())) == profile


def test_a_file_may_set_everything(tmp_path: Path) -> None:
    assert load_profile(written(tmp_path, FULL)) == Profile(
        "our C7",
        input_delay_s=0.04,
        base_delay_s=0,
        strike_delays_s=((20, 0.15), (90, 0.01)),
        velocity_gamma=1.5,
        softest_velocity=12,
        min_note_s=0.08,
        min_gap_s=0.09,
        min_pedal_gap_s=0.11,
        polyphony=24,
        pedal="notes",
        active_sensing=False,
        echo=False,
        echo_tolerance_s=0.2,
        echo_velocity_tolerance=20,
    )


def test_a_file_takes_the_rest_from_the_profile_it_is_like_and_its_name_from_its_own(tmp_path: Path) -> None:
    assert load_profile(written(tmp_path, "")) == replace(DAW, name="mine")
    file = written(tmp_path, 'like = "disklavier"\npolyphony = 8')
    assert load_profile(file) == replace(DISKLAVIER, name="mine", polyphony=8)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("polyphony = 0", "polyphony must be a whole number from 1 to 128, not 0"),
        ("polyphony = 2.5", "polyphony must be a whole number from 1 to 128, not 2.5"),
        ("polyphony = true", "polyphony must be a whole number from 1 to 128, not True"),
        ("min_note_s = -0.1", "min_note_s must be a number from 0.0 to 1.0, not -0.1"),
        ("min_note_s = 100", "min_note_s must be a number from 0.0 to 1.0, not 100"),
        ("min_gap_s = nan", "min_gap_s must be a number from 0.0 to 1.0, not nan"),
        ('base_delay_s = "50 ms"', "base_delay_s must be a number from 0.0 to 1.0, not '50 ms'"),
        ("velocity_gamma = 0", "velocity_gamma must be a number from 0.25 to 4.0, not 0"),
        ("echo = 1", "echo must be true or false, not 1"),
        ('pedal = "half"', "pedal must be one of notes, cc64, not 'half'"),
        ("pedal = []", "pedal must be one of notes, cc64, not ()"),
        ('name = ""', "name must be a text, not ''"),
        ("name = 7", "name must be a text, not 7"),
        ('like = "piano"', "like must be one of daw, disklavier, not 'piano'"),
        ("like = [1]", "like must be one of daw, disklavier, not [1]"),
        ("strike_delays_s = 0.1", "strike_delays_s must be pairs of a velocity and seconds, not 0.1"),
        ("strike_delays_s = [[1, 2, 3]]", "strike_delays_s must be pairs of a velocity and seconds, not ((1, 2, 3),)"),
        ("strike_delays_s = [[0, 0.1]]", "a velocity of strike_delays_s must be a whole number from 1 to 127, not 0"),
        ("strike_delays_s = [[9, 0], [9, 0]]", "must be a whole number from 10 to 127, not 9"),
        ("strike_delays_s = [[9, 5.0]]", "a delay of strike_delays_s must be a number from 0.0 to 1.0, not 5.0"),
        ("latency = 3", "there is no 'latency'; there are: like, name, input_delay_s"),
        ("polyphony", "is not TOML"),
    ],
)
def test_what_is_wrong_is_said_with_key_and_file(tmp_path: Path, text: str, complaint: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(BadValue) as error:
        load_profile(path)
    assert complaint in str(error.value) and path in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadValue, match="there is no profile 'pianola'; shipped are: daw, disklavier"):
        load_profile("pianola")
    with pytest.raises(BadValue, match="cannot be read"):
        load_profile(str(tmp_path))
    path = tmp_path / "bytes.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadValue, match="is not TOML"):
        load_profile(str(path))
