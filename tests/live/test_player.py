"""The player on a fake clock: what goes out and when, what does not, and that nothing is left sounding."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from perfrnn_live.errors import MidiUnavailable
from perfrnn_live.live.clock import FakeClock
from perfrnn_live.live.messages import (
    Panic,
    Report,
    Schedule,
    Sent,
    Stop,
    Stopped,
    TakeBack,
    TakenBack,
    Timed,
    control_change,
    note_off,
    note_on,
)
from perfrnn_live.live.player import HOPELESS_S, Player
from perfrnn_live.live.ports import MemoryPort

C, E, G = 60, 64, 67
PEDAL_UP = control_change(64, 0)


@dataclass
class Stage:
    """A player, what it was told and what it said. Times are seconds from 1000."""

    clock: FakeClock = field(default_factory=FakeClock)
    reports: list[Report] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.port = MemoryPort(self.clock)
        self.player = Player(self.port, self.clock, self.reports.append)

    def schedule(self, *messages: tuple[float, int, bytes], plan: int = 0) -> None:
        timed = tuple(Timed(1000 + due_s, number, message) for due_s, number, message in messages)
        self.player.handle(Schedule(plan, timed))

    def play_until(self, seconds: float) -> None:
        while self.player.next_due_s is not None and self.player.next_due_s <= 1000 + seconds:
            self.clock.wait_until(self.player.next_due_s)
            self.player.play_due()
        self.clock.wait_until(1000 + seconds)

    @property
    def sent(self) -> list[tuple[float, bytes]]:
        return [(round(moment_s - 1000, 6), message) for moment_s, message in self.port.sent]


def test_each_message_goes_out_at_its_moment_and_is_reported() -> None:
    stage = Stage()
    stage.schedule((0.5, 0, note_on(C, 80)), (0.75, 1, note_on(E, 70)))
    stage.schedule((1.0, 2, note_off(C)), (1.25, 3, note_off(E)))
    assert stage.player.next_due_s == 1000.5
    stage.play_until(2.0)
    assert stage.sent == [
        (0.5, note_on(C, 80)),
        (0.75, note_on(E, 70)),
        (1.0, note_off(C)),
        (1.25, note_off(E)),
    ]
    assert stage.reports == [
        Sent(0, 1000.5, 1000.5, note_on(C, 80)),
        Sent(1, 1000.75, 1000.75, note_on(E, 70)),
        Sent(2, 1001.0, 1001.0, note_off(C)),
        Sent(3, 1001.25, 1001.25, note_off(E)),
    ]
    assert stage.player.next_due_s is None
    assert stage.player.sounding == frozenset()


def test_messages_of_one_moment_keep_the_order_of_the_plan_and_of_moments_that_of_time() -> None:
    stage = Stage()
    stage.schedule((0.5, 2, note_off(C)), (0.5, 3, note_on(C, 50)), (0.25, 1, note_on(C, 90)), (0.5, 10, note_on(E, 1)))
    stage.play_until(1.0)
    assert [message for _, message in stage.sent] == [note_on(C, 90), note_off(C), note_on(C, 50), note_on(E, 1)]


def test_what_is_a_little_late_is_sent_at_once_and_says_by_how_much() -> None:
    stage = Stage()
    stage.schedule((0.125, 0, note_on(C, 80)), (0.1875, 1, note_off(C)))
    stage.clock.advance(0.1875)
    stage.player.play_due()
    assert stage.reports == [Sent(0, 1000.125, 1000.1875, note_on(C, 80)), Sent(1, 1000.1875, 1000.1875, note_off(C))]


def test_taking_back_drops_only_what_was_not_sent() -> None:
    stage = Stage()
    stage.schedule((0.5, 0, note_on(C, 80)), (1.0, 1, note_off(C)), (1.0, 2, note_on(E, 80)))
    stage.play_until(0.75)
    stage.player.handle(TakeBack())
    assert stage.reports[1:] == [TakenBack(1000.75, asked=True)]
    assert stage.player.sounding == {C}  # it sounds on: the new plan will end it
    stage.schedule((0.875, 3, note_off(C)), plan=1)
    stage.play_until(2.0)
    assert stage.sent == [(0.5, note_on(C, 80)), (0.875, note_off(C))]


def test_a_hopeless_backlog_is_dropped_and_what_was_on_its_way_with_it() -> None:
    stage = Stage()
    stage.schedule((0.0, 0, note_on(C, 80)), plan=4)
    stage.play_until(0.0)
    stage.schedule((0.1, 1, note_off(C)), (0.1, 2, note_on(E, 80)), (0.2, 3, note_on(G, 80)), plan=4)
    stage.clock.advance(0.1 + HOPELESS_S + 0.001)
    stage.player.play_due()
    dropped_s = stage.clock.now()
    stage.schedule((0.4, 4, note_on(G, 80)), (0.5, 5, note_off(E)), plan=4)  # the session did not know yet
    stage.play_until(1.0)
    assert stage.sent == [(0.0, note_on(C, 80))]
    assert stage.reports[1:] == [TakenBack(dropped_s, asked=False, dropped=2)]
    stage.schedule((1.5, 6, note_off(C)), plan=5)
    stage.play_until(2.0)
    assert stage.sent[1:] == [(1.5, note_off(C))]


def test_panic_drops_the_plan_and_releases_everything_then_plays_on() -> None:
    stage = Stage()
    stage.schedule((0.5, 0, note_on(G, 80)), (0.5, 1, note_on(C, 80)), (1.0, 2, note_on(E, 80)))
    stage.play_until(0.75)
    stage.player.handle(Panic())
    assert stage.sent[2:] == [(0.75, note_off(C)), (0.75, note_off(G)), (0.75, PEDAL_UP)]
    silence = [Sent(None, 1000.75, 1000.75, message) for message in (note_off(C), note_off(G), PEDAL_UP)]
    assert stage.reports[2:] == [*silence, TakenBack(1000.75, asked=True)]
    stage.player.silence()  # nothing sounds: only the pedal is raised again
    assert stage.sent[5:] == [(0.75, PEDAL_UP)]
    stage.schedule((2.0, 3, note_on(E, 80)), plan=1)
    stage.play_until(2.0)
    assert stage.sent[6:] == [(2.0, note_on(E, 80))]


def test_stop_silences_closes_and_is_safe_twice() -> None:
    stage = Stage()
    stage.schedule((0.5, 0, note_on(C, 80)), (1.0, 1, note_off(C)))
    stage.play_until(0.5)
    stage.player.handle(Stop())
    stage.player.stop()
    assert stage.sent == [(0.5, note_on(C, 80)), (0.5, note_off(C)), (0.5, PEDAL_UP)]
    assert stage.reports[-1] == Stopped()
    assert stage.reports.count(Stopped()) == 1
    assert stage.player.stopped and stage.port.closed
    assert stage.player.next_due_s is None


def test_a_note_on_with_velocity_0_counts_as_a_release() -> None:
    stage = Stage()
    stage.schedule((0.0, 0, note_on(C, 80)), (0.1, 1, note_on(C, 0)))
    stage.play_until(1.0)
    assert stage.player.sounding == frozenset()


class BrokenPort(MemoryPort):
    """Takes strikes, but no releases."""

    def send(self, message: bytes) -> None:
        if message[0] & 0xF0 != 0x90:
            raise MidiUnavailable("the piano is gone")
        super().send(message)


def test_a_failing_output_is_closed_all_the_same_and_what_it_did_not_take_still_counts_as_sounding() -> None:
    stage = Stage()
    stage.port = BrokenPort(stage.clock)
    stage.player = Player(stage.port, stage.clock, stage.reports.append)
    stage.schedule((0.0, 0, note_on(C, 80)), (0.1, 1, note_off(C)))
    stage.play_until(0.0)
    with pytest.raises(MidiUnavailable, match="gone"):
        stage.play_until(1.0)
    assert stage.player.sounding == {C}
    with pytest.raises(MidiUnavailable, match="gone"):
        stage.player.stop()
    assert stage.port.closed
    assert stage.reports == [Sent(0, 1000.0, 1000.0, note_on(C, 80))]
    stage.player.stop()
