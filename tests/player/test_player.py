"""The player on a fake clock: what goes out and when, what does not, and that nothing is left sounding."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.errors import MidiUnavailable
from perfrnn_live.music.midi import control_change, note_off, note_on, releases, strikes
from perfrnn_live.player.clock import FakeClock
from perfrnn_live.player.messages import (
    COMPUTER,
    PAGE,
    Direction,
    Panic,
    PortBack,
    PortLost,
    Received,
    Report,
    Said,
    Schedule,
    Sent,
    Show,
    Stop,
    Stopped,
    TakeBack,
    TakenBack,
    Timed,
)
from perfrnn_live.player.player import HOPELESS_S, Player
from perfrnn_live.player.ports import MemoryPort
from perfrnn_live.player.profiles import DAW, DISKLAVIER, Profile
from tests.fakes import LosablePort

C, E, G = 60, 64, 67
PEDAL_UP = control_change(64, 0)


@dataclass
class Stage:
    """A player, what it was told and what it said. Times are seconds from 1000."""

    thru: bool = False
    profile: Profile = DAW
    transport: bool = False
    clock: FakeClock = field(default_factory=FakeClock)
    reports: list[Report] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.port = LosablePort(self.clock, "piano")
        self.faders = MemoryPort(self.clock)
        self.player = Player(
            self.port,
            self.clock,
            self.reports.append,
            self.thru,
            self.profile,
            controller=self.faders,
            transport=self.transport,
        )

    def schedule(self, *messages: tuple[float, int, bytes], plan: int = 0) -> None:
        timed = tuple(Timed(1000 + due_s, number, message) for due_s, number, message in messages)
        self.player.handle(Schedule(plan, timed))

    def play_until(self, seconds: float) -> None:
        while self.player.next_due_s is not None and self.player.next_due_s <= 1000 + seconds:
            self.clock.wait_until(self.player.next_due_s)
            self.player.play_due()
        self.clock.wait_until(1000 + seconds)

    def bring(self, message: bytes, port: str = "keys") -> None:
        self.player.handle(Received(self.clock.now(), message, port))

    def lose(self, name: str = "piano", direction: Direction = "output") -> None:
        self.port.there = self.port.there and direction == "input"
        self.player.handle(PortLost(name, direction))

    def give_back(self, name: str = "piano", direction: Direction = "output") -> None:
        self.port.there = self.port.there or direction == "output"
        self.player.handle(PortBack(name, direction))

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
        Sent(0, 1000.5, 1000.5, note_on(C, 80), 1000.5),
        Sent(1, 1000.75, 1000.75, note_on(E, 70), 1000.75),
        Sent(2, 1001.0, 1001.0, note_off(C), 1001.0),
        Sent(3, 1001.25, 1001.25, note_off(E), 1001.25),
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
    assert stage.reports == [
        Sent(0, 1000.125, 1000.1875, note_on(C, 80), 1000.1875),
        Sent(1, 1000.1875, 1000.1875, note_off(C), 1000.1875),
    ]


def test_taking_back_drops_only_what_was_not_sent() -> None:
    stage = Stage()
    stage.schedule((0.5, 0, note_on(C, 80)), (1.0, 1, note_off(C)), (1.0, 2, note_on(E, 80)))
    stage.play_until(0.75)
    stage.player.handle(TakeBack(0))
    assert stage.reports[1:] == [TakenBack(0, 1000.75, asked=True)]
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
    assert stage.reports[1:] == [TakenBack(4, dropped_s, asked=False, dropped=2)]
    stage.schedule((1.5, 6, note_off(C)), plan=5)
    stage.play_until(2.0)
    assert stage.sent[1:] == [(1.5, note_off(C))]


def test_panic_drops_the_plan_and_releases_everything_then_plays_on() -> None:
    stage = Stage()
    stage.schedule((0.5, 0, note_on(G, 80)), (0.5, 1, note_on(C, 80)), (1.0, 2, note_on(E, 80)))
    stage.play_until(0.75)
    stage.player.handle(Panic(0))
    assert stage.sent[2:] == [(0.75, note_off(C)), (0.75, note_off(G)), (0.75, PEDAL_UP)]
    silence = [Sent(None, 1000.75, 1000.75, message, 1000.75) for message in (note_off(C), note_off(G), PEDAL_UP)]
    assert stage.reports[2:] == [*silence, TakenBack(0, 1000.75, asked=True, silenced=True)]
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


class BrokenPort(LosablePort):
    """Takes strikes, but no releases."""

    def send(self, message: bytes, due_s: float | None = None) -> None:
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
    assert stage.reports == [Sent(0, 1000.0, 1000.0, note_on(C, 80), 1000.0)]
    stage.player.stop()


def test_an_output_that_is_lost_takes_the_plan_along_and_comes_back_silent() -> None:
    stage = Stage(thru=True)
    stage.schedule((0.5, 0, note_on(C, 80)), (1.0, 1, note_off(C)), (1.0, 2, note_on(E, 80)))
    stage.bring(note_on(G, 70))
    stage.play_until(0.75)
    reported = len(stage.reports)
    stage.lose()
    assert stage.reports[reported:] == [
        PortLost("piano", "output"),
        Sent(None, 1000.75, 1000.75, note_off(C), 1000.75),
        Sent(None, 1000.75, 1000.75, PEDAL_UP, 1000.75),
        TakenBack(0, 1000.75, asked=False, silenced=True, dropped=1),
    ]
    assert stage.player.next_due_s == 1030.0 and stage.player.sounding == frozenset()  # the key held is all there is
    stage.schedule((0.8, 3, note_on(E, 80)))  # of the plan that is dropped
    stage.schedule((1.5, 4, note_on(E, 80)), plan=1)
    stage.play_until(2.0)
    assert stage.sent == [(0.0, note_on(G, 70)), (0.5, note_on(C, 80))]
    assert stage.player.sounding == {E}  # so it goes on, into nowhere
    stage.give_back()
    assert [message for _, message in stage.sent[2:]] == [note_off(C), note_off(G), note_off(E), note_off(G), PEDAL_UP]
    assert stage.reports[-1] == PortBack("piano", "output")
    stage.schedule((2.5, 5, note_on(E, 60)), plan=1)
    stage.play_until(3.0)
    assert stage.sent[-1] == (2.5, note_on(E, 60))


@pytest.mark.parametrize("thru", [False, True])
def test_what_is_played_where_nothing_sounds_is_sent_on_and_let_go(thru: bool) -> None:
    """On a page or on letter keys; the piano of the other player sounds by itself."""
    stage = Stage(thru=thru)
    stage.bring(note_on(C, 80), PAGE)
    stage.bring(note_on(E, 80), COMPUTER)
    stage.bring(note_on(G, 80), "keys")
    assert [message for _, message in stage.sent] == [note_on(C, 80), note_on(E, 80), note_on(G, 80)][
        : 3 if thru else 2
    ]
    stage.player.handle(Panic(0))
    ups = {message for _, message in stage.sent[3 if thru else 2 :]}
    assert ups == {note_off(C), note_off(E), PEDAL_UP} | ({note_off(G)} if thru else set())


def test_the_keys_of_a_lost_input_come_up_for_everybody() -> None:
    stage = Stage(thru=True)
    stage.bring(note_on(C, 80), "left")
    stage.bring(note_on(E, 80), "right")
    stage.bring(control_change(64, 127), "right")
    sent, reported = len(stage.sent), len(stage.reports)
    stage.clock.advance(0.5)
    stage.lose("right", "input")
    lifted = [note_off(E), PEDAL_UP]
    assert stage.sent[sent:] == [(0.5, message) for message in lifted]
    assert stage.reports[reported:] == [
        PortLost("right", "input"),
        *(Received(1000.5, message, "right") for message in lifted),
    ]
    stage.schedule((1.0, 0, note_on(E, 80)), (1.1, 1, note_on(C, 80)))
    stage.play_until(2.0)
    assert stage.sent[sent + 2 :] == [(1.0, note_on(E, 80))]  # one is free again, the other is not
    stage.give_back("right", "input")
    assert stage.reports[-1] == PortBack("right", "input")


def test_a_slow_piano_is_sent_early_and_the_report_says_when_it_sounds() -> None:
    stage = Stage(profile=replace(DISKLAVIER, active_sensing=False, pedal="notes"))
    stage.schedule((1.0, 0, note_on(C, 20)), (1.0, 1, note_on(E, 110)), (1.5, 2, note_off(C)))
    stage.play_until(2.0)
    assert stage.sent == [(0.81, note_on(C, 20)), (0.95, note_on(E, 110)), (1.45, note_off(C))]
    sent = [report for report in stage.reports if isinstance(report, Sent)]
    assert [round(report.sounds_s - 1000, 6) for report in sent] == [1.0, 1.0, 1.5]
    assert all(report.sent_s == report.due_s for report in sent)


def test_the_report_names_the_planned_velocity_and_the_piano_gets_its_own() -> None:
    stage = Stage(profile=Profile("faint", softest_velocity=30))
    stage.schedule((0.5, 0, note_on(C, 5)))
    stage.play_until(1.0)
    assert stage.sent == [(0.5, note_on(C, 30))]
    assert stage.reports == [Sent(0, 1000.5, 1000.5, note_on(C, 5), 1000.5)]


def test_a_backlog_is_hopeless_by_when_it_should_have_been_sent() -> None:
    stage = Stage(profile=Profile("slow", base_delay_s=0.5))
    stage.schedule((0.3, 0, note_on(C, 80)))
    stage.player.play_due()
    assert stage.reports == [TakenBack(0, 1000.0, asked=False, dropped=1)]


def test_what_comes_in_late_is_reported_as_when_it_was_done() -> None:
    stage = Stage(profile=Profile("slow", input_delay_s=0.25))
    stage.bring(note_on(C, 80))
    assert stage.reports == [Received(999.75, note_on(C, 80), "keys")]


def test_what_a_piano_reports_of_its_own_playing_is_counted_and_left_out() -> None:
    stage = Stage(profile=replace(DISKLAVIER, active_sensing=False))
    stage.schedule((1.0, 0, note_on(C, 110)), (1.5, 1, note_off(C)))
    for at_s, message in ((1.06, note_on(C, 104)), (1.3, note_on(E, 80)), (1.4, note_off(E)), (1.56, note_off(C))):
        stage.play_until(at_s)
        stage.bring(message)
    stage.player.stop()
    assert [report.message for report in stage.reports if isinstance(report, Received)] == [note_on(E, 80), note_off(E)]
    assert [message for _, message in stage.sent][:2] == [note_on(C, 110), note_off(C)]  # it was not handed over
    assert stage.reports[-1] == Stopped(echoes=2)


def test_active_sensing_goes_out_all_the_time_and_is_reported_by_nobody() -> None:
    stage = Stage(profile=Profile("careful", active_sensing=True))
    stage.schedule((0.5, 0, note_on(C, 80)))
    stage.play_until(10.0)
    beats = [at_s for at_s, message in stage.sent if message == b"\xfe"]
    assert beats[0] == 0.0 and beats[-1] > 9.7
    assert max(later - earlier for earlier, later in pairwise(beats)) < 0.27
    assert len(stage.reports) == 1
    stage.player.stop()
    assert stage.sent[-1] == (10.0, PEDAL_UP)
    plain = Stage()
    plain.play_until(1.0)
    assert plain.sent == []


def test_start_goes_out_before_the_first_note_and_stop_after_the_last() -> None:
    stage = Stage(transport=True)
    assert stage.sent == []
    stage.schedule((0.5, 0, note_on(C, 80)))
    stage.schedule((0.7, 1, note_off(C)))
    stage.play_until(2.0)
    stage.player.stop()
    assert stage.sent == [
        (0.0, b"\xfa"),
        (0.5, note_on(C, 80)),
        (0.7, note_off(C)),
        (2.0, PEDAL_UP),
        (2.0, b"\xfc"),
    ]
    assert all(not isinstance(report, Sent) or len(report.message) == 3 for report in stage.reports)
    silent = Stage(transport=True)
    silent.player.stop()
    assert [message for _, message in silent.sent] == [PEDAL_UP]


def test_an_output_is_told_when_a_message_was_due() -> None:
    """So that a piano that sounds at samples sounds it there, however late it was sent."""
    stage, dues = Stage(), []
    send = stage.port.send

    def noting(message: bytes, due_s: float | None = None) -> None:
        dues.append(due_s)
        send(message, due_s)

    stage.port.send = noting  # type: ignore[method-assign]
    stage.schedule((0.5, 0, note_on(C, 80)), (0.75, 1, note_off(C)))
    for moment_s in (1000.504, 1000.76):
        stage.clock.wait_until(moment_s)
        stage.player.play_due()
    assert dues == [1000.5, 1000.75]
    assert [at_s for at_s, _ in stage.sent] == [0.504, 0.76]


def test_what_a_controller_is_to_show_goes_to_it_alone() -> None:
    stage = Stage()
    stage.player.handle(Show((control_change(1, 90), control_change(20, 3))))
    assert [message for _, message in stage.faders.sent] == [control_change(1, 90), control_change(20, 3)]
    stage.faders.close()
    stage.player.handle(Show((control_change(1, 91),)))  # refused: the music goes on
    assert stage.sent == []


def test_a_pedal_of_its_own_holds_what_is_written_long_and_is_reported_by_nobody() -> None:
    stage = Stage(profile=Profile("pedalled", pedal="cc64", min_pedal_gap_s=0.05))
    stage.schedule((0.5, 0, note_on(C, 80)), (0.7, 1, note_on(E, 80)), (1.5, 2, note_off(C)), (1.6, 3, note_off(E)))
    stage.play_until(2.0)
    assert (0.5, note_on(C, 80)) in stage.sent and (1.5, note_off(C)) in stage.sent
    pedal = [(at_s, message) for at_s, message in stage.sent if message[0] == 0xB0]
    assert [message for _, message in pedal] == [control_change(64, 127), PEDAL_UP] and pedal[1][0] == 1.5
    assert [report.number for report in stage.reports if isinstance(report, Sent)] == [0, 1, 2, 3]


def test_a_strike_of_a_key_that_still_sounds_ends_it_first() -> None:
    stage = Stage()
    stage.schedule((0.5, 0, note_on(C, 80)), (0.75, 1, note_on(C, 70)))
    stage.play_until(1.0)
    assert stage.sent == [(0.5, note_on(C, 80)), (0.75, note_off(C)), (0.75, note_on(C, 70))]


def test_the_sixteenth_copy_of_its_own_strikes_makes_it_deaf_to_that_input() -> None:
    stage = Stage()
    for number in range(20):
        stage.schedule((number + 0.5, number, note_on(40 + number, 80)), plan=number)
        stage.play_until(number + 0.5)
        stage.clock.advance(0.005)
        stage.bring(note_on(40 + number, 80), "cable")
    heard = [report for report in stage.reports if isinstance(report, Received)]
    assert sum(strikes(report.message) for report in heard) == 15
    assert [report.message for report in heard[15:]] == [note_off(40 + number) for number in range(15)]  # let go of
    assert [report for report in stage.reports if isinstance(report, Said)] == [
        Said("The input 'cable' brings back what the output 'piano' is sent: it is not listened to any more.")
    ]
    stage.bring(note_on(20, 80), "keys")
    assert stage.reports[-1] == Received(stage.clock.now(), note_on(20, 80), "keys")
    stage.give_back("cable", "input")
    stage.bring(note_on(21, 80), "cable")
    assert stage.reports[-1] == Received(stage.clock.now(), note_on(21, 80), "cable")


@pytest.mark.parametrize("thru", [False, True])
def test_what_is_no_music_passes_by_on_every_channel(thru: bool) -> None:
    stage = Stage(thru=thru)
    for message in (
        b"\xf8",
        b"\xfe",
        b"\xff",
        b"\xf2\x01\x02",
        b"\xf0\x7e\x7f\xf7",
        b"\x3c\x40",
        b"\x90\x3c",
        b"\xb0",
        b"",
    ):
        stage.bring(message)
    assert stage.reports == [] and stage.sent == []  # among the last, running status and torn messages
    for channel in range(16):
        for status, *data in ((0xA0, C, 9), (0xD0, 9), (0xC0, 9), (0xE0, 0, 64), (0xB0, 7, 100)):
            stage.bring(bytes((status | channel, *data)))
    assert len(stage.reports) == 16 * 5
    moved = [b"\xa0\x3c\x09", b"\xd0\x09", b"\xc0\x09", b"\xe0\x00\x40", b"\xb0\x07\x64"]  # all on the piano's channel
    assert [message for _, message in stage.sent] == moved * 16 * thru
    stage.port.sent.clear()
    for channel in range(16):
        stage.bring(bytes((0x90 | channel, C, 80)))
        stage.bring(bytes((0x80 | channel, C, 0)))
    assert [message for _, message in stage.sent] == [note_on(C, 80), bytes((0x80, C, 0))] * 16 * thru


@pytest.mark.parametrize(
    ("message", "is_of_a_finger"), [(b"\xe1\x00\x50", True), (b"\xd1\x20", True), (b"\xb1\x4a\x20", False)]
)
def test_what_bends_one_finger_does_not_bend_the_whole_piano(message: bytes, is_of_a_finger: bool) -> None:
    stage = Stage(thru=True)
    stage.bring(b"\x91\x3c\x50")
    stage.bring(message)
    stage.bring(b"\x92\x40\x50")  # another finger, on another channel
    stage.bring(message)
    on_the_pianos_channel = bytes((message[0] & 0xF0, *message[1:]))
    assert [sent for _, sent in stage.sent].count(on_the_pianos_channel) == 2 - is_of_a_finger


class Studio(Stage):
    """A stage that holds to account every message that reaches the piano."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.now_played = b""  # what the other player is doing just now
        self.held: dict[str, set[int]] = {"left": set(), "right": set()}
        self.down: set[int] = set()  # at the piano
        self.pedal = False
        self.velocity = 0
        send = self.port.send

        def checked(message: bytes, due_s: float | None = None) -> None:
            send(message, due_s)
            if self.port.there:
                self.check(message)

        self.port.send = checked  # type: ignore[method-assign]

    def check(self, message: bytes) -> None:
        held = set().union(*self.held.values())
        if strikes(message):
            assert message[1] not in self.down
            assert message[1] not in held or message == self.now_played
            self.down.add(message[1])
        elif releases(message):
            assert self.thru or message[1] not in held or message[1] in self.down
            self.down.discard(message[1])
        elif message[:2] == PEDAL_UP[:2]:
            self.pedal = message[2] >= 64

    def play(self, port: str, message: bytes) -> None:
        if strikes(message):
            self.held[port].add(message[1])
        elif releases(message):
            self.held[port].discard(message[1])
        self.now_played = self.profile.to_output(message)
        self.bring(message, port)
        self.now_played = b""

    def change(self, number: int, happens: str, port: str, pitch: int, seconds: float) -> None:
        """Let one thing happen, the `number`-th."""
        velocity = number % 127 + 1  # never twice the same: nothing seems an echo
        match happens:
            case "plan strike" | "plan release":
                message = note_on(pitch, velocity) if happens == "plan strike" else note_off(pitch)
                self.schedule((self.clock.now() - 1000 + seconds, number, message), plan=number)
            case "take back":
                self.player.handle(TakeBack(number))
            case "panic":
                for held in self.held.values():
                    held.clear()
                self.player.handle(Panic(number))
                assert not self.port.there or not (self.down or self.pedal)
            case "strike":
                self.play(port, note_on(pitch, velocity))
            case "release":
                self.play(port, note_off(pitch))
            case "pedal":
                self.play(port, control_change(64, 127 * (pitch % 2)))
            case "lose input":
                self.held[port].clear()
                self.lose(port, "input")
            case "lose output" if self.port.there:
                self.lose()
            case "output back" if not self.port.there:
                self.give_back()
                assert not self.down and not self.pedal
            case "wait":
                self.play_until(self.clock.now() - 1000 + seconds)
            case "hang":
                self.clock.advance(seconds)
                self.player.play_due()

    def check_reports(self) -> None:
        """What was reported is what all hands together hold."""
        heard: set[int] = set()
        for report in self.reports:
            if isinstance(report, Received) and strikes(report.message):
                heard.add(report.message[1])
            elif isinstance(report, Received) and releases(report.message):
                heard.discard(report.message[1])
        assert heard == set().union(*self.held.values())


happenings = st.tuples(
    st.sampled_from(
        ["plan strike"] * 6 + ["plan release"] * 2 + ["wait"] * 4 + ["strike", "release", "release", "pedal"]
    )
    | st.sampled_from(
        ["wait", "take back", "panic", "lose input", "lose output", "output back", "output back", "hang"]
    ),
    st.sampled_from(["left", "right"]),
    st.integers(60, 62),
    st.sampled_from([0.0, 0.05, 0.3]),
)


@given(
    st.lists(happenings, min_size=40, max_size=80),
    st.booleans(),
    st.sampled_from([DAW, replace(DISKLAVIER, echo=False), Profile("pedalled", pedal="cc64", min_pedal_gap_s=0.01)]),
)
def test_whatever_happens_nothing_is_left_sounding_and_no_key_is_anybody_elses(
    happened: list[tuple[str, str, int, float]], thru: bool, profile: Profile
) -> None:
    studio = Studio(thru, profile)
    for number, each in enumerate(happened):
        studio.change(number, *each)
    studio.check_reports()
    if not studio.port.there:
        studio.give_back()
    studio.player.handle(Stop())
    assert studio.port.closed
    assert not studio.down and not studio.pedal
