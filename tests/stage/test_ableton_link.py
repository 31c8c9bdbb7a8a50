"""Beats of Ableton Link: of a stand-in whose time is known, and of another real session on this machine."""

# ruff: noqa: N802 - the names are Link's

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

import pytest

from perfrnn_live.errors import MissingPackage
from perfrnn_live.live.controls import Mode, Settings
from perfrnn_live.player.clock import FakeClock, SystemClock
from perfrnn_live.player.messages import Pulse, Transport
from perfrnn_live.stage.ableton_link import LinkClock
from tests.sittings import BEGAN_S, Sitting

MICROS_APART = 5_000_000  # Link counts from another moment than the clock of the session


@dataclass
class Shared:
    """A stand-in for `link.Link` and its states: beat 0 is at 1000 s on the clock."""

    clock: FakeClock
    bpm: float = 100.0
    peers: int = 1
    plays: bool = False
    enabled: bool = True
    told: list[Pulse | Transport] = field(default_factory=list)

    def numPeers(self) -> int:
        return self.peers

    def captureSessionState(self) -> Shared:
        return self

    def micros(self) -> int:
        return round((self.clock.now() - 1000) * 1e6) + MICROS_APART

    def isPlaying(self) -> bool:
        return self.plays

    def tempo(self) -> float:
        return self.bpm

    def beatAtTime(self, micros: int, quantum: float) -> float:
        assert quantum == 4
        return (micros - MICROS_APART) / 1e6 * self.bpm / 60

    def timeAtBeat(self, beat: float, quantum: float) -> int:
        return round(beat * 60 / self.bpm * 1e6) + MICROS_APART


def followed(shared: Shared, seconds: float, link: LinkClock) -> list[Pulse | Transport]:
    before = len(shared.told)
    end_s = shared.clock.now() + seconds
    while shared.clock.now() < end_s:
        link.look()
        shared.clock.wait_until(shared.clock.now() + 0.02)
    return shared.told[before:]


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Shared:
    monkeypatch.setattr(threading.Thread, "start", lambda self: None)
    return Shared(FakeClock())


class Session:
    """`link.Link`, whose `clock` is a function."""

    def __init__(self, shared: Shared) -> None:
        self.shared, self.enabled = shared, True
        self.numPeers, self.captureSessionState = shared.numPeers, shared.captureSessionState

    def clock(self) -> Shared:
        return self.shared


def test_quarters_are_told_once_each_and_when_they_were(shared: Shared) -> None:
    link = LinkClock(shared.told.append, shared.clock, Session(shared))
    told = followed(shared, 6.01, link)
    assert [each.number for each in told if isinstance(each, Pulse)] == list(range(11))
    for each in told:
        assert isinstance(each, Pulse)
        assert each.at_s == pytest.approx(1000 + each.number * 0.6, abs=1e-6)
        assert each.quarter_s == pytest.approx(0.6)


def test_start_and_stop_are_told_when_they_change_and_the_beat_with_them(shared: Shared) -> None:
    link = LinkClock(shared.told.append, shared.clock, Session(shared))
    assert not any(isinstance(each, Transport) for each in followed(shared, 1.0, link))  # it need not have started
    shared.plays = True
    started, pulse, *_ = followed(shared, 0.7, link)
    assert isinstance(started, Transport) and started.plays
    assert isinstance(pulse, Pulse) and pulse.at_s <= started.at_s
    shared.plays = False
    stopped = [each for each in followed(shared, 0.1, link) if isinstance(each, Transport)]
    assert [each.plays for each in stopped] == [False]


def test_alone_it_is_no_clock(shared: Shared) -> None:
    shared.peers = 0
    link = LinkClock(shared.told.append, shared.clock, Session(shared))
    assert followed(shared, 3, link) == []
    shared.peers = 1
    assert followed(shared, 1, link)


def test_an_answer_begins_on_its_beat() -> None:
    sitting = Sitting(settings=Settings(mode=Mode.TRADE), quantise="bar")
    for number in range(60):
        pulse = Pulse(BEGAN_S + 0.1 + number * 0.5, 0.5, number)
        sitting.link.at(pulse.at_s + 0.01, lambda pulse=pulse: sitting.session.bring(pulse))  # type: ignore[misc]
    over_s = sitting.phrase_at(BEGAN_S + 2.13, range(60, 67), gap_s=0.21)
    sitting.session.run(14)
    first_s = min(at_s for at_s, message in sitting.sent if at_s > over_s and message[0] == 0x90)
    off_s = (first_s - BEGAN_S - 0.1) % 2.0
    assert min(off_s, 2.0 - off_s) < 0.012


def test_without_the_extra_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "link", None)
    with pytest.raises(MissingPackage, match=r"perfrnn-live\[link\]"):
        LinkClock(lambda fact: None, SystemClock())


_OTHER = """
import sys, link
session = link.Link(93.0)
session.startStopSyncEnabled = session.enabled = True
print("there", flush=True)
for line in sys.stdin:
    state = session.captureSessionState()
    state.setIsPlaying(line.strip() == "start", session.clock().micros())
    session.commitSessionState(state)
"""


@pytest.mark.midi
def test_it_follows_another_program() -> None:
    pytest.importorskip("link", reason="needs the extra `link`")
    told: list[Pulse | Transport] = []
    program, pipe = [sys.executable, "-c", _OTHER], subprocess.PIPE
    with subprocess.Popen(program, stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdin is not None and other.stdout is not None
        other.stdout.readline()
        time.sleep(1)  # so that its tempo is the one that counts
        link = LinkClock(told.append, SystemClock())
        try:
            until_s = time.monotonic() + 10
            while len(told) < 4 and time.monotonic() < until_s:
                time.sleep(0.05)
            if not told:
                pytest.skip("no other Link session can be found here: the network has no multicast")
            other.stdin.write("start\n")
            other.stdin.flush()
            while not any(isinstance(each, Transport) for each in told) and time.monotonic() < until_s + 5:
                time.sleep(0.05)
        finally:
            link.close()
            other.stdin.close()
    assert any(isinstance(each, Transport) and each.plays for each in told)
    pulses = [each for each in told if isinstance(each, Pulse)][1:4]
    assert [each.quarter_s for each in pulses] == pytest.approx([60 / 93] * 3, rel=1e-3)
    assert pulses[2].at_s - pulses[0].at_s == pytest.approx(2 * 60 / 93, abs=0.005)
