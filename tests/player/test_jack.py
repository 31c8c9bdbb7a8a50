"""JACK through the system's libjack, as it is used where RtMidi's JACK cannot be had, on a real server."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from perfrnn_live.errors import MidiUnavailable
from perfrnn_live.player.clock import SystemClock
from perfrnn_live.player.drivers import rtmidi
from perfrnn_live.player.ports import PortName, list_ports, open_input, open_output
from tests import jack_lab

pytestmark = pytest.mark.midi

OWN_OUTPUT, OWN_INPUT = "perfrnn-live:perfrnn-live", "perfrnn-live-in:perfrnn-live"


@pytest.fixture(autouse=True)
def no_other_system(monkeypatch: pytest.MonkeyPatch) -> None:
    if not jack_lab.available():
        pytest.skip(f"not installed: {', '.join(jack_lab.missing()) or 'JACK (this is not Linux)'}")
    monkeypatch.setattr(rtmidi, "systems", list)


def test_more_than_a_period_holds_arrives_in_order_also_just_before_the_end() -> None:
    import jack

    heard: list[tuple[int, ...]] = []  # the lab's monitor loses messages of such bursts
    with jack_lab.server():
        ear = jack.Client("ear", no_start_server=True)
        ear_port = ear.midi_inports.register("in")
        ear.set_process_callback(lambda n: heard.extend(tuple(bytes(e)) for _, e in ear_port.incoming_midi_events()))
        with ear:
            port = open_output("ear")
            assert port.name == "ear:in"
            notes = [(0x90, n % 128, n // 128 + 1) for n in range(1000)]
            for note in notes:
                port.send(bytes(note))
            port.close()
            assert not [name for name in jack_lab.lsp() if name.startswith("perfrnn-live")]
        assert heard == notes


def test_an_input_hears_all_but_what_is_left_out() -> None:
    received: list[bytes] = []
    with jack_lab.server(), jack_lab.sender() as hand:
        port = open_input("virtual", SystemClock(), lambda arrival_s, message: received.append(message))
        assert PortName("jack", OWN_INPUT) in list_ports().outputs
        jack_lab.connect(hand.port, OWN_INPUT)
        for message in (b"\xb0\x40\x7f", b"\xf8", b"\xfe", b"\xf0\x01\xf7", b"\xfa", b"\xc0\x05", b"\x90\x3c\x64"):
            hand.send(message)
        jack_lab.wait_for(lambda: received[-1:] == [b"\x90\x3c\x64"], "the note")
        port.close()
    assert received == [b"\xb0\x40\x7f", b"\xf8", b"\xfe", b"\xfa", b"\xc0\x05", b"\x90\x3c\x64"]


def test_after_a_sysex_without_its_end_notes_are_heard() -> None:
    received: list[bytes] = []
    with jack_lab.server(), jack_lab.sender() as hand:
        port = open_input("virtual", SystemClock(), lambda arrival_s, message: received.append(message))
        jack_lab.connect(hand.port, OWN_INPUT)
        for message in (b"\xf0\x7e\x7f", b"\x90\x3c\x64", b"\xf0\x01", b"\x02\x03", b"\x80\x3c\x00"):
            hand.send(message)
        jack_lab.wait_for(lambda: received[-1:] == [b"\x80\x3c\x00"], "the release")
        port.close()
    assert received == [b"\x90\x3c\x64", b"\x80\x3c\x00"]


def test_an_input_closed_in_a_flood_is_silent_at_once() -> None:
    received: list[bytes] = []
    stop = threading.Event()
    with jack_lab.server(), jack_lab.sender() as hand:

        def flood() -> None:
            while not stop.is_set():
                hand.send(b"\xb0\x07\x40")

        flooding = threading.Thread(target=flood)
        flooding.start()
        try:
            for _ in range(20):
                received.clear()
                port = open_input(hand.port, SystemClock(), lambda arrival_s, message: received.append(message))
                jack_lab.wait_for(lambda: len(received) > 20, "the flood")
                port.close()
                count = len(received)
                time.sleep(0.02)
                assert len(received) == count
        finally:
            stop.set()
            flooding.join(10)


def test_a_server_that_ends_is_noticed_and_taken_up_again(tmp_path: Path) -> None:
    with jack_lab.server():
        own, keys = open_output("virtual"), open_input("virtual", SystemClock(), lambda arrival_s, message: None)
        assert own.look() and keys.look()
    jack_lab.wait_for(lambda: not own.look() and not keys.look(), "the news")
    own.send(b"\x90\x3c\x40")  # into nowhere
    assert own.reopen(()) is None and keys.reopen(()) is None
    with jack_lab.server(), jack_lab.monitor(tmp_path / "dump.txt") as ear:
        assert own.reopen(()) and keys.reopen(())
        assert own.look() and keys.look()
        jack_lab.connect(OWN_OUTPUT, ear.port)
        own.send(b"\x90\x3c\x41")
        jack_lab.wait_for(lambda: ear.gestures() == [("on", 60, 65)], "the note")
        own.close()
        keys.close()
    own.close()
    with pytest.raises(MidiUnavailable, match="closed"):
        own.send(b"\x90\x3c\x40")
    assert list_ports().problem == (
        "No MIDI system on this machine works (tried JACK); start a JACK server, or load ALSA's sequencer (snd-seq)."
    )
