"""The other player: heard as a recording would have it, remembered with what the machine played, never hindered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from perfrnn_live.engines.fake import FakeEngine
from perfrnn_live.live.controls import Mode, Settings
from perfrnn_live.live.hearing import Change, Hearing
from perfrnn_live.live.improviser import Improviser
from perfrnn_live.music.midi import control_change, is_played, note_off, note_on, releases, strikes
from perfrnn_live.music.vocabulary import EventKind
from perfrnn_live.player.clock import FakeClock
from perfrnn_live.player.messages import Received, Sent
from perfrnn_live.player.player import Player
from perfrnn_live.player.ports import MemoryPort
from perfrnn_live.sampling.controls import Controls
from tests.fakes import TracedContinuation, same_moment
from tests.sittings import BEGAN_S, STEP_S, Sitting

Script = Sequence[tuple[float, bytes]]


@pytest.mark.parametrize(
    ("messages", "changes"),
    [
        ([note_on(60, 80)], [Change(1.0, (), ((60, 80),))]),
        ([note_on(60, 80), note_off(60)], [Change(1.0, (), ((60, 80),)), Change(2.0, (60,))]),
        ([note_on(60, 80), note_on(60, 0)], [Change(1.0, (), ((60, 80),)), Change(2.0, (60,))]),
        ([b"\x9f\x3c\x50", b"\x85\x3c\x00"], [Change(1.0, (), ((60, 80),)), Change(2.0, (60,))]),
        ([note_on(60, 80), note_on(60, 9)], [Change(1.0, (), ((60, 80),)), Change(2.0, (60,), ((60, 9),))]),
        ([note_off(60)], [None]),
        (
            [note_on(60, 80), control_change(64, 64), note_off(60), control_change(64, 63)],
            [Change(1.0, (), ((60, 80),)), None, None, Change(4.0, (60,))],
        ),
        ([b"\xf8", b"\xfe", b"\xd0\x40", b"\xe0\x00\x40", control_change(1, 3), b"\xa0\x3c\x40"], [None] * 6),
    ],
)
def test_what_a_message_changes(messages: list[bytes], changes: list[Change | None]) -> None:
    hearing = Hearing()
    assert [hearing.receive(1.0 + place, message) for place, message in enumerate(messages)] == changes


def test_keys_and_pedals_are_played_and_knobs_are_not() -> None:
    assert all(map(is_played, [note_on(60, 1), note_off(60), *(control_change(each, 90) for each in (64, 66, 67))]))
    assert not any(map(is_played, [control_change(1, 90), b"\xf8", b"\xd0\x40"]))


def improviser() -> tuple[TracedContinuation, Improviser]:
    continuation = TracedContinuation(FakeEngine())
    start = continuation.primed([])
    return continuation, Improviser(continuation, start, Controls(), np.random.default_rng(0))


@pytest.mark.parametrize("order", [(60, 64, 67), (67, 60, 64), (64, 67, 60)])
def test_a_chord_is_the_same_in_whatever_order_its_keys_came(order: tuple[int, ...]) -> None:
    continuation, player = improviser()
    for late, pitch in enumerate(order):
        player.taken_back(2.0 + late * 0.001, [Change(2.0 + late * 0.001, (), ((pitch, pitch),))])
    struck = [continuation.vocabulary.decode(token) for token in continuation.history(player.heard)]
    assert [event.value for event in struck if event.kind is EventKind.NOTE_ON] == [60, 64, 67]
    assert same_moment(player.heard, continuation.fed(continuation.history(player.heard)))


def test_a_note_released_within_its_own_step_is_one_step_long() -> None:
    _, player = improviser()
    player.taken_back(2.0, [Change(2.0, (), ((60, 80),)), Change(2.001, (60,))])
    assert player.heard.keyboard.step == 1
    assert not player.heard.keyboard.sounding.any()


def duo(script: Script, mode: Mode = Mode.DUET, record: Path | None = None) -> Sitting:
    """A session with somebody who plays a script."""
    sitting = Sitting(settings=Settings(mode=mode), record=record)
    for at_s, message in script:
        sitting.play_at(BEGAN_S + at_s, message)
    return sitting


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    """Somebody's hands and foot over three seconds, a few of the keys again and again."""
    moves = draw(
        st.lists(
            st.tuples(
                st.floats(0.06, 3.0),
                st.one_of(
                    st.builds(note_on, st.integers(55, 62), st.integers(0, 127)),
                    st.builds(note_off, st.integers(55, 62)),
                    st.builds(control_change, st.just(64), st.sampled_from([0, 127])),
                ),
            ),
            max_size=40,
        )
    )
    return sorted(moves, key=lambda move: move[0])


@settings(max_examples=25)
@given(scripts(), st.sampled_from(Mode))
@example([(0.875, note_on(55, 1)), (1.0, note_off(55))], Mode.SOLO)  # its note ended, and so needs no end later
def test_the_model_remembers_exactly_what_was_played_and_no_key_is_taken_from_its_player(
    script: Script, mode: Mode
) -> None:
    sitting = duo(script, mode)
    sitting.session.run(3.5)
    heard = sitting.continuation.history(sitting.improviser.heard)
    assert same_moment(sitting.improviser.heard, sitting.continuation.fed(heard))

    theirs: set[int] = set()
    human = [(BEGAN_S + at_s, message) for at_s, message in script]
    machine = [(at_s, message) for at_s, message in sitting.port.sent if message[0] & 0xF0 != 0xB0]
    sounding: set[int] = set()
    both = [(at_s, 0, message) for at_s, message in human] + [(at_s, 1, message) for at_s, message in machine]
    together = sorted(both, key=lambda each: each[:2])
    for _, whose, message in together:
        if whose == 0:
            if strikes(message):
                theirs.add(message[1])
            elif releases(message):
                theirs.discard(message[1])
        elif strikes(message):
            assert message[1] not in theirs, "struck a key that the other player held"
            sounding.add(message[1])
        else:
            assert message[1] in sounding
            sounding.discard(message[1])
    assert not sounding

    events = [sitting.continuation.vocabulary.decode(token) for token in heard]
    strikes_heard = sum(event.kind is EventKind.NOTE_ON for event in events)
    hearing, struck_by_hand = Hearing(), 0
    last: dict[int, float] = {}
    for at_s, message in human:
        change = hearing.receive(at_s, message)
        for pitch, _ in change.struck if change else ():
            close = pitch in last and at_s - last[pitch] < 2 * STEP_S  # two in a step are one
            struck_by_hand += not close
            last[pitch] = at_s
    struck_by_machine = sum(strikes(message) for _, message in machine)
    assert struck_by_hand + struck_by_machine <= strikes_heard <= len(human) + struck_by_machine


def test_what_is_held_sounds_on_and_what_follows_is_planned_anew(tmp_path: Path) -> None:
    held = [(1.0, note_on(60, 90)), (2.9, note_off(60))]
    both, alone = duo(held, record=tmp_path / "both.mid"), duo([])
    both.session.run(4.0)
    alone.session.run(4.0)
    before = [each for each in alone.sent if each[0] < BEGAN_S + 1.0]
    assert both.sent[: len(before)] == before
    assert both.sent[len(before) :] != alone.sent[len(before) :]
    file = mido.MidiFile(tmp_path / "both.mid")
    now_s, theirs = 0.0, []
    for message in file:
        now_s += message.time
        if message.type in ("note_on", "note_off") and message.channel == 1:
            theirs.append((round(now_s, 2), message.type, message.note))
    assert theirs == [(1.0, "note_on", 60), (2.9, "note_off", 60)]


def test_a_key_that_the_machine_sounds_is_handed_over_when_it_is_struck() -> None:
    clock, reports = FakeClock(), list[object]()
    port = MemoryPort(clock)
    player = Player(port, clock, reports.append, thru=True)
    player.handle(Received(clock.now(), note_on(60, 90)))
    player.handle(Received(clock.now(), note_off(60)))
    assert [message for _, message in port.sent] == [note_on(60, 90), note_off(60)]
    player._send_now(note_on(64, 50))
    player.handle(Received(clock.now(), note_on(64, 90)))
    assert [message for _, message in port.sent][2:] == [note_on(64, 50), note_off(64), note_on(64, 90)]
    assert sum(isinstance(each, Sent) for each in reports) == 2
    player.stop()
    assert note_off(64) in [message for _, message in port.sent][5:]
