"""Which ports are opened, and what is tried instead where a machine lacks something."""

from __future__ import annotations

import sys

import pytest

from perfrnn_live.errors import BadValue, MidiUnavailable, NoSound, PerfRNNError
from perfrnn_live.player.messages import Ready, Setup
from perfrnn_live.player.profiles import DAW
from perfrnn_live.stage import connection
from perfrnn_live.stage.connection import NOWHERE, Connection


class Machine:
    """What a machine has: `midi`, `audio`; and which setups were tried on it."""

    def __init__(self, midi: bool, audio: bool) -> None:
        self.midi, self.audio = midi, audio
        self.tried: list[Setup] = []

    def link(self, setup: Setup) -> _Link:
        self.tried.append(setup)
        return _Link(self, setup)


class _Link:
    def __init__(self, machine: Machine, setup: Setup) -> None:
        self._machine, self._setup = machine, setup

    def ready(self) -> Ready:
        output, machine = self._setup.output, self._machine
        if output == "piano" and not machine.audio:
            raise NoSound("no audio device works here")
        if output not in ("piano", NOWHERE) and not machine.midi:
            raise MidiUnavailable("No MIDI system on this machine works.")
        sound = "JACK" if machine.audio and (self._setup.beside or output == "piano") else ""
        no_sound = "no audio device works here" if self._setup.beside and not machine.audio else ""
        return Ready(output, self._setup.inputs, sound, no_sound)


def opened(
    monkeypatch: pytest.MonkeyPatch, machine: Machine, output: str | None = None, audio: str | None = "any"
) -> tuple[Ready, list[str]]:
    monkeypatch.setattr(connection, "ProcessLink", machine.link)
    told: list[str] = []
    return Connection(output, None, audio, False, DAW).ready(told.append), told


@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_a_machine_that_has_all_sounds_beside_a_virtual_port(monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    monkeypatch.setattr(sys, "platform", system)
    ready, told = opened(monkeypatch, Machine(midi=True, audio=True))
    assert (ready.output, ready.sound, ready.inputs, told) == ("virtual", "JACK", ("virtual",), [])


def test_windows_has_no_virtual_ports_so_the_piano_sounds_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    machine = Machine(midi=True, audio=True)
    ready, told = opened(monkeypatch, machine)
    assert (ready.output, ready.sound, ready.inputs, told) == ("piano", "JACK", (), [])
    silent, told = opened(monkeypatch, Machine(midi=True, audio=False))
    assert (silent.output, told) == ("virtual", ["no audio device works here"]), "its built-in synthesiser"


@pytest.mark.parametrize(
    ("midi", "audio", "output", "sentences"),
    [
        (True, False, "virtual", ["no audio device works here: the piano is silent, connect another one"]),
        (False, True, "piano", ["No MIDI system"]),
        (False, False, NOWHERE, ["No MIDI system", "no audio device"]),
    ],
)
def test_what_is_missing_is_told_and_the_next_best_is_tried(
    monkeypatch: pytest.MonkeyPatch, midi: bool, audio: bool, output: str, sentences: list[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    ready, told = opened(monkeypatch, Machine(midi, audio))
    assert ready.output == output
    assert all(sentence.startswith(wanted) for sentence, wanted in zip(told, sentences, strict=True)), told


def test_without_sound_asked_for_the_piano_is_never_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    for platform in ("linux", "win32"):
        monkeypatch.setattr(sys, "platform", platform)
        machine = Machine(midi=False, audio=True)
        ready, _ = opened(monkeypatch, machine, audio=None)
        assert ready.output == NOWHERE
        assert all(setup.output != "piano" and not setup.beside for setup in machine.tried)


@pytest.mark.parametrize(("output", "midi", "audio"), [("fluid", False, True), ("piano", True, False)])
def test_what_was_asked_for_by_name_has_no_stand_in(
    monkeypatch: pytest.MonkeyPatch, output: str, midi: bool, audio: bool
) -> None:
    with pytest.raises(PerfRNNError):
        opened(monkeypatch, Machine(midi, audio), output)


def test_the_computers_keyboard_wants_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "ProcessLink", Machine(True, True).link)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    with pytest.raises(BadValue, match="in a terminal, and this is none"):
        Connection(None, ("computer",), "any", False, DAW)


def test_what_is_typed_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(midi=False, audio=True)
    monkeypatch.setattr(connection, "ProcessLink", machine.link)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    there = Connection(None, ("computer", "keystation"), "any", False, DAW)
    assert there.typed and there.ready(lambda sentence: None).output == "piano"
    assert all("computer" not in setup.inputs for setup in machine.tried)
    assert machine.tried[0].inputs == ("keystation",)
