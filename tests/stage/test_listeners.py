"""Whoever keeps or shows what happens, on a disk or a terminal that stands still or is full, never stops the music."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mido
import pytest

from perfrnn_live.errors import CannotWrite
from perfrnn_live.live.controls import Settings
from perfrnn_live.live.happenings import Time
from perfrnn_live.player.messages import Said
from perfrnn_live.stage.listeners import Fact, Kept, Shown
from perfrnn_live.stage.status import Status
from tests.sittings import BEGAN_S, Sitting

FULL = "No space left on device"


class Disk:
    """Where files lie that are written without a buffer: each may become `room` bytes long; a write returns when the
    disk `goes_on`."""

    def __init__(self) -> None:
        self.room = 1 << 40
        self.goes_on = threading.Event()
        self.goes_on.set()

    def stand_still(self) -> None:
        self.goes_on.clear()

    def open(self, path: Path) -> io.FileIO:
        return _File(path, self)


class _File(io.FileIO):
    def __init__(self, path: Path, disk: Disk) -> None:
        super().__init__(path, "wb")
        self._disk = disk

    def write(self, written: Any) -> int:
        self._disk.goes_on.wait()
        room = self._disk.room - self.tell()
        if room <= 0:
            raise OSError(28, FULL)
        return super().write(written[:room])


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk, usual = Disk(), Path.open

    def open_there(path: Path, mode: str = "r", buffering: int = -1, **rest: Any) -> Any:
        return disk.open(path) if buffering == 0 else usual(path, mode, buffering, **rest)

    monkeypatch.setattr(Path, "open", open_there)
    yield disk
    disk.goes_on.set()


class Wall:
    """A face on a terminal that has stopped reading: `show` returns when it is `read` again."""

    def __init__(self) -> None:
        self.shown: list[Status] = []
        self.stuck, self.read = threading.Event(), threading.Event()
        self.closed = False

    def show(self, status: Status) -> None:
        self.shown.append(status)
        self.stuck.set()
        self.read.wait()

    def close(self) -> None:
        self.closed = True


def wait_for(condition: Callable[[], object]) -> None:
    """For another thread, at most five seconds."""
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    raise TimeoutError


def panic_often(sitting: Sitting) -> None:
    """So that there is much to be logged: at each panic how long it took."""
    for n in range(2, 30):
        sitting.press_at(BEGAN_S + n / 5, " ")
        sitting.press_at(BEGAN_S + n / 5 + 0.02, " ")


def messages_in(path: Path) -> list[tuple[int, bytes]]:
    """Milliseconds and messages, as another library reads them."""
    tick, told = 0, []
    for message in mido.MidiFile(path).tracks[0]:
        tick += message.time
        if not message.is_meta:
            told.append((tick, message.bin()))
    return told


def assert_whole(record: Path, sitting: Sitting) -> int:
    """What is recorded is the beginning of what was sent, and then the releases; returns how much it is."""
    sent = [(round((at_s - BEGAN_S) * 1000), message) for at_s, message in sitting.sent]
    kept = messages_in(record)
    same = next((n for n, (one, other) in enumerate(zip(kept, sent, strict=False)) if one != other), len(kept))
    sounding = set[int]()
    for _, message in kept[:same]:
        (sounding.add if message[0] == 0x90 else sounding.discard)(message[1])
    assert sorted(message[1] for _, message in kept[same:]) == sorted(sounding)
    assert all(message[0] == 0x80 for _, message in kept[same:])
    return same


def test_a_terminal_that_stops_reading_stops_no_music(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perfrnn_live.stage.listeners._PATIENCE_S", 0.05)
    wall = Wall()
    sitting, plain = Sitting(faces=(Shown(lambda: wall),)), Sitting()
    sitting.link.at(1001.0, lambda: wait_for(wall.stuck.is_set))
    summary, usual = sitting.session.run(6.0), plain.session.run(6.0)
    assert sitting.sent == plain.sent
    assert summary == usual
    assert len(wall.shown) == 1
    sitting.check_silent()
    wall.read.set()
    wait_for(lambda: wall.closed)


def test_all_that_does_not_finish_is_waited_for_at_once(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recording, the log and two faces: each would be waited for a second."""
    monkeypatch.setattr("perfrnn_live.stage.listeners._PATIENCE_S", 1.0)
    walls = Wall(), Wall()
    faces = tuple(Shown(lambda wall=wall: wall) for wall in walls)  # type: ignore[misc]
    sitting = Sitting(record=tmp_path / "a.mid", folder=tmp_path, faces=faces)
    panic_often(sitting)
    sitting.link.at(1001.0, lambda: wait_for(lambda: all(wall.stuck.is_set() for wall in walls)))
    sitting.link.at(1003.05, disk.stand_still)
    began_s = time.monotonic()
    summary = sitting.session.run(4.0)
    assert time.monotonic() - began_s < 3.0
    assert len(summary.complaints) == 2
    disk.goes_on.set()
    for wall in walls:
        wall.read.set()


@pytest.mark.parametrize("kept", ["the recording", "the log"])
def test_a_disk_that_stands_still_stops_no_music(
    kept: str, disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perfrnn_live.stage.listeners._PATIENCE_S", 0.05)
    record, folder = (tmp_path / "a.mid", None) if kept == "the recording" else (None, tmp_path)
    sitting, plain = Sitting(record=record, folder=folder), Sitting()
    for each in (sitting, plain):
        panic_often(each)
    sitting.link.at(1003.05, disk.stand_still)
    summary = sitting.session.run(8.0)
    plain.session.run(8.0)
    assert sitting.sent == plain.sent
    assert summary.complaints == (f"{kept} is not whole: its last part could not be written in time",)
    sitting.check_silent()
    disk.goes_on.set()
    monkeypatch.setattr("perfrnn_live.stage.listeners._PATIENCE_S", 5.0)
    assert sitting.keepers[0].wait() is None
    if record is not None:
        assert assert_whole(record, sitting) == len(sitting.sent)


@pytest.mark.parametrize("room", [40, 300, 500, 701])
@pytest.mark.parametrize("kept", ["the recording", "the log"])
def test_a_full_disk_is_said_once_and_leaves_what_was_written_whole(
    kept: str, room: int, disk: Disk, tmp_path: Path
) -> None:
    record, folder = (tmp_path / "a.mid", None) if kept == "the recording" else (None, tmp_path)
    path = record or tmp_path / "log"
    disk.room = room
    sitting, plain = Sitting(record=record, folder=folder), Sitting()
    for each in (sitting, plain):
        panic_often(each)
    sentence = f"{kept} ends here: cannot write {path}: {FULL}"
    sitting.link.at(1007.0, lambda: wait_for(lambda: Said(sentence) in sitting.facts or not sitting.inbox.empty()))
    summary = sitting.session.run(8.0)
    plain.session.run(8.0)
    assert sitting.sent == plain.sent
    assert summary.complaints == (sentence,)
    assert sitting.facts.count(Said(sentence)) == 1
    sitting.check_silent()
    assert path.stat().st_size <= room
    if record is not None:
        assert (assert_whole(record, sitting) > 0) is (room > 40)
    else:
        lines = path.read_text().splitlines(keepends=True)
        assert all(line.endswith("\n") and json.loads(line)["what"] for line in lines)
        assert bool(lines) is (room > 40)


class Ended:
    """Somebody who listens until a moment, and cannot afterwards."""

    def __init__(self, until_s: float) -> None:
        self.until_s = until_s
        self.heard: list[Fact] = []
        self.flushed: list[float] = []
        self.closed = 0

    def hear(self, fact: Fact) -> None:
        if isinstance(fact, Time) and fact.now_s > self.until_s:
            raise CannotWrite("cannot write x: it is over")
        self.heard.append(fact)

    def flush(self, now_s: float) -> None:
        self.flushed.append(now_s)

    def close(self) -> None:
        self.closed += 1


def test_what_is_kept_is_all_in_order_and_closed_once() -> None:
    listener = Ended(100.0)
    kept = Kept(listener, "it", pytest.fail)
    for second in range(100):
        kept.hear(Time(second))
        if second % 10 == 9:
            kept.flush(second)
    kept.hear(Time(100.0))
    kept.close()
    assert kept.wait() is None
    assert listener.heard == [Time(second) for second in range(101)]
    assert listener.flushed == list(range(9, 100, 10))
    assert listener.closed == 1


def test_who_cannot_keep_it_is_told_no_more() -> None:
    listener, told = Ended(3.0), list[str]()
    kept = Kept(listener, "it", told.append)
    for second in range(10):
        kept.hear(Time(second))
    kept.flush(9.0)
    wait_for(lambda: told)
    kept.hear(Time(0.0))
    kept.close()
    sentence = "it ends here: cannot write x: it is over"
    assert kept.wait() == sentence and told == [sentence]
    assert listener.heard == [Time(second) for second in range(4)]
    assert listener.flushed == [] and listener.closed == 1


def status_at(elapsed_s: float) -> Status:
    nobody = frozenset[int]()
    return Status(elapsed_s, "playing", Settings(), "mode", "", 0.0, 0.0, 0.0, 0, nobody, nobody)


def test_a_slow_face_is_shown_the_newest_and_nothing_of_before() -> None:
    wall = Wall()
    shown = Shown(lambda: wall)
    shown.show(status_at(0.0))
    wait_for(wall.stuck.is_set)
    for second in range(1, 5):
        shown.show(status_at(second))
    wall.read.set()
    wait_for(lambda: len(wall.shown) == 2)
    shown.close()
    assert [status.elapsed_s for status in wall.shown] == [0.0, 4.0]
    assert wall.closed


def test_a_terminal_that_is_gone_is_left_alone() -> None:
    class Gone(Wall):
        def show(self, status: Status) -> None:
            self.stuck.set()
            raise OSError(5, "Input/output error")

        def close(self) -> None:
            super().close()
            raise OSError(5, "Input/output error")

    gone = Gone()
    shown = Shown(lambda: gone)
    shown.show(status_at(0.0))
    wait_for(gone.stuck.is_set)
    shown.show(status_at(1.0))
    shown.close()
    assert gone.closed
