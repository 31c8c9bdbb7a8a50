"""Whole sessions on a fake clock, with somebody at the keyboard, the knobs and the keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from perfrnn_live.engines.base import StepEngine
from perfrnn_live.engines.fake import FakeEngine
from perfrnn_live.live.beats import Quantise
from perfrnn_live.live.controls import Settings
from perfrnn_live.live.improviser import Improviser
from perfrnn_live.live.machine import Machine
from perfrnn_live.live.pads import Pads
from perfrnn_live.live.steering import Steering
from perfrnn_live.music.midi import control_change, note_off, note_on, releases, strikes
from perfrnn_live.music.midifile import MidiFileWriter
from perfrnn_live.player.clock import FakeClock
from perfrnn_live.player.messages import Said, Schedule
from perfrnn_live.player.profiles import DAW, Profile
from perfrnn_live.sampling.controls import Controls
from perfrnn_live.stage.desk import Desk
from perfrnn_live.stage.journal import Journal
from perfrnn_live.stage.listeners import Face, Fact, Kept, Listener
from perfrnn_live.stage.recorder import Recorder
from perfrnn_live.stage.session import Arrival, Session
from perfrnn_live.stage.status import Status
from perfrnn_live.stage.terminal import KEYS
from tests.fakes import LosablePort, ScriptedLink, TracedContinuation

STEP_S = 0.008
BEGAN_S = 1000.0
PEDAL_UP = control_change(64, 0)


class Sitting:
    """A session with everything around it; it begins at 1000 s."""

    def __init__(
        self,
        seed: int = 1,
        settings: Settings | None = None,
        base: Controls | None = None,
        record: Path | None = None,
        link: type[ScriptedLink] = ScriptedLink,
        beams: int = 1,
        folder: Path | None = None,
        thru: bool = False,
        profile: Profile = DAW,
        faces: tuple[Face, ...] = (),
        writer: Callable[[Path], MidiFileWriter] = MidiFileWriter,
        restarts: bool = False,
        engine: StepEngine[Any] | None = None,
        quantise: Quantise = "off",
    ) -> None:
        """`folder` is for the log, the pads and what is learned; without one, nothing is kept. With `restarts`, a
        player that is lost has a successor. `engine` plays in place of a `FakeEngine`."""
        self.clock = FakeClock(BEGAN_S)
        self.port = LosablePort(self.clock)
        self.link = link(self.port, self.clock, profile, thru)
        self.engine = FakeEngine()
        self.continuation = TracedContinuation(self.engine if engine is None else engine)
        start = self.continuation.primed([])
        rng = np.random.default_rng(seed)
        lead_s = profile.longest_delay_s
        self.improviser = Improviser(self.continuation, start, Controls(), rng, lead_s, beams)
        home = folder or Path("/nowhere")
        self.pads = Pads(self.continuation.engine, "fake", home / "pads.npz")
        self.inbox: SimpleQueue[Arrival] = SimpleQueue()
        self.shown: list[Status] = []
        self.facts: list[Fact] = []
        self.played: list[tuple[float, bytes]] = []
        desk = Desk(settings or Settings(), home / "controls.toml")
        steering = Steering(base or Controls())
        self.machine = Machine(self.improviser, desk.settings, steering, self.pads, BEGAN_S, quantise)
        self.keepers: list[Kept] = []
        if record:
            self._keep(Recorder(writer(record), BEGAN_S, lead_s), "the recording")
        if folder:
            self._keep(Journal(BEGAN_S, folder / "log"), "the log")
        listeners: tuple[Listener, ...] = (self, *self.keepers)
        reopen = self._reopen if restarts else None
        self.schedules: list[Schedule] = []
        told = (listeners, (self, *faces), reopen, self.inbox, self.schedules.append)
        self.session = Session(self.link, self.clock, self.machine, desk, *told)

    def _keep(self, listener: Listener, what: str) -> None:
        self.keepers.append(Kept(listener, what, lambda sentence: self.inbox.put(Said(sentence))))

    def _reopen(self, left: frozenset[int]) -> ScriptedLink:
        self.link = self.link.successor(left)
        return self.link

    def hear(self, fact: Fact) -> None:
        self.facts.append(fact)

    def flush(self, now_s: float) -> None:
        pass

    def close(self) -> None:
        pass

    def show(self, status: Status) -> None:
        self.shown.append(status)

    def press_at(self, moment_s: float, key: str) -> None:
        self.link.at(moment_s, lambda: self.inbox.put(KEYS[key]))

    def play_at(self, moment_s: float, message: bytes, port: str = "") -> None:
        """The other player does something; to be told in order of time, as all that happens."""
        self.played.append((moment_s, message))
        self.link.at(moment_s, lambda: self.link.bring(message, port))

    def phrase_at(
        self, moment_s: float, pitches: range, gap_s: float = 0.2, note_s: float = 0.15, port: str = ""
    ) -> float:
        """A run of even notes; returns when the last ends."""
        for place, pitch in enumerate(pitches):
            self.play_at(moment_s + place * gap_s, note_on(pitch, 70), port)
            self.play_at(moment_s + place * gap_s + note_s, note_off(pitch), port)
        return moment_s + (len(pitches) - 1) * gap_s + note_s

    @property
    def sent(self) -> list[tuple[float, bytes]]:
        return self.port.sent

    def struck_between(self, from_s: float, to_s: float) -> list[int]:
        """Pitches that the machine struck."""
        return [message[1] for at_s, message in self.sent if from_s <= at_s < to_s and strikes(message)]

    def check_silent(self) -> None:
        """Everything was released, last of all the pedal, and the port was closed."""
        sounding: set[int] = set()
        for _, message in self.sent:
            if strikes(message):
                assert message[1] not in sounding, "struck twice"
                sounding.add(message[1])
            elif releases(message):
                assert message[1] in sounding, "released though it did not sound"
                sounding.remove(message[1])
        assert not sounding
        assert self.sent[-1][1] == PEDAL_UP
        assert self.port.closed
