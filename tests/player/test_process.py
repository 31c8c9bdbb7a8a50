"""The player as a real process, on an output that sounds nowhere: however it is told to end, it ends in silence."""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from perfrnn_live.errors import MidiUnavailable, PlayerLost
from perfrnn_live.music.midi import control_change, note_off, note_on
from perfrnn_live.player.clock import FakeClock, SystemClock
from perfrnn_live.player.drivers.rtmidi import PACKAGE
from perfrnn_live.player.link import LocalLink, ProcessLink
from perfrnn_live.player.messages import (
    Command,
    Panic,
    PortLost,
    Ready,
    Received,
    Report,
    Schedule,
    Sent,
    Setup,
    Stop,
    Stopped,
    TakeBack,
    TakenBack,
    Timed,
)
from perfrnn_live.player.player import Player as LocalPlayer
from perfrnn_live.player.process import Inbox, run
from perfrnn_live.player.profiles import DAW
from perfrnn_live.player.start import player_command
from perfrnn_live.player.watch import Watch
from tests.fake_rtmidi import BINDINGS
from tests.fakes import LosablePort

REPOSITORY = Path(__file__).resolve().parents[2]
C, E = 60, 64
LIMIT_S = 20.0  # generous: the machine may be busy
PEDAL_UP = control_change(64, 0)
ENDING = [note_off(C), note_off(E), PEDAL_UP]


class Player:
    """The bare process, spoken to in pickles."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            player_command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.commands, self.reports = self.process.stdin, self.process.stdout
        self.tell(Setup("none", (), False, DAW))

    def tell(self, command: Setup | Command) -> None:
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
        assert player.hear() == Ready("none", ())
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
    player.commands.write(pickle.dumps(TakeBack(0))[:-5])
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
    player.tell(TakeBack(0))
    assert isinstance(player.hear(), TakenBack)
    player.tell(Stop())
    player.check_it_ends()


def test_nobody_listens_any_more(player: Player) -> None:
    player.reports.close()
    player.tell(Panic(0))
    player.commands.close()
    assert player.process.wait(LIMIT_S) == 0


def test_a_session_that_has_stopped_reading_stops_nothing(player: Player) -> None:
    """Ctrl-Z: the pipe of reports is full, and the player plays, hears and can be told to end all the same."""
    for plan in range(20_000):
        pickle.dump(TakeBack(plan), player.commands)
    player.tell(Stop())
    assert player.process.wait(LIMIT_S) == 0


def test_what_was_sent_before_a_plan_was_taken_back_is_reported_before_it(player: Player) -> None:
    now_s = SystemClock().now()
    player.tell(Schedule(0, (Timed(now_s, 2, note_off(C)), Timed(now_s + 60.0, 3, note_off(E)))))
    sent = player.hear()
    assert isinstance(sent, Sent)
    assert (sent.number, sent.due_s, sent.message) == (2, now_s, note_off(C))
    assert sent.sent_s >= now_s
    player.tell(TakeBack(0))
    taken_back = player.hear()
    assert isinstance(taken_back, TakenBack)
    assert taken_back.asked and sent.sent_s <= taken_back.at_s < now_s + 60.0


@pytest.fixture
def link() -> Iterator[ProcessLink]:
    link = ProcessLink(Setup("none", (), False, DAW))
    try:
        yield link
    finally:
        link.close()


def test_the_link_opens_speaks_and_closes(link: ProcessLink) -> None:
    assert link.ready() == Ready("none", ())
    assert link.receive(0.0) is None
    now_s = SystemClock().now()
    link.send(Schedule(0, (Timed(now_s, 0, note_on(C, 80)), Timed(now_s + 60.0, 1, note_off(C)))))
    sent = link.receive(LIMIT_S)
    assert isinstance(sent, Sent) and sent.number == 0
    rest = link.close()
    assert [report.message for report in rest if isinstance(report, Sent)] == [note_off(C), PEDAL_UP]
    assert rest[-1] == Stopped()
    assert link.close() == []


@pytest.mark.skipif(sys.platform == "win32", reason="pipes cannot be asked")
def test_the_player_need_not_wait_for_its_setup_if_the_session_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting: list[object] = []

    def start(*command: Any, stdin: int, **rest: Any) -> Any:
        waiting.extend(select.select([stdin], [], [], 0)[0])
        return popen(*command, stdin=stdin, **rest)

    popen: Any = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", start)
    ProcessLink(Setup("none", (), False, DAW)).close()
    assert waiting


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_killed_player_is_lost_with_a_sentence(link: ProcessLink) -> None:
    link.ready()
    os.kill(link.pid, signal.SIGKILL)
    with pytest.raises(PlayerLost, match="the player process ended unexpectedly"):
        link.receive(LIMIT_S)
    with pytest.raises(PlayerLost, match="the player process ended unexpectedly"):
        for _ in range(100_000):
            link.send(TakeBack(0))
    assert link.close() == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_what_a_player_said_before_a_signal_ended_it_is_heard(link: ProcessLink) -> None:
    link.ready()
    now_s = SystemClock().now()
    link.send(Schedule(0, (Timed(now_s, 0, note_on(C, 80)), Timed(now_s + 60.0, 1, note_off(C)))))
    assert isinstance(link.receive(LIMIT_S), Sent)
    os.kill(link.pid, signal.SIGTERM)
    link._process.wait(LIMIT_S)
    rest = link.close()
    assert [report.message for report in rest if isinstance(report, Sent)] == [note_off(C), PEDAL_UP]
    assert rest[-1] == Stopped()


def fake_rtmidi(folder: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """Let the player find this in place of either binding."""
    for binding in BINDINGS:
        (folder / f"{binding}.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(folder), os.environ.get("PYTHONPATH", ""))))


def test_without_rtmidi_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_rtmidi(tmp_path, monkeypatch, "raise ModuleNotFoundError(\"No module named 'rtmidi'\", name='rtmidi')")
    link = ProcessLink(Setup("virtual", (), False, DAW))
    with pytest.raises(MidiUnavailable, match=rf"{PACKAGE} is missing: `pip install .*{PACKAGE}`"):
        link.ready()
    assert link.close() == []  # as `play` does when anything goes wrong, whoever closed it before


STRANGERS = ("queue", "rtmidi", "supriya_midi", "jack", "numpy", "signal", "struct", "typer", "json", "perfrnn_live")


@pytest.fixture
def strange_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, holding modules by the names of others that say so when they are run."""
    for name in STRANGERS:
        (tmp_path / f"{name}.py").write_text("open('was-run', 'a').write(__name__ + ' ')\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "was-run"


def test_the_player_does_not_search_the_current_folder(strange_folder: Path, link: ProcessLink) -> None:
    assert link.ready() == Ready("none", ())
    with contextlib.suppress(MidiUnavailable), contextlib.closing(ProcessLink(Setup("virtual", (), False, DAW))) as own:
        own.ready()  # with its drivers, or a sentence
    assert not strange_folder.exists()


def test_the_commands_do_not_search_the_current_folder(strange_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    (strange_folder.parent / "perfrnn_live.py").unlink()  # `-m` means just that one
    play = [sys.executable, "-m", "perfrnn_live", "play", "--output", "none", "--seconds", "0.1", "--quiet"]
    done = subprocess.run(play, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert not strange_folder.exists()


def test_what_a_driver_prints_does_not_come_between_the_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_rtmidi(tmp_path, monkeypatch, "import os; os.write(1, b'jackd says hello'); raise ImportError('broken')")
    link = ProcessLink(Setup("virtual", (), False, DAW))
    with pytest.raises(MidiUnavailable, match=r"does not load \(broken\)"):
        link.ready()


def test_of_what_a_driver_complains_of_for_hours_the_last_line_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flood = "import sys; [print('x' * 99_999, file=sys.stderr) for _ in range(300)]; print('bad luck', file=sys.stderr)"
    monkeypatch.setattr("perfrnn_live.player.link.player_command", lambda: [sys.executable, "-c", flood])
    link = ProcessLink(Setup("none", (), False, DAW))
    with pytest.raises(PlayerLost, match="ended unexpectedly: bad luck"):
        link.ready()
    kept = [value for value in vars(link).values() if isinstance(value, bytes)]
    assert max(map(len, kept)) < 5000
    link.close()


def test_a_player_that_cannot_even_start_is_lost_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_rtmidi(tmp_path, monkeypatch, "raise RuntimeError('the driver is on fire')")
    link = ProcessLink(Setup("virtual", (), False, DAW))
    with pytest.raises(PlayerLost, match=r"ended unexpectedly: RuntimeError: the driver is on fire"):
        link.ready()
    link.close()


class Stage:
    """The process's loop on a fake clock: handling what comes in takes it 0.05 ms, and waiting as long as it has to."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.port = LosablePort(self.clock, "piano")
        self.reports: list[Report] = []
        self.player = LocalPlayer(self.port, self.clock, self.report)
        self.inbox = Inbox()
        self.happens_then: Callable[[Report], None] = lambda report: None

    def report(self, report: Report) -> None:
        self.reports.append(report)
        self.happens_then(report)
        if isinstance(report, Received):
            self.clock.advance(0.00005)

    def take(self, timeout_s: float) -> list[Command | Received]:
        arrived = self.inbox.take(0)
        if not arrived:
            self.clock.advance(max(timeout_s, 0))
        return arrived

    def run(self) -> None:
        run(self.player, self.take, Watch(self.port, [], self.clock), self.clock)

    def schedule(self, *messages: tuple[float, bytes]) -> None:
        timed = (Timed(1000 + due_s, number, message) for number, (due_s, message) in enumerate(messages))
        self.inbox.put(Schedule(0, tuple(timed)))


def test_a_flood_delays_nothing_that_is_due() -> None:
    stage = Stage()
    stage.schedule(*((n / 100, note_on(n, 80) if n % 2 else note_off(n - 1)) for n in range(1, 60)))
    for n in range(10_000):  # half a second of work
        stage.inbox.put(Received(1000.0, control_change(1, n % 128)))
    stage.inbox.put(Stop())
    stage.run()
    sent = [report for report in stage.reports if isinstance(report, Sent) and report.number is not None]
    assert len(sent) >= 45
    assert max(report.sent_s - report.due_s for report in sent) < 0.001
    assert sum(isinstance(report, Received) for report in stage.reports) == 10_000


def test_a_port_that_vanishes_is_noticed_between_two_notes() -> None:
    stage = Stage()
    stage.schedule((0.9, note_on(C, 80)), (5.0, note_off(C)))

    def happens_then(report: Report) -> None:
        if isinstance(report, Sent):
            stage.port.there = False
        elif isinstance(report, PortLost):
            stage.inbox.put(Stop())

    stage.happens_then = happens_then
    stage.run()
    assert stage.reports[-1] == Stopped()
    assert PortLost("piano", "output") in stage.reports
    assert stage.clock.now() < 1002.0


def test_a_clock_that_has_run_for_hours_does_not_stand_still_before_a_note() -> None:
    """At 4096 s a double has no place for the 4e-14 s by which two milliseconds can be missed."""
    for begins_s in (4096.0, 100_000.0):
        for due_s in (begins_s + 0.00837 + place * 1e-6 for place in range(200)):
            clock = FakeClock(begins_s)
            link = LocalLink(LosablePort(clock), clock)
            link.send(Schedule(0, (Timed(due_s, 0, note_on(C, 80)),)))
            clock.advance(due_s - 0.002 - clock.now())
            reports = [link.receive(0.0001) for _ in range(200)]  # hangs, where it stands still
            assert any(isinstance(report, Sent) for report in reports)
