"""The built-in piano as an output: a process of its own that sounds what it is sent; and an output beside another."""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import threading
from collections.abc import Collection
from pathlib import Path

from perfrnn_live.errors import MidiUnavailable, NoSound
from perfrnn_live.player.clock import Clock
from perfrnn_live.player.ports import MidiOut
from perfrnn_live.player.start import command_of

PIANO = "piano"
LINE = struct.Struct("<d3s")  # the moment on the machine's clock, and a message of three bytes
_OPENS_S = 10.0  # reading the samples takes one
_CLOSES_S = 1.0


class PianoPort:
    """See `MidiOut`. `audio` is the device or system it sounds through, as in `sound.device.Device`; a `soundfont`
    takes the place of the built-in piano.

    When its device or its process is gone, so is the port, and it comes back with them.
    """

    name = PIANO

    def __init__(self, audio: str, clock: Clock, soundfont: Path | None = None) -> None:
        """Starts it; `wait` until it sounds."""
        self._asked, self._clock = [audio] + ([str(soundfont)] if soundfont is not None else []), clock
        self._closed = self._sounds = False
        self._said = ""
        self._process = self._start()

    def wait(self) -> str:
        """Wait until it can sound; returns what it sounds through. Raises NoSound."""
        self._settled.wait(_OPENS_S)
        if not self._sounds:
            raise NoSound(self._said or "the piano did not start in ten seconds")
        return self._said

    def send(self, message: bytes, due_s: float | None = None) -> None:
        if self._closed:
            raise MidiUnavailable("The piano is closed.")
        if len(message) == LINE.size - 8 and self._sounds:
            try:
                os.write(self._pipe, LINE.pack(self._clock.now() if due_s is None else due_s, message))
            except OSError:  # it has ended, or stands still with its pipe full, and then another one is to start
                self._sounds = False
                self._process.kill()

    def look(self) -> bool:
        return self._sounds

    def reopen(self, taken: Collection[str]) -> str | None:
        if self._process.poll() is not None:
            self._drop()
            self._process = self._start()
        return PIANO if self._sounds else None

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._drop()

    def _start(self) -> subprocess.Popen[bytes]:
        self._sounds, self._said = False, ""
        self._settled = threading.Event()
        process = subprocess.Popen(
            [*command_of("perfrnn_live.player.piano_process"), *self._asked],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # audio systems complain there for each device that is missing
        )
        assert process.stdin is not None
        self._pipe = process.stdin.fileno()
        if hasattr(os, "set_blocking"):  # Windows has it from Python 3.12 on
            os.set_blocking(self._pipe, False)  # a piano that stands still must not stop the music on other ports
        threading.Thread(target=self._listen, args=(process,), daemon=True).start()
        return process

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout as stream:
            for line in stream:
                word, _, rest = line.decode(errors="replace").strip().partition(" ")
                self._said, self._sounds = rest, word == "sounds"
                self._settled.set()
        self._sounds = False
        self._settled.set()

    def _drop(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(_CLOSES_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Beside:
    """An output with the piano beside it, which hears all that is sent. What becomes of the piano is its own affair."""

    def __init__(self, output: MidiOut, piano: MidiOut) -> None:
        self._output, self._piano = output, piano
        self.name = output.name

    def send(self, message: bytes, due_s: float | None = None) -> None:
        self._piano.send(message, due_s)
        self._output.send(message, due_s)

    def look(self) -> bool:
        return self._output.look()

    def reopen(self, taken: Collection[str]) -> str | None:
        return self._output.reopen(taken)

    def close(self) -> None:
        self._output.close()
        self._piano.close()
