"""What happened, written down, replays the session: the same events are chosen and the same orders given."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfrnn_live.errors import BadValue
from perfrnn_live.live.controls import ACTIONS, KNOBS, Mode, OptionalDial, Settings, Switch
from perfrnn_live.live.happenings import Happening, PlayerBack, PlayerGone, Time
from perfrnn_live.live.orders import KeepPads, Order
from perfrnn_live.live.record import read, written
from perfrnn_live.live.wishes import Do, Turn
from perfrnn_live.player.messages import PortBack, PortLost, Pulse, Received, Said, Sent, TakenBack, Transport
from tests.sittings import BEGAN_S, Sitting

KINDS = get_args(Happening)
seconds = st.floats(0, 1e9)
messages = st.binary(min_size=0, max_size=9)
knobs = st.sampled_from(list(KNOBS.values())).flatmap(
    lambda knob: st.tuples(
        st.just(knob.name),
        st.sampled_from(knob.options)
        if isinstance(knob, Switch)
        else st.none() | st.floats(knob.dial.low, knob.dial.high)
        if isinstance(knob, OptionalDial)
        else st.floats(knob.low, knob.high),
    )
)
FACTS: dict[type, st.SearchStrategy[Happening]] = {
    Time: st.builds(Time, seconds),
    Sent: st.builds(Sent, st.none() | st.integers(0), seconds, seconds, messages, seconds),
    TakenBack: st.builds(TakenBack, st.integers(0), seconds, st.booleans(), st.booleans(), st.integers(0)),
    Received: st.builds(Received, seconds, messages, st.text(), st.booleans()),
    PortLost: st.builds(PortLost, st.text(), st.sampled_from(["output", "input"])),
    PortBack: st.builds(PortBack, st.text(), st.sampled_from(["output", "input"])),
    PlayerGone: st.builds(PlayerGone, seconds),
    PlayerBack: st.builds(PlayerBack, seconds),
    Said: st.builds(Said, st.text()),
    Transport: st.builds(Transport, seconds, st.booleans()),
    Pulse: st.builds(Pulse, seconds, seconds, st.integers(0, 100_000)),
    Turn: st.builds(lambda at_s, turned: Turn(at_s, *turned), seconds, knobs),
    Do: st.builds(Do, seconds, st.sampled_from(list(ACTIONS.values()))),
}


@given(st.one_of(*FACTS.values()))
def test_every_fact_is_read_as_it_was_written(fact: Happening) -> None:
    line = written(fact)
    assert "\n" not in line
    assert read(line) == fact


def test_no_kind_of_fact_is_left_out() -> None:
    assert set(FACTS) == set(KINDS)


@pytest.mark.parametrize("line", ["", "{}", "[]", "null", '{"fact": "Time"}', '{"fact": "Sent", "number": 1}', "�"])
def test_what_is_no_fact_is_refused_in_a_sentence(line: str) -> None:
    with pytest.raises(BadValue, match="no fact"):
        read(line)


def as_text(orders: list[Order]) -> list[str]:
    return ["KeepPads" if isinstance(order, KeepPads) else repr(order) for order in orders]


def kept(sitting: Sitting) -> list[str]:
    """The lines that a session leaves behind."""
    return [written(fact) for fact in sitting.facts if isinstance(fact, KINDS)]


keys = st.sampled_from([*"asfwm 12345", "\n", "+", "-", "\t"])
scripts = st.lists(st.tuples(st.floats(0.3, 9.0), st.sampled_from(["key", "phrase", "knob", "port"]), keys), max_size=8)


def script(sitting: Sitting, scripted: list[tuple[float, str, str]]) -> None:
    """Phrases, keys, turned knobs and an output that vanishes for a while."""
    for at_s, what, key in sorted(scripted):
        moment_s = BEGAN_S + at_s
        if what == "key":
            sitting.press_at(moment_s, key)
        elif what == "knob":
            sitting.link.knob_at(moment_s, 40 * (ord(key) % 4), 20 + ord(key) % 12)
        elif what == "port":
            sitting.link.at(moment_s, lambda: sitting.link.player.handle(PortLost("out", "output")))
            sitting.link.at(moment_s + 0.2, lambda: sitting.link.player.handle(PortBack("out", "output")))
        else:
            sitting.phrase_at(moment_s, range(60, 60 + ord(key) % 8), gap_s=0.11, note_s=0.3)


@settings(max_examples=12)
@given(
    st.integers(0, 99),
    st.sampled_from(Mode),
    st.sampled_from([1, 3]),
    st.booleans(),
    st.sampled_from([0.0, 0.7]),
    scripts,
)
def test_a_session_replays_to_the_same_events_and_orders(
    seed: int, mode: Mode, beams: int, thru: bool, recall: float, scripted: list[tuple[float, str, str]]
) -> None:
    def sitting() -> Sitting:
        return Sitting(seed, Settings(mode=mode, top_p=0.9, recall=recall), beams=beams, thru=thru)

    played, replayed = sitting(), sitting()
    orders: list[Order] = []
    react = played.machine.react

    def noted(fact: Happening) -> list[Order]:
        given_now = react(fact)
        orders.extend(given_now)
        return given_now

    played.machine.react = noted  # type: ignore[assignment, method-assign]
    script(played, scripted)
    played.session.run(10.0)
    again = [order for line in kept(played) for order in replayed.machine.react(read(line))]
    assert as_text(again) == as_text(orders)
    assert len(orders) > 10 or mode is Mode.TRADE
    heard, heard_again = (each.continuation.history(each.improviser.heard) for each in (played, replayed))
    assert heard == heard_again
