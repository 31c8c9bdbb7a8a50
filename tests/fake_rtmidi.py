"""Stands in for the bindings of RtMidi, `rtmidi` and `supriya_midi`, with the MIDI systems of any machine behind it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

BINDINGS = ("rtmidi", "supriya_midi")


class FakeRtMidi:
    """The module `rtmidi`, with one list of port names for each of its systems; None is a system that does not work.

    The systems are named "api0", "api1", ... unless `names` says how. What was done is kept: the ports `open`ed, how
    many `clients` are not deleted, the messages `sent`, and the `callbacks` that are set.
    """

    closing_inputs_hangs = False

    def __init__(self, *systems: list[str] | None, names: tuple[str, ...] = ()) -> None:
        self.systems = systems
        self.names = names or tuple(f"api{number}" for number in range(len(systems)))
        self.open: list[str] = []
        self.clients = 0
        self.virtual_ports = True
        self.busy: set[str] = set()
        self.complaint: str | None = None
        self.sent: list[bytes] = []
        self.callbacks: list[Callable[..., None]] = []
        self.asking_threads: set[int] = set()

    def get_compiled_api(self) -> list[int]:
        return [99, *range(len(self.systems))]

    def get_api_name(self, api: int) -> str:
        return "dummy" if api == 99 else self.names[api]

    get_api_display_name = get_api_name

    def MidiOut(self, api: int, name: str) -> FakeClient:  # noqa: N802 - as rtmidi has it
        return FakeClient(self, api, is_input=False)

    def MidiIn(self, api: int, name: str) -> FakeClient:  # noqa: N802
        return FakeClient(self, api, is_input=True)

    def bring(self, message: bytes) -> None:
        """Let a message come in at the input opened last, if one is listening."""
        for callback in self.callbacks[-1:]:
            callback((list(message), 0.0), None)


class FakeSupriya(FakeRtMidi):
    """The module `supriya_midi`, where it differs."""

    closing_inputs_hangs = True  # or crashes, in a flood
    get_compiled_apis = FakeRtMidi.get_compiled_api

    def bring(self, message: bytes) -> None:
        for callback in self.callbacks[-1:]:
            callback(list(message), 0.0, None)


class FakeClient:
    """A `MidiOut` or `MidiIn` of either."""

    def __init__(self, driver: FakeRtMidi, api: int, is_input: bool) -> None:
        self._driver, self._api, self._is_input = driver, api, is_input
        self._told: Callable[..., None] | None = None
        self._listened = False
        if driver.systems[api] is None:
            raise RuntimeError("no server")
        driver.clients += 1

    def get_port_count(self) -> int:
        self._driver.asking_threads.add(threading.get_ident())
        return len(self._ports())

    def get_port_name(self, number: int) -> str:
        name = self._ports()[number]
        if name.startswith("\N{REPLACEMENT CHARACTER}"):
            name.encode().decode("ascii")
        return name

    def open_port(self, number: int, name: str) -> None:
        if self._ports()[number] in self._driver.busy:
            raise RuntimeError("busy")
        self._driver.open.append(f"{self._driver.names[self._api]} {number}")

    def open_virtual_port(self, name: str) -> None:
        if not self._driver.virtual_ports:
            raise NotImplementedError
        self._driver.open.append(f"virtual {name}")

    def set_error_callback(self, told: Callable[..., None]) -> None:
        self._told = told

    def send_message(self, message: bytes) -> None:
        self._driver.sent.append(message)
        if self._driver.complaint and self._told is not None:
            self._told(0, self._driver.complaint, None)

    def ignore_types(self, sysex: bool, timing: bool, active_sense: bool) -> None:
        assert sysex and not timing and not active_sense

    def set_callback(self, callback: Callable[..., None]) -> None:
        self._listened = True
        self._driver.callbacks.append(callback)

    def cancel_callback(self) -> None:
        assert not self._driver.closing_inputs_hangs, "this would crash"
        self._driver.callbacks.clear()

    def close_port(self) -> None:
        listening = self._is_input and self._listened
        assert not (listening and self._driver.closing_inputs_hangs), "this would hang for ever, or crash"

    def delete(self) -> None:
        self._driver.clients -= 1

    def _ports(self) -> list[str]:
        return self._driver.systems[self._api] or []


def install(monkeypatch: pytest.MonkeyPatch, binding: str, *systems: list[str] | None, **how: Any) -> FakeRtMidi:
    """Let `binding` be the one that is installed, and JACK-Client not."""
    driver = (FakeRtMidi if binding == "rtmidi" else FakeSupriya)(*systems, **how)
    for name in BINDINGS:
        monkeypatch.setitem(sys.modules, name, driver if name == binding else None)
    monkeypatch.setitem(sys.modules, "jack", None)
    return driver
