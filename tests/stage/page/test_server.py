"""The page's server, a real process: who may come in, what they see, and what becomes of those who misbehave."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from perfrnn_live.errors import BadValue
from perfrnn_live.library.keeper import Keeper
from perfrnn_live.library.store import Library
from perfrnn_live.live.controls import Action, Settings
from perfrnn_live.live.happenings import Time
from perfrnn_live.live.pads import Sight
from perfrnn_live.music.midi import note_off, note_on
from perfrnn_live.player.messages import Sent
from perfrnn_live.stage.page.feed import Page
from perfrnn_live.stage.page.words import PageWish
from perfrnn_live.stage.status import Status
from tests.stage.test_kept import command

LOOPBACK = "127.0.0.1"


class Stage:
    """A session's end of a page: what was asked, and what was said."""

    def __init__(self, page: Page) -> None:
        self.page, self.asked, self.said = page, list[PageWish](), list[str]()
        page.begin(time.monotonic(), time.monotonic)
        page.listen(self.asked.append, self.said.append)

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.page.link)
        assert parts.hostname and parts.port
        return parts.hostname, parts.port

    def strike(self, number: int) -> None:
        now_s = time.monotonic()
        self.page.hear(Sent(number, now_s, now_s, note_on(number % 128, 64), now_s))

    def visit(self, **options: Any) -> contextlib.AbstractContextManager[ClientConnection]:
        host, port = self.address
        origin: Any = f"http://{host}:{port}"
        link = f"{self.page.link.replace('http', 'ws', 1)}live"
        visit: contextlib.AbstractContextManager[ClientConnection] = connect(
            link, **{"origin": origin, "compression": None, "max_size": None, **options}
        )
        return visit


@pytest.fixture
def stage() -> Iterator[Stage]:
    page = Page((LOOPBACK, 0))
    try:
        yield Stage(page)
    finally:
        page.wait()


def until(so: Callable[[], object], seconds: float = 10.0) -> None:
    ends = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < ends
        time.sleep(0.005)


def status(settings: Settings) -> Status:
    return Status(1.0, "playing", settings, "density", "", 30.0, 0.5, 0.1, 0, frozenset(), frozenset())


def heard(visitor: ClientConnection, count: int) -> list[Any]:
    """The next so many rows that are not about the state."""
    rows: list[Any] = []
    while len(rows) < count:
        frame = json.loads(visitor.recv(timeout=10))
        rows += [row for row in (frame["rows"] if isinstance(frame, dict) else frame[1]) if row[0] != "state"]
    return rows


def asked_of(stage: Stage, path: str, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(*stage.address, timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_the_page_is_small_and_whole(stage: Stage) -> None:
    path = urlsplit(stage.page.link).path
    status, page = asked_of(stage, path)
    assert status == 200 and b"<canvas" in page
    parts = (
        "style.css",
        "main.js",
        "feed.js",
        "music.js",
        "roll.js",
        "keys.js",
        "steering.js",
        "square.js",
        "thoughts.js",
        "piano.js",
        "takes.js",
        "presets.js",
        "elements.js",
    )
    sizes = [len(asked_of(stage, path + part)[1]) for part in parts]
    assert all(sizes) and len(page) + sum(sizes) < 150_000
    assert asked_of(stage, path + "piano/060.ogg")[1].startswith(b"OggS")
    assert b"http" not in page.replace(b"http-equiv", b"")  # nothing comes from elsewhere


def test_a_stranger_sees_nothing(stage: Stage) -> None:
    path = urlsplit(stage.page.link).path
    for other in (
        "/",
        "/index.html",
        "/live",
        path[:-2] + "/",
        path + "../feed.py",
        path + "server.py",
        path + "piano/README.md",
        path[:-1],
        "/%C3%A9/",
    ):
        assert asked_of(stage, other) == (404, b"")
    with pytest.raises(InvalidStatus, match="404"), connect(f"ws://{LOOPBACK}:{stage.address[1]}/x/live"):
        pass


@pytest.mark.parametrize("origin", ["http://elsewhere.example", "null", None])
def test_another_page_gets_no_connection(stage: Stage, origin: str | None) -> None:
    with pytest.raises(InvalidStatus, match="403"), stage.visit(origin=origin):
        pass


def test_all_visitors_see_the_same_and_later_ones_what_was(stage: Stage) -> None:
    with stage.visit() as one, stage.visit() as other:
        for number in range(3):
            stage.strike(number)
        assert heard(one, 3) == heard(other, 3)
        stage.page.show(status(Settings(temperature=1.5)))
        stage.page.show(status(Settings(temperature=0.5)))
        until(lambda: any(row[0] == "state" for row in json.loads(one.recv(timeout=10))[1]))
    with stage.visit() as late:
        first = json.loads(late.recv(timeout=10))
    assert [row[2] for row in first["rows"] if row[0] == "note"] == [0, 1, 2]
    (state,) = (row[2] for row in first["rows"] if row[0] == "state")
    assert state["knobs"]["temperature"] == [0, "0.50"] and len(state["knobs"]) == len(first["table"]["knobs"])


def test_what_is_asked_reaches_the_session_and_a_visitor_who_goes_lets_go_of_its_keys(stage: Stage) -> None:
    with stage.visit() as visitor:
        for frame in (["do", "again"], ["play", 60, 90], ["play", 64, 90], ["play", 60, 0]):
            visitor.send(json.dumps(frame))
        until(lambda: len(stage.asked) == 4)
    until(lambda: len(stage.asked) == 5)
    assert stage.asked == [Action.AGAIN, note_on(60, 90), note_on(64, 90), note_off(60), note_off(64)]


@pytest.mark.parametrize(
    "frame", ["", "{", "[" * 500, '["do"]', '["do", "quit"]', "[1, 2, 3]", b"\xff\xfe", "x" * 2000]
)
def test_who_sends_what_means_nothing_is_shown_out(stage: Stage, frame: str | bytes) -> None:
    with stage.visit() as visitor, stage.visit() as other:
        visitor.recv(timeout=10)
        visitor.send(frame)
        with pytest.raises(ConnectionClosed):
            while True:
                visitor.recv(timeout=10)
        stage.strike(1)
        assert heard(other, 1)
    assert not stage.asked


def test_a_flood_is_cut_off(stage: Stage) -> None:
    with stage.visit() as visitor:
        with pytest.raises(ConnectionClosed):
            for _ in range(200_000):
                visitor.send('["turn","blend",3]')
        until(lambda: len(stage.asked) >= 600)
    assert len(stage.asked) < 5000


def test_a_visitor_who_never_reads_is_left_and_holds_nobody_up(stage: Stage) -> None:
    host, port = stage.address
    with socket.create_connection((host, port)) as deaf, stage.visit() as other:
        path = urlsplit(stage.page.link).path
        ask = f"GET {path}live HTTP/1.1\r\nHost: {host}:{port}\r\nOrigin: http://{host}:{port}\r\n"
        key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        deaf.sendall(f"{ask}Connection: Upgrade\r\nUpgrade: websocket\r\n{key}\r\n".encode())
        long = replace(status(Settings()), said="x" * 50_000)
        for number in range(1000):  # 50 MB: more than any buffer on the way takes
            stage.page.show(long)
            stage.strike(number)
            assert heard(other, 1)[0][2] == number
        deaf.settimeout(10)
        with contextlib.suppress(ConnectionError):  # what had been sent, and then the end
            while deaf.recv(1 << 20):
                pass


def test_a_server_that_dies_is_told_of_and_holds_nobody_up(stage: Stage) -> None:
    os.kill(stage.page._process.pid, signal.SIGKILL)
    stage.page._process.wait()
    while not stage.said:
        stage.strike(1)
        time.sleep(0.005)
    assert stage.said == ["the page is gone: its server has ended"]
    for number in range(1000):
        stage.strike(number)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGSTOP")
def test_a_server_that_stands_still_holds_nobody_up(stage: Stage) -> None:
    os.kill(stage.page._process.pid, signal.SIGSTOP)
    began = time.perf_counter()
    for number in range(50_000):
        stage.strike(number)
    stage.page.close()
    assert time.perf_counter() - began < 5
    assert stage.page._rows.qsize() <= 20_001
    os.kill(stage.page._process.pid, signal.SIGCONT)


def test_where_nothing_can_be_served_is_a_sentence(stage: Stage) -> None:
    _, port = stage.address
    with pytest.raises(BadValue, match=f"cannot be served at {LOOPBACK}:{port}: "):
        Page((LOOPBACK, port))
    with pytest.raises(BadValue, match=r"cannot be served at nowhere\.invalid: "):
        Page(("nowhere.invalid", 0))


def test_a_second_page_has_another_port_and_token(stage: Stage) -> None:
    other = Page((LOOPBACK, 0))
    other.wait()
    one, two = urlsplit(stage.page.link), urlsplit(other.link)
    assert one.port != two.port and one.path != two.path


def test_the_takes_of_a_library_are_listed_shown_and_sounded(tmp_path: Path) -> None:
    library = tmp_path / "sessions.db"
    page = Page((LOOPBACK, 0), library)  # none has been kept yet
    assert asked_of(Stage(page), urlsplit(page.link).path + "takes.json") == (200, b"[]")
    page.wait()
    played = command("play", "--output", "none", "--seconds", "2", "--seed", "1", "--quiet", "--library", str(library))
    assert played.returncode == 0, played.stderr
    page = Page((LOOPBACK, 0), library)
    stage, path = Stage(page), urlsplit(page.link).path
    (take,) = json.loads(asked_of(stage, path + "takes.json")[1])
    assert take["notes"] == json.loads(played.stdout)["notes"] and take["seconds"] > 1 and take["short"]
    begins = {"mid": b"MThd", "svg": b"<svg", "wav": b"RIFF"}
    for kind, head in begins.items():
        assert asked_of(stage, f"{path}takes/1.{kind}")[1].startswith(head)
    for other in ("takes/2.mid", "takes/1.exe", "takes/../sessions.db", "takes/1.mid.mid", "takes/99999999999999.mid"):
        assert asked_of(stage, path + other) == (404, b"")
    library.write_bytes(b"torn" * 100)
    assert asked_of(stage, path + "takes.json") == (404, b"")
    page.wait()


def test_who_has_the_other_link_watches_and_moves_nothing(stage: Stage) -> None:
    stage.strike(1)
    watching = stage.page.watch_link
    assert watching != stage.page.link
    host, port = stage.address
    origin: Any = f"http://{host}:{port}"
    with connect(f"{watching.replace('http', 'ws', 1)}live", origin=origin) as watcher, stage.visit() as player:
        table, seen = (json.loads(visitor.recv(timeout=10))["table"] for visitor in (player, watcher))
        assert table["plays"] and urlsplit(watching).path == f"/{table['watch']}/"
        assert not seen["plays"] and not seen["watch"]
        watcher.send(json.dumps(["play", 60, 80]))
        watcher.send(json.dumps(["turn", "temperature", 100]))
        watcher.send(json.dumps(["do", "panic"]))
        player.send(json.dumps(["play", 61, 80]))
        until(lambda: stage.asked)
        stage.strike(2)
        assert heard(watcher, 1)[0][3] in {1, 2}
    until(lambda: len(stage.asked) == 2)
    assert stage.asked == [note_on(61, 80), note_off(61)]


def test_pads_are_told_once_and_to_those_who_come_later(stage: Stage) -> None:
    sight = Sight("soft, low, 3/s", ((1.5, 40, 9), (0.0, 45, 12)))
    shown = replace(status(Settings()), pads={3: sight}, nearly_over=0.256, surprise=1.234, late=(5, 1))
    with stage.visit() as visitor:
        visitor.recv(timeout=10)
        for _ in range(2):
            stage.page.show(shown)
        states: list[Any] = []
        while len(states) < 2:
            states += [row[2] for row in json.loads(visitor.recv(timeout=10))[1] if row[0] == "state"]
    assert states[0]["pads"] == {"3": ["soft, low, 3/s", [[1.5, 40, 9], [0.0, 45, 12]]]} and states[1]["pads"] == {}
    assert (states[0]["over"], states[0]["surprise"], states[0]["late"], states[0]["used"]) == (0.26, 1.23, [5, 1], [3])
    with stage.visit() as later:
        (row,) = json.loads(later.recv(timeout=10))["rows"]
        assert row[2]["pads"] == states[0]["pads"]


def test_a_take_is_marked_by_who_may_play_only(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    keeper = Keeper(path, {}, 0.0, lambda: 0.0, lambda sentence: None)
    keeper.hear(Sent(1, 60.0, 60.0, note_on(60, 64), 60.0))
    keeper.hear(Time(60.0))
    keeper.close()
    page = Page((LOOPBACK, 0), path)
    stage = Stage(page)
    try:
        host, port = stage.address
        origin: Any = f"http://{host}:{port}"
        with connect(f"{page.watch_link.replace('http', 'ws', 1)}live", origin=origin) as watcher:
            watcher.send(json.dumps(["mark", 1, 50.0]))
            watcher.send(json.dumps(["play", 60, 0]))
        with stage.visit() as visitor:
            visitor.send(json.dumps(["mark", 9, 50.0]))  # there is none: nothing happens
            visitor.send(json.dumps(["mark", 1, 50.0]))

            def moments() -> Any:
                with Library(path) as kept:
                    return kept.entry(1).moments

            until(moments)
            assert moments() == ((20.0, 50.0),)
    finally:
        page.wait()
