"""The piano's process, on the sound system without a sound card that miniaudio brings."""

from __future__ import annotations

import ctypes.util
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from perfrnn_live.errors import MidiUnavailable, NoSound
from perfrnn_live.music.midi import note_off, note_on
from perfrnn_live.player.clock import FakeClock, SystemClock
from perfrnn_live.player.messages import PortBack, PortLost
from perfrnn_live.player.piano import PIANO, Beside, PianoPort
from perfrnn_live.player.ports import MemoryPort
from perfrnn_live.player.watch import Watch

FONT = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")


@pytest.fixture
def piano() -> Iterator[PianoPort]:
    port = PianoPort("null", SystemClock())
    try:
        yield port
    finally:
        port.close()


def until(condition: Callable[[], object], limit_s: float = 15.0) -> None:
    deadline_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def processes(piano: PianoPort) -> subprocess.Popen[bytes]:
    return piano._process


def test_it_says_what_it_sounds_through_and_ends_with_its_port(piano: PianoPort) -> None:
    assert piano.wait() == "Null, 48000 Hz"
    assert piano.look() and piano.reopen([]) == PIANO
    for message in (note_on(60, 80), note_off(60), b"\xc0\x05", b""):
        piano.send(message)
    process = processes(piano)
    piano.close()
    piano.close()
    assert process.returncode == 0
    with pytest.raises(MidiUnavailable, match="closed"):
        piano.send(note_on(60, 80))


@pytest.mark.skipif(not (ctypes.util.find_library("fluidsynth") and FONT.exists()), reason="needs FluidSynth, TimGM6mb")
def test_a_sound_font_takes_its_place_and_a_broken_one_is_named(tmp_path: Path) -> None:
    port = PianoPort("null", SystemClock(), FONT)
    try:
        assert port.wait() == "Null, 48000 Hz"
        port.send(note_on(60, 80))
    finally:
        port.close()
    torn = tmp_path / "torn.sf2"
    torn.write_bytes(FONT.read_bytes()[:4000])
    port = PianoPort("null", SystemClock(), torn)
    try:
        with pytest.raises(NoSound, match=r"torn\.sf2 is broken"):
            port.wait()
    finally:
        port.close()


def test_a_device_that_is_not_there_is_named() -> None:
    port = PianoPort("no such device", SystemClock())
    with pytest.raises(NoSound, match="no such device"):
        port.wait()
    assert not port.look()
    port.send(note_on(60, 80))
    port.close()


def test_killed_it_comes_back(piano: PianoPort) -> None:
    piano.wait()
    first = processes(piano)
    first.kill()
    until(lambda: not piano.look())
    piano.send(note_on(60, 80))
    until(lambda: piano.reopen([]) == PIANO)
    assert processes(piano).pid != first.pid
    piano.send(note_on(60, 80))
    assert piano.look()


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="processes cannot be stopped here")
def test_one_that_stands_still_holds_nobody_up_and_is_replaced(piano: PianoPort) -> None:
    piano.wait()
    first = processes(piano)
    os.kill(first.pid, signal.SIGSTOP)
    began_s = time.monotonic()
    for _ in range(20_000):  # more than its pipe holds
        piano.send(note_on(60, 1))
    assert time.monotonic() - began_s < 5 and not piano.look()
    until(lambda: piano.reopen([]) == PIANO)
    assert processes(piano).pid != first.pid


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no such signals here")
def test_ctrl_c_is_not_its_affair(piano: PianoPort) -> None:
    piano.wait()
    for name in (signal.SIGINT, signal.SIGHUP):
        os.kill(processes(piano).pid, name)
    time.sleep(0.2)
    assert piano.look() and processes(piano).poll() is None


def test_beside_another_output_both_hear_and_the_other_counts() -> None:
    clock = FakeClock()
    output, piano = MemoryPort(clock, "fluid"), MemoryPort(clock, PIANO)
    both = Beside(output, piano)
    both.send(note_on(60, 80))
    assert both.name == "fluid" and both.look()
    assert [message for _, message in output.sent] == [message for _, message in piano.sent] == [note_on(60, 80)]
    both.close()
    assert output.closed and piano.closed


def test_a_piano_that_is_lost_is_told_as_the_sound() -> None:
    class Gone(MemoryPort):
        there = True

        def look(self) -> bool:
            return self.there

        def reopen(self, taken: object) -> str | None:
            return self.name if self.there else None

    clock = FakeClock()
    piano = Gone(clock, PIANO)
    watch = Watch(MemoryPort(clock, "fluid"), [], clock, piano)
    clock.advance(1.0)
    assert watch.look(10.0) == []
    piano.there = False
    clock.advance(1.0)
    assert watch.look(10.0) == [PortLost(PIANO, "sound")]
    clock.advance(1.0)
    assert watch.look(10.0) == []
    piano.there = True
    clock.advance(1.0)
    assert watch.look(10.0) == [PortBack(PIANO, "sound")]
