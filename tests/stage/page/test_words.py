"""What the session and the page say to each other."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.errors import BadValue
from perfrnn_live.live.controls import ACTIONS, KNOBS, Action, Mode, Pad, Settings
from perfrnn_live.live.happenings import Time
from perfrnn_live.live.orders import Told, Took
from perfrnn_live.live.wishes import Do
from perfrnn_live.music.midi import control_change, note_off, note_on
from perfrnn_live.player.messages import Received, Schedule, Sent, TakenBack, Timed
from perfrnn_live.stage.desk import Learn, Put, Switching
from perfrnn_live.stage.page.feed import page_address
from perfrnn_live.stage.page.words import Continue, knobs_of, mark_of, planned_rows, rows_of, table, wish_of

BEGAN_S = 100.0


@pytest.mark.parametrize(
    ("fact", "row"),
    [
        (Sent(7, 101.0, 101.0001, note_on(60, 80), 101.02), ["note", 1.02, 7, 60, 80]),
        (Sent(None, 102.0, 102.0, note_off(60), 102.0), ["note", 2.0, None, 60, 0]),
        (Sent(None, 102.0, 102.0, note_on(60, 0), 102.0), ["note", 2.0, None, 60, 0]),
        (Received(103.0, note_on(64, 30), "keys", False), ["hand", 3.0, 64, 30]),
        (Received(103.5, control_change(64, 127), "keys", False), ["pedal", 3.5, "hand", 127]),
        (Sent(9, 104.0, 104.0, control_change(64, 0), 104.0), ["pedal", 4.0, "machine", 0]),
        (TakenBack(3, 105.0, True), ["back", 5.0]),
        (Told(106.0, "phrase", (("seconds", 1.0),)), ["mark", 6.0, "your phrase"]),
        (Took("answer", 106.0, 106.2), ["mark", 6.2, "answer"]),
        (Do(107.0, Action.MOMENT), ["mark", 7.0, "moment"]),
    ],
)
def test_what_the_page_is_told(fact: object, row: list[object]) -> None:
    assert rows_of(fact, BEGAN_S) == [row]  # type: ignore[arg-type]


def test_what_it_need_not_know() -> None:
    steering = Received(103.0, control_change(1, 30), "keys", True)
    assert not any(rows_of(fact, BEGAN_S) for fact in (Time(1.0), steering, Do(1.0, Action.AGAIN)))


def test_a_plan() -> None:
    messages = (
        Timed(101.0, 1, note_on(60, 64), (0.5, 48)),
        Timed(101.5, 2, note_off(60)),
        Timed(102.0, 3, control_change(64, 0)),
    )
    rows = [["plan", 1.0, 1, 60, 64, 0.5, 48], ["plan", 1.5, 2, 60, 0]]
    assert planned_rows(Schedule(1, messages), BEGAN_S) == rows


def test_what_is_shown_of_the_knobs_turns_them_there() -> None:
    settings = Settings(temperature=1.25, density=9.0, scale="F# minor", mode=Mode.TRADE)
    stands = knobs_of(settings)
    assert set(stands) == set(KNOBS) == {knob["name"] for knob in table()["knobs"]}
    assert json.loads(json.dumps(stands)) == stands
    for name, (position, text) in stands.items():
        wish = wish_of(["turn", name, position])
        assert (isinstance(wish, Put) and KNOBS[name].text(wish.value) == text) or name in ("temperature", "density")


def test_what_a_visitor_may_ask() -> None:
    assert wish_of(["turn", "mode", 64]) == Put("mode", Mode.TRADE)
    assert wish_of(["turn", "density", 0]) == Put("density", None)
    assert wish_of(["do", "panic"]) is Action.PANIC
    assert wish_of(["do", "store_8"]) == Pad(8, store=True)
    assert wish_of(["learn", "density"]) == Learn("density") and wish_of(["learn", "again"]) == Learn("again")
    assert wish_of(["learn", ""]) is Switching.LEARN_NOTHING
    assert wish_of(["play", 60, 100]) == note_on(60, 100)
    assert wish_of(["play", 60, 0]) == note_off(60)
    assert wish_of(["continue", 3, 12.5]) == Continue(3, 12.5) and wish_of(["continue", 3, None]) == Continue(3, None)
    assert all(wish_of(["do", name]) for name in ACTIONS if name != "quit")


def test_what_is_marked_is_for_the_server() -> None:
    assert mark_of(["mark", 3, 12.5]) == (3, 12.5) and mark_of(["mark", 1, 0]) == (1, 0.0)
    others: list[object] = [
        ["mark", 0, 1.0],
        ["mark", True, 1.0],
        ["mark", 1, -1.0],
        ["mark", 1, None],
        ["play", 60, 1],
        1,
    ]
    assert not any(mark_of(asked) for asked in others)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from(["do", "play", "turn", "continue"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
)


@given(JSON | st.lists(JSON, min_size=2, max_size=3))
def test_all_else_is_refused(asked: object) -> None:
    try:
        wish = wish_of(asked)
    except BadValue:
        return
    assert isinstance(wish, Put | Action | Pad | Learn | Switching | Continue | bytes) and wish is not Action.QUIT


@pytest.mark.parametrize(
    "asked",
    [["do", "quit"], ["turn", "temperature", 128], ["turn", "temperature", float("nan")], ["turn", "temperature", True],
     ["play", 128, 1], ["play", -1, 1], ["play", 60, 128], ["play", 60.5, 1], ["play", 60], ["turn", "volume", 1], {},
     1, ["continue", 0, None], ["continue", True, None], ["continue", 1, -1.0], ["continue", "1", 2.0]],
)  # fmt: skip
def test_this_too(asked: object) -> None:
    with pytest.raises(BadValue):
        wish_of(asked)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (None, ("127.0.0.1", 0)),
        ("0.0.0.0", ("0.0.0.0", 0)),
        ("0.0.0.0:9000", ("0.0.0.0", 9000)),
        ("studio.local", ("studio.local", 0)),
        ("::1", ("::1", 0)),
        ("[::1]:9000", ("::1", 9000)),
    ],
)
def test_addresses(text: str | None, address: tuple[str, int]) -> None:
    assert page_address(text) == address


@pytest.mark.parametrize("text", ["", ":80", "host:", "host:x", "host:70000", "[::1]:-1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BadValue, match="the page is served at"):
        page_address(text)
