"""Serves the page: `python -m perfrnn_live.stage.page.server HOST PORT LIBRARY`, started by the session; LIBRARY may be
empty.

On standard input come first the tokens of a page that is served again, or none, then lines of rows; wishes go to
standard output, one a line; when the input ends, so does this. The first line out is the link, or what went wrong. All
that is served lies under a token that nobody can guess: a stranger sees nothing, not even that there is a page. A
browser connects only from the page itself (the origin is checked).
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import math
import secrets
import socket
import sys
import threading
from collections import deque
from dataclasses import dataclass
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from perfrnn_live.errors import BadValue
from perfrnn_live.player.start import leave_signals_to_the_session
from perfrnn_live.stage.page.takes import mark, takes
from perfrnn_live.stage.page.words import Row, mark_of, table, wish_of

USUAL_PORT, _PORTS = 8413, 20
ANYWHERE = ("0.0.0.0", "::")
_REMEMBERED_S = 600.0
_BEHIND = 256  # frames that a visitor has not taken
_LONGEST = 1024  # bytes of a frame from a visitor
_MOST_A_SECOND, _AT_ONCE = 300.0, 600.0  # frames from a visitor
_KINDS = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "json": "application/json",
    "ogg": "audio/ogg",
}
_SAFE = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "media-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Tokens:
    """Under `play` a visitor plays and turns, under `watch` sees and hears only."""

    play: str
    watch: str


class Visitor:
    """One browser: what it has still to be told, and which keys it holds down."""

    def __init__(self, connection: ServerConnection, may_play: bool) -> None:
        self.connection, self.may_play = connection, may_play
        self.waiting: asyncio.Queue[str] = asyncio.Queue(_BEHIND)
        self.down: set[int] = set()
        self._left, self._at_s = _AT_ONCE, -math.inf

    def tell(self, frame: str) -> None:
        """Send it as soon as it can be; a visitor that takes nothing is left, and may come back."""
        try:
            self.waiting.put_nowait(frame)
        except asyncio.QueueFull:
            self.connection.transport.abort()

    async def send(self) -> None:
        """Send what waits, for ever."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.connection.send(await self.waiting.get())

    def may_ask(self, now_s: float) -> bool:
        """False if it asks for more than a hand could."""
        self._left = min(self._left + (now_s - self._at_s) * _MOST_A_SECOND, _AT_ONCE) - 1
        self._at_s = now_s
        return self._left >= 0


class Server:
    """The page and its visitors; the last ten minutes are remembered for those who come later."""

    def __init__(self, tokens: Tokens, library: Path | None) -> None:
        self._tokens, self._library = tokens, library
        web = files("perfrnn_live.stage.page").joinpath("web")
        piano = files("perfrnn_live.sound").joinpath("salamander")
        self._files = {each.name: each for each in web.iterdir()}
        self._files |= {f"piano/{each.name}": each for each in piano.iterdir() if each.name.endswith((".ogg", ".json"))}
        self._visitors: set[Visitor] = set()
        self._rows: deque[Row] = deque()
        self._state: dict[str, Any] = {}
        self._changing: dict[str, dict[str, Any]] = {"knobs": {}, "pads": {}}

    def tell(self, line: bytes) -> None:
        """A line from the session, for all visitors."""
        now_s, rows = json.loads(line)
        for row in rows:
            if row[0] == "state":
                for name, known in self._changing.items():  # only what has changed is told
                    known |= row[2][name]
                self._state = {**row[2], **self._changing}
            elif row[0] != "plan":
                self._rows.append(row)
        while self._rows and self._rows[0][1] < now_s - _REMEMBERED_S:
            self._rows.popleft()
        for visitor in tuple(self._visitors):
            visitor.tell(line.decode())

    async def visit(self, connection: ServerConnection) -> None:
        """Serve a visitor until it goes."""
        assert connection.request is not None
        visitor = Visitor(connection, self._may_play(connection.request))
        state = [["state", 0.0, self._state]] if self._state else []
        told = {"plays": visitor.may_play, "watch": self._tokens.watch if visitor.may_play else ""}
        visitor.tell(json.dumps({"table": {**table(), **told}, "rows": [*self._rows, *state]}, separators=(",", ":")))
        self._visitors.add(visitor)
        sending = asyncio.create_task(visitor.send())
        loop = asyncio.get_running_loop()
        try:
            async for frame in connection:
                if not visitor.may_ask(loop.time()):
                    break
                self._ask(visitor, frame)
        except (BadValue, ValueError, RecursionError):
            await connection.close(1008, "no such wish")
        except ConnectionClosed:
            pass
        finally:
            self._visitors.discard(visitor)
            sending.cancel()
            for pitch in visitor.down:
                _out(["play", pitch, 0])

    def _ask(self, visitor: Visitor, frame: str | bytes) -> None:
        asked = json.loads(frame)
        if (marked := mark_of(asked)) is not None:
            if visitor.may_play and self._library is not None:
                asyncio.get_running_loop().run_in_executor(None, mark, self._library, *marked)
            return
        wish_of(asked)
        if not visitor.may_play:
            return
        if asked[0] == "play":
            (visitor.down.add if asked[2] else visitor.down.discard)(asked[1])
        _out(asked)

    def _may_play(self, request: Request) -> bool:
        token, _ = _parts(request)
        return hmac.compare_digest(token, self._tokens.play.encode())

    async def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """A file, or that there is none; None where a visitor may come in."""
        token, name = _parts(request)
        if not any(hmac.compare_digest(token, known.encode()) for known in (self._tokens.play, self._tokens.watch)):
            return _response(HTTPStatus.NOT_FOUND)
        if name == "live":
            own = f"http://{request.headers.get('Host')}"
            return None if request.headers.get("Origin") == own else _response(HTTPStatus.FORBIDDEN)
        name = name or "index.html"
        if name in self._files:
            return _response(HTTPStatus.OK, self._files[name].read_bytes(), _KINDS[name.rpartition(".")[2]])
        taken = await asyncio.to_thread(takes, self._library, name)
        return _response(HTTPStatus.NOT_FOUND) if taken is None else _response(HTTPStatus.OK, *taken)


def _parts(request: Request) -> tuple[bytes, str]:
    """The token and the name that a visitor asks for; no token where there is no name."""
    path, _, _ = request.path.partition("?")
    token, slash, name = path.removeprefix("/").partition("/")
    return (token if slash else "").encode(), name


def _response(status: HTTPStatus, body: bytes = b"", kind: str = "text/plain") -> Response:
    headers = Headers(_SAFE | {"Content-Type": kind, "Content-Length": str(len(body))})
    headers["Connection"] = "close"
    return Response(status.value, status.phrase, headers, body)


def _out(told: object) -> None:
    """A line for the session; one that has gone is not waited for."""
    with contextlib.suppress(OSError):
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


def _listening(host: str, port: int) -> socket.socket:
    """A socket there; without a port (0) on the usual one, or the next that is free. Raises OSError."""
    wanted = [port] if port else range(USUAL_PORT, USUAL_PORT + _PORTS)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    problem = OSError(f"nothing from {USUAL_PORT} on is free")
    for each in wanted:
        try:
            return socket.create_server((host, each), family=family)
        except OSError as error:
            problem = error
    raise problem


def own_address(host: str) -> str:
    """What others on the network call this machine, where it listens on every address; nothing is sent to find out."""
    if host not in ANYWHERE:
        return host
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # TEST-NET-1: a route to anywhere
        return str(probe.getsockname()[0])
    return "localhost"


async def _serve(host: str, port: int, library: Path | None, tokens: Tokens) -> None:
    listening = _listening(host, port)
    server, ended, loop = Server(tokens, library), asyncio.Event(), asyncio.get_running_loop()

    def read() -> None:
        for line in sys.stdin.buffer:
            loop.call_soon_threadsafe(server.tell, line)
        loop.call_soon_threadsafe(ended.set)

    async with serve(
        server.visit,
        sock=listening,
        process_request=server.answer,
        compression=None,
        max_size=_LONGEST,
        server_header=None,
        close_timeout=0.5,
    ):
        shown = own_address(host)
        where = f"http://{f'[{shown}]' if ':' in shown else shown}:{listening.getsockname()[1]}"
        _out({"link": f"{where}/{tokens.play}/", "watch": f"{where}/{tokens.watch}/"})
        threading.Thread(target=read, daemon=True).start()
        await ended.wait()


def main() -> None:
    """Serve until standard input ends."""
    leave_signals_to_the_session()
    host, port, library = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    tokens = Tokens(*(json.loads(sys.stdin.buffer.readline()) or (secrets.token_urlsafe(12) for _ in range(2))))
    try:
        asyncio.run(_serve(host, port, Path(library) if library else None, tokens))
    except OSError as error:
        _out({"failed": f"the page cannot be served at {host}{f':{port}' if port else ''}: {error.strerror or error}"})


if __name__ == "__main__":
    main()
