"""Ports of others that end and come back, and cables in the wrong place, on a real JACK server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from perfrnn_live.errors import PortNotFound
from perfrnn_live.music.midi import control_change, note_off, note_on, strikes
from perfrnn_live.player.clock import SystemClock
from perfrnn_live.player.link import ProcessLink
from perfrnn_live.player.messages import (
    PortBack,
    PortLost,
    Received,
    Report,
    Said,
    Schedule,
    Sent,
    Setup,
    TakenBack,
    Timed,
)
from perfrnn_live.player.profiles import DAW
from tests import jack_lab

pytestmark = pytest.mark.midi

C, E = 60, 64
LIMIT_S = 20.0  # generous: the machine may be busy
OWN_OUTPUT, OWN_INPUT = "perfrnn-live:perfrnn-live", "perfrnn-live-in:perfrnn-live"

AReport = TypeVar("AReport", bound=Report)


@pytest.fixture(scope="module", autouse=True)
def lab() -> Iterator[None]:
    if not jack_lab.available():
        pytest.skip(f"not installed: {', '.join(jack_lab.missing()) or 'JACK (this is not Linux)'}")
    with jack_lab.server():
        yield


@contextlib.contextmanager
def player(output: str, *inputs: str, thru: bool = False) -> Iterator[ProcessLink]:
    link = ProcessLink(Setup(output, inputs, thru, DAW))
    try:
        link.ready()
        yield link
    finally:
        link.close()


def wait_for_report(link: ProcessLink, kind: type[AReport]) -> tuple[AReport, list[Report]]:
    """The next of its kind, and what came before it."""
    before: list[Report] = []
    while not isinstance(report := link.receive(LIMIT_S), kind):
        assert report is not None, before
        before.append(report)
    return report, before


def play(link: ProcessLink, plan: int, *messages: bytes) -> None:
    now_s = SystemClock().now()
    link.send(Schedule(plan, tuple(Timed(now_s, number, message) for number, message in enumerate(messages))))


def test_an_output_that_ends_and_comes_back_is_silent_and_plays_on(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        with jack_lab.monitor(tmp_path / "before.txt", "piano") as piano:
            link = stack.enter_context(player(piano.port))
            play(link, 0, note_on(C, 80), note_on(E, 80))
            jack_lab.wait_for(lambda: len(piano.gestures()) == 2, "the notes")
        lost, _ = wait_for_report(link, PortLost)
        assert lost == PortLost(piano.port, "output")
        taken_back, releases = wait_for_report(link, TakenBack)
        assert not taken_back.asked
        assert [sent.message for sent in releases if isinstance(sent, Sent)][:2] == [note_off(C), note_off(E)]
        play(link, 1, note_on(C, 50), note_off(C))  # into nowhere
        with jack_lab.monitor(tmp_path / "after.txt", "piano") as piano:
            back, nowhere = wait_for_report(link, PortBack)
            assert back == PortBack(piano.port, "output")
            assert [sent.message for sent in nowhere if isinstance(sent, Sent)][:2] == [note_on(C, 50), note_off(C)]
            play(link, 2, note_on(C, 70))
            jack_lab.wait_for(lambda: ("on", C, 70) in piano.gestures(), "the note after")
            assert piano.gestures()[:3] == [("off", C, 64), ("off", E, 64), ("control", 64, 0)]
            link.close()
            jack_lab.wait_for(lambda: piano.gestures()[-2:] == [("off", C, 64), ("control", 64, 0)], "silence")


@contextlib.contextmanager
def piano() -> Iterator[tuple[str, list[bytes]]]:
    """Something that listens, and is there and gone at once; gives its port and what it hears."""
    import jack

    client = jack.Client("quick", no_start_server=True)
    port, heard = client.midi_inports.register("in"), list[bytes]()
    client.set_process_callback(lambda frames: heard.extend(bytes(m) for _, m in port.incoming_midi_events()))
    with client:
        yield port.name, heard


def test_a_synthesiser_that_is_restarted_at_once_is_noticed_and_heard_again() -> None:
    with contextlib.ExitStack() as stack:
        with piano() as (name, before):
            link = stack.enter_context(player(name))
            play(link, 0, note_on(C, 80))
            jack_lab.wait_for(lambda: note_on(C, 80) in before, "the note")
        with piano() as (again, heard):
            assert again == name
            assert wait_for_report(link, PortLost)[0] == PortLost(name, "output")
            assert wait_for_report(link, PortBack)[0] == PortBack(name, "output")
            play(link, 1, note_on(E, 70))
            jack_lab.wait_for(lambda: note_on(E, 70) in heard, "the note after")
            assert heard.index(note_off(C)) < heard.index(note_on(E, 70))


def test_the_keys_of_an_input_that_ends_come_up_and_those_of_another_stay_down() -> None:
    with contextlib.ExitStack() as stack:
        left = stack.enter_context(jack_lab.sender("left"))
        with jack_lab.sender("right") as right:
            link = stack.enter_context(player("none", left.port, right.port))
            for hand, message in ((left, note_on(C, 80)), (right, note_on(E, 80)), (right, control_change(64, 127))):
                hand.send(message)
                assert wait_for_report(link, Received)[0].message == message
        lost, _ = wait_for_report(link, PortLost)
        assert lost == PortLost(right.port, "input")
        ups = [wait_for_report(link, Received)[0] for _ in range(2)]
        assert [(up.message, up.port) for up in ups] == [(note_off(E), right.port), (control_change(64, 0), right.port)]
        with jack_lab.sender("right") as right:
            back, _ = wait_for_report(link, PortBack)
            assert back == PortBack(right.port, "input")
            right.send(note_on(E, 90))
            assert wait_for_report(link, Received)[0].message == note_on(E, 90)
            left.send(note_off(C))
            assert wait_for_report(link, Received)[0].message == note_off(C)


@contextlib.contextmanager
def cable() -> Iterator[tuple[str, str]]:
    """Something that sends what it gets; gives the ports at its two ends."""
    import jack

    client = jack.Client("cable", no_start_server=True)
    goes_in, comes_out = client.midi_inports.register("in"), client.midi_outports.register("out")

    def carry(frames: int) -> None:
        comes_out.clear_buffer()
        for frame, message in goes_in.incoming_midi_events():
            comes_out.write_midi_event(frame, message)

    client.set_process_callback(carry)
    with client:
        yield goes_in.name, comes_out.name


def test_an_input_that_brings_what_the_output_is_sent_is_refused() -> None:
    with cable() as (goes_in, comes_out):
        link = ProcessLink(Setup(goes_in, (comes_out,), False, DAW))
        with pytest.raises(PortNotFound, match=f"'{comes_out}' is what the output '{goes_in}' sends: .* hear itself"):
            link.ready()


@pytest.mark.parametrize("thru", [False, True])
def test_an_input_that_is_patched_to_the_output_while_it_plays_is_left_out(thru: bool) -> None:
    with player("virtual", "virtual", thru=thru) as link:
        jack_lab.connect(OWN_OUTPUT, OWN_INPUT)
        copies = 0
        report: Report | None = None
        for plan in range(200):  # each strike comes in as the other player's, and is handed over
            play(link, plan, note_on(C, 80))
            while (report := link.receive(0.1)) is not None and not isinstance(report, Said):
                copies += isinstance(report, Received) and strikes(report.message)
            if isinstance(report, Said):
                break
        assert isinstance(report, Said)
        both = "The input 'perfrnn-live' brings back what the output 'perfrnn-live' is sent"
        assert report.sentence == f"{both}: it is not listened to any more."
        assert copies >= 15
        play(link, 200, note_on(E, 80))
        assert not any(isinstance(each, Received) and strikes(each.message) for each in link.close())
