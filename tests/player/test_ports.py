"""Ports: names found, missing systems told in a sentence, and real messages through a JACK server."""

from __future__ import annotations

import builtins
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from perfrnn_live.errors import MidiUnavailable, PortNotFound
from perfrnn_live.player.clock import FakeClock, SystemClock
from perfrnn_live.player.drivers import rtmidi
from perfrnn_live.player.ports import MemoryPort, PortName, list_ports, open_input, open_output
from perfrnn_live.player.watch import Watch
from tests import jack_lab
from tests.fake_rtmidi import BINDINGS, FakeRtMidi, install

Install = Callable[..., FakeRtMidi]


@pytest.fixture(params=BINDINGS)
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Makes a machine with these MIDI systems, reached through either binding."""
    return lambda *systems, **how: install(monkeypatch, request.param, *systems, **how)


def test_memory_port_keeps_what_it_was_sent_with_the_moment() -> None:
    clock = FakeClock(5.0)
    port = MemoryPort(clock)
    port.send(b"\x90\x3c\x40")
    clock.advance(0.5)
    port.send(b"\x80\x3c\x00")
    port.close()
    port.close()
    assert port.sent == [(5.0, b"\x90\x3c\x40"), (5.5, b"\x80\x3c\x00")]
    with pytest.raises(MidiUnavailable, match="'none' is closed"):
        port.send(b"\x90\x3c\x40")


@pytest.mark.parametrize(
    ("failure", "way_out"),
    [
        (ModuleNotFoundError("No module named 'rtmidi'"), f"pip install .*{rtmidi.PACKAGE}"),
        (ImportError("libasound.so.2: cannot open shared object file"), "apt install libasound2"),
        (ImportError("undefined symbol: jack_port_rename"), "anew"),
    ],
)
def test_a_driver_package_that_does_not_load_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, failure: ImportError, way_out: str
) -> None:
    importing = builtins.__import__

    def no_binding(name: str, *rest: Any, **named: Any) -> Any:
        if name in BINDINGS:
            raise failure
        return importing(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", no_binding)
    with pytest.raises(MidiUnavailable, match=way_out):
        open_output("virtual")
    with pytest.raises(MidiUnavailable, match=way_out):
        open_input("virtual", FakeClock(), lambda moment_s, message: None)
    found = list_ports()
    assert found.outputs == found.inputs == ()
    assert found.problem is not None and re.search(way_out, found.problem)


def test_every_system_is_tried_and_only_the_chosen_one_kept(machine: Install) -> None:
    driver = machine(None, ["Through"], ["Piano", "Organ"])
    port = open_output("organ")
    assert (port.name, driver.open, driver.clients) == ("Organ", ["api2 1"], 1)
    port.close()
    port.close()
    assert driver.clients == 0
    with pytest.raises(MidiUnavailable, match="closed"):
        port.send(b"\x90\x3c\x40")


def test_a_name_that_fits_no_port_or_several_shows_those_that_exist(machine: Install) -> None:
    driver = machine(["FP-30 A"], ["FP-30 A", "FP-30 B"])
    with pytest.raises(PortNotFound, match=r"'flute'; there are 'FP-30 A', 'FP-30 A', 'FP-30 B'"):
        open_output("flute")
    assert open_output("fp-30").name == "FP-30 A"  # only one in the first system that has it
    driver.systems = (["FP-30 A", "FP-30 B"],)
    with pytest.raises(PortNotFound, match=r"more than one MIDI output: 'FP-30 A', 'FP-30 B'"):
        open_output("fp-30")
    driver.systems = ([],)
    with pytest.raises(PortNotFound, match="there are none at all"):
        open_output("fp-30")
    assert driver.clients == 1


def test_no_working_system_is_a_sentence(machine: Install) -> None:
    machine(None, None)
    with pytest.raises(MidiUnavailable, match="tried api0, api1"):
        open_output("virtual")
    assert list_ports().problem is not None


def test_ports_are_listed_by_system(machine: Install) -> None:
    driver = machine(["Piano"], None, ["Organ"])
    found = list_ports()
    assert found.outputs == found.inputs == (PortName("api0", "Piano"), PortName("api2", "Organ"))
    assert found.problem is None and driver.clients == 0


def test_windows_has_no_virtual_ports(machine: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = machine(["Microsoft GS Wavetable Synth 0"])
    driver.virtual_ports = False
    monkeypatch.setattr(sys, "platform", "win32")
    assert open_output("virtual").name == "Microsoft GS Wavetable Synth 0"
    with pytest.raises(MidiUnavailable, match="loopMIDI"):
        open_input("virtual", FakeClock(), lambda moment_s, message: None)


def test_a_refused_message_is_an_error_and_the_next_one_is_not(machine: Install) -> None:
    driver = machine(["Piano"])
    port = open_output("Piano")
    driver.complaint = "cable pulled"
    with pytest.raises(MidiUnavailable, match="cable pulled"):
        port.send(b"\x90\x3c\x40")
    driver.complaint = None
    port.send(b"\x80\x3c\x40")


def test_an_output_that_has_vanished_takes_everything_and_sends_nothing(machine: Install) -> None:
    driver = machine(None, ["Organ", "Piano"])
    port = open_output("piano")
    assert port.look()
    driver.systems = (None, ["Organ"])
    assert not port.look()
    assert not port.reopen(())
    driver.complaint = "no such device"
    port.send(b"\x90\x3c\x40")
    assert driver.sent == []
    driver.systems = (None, ["Piano", "Organ"])
    assert not port.look()  # it is there, but another one, for all we know: it must be opened
    driver.complaint = None
    assert port.reopen(()) == "Piano" and port.look()
    assert (port.name, driver.open, driver.clients) == ("Piano", ["api1 1", "api1 0"], 1)
    port.send(b"\x80\x3c\x40")
    assert driver.sent == [b"\x80\x3c\x40"]
    port.close()
    assert driver.clients == 0


def test_a_refusal_by_a_port_that_has_vanished_is_no_error(machine: Install) -> None:
    driver = machine(["Piano"])
    port = open_output("Piano")
    driver.complaint, driver.systems = "no such device", ([],)
    port.send(b"\x90\x3c\x40")
    port.send(b"\x90\x3c\x40")
    assert len(driver.sent) == 1 and not port.look()


def test_an_input_that_comes_back_is_heard_again(machine: Install) -> None:
    driver = machine(["Keys"])
    received: list[bytes] = []
    port = open_input("keys", FakeClock(), lambda arrival_s, message: received.append(message))
    driver.bring(b"\x90\x3c\x50")
    driver.systems = ([],)
    assert not port.look()
    driver.bring(b"\x90\x3c\x51")  # nothing is heard before it is back
    assert not port.reopen(())
    driver.systems = (["Keys"],)
    assert port.reopen(()) and port.look()
    driver.bring(b"\x80\x3c\x00")
    assert received == [b"\x90\x3c\x50", b"\x80\x3c\x00"]
    port.close()
    driver.bring(b"\x90\x3c\x50")
    assert len(received) == 2
    assert driver.clients == (2 if driver.closing_inputs_hangs else 0)


def test_a_port_that_is_back_but_cannot_be_opened_yet_is_tried_again(machine: Install) -> None:
    driver = machine(["Piano"])
    port = open_output("Piano")
    driver.systems = ([],)
    assert not port.look()
    driver.systems, driver.busy = (["Piano"],), {"Piano"}
    assert not port.reopen(()) and driver.clients == 0
    assert not port.reopen(())
    port.send(b"\x90\x3c\x40")
    driver.busy = set()
    assert port.reopen(()) and driver.clients == 1


def test_a_port_of_our_own_is_always_there(machine: Install) -> None:
    driver = machine(["Piano"])
    port = open_output("virtual")
    driver.systems = ([],)
    assert port.look()


def test_a_port_that_is_back_under_another_name_is_opened_if_that_fits_what_was_asked_for(machine: Install) -> None:
    driver = machine(["Keystation 61 [20]"])
    port = open_output("keystation")
    driver.systems = (["Organ"],)
    assert not port.look()
    driver.systems = (["Organ", "Keystation 49 [28]", "Keystation 61 [24]"],)
    driver.busy = {"Keystation 61 [24]"}
    assert port.reopen({"Keystation 49 [28]"}) is None  # one is in use here, another by another program
    driver.busy = set()
    assert port.reopen({"Keystation 49 [28]"}) == "Keystation 61 [24]" and port.look()
    assert (port.name, driver.open[-1]) == ("Keystation 61 [20]", "api0 2")
    driver.systems = (["Organ"],)
    assert not port.look()
    driver.systems, driver.busy = (["Keystation 61 [30]", "Keystation 49"],), {"Keystation 61 [30]"}
    assert port.reopen(()) == "Keystation 49"  # the nearest that can be had


def test_a_system_that_has_ended_is_no_error_and_is_taken_up_again(machine: Install) -> None:
    driver = machine(["Piano"])
    port = open_output("piano")
    driver.systems = (None,)
    assert not port.look() and port.reopen(()) is None and port.reopen(()) is None
    driver.systems = (["Piano"],)
    assert port.reopen(()) == "Piano"


def test_a_name_that_is_no_text_is_passed_over(machine: Install) -> None:
    driver = machine(["\N{REPLACEMENT CHARACTER}", "Piano"])
    assert list_ports().outputs == (PortName("api0", "Piano"),)
    assert open_output("piano").look() and driver.open == ["api0 1"]


def test_on_windows_other_devices_come_and_go_and_this_one_is_there(
    machine: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = machine(["Organ 0", "FP-30 1"], names=("winmm",))
    monkeypatch.setattr(sys, "platform", "win32")
    port = open_output("fp-30")
    driver.systems = (["FP-30 0"],)
    assert port.look()
    driver.systems = (["Organ 0"],)
    assert not port.look() and port.reopen(()) is None
    driver.systems = (["Organ 0", "2- FP-30 1"],)  # in another socket
    assert port.reopen(()) == "2- FP-30 1" and port.look()


def test_on_windows_no_input_is_ever_closed(machine: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = machine(["Keys 0"], names=("winmm",))
    driver.closing_inputs_hangs = True
    monkeypatch.setattr(sys, "platform", "win32")
    received: list[bytes] = []
    port = open_input("keys", FakeClock(), lambda arrival_s, message: received.append(message))
    driver.systems = ([],)
    assert not port.look()
    driver.systems = (["Keys 0"],)
    assert port.reopen(()) == "Keys 0"
    driver.bring(b"\x90\x3c\x50")
    assert received == [b"\x90\x3c\x50"]
    port.close()
    driver.bring(b"\x80\x3c\x00")
    assert received == [b"\x90\x3c\x50"]  # unheard,
    assert driver.clients == 2  # and both left to the end of the process


def test_a_port_is_looked_at_in_the_thread_that_opened_it(machine: Install) -> None:
    # CoreMIDI's lists change only while the run loop of the first client's thread runs, and RtMidi runs it, in
    # whichever thread asks, at each question; with python-rtmidi the player process's main thread is the only one.
    driver = machine(["Piano"], names=("core",))
    watch = Watch(open_output("piano"), [open_input("piano", FakeClock(), lambda *_: None)], clock := FakeClock())
    driver.systems = ([],)
    clock.advance(1.0)
    assert len(watch.look(1.0)) == 2
    driver.systems = (["Piano"],)
    clock.advance(1.0)
    assert len(watch.look(1.0)) == 2
    assert driver.asking_threads == {threading.get_ident()}


def test_the_monitors_dump_is_read() -> None:
    text = (
        " 147584: 90 3c 64 note on  (channel  0): pitch  60, velocity 100\n"
        " 147584: 90 3c 00 note on  (channel  0): pitch  60, velocity   0\n"
        " 147712: b0 40 7f control change (channel  0): controller  64, value 127\n"
        " 147712: c0 03\n"
        " 147800: 90 3"
    )
    heard = jack_lab.parse_dump(text)
    assert [one.frame for one in heard] == [147584, 147584, 147712, 147712]
    assert [jack_lab.gesture(one.message) for one in heard] == [
        ("on", 60, 100),
        ("off", 60, 0),
        ("control", 64, 127),
        None,
    ]
    assert heard[-1].message == b"\xc0\x03"


@pytest.fixture(scope="module")
def lab() -> Iterator[None]:
    if not jack_lab.available():
        pytest.skip(f"not installed: {', '.join(jack_lab.missing()) or 'JACK (this is not Linux)'}")
    with jack_lab.server():
        yield


@pytest.mark.midi
def test_without_a_server_nothing_reaches_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    if not jack_lab.available():
        pytest.skip(f"not installed: {', '.join(jack_lab.missing()) or 'JACK (this is not Linux)'}")
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "nobody")
    found = list_ports()
    print("still here", file=sys.stderr)
    assert capfd.readouterr() == ("", "still here\n")
    assert not [port for port in found.outputs if port.api == "jack"]


@pytest.mark.midi
def test_a_virtual_output_is_listed_and_delivers_in_order(lab: None, tmp_path: Path) -> None:
    port = open_output("virtual")
    try:
        source = next(name for name in jack_lab.lsp() if name.startswith("perfrnn-live:"))
        assert source == "perfrnn-live:perfrnn-live"
        assert PortName("jack", source) in list_ports().inputs
        with jack_lab.monitor(tmp_path / "dump.txt") as ear:
            assert PortName("jack", ear.port) in list_ports().outputs
            jack_lab.connect(source, ear.port)
            for pitch in range(40, 90):
                port.send(bytes([0x90, pitch, pitch]))
                port.send(bytes([0x80, pitch, 0]))
            port.send(bytes([0xB0, 64, 127]))
            jack_lab.wait_for(lambda: len(ear.heard()) >= 101, "the last message")
            notes = [told for pitch in range(40, 90) for told in (("on", pitch, pitch), ("off", pitch, 0))]
            assert ear.gestures() == [*notes, ("control", 64, 127)]
    finally:
        port.close()
    assert not [name for name in jack_lab.lsp() if name.startswith("perfrnn-live")]


@pytest.mark.midi
def test_an_existing_port_is_opened_by_a_part_of_its_name(lab: None, tmp_path: Path) -> None:
    with jack_lab.monitor(tmp_path / "dump.txt", client="Grand Piano") as ear:
        port = open_output("grand")
        try:
            assert port.name == ear.port
            port.send(bytes([0x90, 60, 100]))
            jack_lab.wait_for(lambda: ear.gestures() == [("on", 60, 100)], "the note")
        finally:
            port.close()
        with pytest.raises(PortNotFound, match=r"'flute'; there are .*'Grand Piano:input'"):
            open_output("flute")


@pytest.mark.midi
def test_a_virtual_input_stamps_what_arrives(lab: None) -> None:
    clock = SystemClock()
    received: list[tuple[float, bytes]] = []
    threads: set[str] = set()
    arrived = threading.Event()

    def take(moment_s: float, message: bytes) -> None:
        received.append((moment_s, message))
        threads.add(threading.current_thread().name)
        if len(received) == 5:
            arrived.set()

    port = open_input("virtual", clock, take)
    try:
        with jack_lab.sender() as hand:
            jack_lab.connect(hand.port, "perfrnn-live-in:perfrnn-live")
            before_s = clock.now()
            for message in (b"\xb0\x40\x7f", b"\xf8", b"\xfe", b"\xf0\x01\xf7", b"\x90\x3c\x64", b"\x90\x3c\x00"):
                hand.send(message)
            assert arrived.wait(10)
            after_s = clock.now()
    finally:
        port.close()
        port.close()
    stamps = [moment_s for moment_s, _ in received]
    heard = [message for _, message in received]
    assert heard == [b"\xb0\x40\x7f", b"\xf8", b"\xfe", b"\x90\x3c\x64", b"\x90\x3c\x00"]
    assert stamps == sorted(stamps) and before_s <= stamps[0] and stamps[-1] <= after_s
    assert threading.main_thread().name not in threads


@pytest.mark.midi
def test_an_input_closed_in_a_flood_neither_crashes_nor_hangs(lab: None) -> None:
    received: list[bytes] = []
    stop = threading.Event()

    with jack_lab.sender() as hand:

        def flood() -> None:
            while not stop.is_set():
                hand.send(b"\xb0\x07\x40")

        flooding = threading.Thread(target=flood)
        flooding.start()
        try:
            for _ in range(20):
                received.clear()
                port = open_input(hand.port, SystemClock(), lambda moment_s, message: received.append(message))
                jack_lab.wait_for(lambda: len(received) > 20, "the flood")
                port.close()
                count = len(received)
                time.sleep(0.02)
                assert len(received) == count
        finally:
            stop.set()
            flooding.join(10)


@pytest.mark.midi
def test_the_lab_synthesises_and_records(lab: None, tmp_path: Path) -> None:
    import wave

    import numpy as np

    port = open_output("virtual")
    try:
        with jack_lab.synthesiser() as piano:
            jack_lab.connect("perfrnn-live:perfrnn-live", piano)
            with jack_lab.recording(tmp_path / "out.wav", 1.0):
                port.send(bytes([0x90, 60, 100]))
        with wave.open(str(tmp_path / "out.wav")) as sound:
            assert (sound.getframerate(), sound.getnchannels()) == (jack_lab.SAMPLE_RATE, 2)
            samples = np.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2")
        assert np.abs(samples.astype(np.int32)).max() > 300
    finally:
        port.close()
