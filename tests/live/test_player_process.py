"""The player as a real process, on an output that sounds nowhere: however it is told to end, it ends in silence."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from perfrnn_live.errors import MidiUnavailable, PlayerLost
from perfrnn_live.live.clock import SystemClock
from perfrnn_live.live.link import ProcessLink
from perfrnn_live.live.messages import (
    Command,
    Panic,
    Ready,
    Report,
    Schedule,
    Sent,
    Stop,
    Stopped,
    TakeBack,
    TakenBack,
    Timed,
    control_change,
    note_off,
    note_on,
)

C, E = 60, 64
LIMIT_S = 20.0  # generous: the machine may be busy
PEDAL_UP = control_change(64, 0)
ENDING = [note_off(C), note_off(E), PEDAL_UP]


class Player:
    """The bare process, spoken to in pickles."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "perfrnn_live.live.player_process", "none", "none"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.commands, self.reports = self.process.stdin, self.process.stdout

    def tell(self, command: Command) -> None:
        pickle.dump(command, self.commands)
        self.commands.flush()

    def hear(self) -> Report:
        report: Report = pickle.load(self.reports)
        return report

    def strike(self, *pitches: int) -> None:
        """Let it strike some keys at once, and hear that it did."""
        now_s = SystemClock().now()
        self.tell(Schedule(0, tuple(Timed(now_s, number, note_on(each, 80)) for number, each in enumerate(pitches))))
        assert [sent.message for sent in (self.hear() for _ in pitches) if isinstance(sent, Sent)] == [
            note_on(pitch, 80) for pitch in pitches
        ]

    def check_it_ends(self) -> None:
        """It releases the two keys, says so, and exits."""
        releases = [self.hear() for _ in ENDING]
        assert [sent.message for sent in releases if isinstance(sent, Sent)] == ENDING
        assert self.hear() == Stopped()
        assert self.process.wait(LIMIT_S) == 0
        assert self.reports.read() == b""


@pytest.fixture
def player() -> Iterator[Player]:
    player = Player()
    watchdog = threading.Timer(LIMIT_S, player.process.kill)
    watchdog.start()
    try:
        assert player.hear() == Ready("none", None)
        player.strike(C, E)
        yield player
    finally:
        watchdog.cancel()
        player.process.kill()
        player.process.wait()
        player.reports.close()
        with contextlib.suppress(OSError):
            player.commands.close()


def test_told_to_stop(player: Player) -> None:
    player.tell(Stop())
    player.check_it_ends()


def test_the_pipe_closed_as_when_the_session_dies(player: Player) -> None:
    player.commands.close()
    player.check_it_ends()


# "Invalid load key", a memo that was never written, a module that is not there, bytes that are no UTF-8.
@pytest.mark.parametrize("garbage", [b"\x00" * 64, b"hello\n", b"cnowhere\nnothing\n.", b"X\x01\x00\x00\x00\xff."])
def test_garbage_on_the_pipe(player: Player, garbage: bytes) -> None:
    player.commands.write(garbage)
    player.commands.flush()
    player.check_it_ends()


def test_a_command_torn_off_in_the_middle(player: Player) -> None:
    player.commands.write(pickle.dumps(TakeBack())[:-5])
    player.commands.close()
    player.check_it_ends()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends processes without asking them")
def test_a_polite_signal(player: Player) -> None:
    player.process.send_signal(signal.SIGTERM)
    player.check_it_ends()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signals to one process alone")
def test_ctrl_c_and_a_closed_terminal_are_the_sessions_to_judge(player: Player) -> None:
    player.process.send_signal(signal.SIGINT)
    player.process.send_signal(signal.SIGHUP)
    player.tell(TakeBack())
    assert isinstance(player.hear(), TakenBack)
    player.tell(Stop())
    player.check_it_ends()


def test_nobody_listens_any_more(player: Player) -> None:
    player.reports.close()
    player.tell(Panic())
    player.commands.close()
    assert player.process.wait(LIMIT_S) == 0


def test_what_was_sent_before_a_plan_was_taken_back_is_reported_before_it(player: Player) -> None:
    now_s = SystemClock().now()
    player.tell(Schedule(0, (Timed(now_s, 2, note_off(C)), Timed(now_s + 60.0, 3, note_off(E)))))
    sent = player.hear()
    assert isinstance(sent, Sent)
    assert (sent.number, sent.due_s, sent.message) == (2, now_s, note_off(C))
    assert sent.sent_s >= now_s
    player.tell(TakeBack())
    taken_back = player.hear()
    assert isinstance(taken_back, TakenBack)
    assert taken_back.asked and sent.sent_s <= taken_back.at_s < now_s + 60.0


@pytest.fixture
def link() -> Iterator[ProcessLink]:
    link = ProcessLink("none", "none")
    try:
        yield link
    finally:
        link.close()


def test_the_link_opens_speaks_and_closes(link: ProcessLink) -> None:
    assert link.ready() == Ready("none", None)
    assert link.receive(0.0) is None
    now_s = SystemClock().now()
    link.send(Schedule(0, (Timed(now_s, 0, note_on(C, 80)), Timed(now_s + 60.0, 1, note_off(C)))))
    sent = link.receive(LIMIT_S)
    assert isinstance(sent, Sent) and sent.number == 0
    rest = link.close()
    assert [report.message for report in rest if isinstance(report, Sent)] == [note_off(C), PEDAL_UP]
    assert rest[-1] == Stopped()
    assert link.close() == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_killed_player_is_lost_with_a_sentence(link: ProcessLink) -> None:
    link.ready()
    os.kill(link.pid, signal.SIGKILL)
    with pytest.raises(PlayerLost, match="the player process ended unexpectedly"):
        link.receive(LIMIT_S)
    with pytest.raises(PlayerLost, match="the player process ended unexpectedly"):
        for _ in range(100_000):
            link.send(TakeBack())
    assert link.close() == []


def fake_rtmidi(folder: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """Let the player find this in place of the package."""
    (folder / "rtmidi.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(folder), os.environ.get("PYTHONPATH", ""))))


def test_without_rtmidi_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_rtmidi(tmp_path, monkeypatch, "raise ModuleNotFoundError(\"No module named 'rtmidi'\", name='rtmidi')")
    link = ProcessLink("virtual", "none")
    with pytest.raises(MidiUnavailable, match=r"python-rtmidi is missing: `pip install python-rtmidi`"):
        link.ready()
    assert link.close() == []  # as `play` does when anything goes wrong, whoever closed it before


def test_what_a_driver_prints_does_not_come_between_the_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_rtmidi(tmp_path, monkeypatch, "import os; os.write(1, b'jackd says hello'); raise ImportError('broken')")
    link = ProcessLink("virtual", "none")
    with pytest.raises(MidiUnavailable, match=r"does not load \(broken\)"):
        link.ready()


def test_a_player_that_cannot_even_start_is_lost_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_rtmidi(tmp_path, monkeypatch, "raise RuntimeError('the driver is on fire')")
    link = ProcessLink("virtual", "none")
    with pytest.raises(PlayerLost, match=r"ended unexpectedly: RuntimeError: the driver is on fire"):
        link.ready()
    link.close()
