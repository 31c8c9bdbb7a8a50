"""The session's end of the page: a `Listener` and a `Face` that tell a server in a process of its own, and hear from it
what visitors ask for."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urlsplit

from perfrnn_live.errors import BadValue
from perfrnn_live.live.pads import Sight
from perfrnn_live.player.messages import Schedule
from perfrnn_live.player.start import command_of
from perfrnn_live.stage.listeners import Fact
from perfrnn_live.stage.osc import LOOPBACK
from perfrnn_live.stage.page.words import PageWish, Row, knobs_of, planned_rows, rows_of, state_of, wish_of
from perfrnn_live.stage.status import Status

_SERVER = "perfrnn_live.stage.page.server"
_MOST_WAITING = 20_000  # rows that a server which stands still has not taken: what comes after so many is not told
_PATIENCE_S = 2.0


class Page:
    """Serves the page from when it is made until it is closed. `link` is what a visitor has to open, and
    `watch_link` one who is only to see and hear. Nothing is told
    before it is let `begin`.

    What happens is handed to a thread of its own, which writes it down for the server: neither a disk nor a visitor nor
    a server that stands still holds up the session.
    """

    def __init__(self, address: tuple[str, int], library: Path | None = None, before: Page | None = None) -> None:
        """At a host and a port, with the sessions of a library to be heard; without a port (0) at the usual one, or the
        next that is free. A page that was closed `before` is served again to those who have its links. Raises BadValue
        if nothing can be served there."""
        parts = [] if before is None else [urlsplit(link) for link in (before.link, before.watch_link)]
        host, port = address if not parts else (address[0], parts[0].port or 0)
        command = [*command_of(_SERVER), host, str(port), str(library or "")]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout
        self._reading: threading.Thread | None = None
        with contextlib.suppress(OSError):  # it is gone already
            self._to.write(json.dumps([each.path.strip("/") for each in parts]).encode() + b"\n")
            self._to.flush()
        told: dict[str, str] = json.loads(self._from.readline() or b'{"failed": "the page\'s server did not start"}')
        if "failed" in told:
            self._end()
            raise BadValue(told["failed"])
        self.link: str = told["link"]
        self.watch_link: str = told["watch"]
        self._rows: SimpleQueue[Row | None] = SimpleQueue()
        self._knobs: dict[str, list[Any]] = {}
        self._pads: Mapping[int, Sight] = {}
        self._say: Callable[[str], None] = lambda sentence: None
        self._closed = False
        self._began_s = 0.0
        self._clock: Callable[[], float] = lambda: 0.0
        self._thread = threading.Thread(target=self._write, daemon=True)

    def begin(self, began_s: float, clock: Callable[[], float]) -> None:
        """The session began then, and `clock` tells what time it is."""
        self._began_s, self._clock = began_s, clock
        self._thread.start()

    def listen(self, wish: Callable[[PageWish], None], say: Callable[[str], None]) -> None:
        """From now on visitors can play and turn. Both are called from a thread of the page's."""
        self._say = say
        self._reading = threading.Thread(target=self._read, args=(wish,), daemon=True)
        self._reading.start()

    def hear(self, fact: Fact) -> None:
        for row in rows_of(fact, self._began_s):
            self._put(row)

    def plan(self, schedule: Schedule) -> None:
        """This is planned, and may be taken back."""
        for row in planned_rows(schedule, self._began_s):
            self._put(row)

    def show(self, status: Status) -> None:
        knobs = knobs_of(status.settings)
        moved = {name: stands for name, stands in knobs.items() if self._knobs.get(name) != stands}
        self._knobs = knobs
        stored = {n: [each.words, each.struck] for n, each in status.pads.items() if self._pads.get(n) is not each}
        self._pads = status.pads
        state = {**state_of(status), "knobs": moved, "pads": stored}
        self._put(["state", round(status.elapsed_s, 3), state])

    def flush(self, now_s: float) -> None:
        pass

    def close(self) -> None:
        """Nothing more is to be shown; returns at once, and twice is no error."""
        if not self._closed:
            self._closed = True
            self._rows.put(None)

    def wait(self) -> None:
        """Until the server has ended, for 4 s at most."""
        self.close()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE_S)
        self._end()

    def _end(self) -> None:
        with contextlib.suppress(OSError):
            self._to.close()  # and so the server ends
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._reading is not None:
            self._reading.join(_PATIENCE_S)
        self._from.close()

    def _put(self, row: Row) -> None:
        if self._rows.qsize() < _MOST_WAITING:
            self._rows.put(row)

    def _write(self) -> None:
        try:
            while True:
                rows = [self._rows.get()]
                with contextlib.suppress(Empty):
                    while rows[-1] is not None:
                        rows.append(self._rows.get_nowait())
                told = [row for row in rows if row is not None]
                now_s = round(self._clock() - self._began_s, 4)
                self._to.write(json.dumps([now_s, told], separators=(",", ":")).encode() + b"\n")
                self._to.flush()
                if rows[-1] is None:
                    return
        except (OSError, ValueError):  # ValueError: it was closed meanwhile
            if not self._closed:
                self._say("the page is gone: its server has ended")

    def _read(self, wish: Callable[[PageWish], None]) -> None:
        for line in self._from:
            with contextlib.suppress(BadValue, ValueError):
                wish(wish_of(json.loads(line)))


def page_address(text: str | None) -> tuple[str, int]:
    """Where to serve: this machine's own address, unless a host, HOST:PORT or [IPv6]:PORT is given. Raises BadValue."""
    if text is None:
        return LOOPBACK, 0
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):  # no port, or an IPv6 address by itself
        host, port = text, "0"
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdigit() and int(port) < 65_536):
        raise BadValue(f"the page is served at HOST or HOST:PORT, not at {text!r}")
    return host, int(port)


def show_link(page: Page) -> None:
    """The link, and as a picture for a tablet's camera; and the one for those who watch."""
    import segno

    print(f"the page for a tablet: {page.link}\nto watch only: {page.watch_link}")
    segno.make(page.link, error="l").terminal(compact=True)
