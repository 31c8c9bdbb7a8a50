"""The desk as a performer meets it: knobs that pick up, pads, keys, learning."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.errors import BadValue
from perfrnn_live.live.controls import KNOBS, Action, Mode, Pad, Settings
from perfrnn_live.live.wishes import Do, Turn, Wish
from perfrnn_live.music.midi import control_change, control_of, note_off, note_on
from perfrnn_live.player.messages import Received
from perfrnn_live.stage.bindings import DEFAULTS
from perfrnn_live.stage.desk import Desk, Learn, Put
from perfrnn_live.stage.terminal import KEYS

AT_S = 1000.5
UP, DOWN, RIGHT, LEFT = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D"

messages = st.one_of(
    st.binary(max_size=8),
    st.builds(
        lambda channel, cc, value: bytes((0xB0 | channel, cc, value)), *[st.integers(0, 15), *[st.integers(0, 127)] * 2]
    ),
    st.builds(control_change, st.sampled_from([1, 21, 25, 28, 29, 31, 102, 110]), st.integers(0, 127)),
    st.builds(note_on, st.integers(36, 38), st.integers(0, 127)),
    st.builds(note_off, st.integers(36, 38)),
)
keys = st.sampled_from([*"+-=msalfwq12345678x \n\r\t\x1b", UP, DOWN, RIGHT, LEFT, "", "12", "é", "\x1b[5~"])


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(Settings(), tmp_path / "learned.toml")


def steers(desk: Desk, message: bytes) -> bool:
    return control_of(message) in desk.steering


def send(desk: Desk, message: bytes) -> Wish | None:
    """Let the desk receive it as the player reports it."""
    return desk.receive(Received(AT_S, message, steers=steers(desk, message)))


def press(desk: Desk, key: str) -> Wish | None:
    return desk.obey(AT_S, KEYS[key]) if key in KEYS else None


def turn(desk: Desk, controller: int, *positions: int) -> None:
    """A wish comes of it exactly when a knob moves."""
    for position in positions:
        before = desk.settings
        wish = send(desk, control_change(controller, position))
        if wish is None:
            assert desk.settings == before
        else:
            assert isinstance(wish, Turn)
            assert wish.at_s == AT_S and before.turned(wish.name, wish.value) == desk.settings


def test_a_knob_waits_for_its_value_and_then_turns_it(desk: Desk) -> None:
    turn(desk, 1, 30)
    assert desk.settings == Settings()
    assert desk.said == "pick-up: temperature is at 1.00, turn up"
    turn(desk, 1, 63, 64)
    assert desk.said == ""
    turn(desk, 1, 127)
    assert desk.settings == Settings(temperature=2.0)
    turn(desk, 1, 0)
    assert desk.settings == Settings(temperature=0.5)


def test_a_knob_picks_up_when_it_crosses_the_value_from_either_side(tmp_path: Path) -> None:
    for first, then in ((60, 70), (70, 60)):
        desk = Desk(Settings(), tmp_path / "learned.toml")
        turn(desk, 1, first, then)
        assert desk.settings.temperature == KNOBS["temperature"].value_at(then)


@pytest.mark.parametrize("name", KNOBS)
def test_every_knob_turns_its_setting_from_end_to_end(desk: Desk, name: str) -> None:
    controller = int(DEFAULTS[name].removeprefix("CC "))
    turn(desk, controller, 0, 127)
    assert desk.settings == Settings().turned(name, KNOBS[name].value_at(127))
    turn(desk, controller, 0)
    assert desk.settings == Settings().turned(name, KNOBS[name].value_at(0))


def test_what_a_key_changed_is_picked_up_anew(desk: Desk) -> None:
    turn(desk, 1, 64, 100)
    for _ in range(20):
        press(desk, DOWN)
    assert desk.settings.temperature == 0.5
    turn(desk, 1, 101, 50)
    assert desk.settings.temperature == 0.5
    assert desk.said == "pick-up: temperature is at 0.50, turn down"
    turn(desk, 1, 0, 10)
    assert desk.settings.temperature == KNOBS["temperature"].value_at(10)


def test_a_wish_that_is_left_free_is_picked_up_at_the_very_bottom(desk: Desk) -> None:
    turn(desk, 21, 127, 30, 1)
    assert desk.settings == Settings()
    assert desk.said == "pick-up: density is at free, turn down"
    turn(desk, 21, 0)
    assert desk.settings == Settings() and desk.said == ""
    turn(desk, 21, 1)
    assert desk.settings.density == KNOBS["density"].value_at(1)
    turn(desk, 21, 127)
    assert desk.settings.density == KNOBS["density"].value_at(127)
    turn(desk, 21, 0)
    assert desk.settings == Settings()  # and can be left free again


def test_a_wish_that_asks_for_something_is_picked_up_there_and_not_at_the_bottom(desk: Desk) -> None:
    desk.settings = Settings(loudness=20.0)  # the lowest there is, and yet not free
    turn(desk, 22, 0)
    assert desk.settings == Settings(loudness=20.0)
    assert desk.said == "pick-up: loudness is at 20, turn up"
    turn(desk, 22, 2)
    assert desk.settings == Settings(loudness=KNOBS["loudness"].value_at(2))
    desk.settings = Settings(loudness=65.0)
    turn(desk, 22, 63)
    assert desk.settings.loudness == 65.0
    turn(desk, 22, 65)
    assert desk.settings.loudness == KNOBS["loudness"].value_at(65)
    turn(desk, 22, 0)
    assert desk.settings == Settings()


def test_what_a_pad_changed_is_picked_up_anew(desk: Desk) -> None:
    turn(desk, 21, 0, 80)
    assert desk.settings.density == KNOBS["density"].value_at(80)
    desk.settings = desk.settings.turned("density", 4.0)
    turn(desk, 21, 81)
    assert desk.settings.density == 4.0
    desk.settings = desk.settings.turned("density", KNOBS["density"].value_at(81))
    turn(desk, 21, 82)
    assert desk.settings.density == KNOBS["density"].value_at(82)


@given(st.sampled_from(list(KNOBS)), st.data())
def test_a_value_never_moves_further_than_the_knob(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    """So a knob that is turned position by position moves no value by more than one, picked up or not."""
    knob, controller = KNOBS[name], int(DEFAULTS[name].removeprefix("CC "))
    desk = Desk(Settings(), tmp_path_factory.getbasetemp() / "none.toml")
    before = None
    for position, elsewhere in data.draw(st.lists(st.tuples(st.integers(0, 127), st.none() | st.integers(0, 127)))):
        if elsewhere is not None:
            desk.settings = desk.settings.turned(name, knob.value_at(elsewhere))
        stood = knob.position_of(getattr(desk.settings, name))
        send(desk, control_change(controller, position))
        stands = knob.position_of(getattr(desk.settings, name))
        there = knob.position_of(knob.value_at(position))
        moved = 0 if before is None else abs(there - before)
        assert abs(stands - stood) <= moved
        assert stands in (stood, there)
        before = there


@given(st.integers(0, 127), st.sampled_from(list(KNOBS)), st.integers(0, 127))
def test_a_slow_turn_from_anywhere_across_the_value_ends_where_the_knob_ends(
    tmp_path_factory: pytest.TempPathFactory, stands: int, name: str, end: int
) -> None:
    knob, controller = KNOBS[name], int(DEFAULTS[name].removeprefix("CC "))
    settings = Settings().turned(name, knob.value_at(stands))
    desk = Desk(settings, tmp_path_factory.getbasetemp() / "none.toml")
    turn(desk, controller, *range(128), *range(127, end - 1, -1))
    assert getattr(desk.settings, name) == knob.value_at(end)


def test_channels_are_all_one(desk: Desk) -> None:
    send(desk, bytes((0xB3, 1, 60)))
    send(desk, bytes((0xBF, 1, 70)))
    assert desk.settings.temperature == KNOBS["temperature"].value_at(70)


@pytest.mark.parametrize(
    ("controller", "action"),
    [
        (102, Action.PHRASE_OVER),
        (103, Action.AGAIN),
        (104, Action.FREEZE),
        (105, Action.PANIC),
        *((109 + number, Pad(number, store=False)) for number in range(1, 9)),
    ],
)
def test_a_controller_as_a_button_acts_once_when_it_goes_up(desk: Desk, controller: int, action: Action | Pad) -> None:
    done = [send(desk, control_change(controller, value)) for value in (80, 127, 127, 80, 0, 63, 64, 10, 100)]
    assert done == [Do(AT_S, action) if acts else None for acts in (1, 0, 0, 0, 0, 0, 1, 0, 1)]


@pytest.mark.parametrize("value", [127, 64])
def test_a_footswitch_that_says_nothing_when_it_is_let_go_acts_each_time(desk: Desk, value: int) -> None:
    pressed = Do(AT_S, Action.AGAIN)
    assert [send(desk, control_change(103, value)) for _ in range(3)] == [pressed] * 3
    assert send(desk, control_change(103, 0)) is None  # it does say so: from now on it is a button like any other
    assert [send(desk, control_change(103, value)) for _ in range(3)] == [pressed, None, None]


@pytest.mark.parametrize(("forward", "back"), [(1, 127), (65, 63), (1, 65)])
def test_an_endless_encoder_turns_its_knob_from_where_it_stands(desk: Desk, forward: int, back: int) -> None:
    knob = KNOBS["temperature"]
    turn(desk, 1, *[forward] * 12)
    stands = knob.position_of(desk.settings.temperature)
    assert 64 + 10 <= stands <= 64 + 12  # what it is must be seen first
    turn(desk, 1, *[back] * 5)
    assert knob.position_of(desk.settings.temperature) == stands - 5
    turn(desk, 1, *[forward + 4] * 2)  # turned quickly
    assert knob.position_of(desk.settings.temperature) == stands + 5
    turn(desk, 1, *[back] * 200)
    assert desk.settings.temperature == 0.5
    turn(desk, 1, *[forward] * 200)
    assert desk.settings.temperature == 2.0
    press(desk, DOWN)
    before = desk.settings.temperature
    turn(desk, 1, back)  # from where the key has put it
    assert knob.position_of(desk.settings.temperature) == knob.position_of(before) - 1


def test_an_encoder_gets_from_option_to_option(desk: Desk) -> None:
    for mode in (Mode.TRADE, Mode.DUET):
        turn(desk, 28, *[1] * 60)
        assert desk.settings == Settings(mode=mode)


def test_first_ticks_to_and_fro_do_not_throw_a_knob_from_end_to_end(desk: Desk) -> None:
    for forward, back in ((1, 127), (65, 63), (1, 65)):
        turn(desk, 1, forward, back, forward, back)
        assert abs(KNOBS["temperature"].position_of(desk.settings.temperature) - 64) <= 1


def test_a_knob_that_trembles_or_repeats_itself_stays_a_knob(desk: Desk) -> None:
    turn(desk, 1, 64, 65, 64, 65, 63, 64, 90, 90, 90, 90)
    assert desk.settings.temperature == KNOBS["temperature"].value_at(90)
    turn(desk, 1, 127, 127, 127, 90)  # for a moment it looked like an encoder
    turn(desk, 1, 127, 60)
    assert desk.settings.temperature == KNOBS["temperature"].value_at(60)


@pytest.mark.parametrize(
    ("key", "action"),
    [
        (" ", Action.PANIC),
        ("\n", Action.PHRASE_OVER),
        ("\r", Action.PHRASE_OVER),
        ("a", Action.AGAIN),
        ("f", Action.FREEZE),
        ("w", Action.SAVE_PADS),
        ("q", Action.QUIT),
        *((str(number), Pad(number, store=False)) for number in range(1, 9)),
        *((key, None) for key in ("0", "9", "x", "", "12", "é", "\x1b", "\x1b[5~")),
    ],
)
def test_keys_act(desk: Desk, key: str, action: Action | Pad | None) -> None:
    assert press(desk, key) == (None if action is None else Do(AT_S, action))
    assert desk.settings == Settings()


def test_s_and_a_number_stores_and_only_the_next_key_counts(desk: Desk) -> None:
    assert press(desk, "s") is None
    assert desk.said == "store: 1 to 8"
    assert press(desk, "3") == Do(AT_S, Pad(3, store=True))
    assert desk.said == ""
    assert press(desk, "3") == Do(AT_S, Pad(3, store=False))
    press(desk, "s")
    press(desk, "+")
    assert press(desk, "3") == Do(AT_S, Pad(3, store=False))


def test_arrows_select_a_knob_and_change_it(desk: Desk) -> None:
    assert desk.selected == "temperature"
    for key in (UP, "+", "="):
        press(desk, key)
    for key in (DOWN, "-"):
        press(desk, key)
    assert desk.settings == Settings().turned("temperature", KNOBS["temperature"].nudged(1.0, 1))
    press(desk, DOWN)
    assert desk.settings == Settings()  # exactly: neutral is neutral again
    for key in (RIGHT, "\t"):
        press(desk, key)
    assert desk.selected == "density"
    for _ in range(3):
        press(desk, UP)
    assert desk.settings == Settings(density=KNOBS["density"].nudged(1.0, 2))  # the first leads from free to 1
    for _ in range(4):
        press(desk, DOWN)
    assert desk.settings == Settings()
    for _ in range(3):
        press(desk, LEFT)
    assert desk.selected == "split"  # round the corner


def test_m_goes_round_the_modes(desk: Desk) -> None:
    modes = []
    for _ in range(4):
        press(desk, "m")
        modes.append(desk.settings.mode)
    assert modes == [Mode.TRADE, Mode.DUET, Mode.SOLO, Mode.TRADE]


def test_a_knob_is_learned_and_remembered(desk: Desk, tmp_path: Path) -> None:
    press(desk, "l")
    assert desk.said == "learning temperature: move a knob"
    press(desk, RIGHT)
    press(desk, RIGHT)
    assert desk.said == "learning density: move a knob"
    turn(desk, 74, 64)
    assert desk.said == "CC 74 now turns density"
    assert desk.wait() is None
    for later in (desk, Desk(Settings(), tmp_path / "learned.toml")):
        turn(later, 74, 0, 64)
        asked = Settings(density=KNOBS["density"].value_at(64))
        assert later.settings == asked
        turn(later, 21, 64, 127)  # the default is gone
        assert later.settings == asked


def test_a_pad_is_learned_for_an_action_and_the_lesson_itself_does_nothing(desk: Desk, tmp_path: Path) -> None:
    press(desk, "l")
    assert press(desk, "f") is None
    assert desk.said == "learning freeze: press a button or strike a pad"
    assert send(desk, note_off(36)) is None  # it was struck before, as music
    assert desk.said.startswith("learning freeze")
    assert steers(desk, note_on(36, 90))
    assert send(desk, note_on(36, 90)) is None
    assert desk.said == "note 36 now means freeze"
    assert desk.wait() is None
    for later in (desk, Desk(Settings(), tmp_path / "learned.toml")):
        assert steers(later, note_on(36, 1))
        assert steers(later, note_off(36))
        assert send(later, note_off(36)) is None
        assert send(later, note_on(36, 1)) == Do(AT_S, Action.FREEZE)
        assert send(later, note_on(36, 0)) is None
        assert send(later, note_on(36, 127)) == Do(AT_S, Action.FREEZE)


@pytest.mark.parametrize(("name", "does"), [("density", "turns density"), ("again", "means again")])
def test_what_is_to_be_learned_can_be_named(desk: Desk, name: str, does: str) -> None:
    desk.obey(AT_S, Learn(name))
    assert desk.said.startswith(f"learning {name}: ")
    assert send(desk, control_change(77, 100)) is None
    assert desk.said == f"CC 77 now {does}"


def test_a_button_is_learned_to_store_a_pad(desk: Desk) -> None:
    for key in "ls5":
        assert press(desk, key) is None
    assert desk.said == "learning store 5: press a button or strike a pad"
    assert [send(desk, control_change(50, value)) for value in (127, 0, 127)] == [
        None,
        None,
        Do(AT_S, Pad(5, store=True)),
    ]


def test_learning_takes_no_music_and_no_pedal(desk: Desk) -> None:
    press(desk, "l")
    for message in (note_on(60, 90), note_off(60), control_change(64, 127), control_change(123, 0)):
        assert send(desk, message) is None
        assert not steers(desk, message)
    assert desk.said == "learning temperature: move a knob"


def test_escape_ends_learning_and_q_ends_all_the_same(desk: Desk) -> None:
    press(desk, "l")
    assert press(desk, "q") == Do(AT_S, Action.QUIT)
    press(desk, "\x1b")
    assert desk.said == ""
    turn(desk, 74, 64)
    assert not steers(desk, control_change(74, 65))


def test_only_what_is_bound_steers(desk: Desk) -> None:
    bound = [control_change(int(control.removeprefix("CC ")), 5) for control in DEFAULTS.values()]
    music = [note_on(60, 64), note_off(60), control_change(64, 127), control_change(66, 1), control_change(67, 1)]
    others = [b"", b"\xf8", b"\xc0\x05", b"\xe0\x00\x40", bytes((0xA0, 60, 9)), control_change(74, 1)]
    assert [steers(desk, message) for message in bound + music + others] == [True] * len(bound) + [False] * 11


def test_a_broken_file_is_refused_at_the_start_by_name(tmp_path: Path) -> None:
    path = tmp_path / "learned.toml"
    path.write_text("temperature = 1")
    with pytest.raises(BadValue, match=re.escape(str(path))):
        Desk(Settings(), path)


def test_a_file_that_cannot_be_written_does_not_stop_the_playing(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "learned.toml"
    path.mkdir()
    press(desk, "l")
    turn(desk, 74, 64)
    assert f"cannot write {path}" in (desk.wait() or "")
    assert desk.said.startswith(f"CC 74 now turns temperature, until the end: cannot write {path}")
    turn(desk, 74, 127)
    assert desk.settings.temperature == 2.0


@given(st.lists(messages | keys, max_size=60))
def test_nothing_that_comes_does_harm(tmp_path_factory: pytest.TempPathFactory, coming: list[bytes | str]) -> None:
    desk = Desk(Settings(), tmp_path_factory.mktemp("config") / "learned.toml")
    for each in coming:
        if isinstance(each, str):
            done = press(desk, each)
        else:
            steered = steers(desk, each)
            done = send(desk, each)
            assert done is None or steered
            assert desk.receive(Received(AT_S, each)) is None  # what is music steers nothing
        assert done is None or done.at_s == AT_S
        assert replace(desk.settings) == desk.settings  # is valid
        assert desk.selected in KNOBS
        assert "\n" not in desk.said


def test_a_fader_of_fourteen_bits_turns_finely(desk: Desk) -> None:
    """Learned like any other: by its coarse half. Its finer half steers with it as soon as it was seen."""
    for key in "l":
        press(desk, key)
    for number, value in ((7, 64), (39, 0), (7, 64), (39, 64)):
        send(desk, control_change(number, value))
    dial = KNOBS["temperature"]
    assert desk.said == ""
    assert desk.settings.temperature == dial.value_at(64.5) != dial.value_at(64)
    assert steers(desk, control_change(39, 1)) and not steers(desk, control_change(38, 1))
    for number, value in ((7, 127), (39, 127)):
        send(desk, control_change(number, value))
    assert desk.settings.temperature == 2.0


def test_a_parameter_by_number_is_learned_and_kept(desk: Desk, tmp_path: Path) -> None:
    def stand(desk: Desk, coarse: int, fine: int) -> None:
        for number, value in ((99, 2), (98, 44), (6, coarse), (38, fine)):
            assert steers(desk, control_change(number, value))
            send(desk, control_change(number, value))

    press(desk, "l")
    stand(desk, 64, 0)
    assert desk.wait() is None
    assert (tmp_path / "learned.toml").read_text().splitlines()[1:] == ['temperature = "NRPN 300"']
    for later in (desk, Desk(Settings(), tmp_path / "learned.toml")):
        stand(later, 64, 0)
        stand(later, 80, 64)
        assert later.settings.temperature == KNOBS["temperature"].value_at(80.5)
        for number, value in ((101, 0), (100, 0), (6, 2), (38, 0)):  # how far a bend goes
            send(later, control_change(number, value))
        assert later.settings.temperature == KNOBS["temperature"].value_at(80.5)


def test_a_footswitch_that_is_down_where_others_are_up(desk: Desk, tmp_path: Path) -> None:
    for key in "lf":
        press(desk, key)
    assert send(desk, control_change(50, 0)) is None
    assert desk.said == "CC 50 now pressed down means freeze"
    assert send(desk, control_change(50, 127)) is None
    assert desk.wait() is None
    for later in (desk, Desk(Settings(), tmp_path / "learned.toml")):
        done = [send(later, control_change(50, value)) for value in (127, 0, 127, 0)]
        assert done == [None, Do(AT_S, Action.FREEZE), None, Do(AT_S, Action.FREEZE)]


class MotorFaders:
    """A controller whose faders go where they are told."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.stand: dict[str | None, int] = {}

    def told(self) -> list[tuple[str | None, int]]:
        """What was sent to it since it was asked last, by its controls."""
        told = [(control_of(message), message[2]) for show in self.desk.to_show() for message in show.messages]
        self.stand |= dict(told)
        return told


def test_faders_stand_where_their_knobs_do_from_the_start_on() -> None:
    settings = Settings(density=8.0, mode=Mode.TRADE)
    faders = MotorFaders(Desk(settings, None, shows=True))
    faders.told()
    assert faders.stand == {DEFAULTS[name]: knob.position_of(getattr(settings, name)) for name, knob in KNOBS.items()}


def test_a_fader_follows_what_others_turn_and_goes_on_from_there() -> None:
    desk = Desk(Settings(), None, shows=True)
    faders = MotorFaders(desk)
    faders.told()
    wish = desk.obey(AT_S, Put("temperature", 1.5))
    assert wish == Turn(AT_S, "temperature", 1.5)
    ((control, position),) = faders.told()
    assert (control, position) == ("CC 1", KNOBS["temperature"].position_of(1.5))
    turn(desk, 1, position + 2)  # without being picked up: it stands there
    assert desk.settings.temperature == KNOBS["temperature"].value_at(position + 2)
    assert not faders.told()  # no motor works against the hand
    turn(desk, 28, 126)
    assert desk.settings.mode is Mode.DUET and not faders.told()  # though the mode begins lower down


def test_a_knob_that_was_moved_elsewhere_takes_its_fader_along(desk: Desk) -> None:
    desk = Desk(Settings(), None, shows=True)
    faders = MotorFaders(desk)
    turn(desk, 1, 100)  # on channel 1
    faders.told()
    press(desk, "l")
    send(desk, bytes((0xB5, 74, 3)))
    position = KNOBS["temperature"].position_of(desk.settings.temperature)
    assert faders.told() == [("CC 74", position)]
    turn(desk, 74, position + 1)
    assert desk.settings.temperature == KNOBS["temperature"].value_at(position + 1)


@pytest.mark.parametrize("forward, back", [(1, 127), (65, 63)])
def test_a_ring_of_lights_around_an_encoder_shows_every_turn(forward: int, back: int) -> None:
    """Its first ticks may be taken for a knob's, but never throw the other from end to end."""
    desk = Desk(Settings(), None, shows=True)
    faders = MotorFaders(desk)
    for tick in (forward, back, forward):
        send(desk, control_change(1, tick))
    assert abs(KNOBS["temperature"].position_of(desk.settings.temperature) - 64) <= 2
    faders.told()
    for _ in range(9):
        send(desk, control_change(1, forward))
    stands = KNOBS["temperature"].position_of(desk.settings.temperature)
    told = faders.told()
    assert 64 < stands < 80 and told[-1] == ("CC 1", stands) and len(told) > 5


@given(st.lists(messages | keys.filter(lambda key: key != "l"), max_size=60))
def test_a_fader_stands_where_its_knob_does_whoever_turned_it(coming: list[bytes | str]) -> None:
    desk = Desk(Settings(), None, shows=True)
    faders = MotorFaders(desk)
    faders.told()
    for each in coming:
        before = desk.settings
        if isinstance(each, bytes):
            send(desk, each)
            if (control := control_of(each)) in faders.stand:
                faders.stand[control] = each[2]
            faders.told()
        else:
            press(desk, each)
            faders.told()
            for name, knob in KNOBS.items():
                if (value := getattr(desk.settings, name)) != getattr(before, name):
                    stands = faders.stand[DEFAULTS[name]]
                    assert knob.position_of(knob.value_at(stands)) == knob.position_of(value)
