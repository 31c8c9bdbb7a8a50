"""Whole sessions on a fake clock, with somebody at the keyboard, the knobs and the keys."""

from __future__ import annotations

from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from perfrnn_live.engines.base import StepEngine
from perfrnn_live.engines.fake import FakeEngine
from perfrnn_live.live.controls import Settings
from perfrnn_live.live.improviser import Improviser
from perfrnn_live.live.journal import Journal
from perfrnn_live.live.pads import Pads
from perfrnn_live.live.partner import Ask, Partner
from perfrnn_live.live.steering import Steering
from perfrnn_live.music.midi import control_change, note_off, note_on, releases, strikes
from perfrnn_live.music.midifile import MidiFileWriter
from perfrnn_live.player.clock import FakeClock
from perfrnn_live.player.ports import MemoryPort
from perfrnn_live.sampling.controls import Controls
from perfrnn_live.stage.desk import Desk
from perfrnn_live.stage.recorder import Recorder
from perfrnn_live.stage.session import Session, Status
from tests.fakes import ScriptedLink, TracedContinuation

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
        split: int | None = None,
        record: Path | None = None,
        link: type[ScriptedLink] = ScriptedLink,
        beams: int = 1,
        folder: Path | None = None,
        engine: StepEngine[Any] | None = None,
    ) -> None:
        """`folder` is for the log, the pads and what is learned; without one, nothing is kept. `engine` plays in place
        of a `FakeEngine`."""
        self.clock = FakeClock(BEGAN_S)
        self.port = MemoryPort(self.clock)
        self.link = link(self.port, self.clock)
        self.engine = FakeEngine()
        self.continuation = TracedContinuation(self.engine if engine is None else engine)
        start = self.continuation.primed([])
        rng = np.random.default_rng(seed)
        self.improviser = Improviser(self.continuation, start, Controls(), rng, beams=beams)
        home = folder or Path("/nowhere")
        self.pads = Pads(self.continuation.engine, "fake", home / "pads.npz")
        self.journal = Journal(BEGAN_S, folder and folder / "log")
        self.keys: SimpleQueue[str] = SimpleQueue()
        self.shown: list[Status] = []
        self.played: list[tuple[float, bytes]] = []
        desk = Desk(settings or Settings(), home / "controls.toml")
        steering = Steering(base or Controls(), split)

        def partner(ask: Ask) -> Partner:
            return Partner(self.improviser, self.clock, ask, desk.settings, steering, self.pads, self.journal)

        recorder = Recorder(MidiFileWriter(record), BEGAN_S) if record else None
        self.session = Session(
            self.link, self.clock, self.improviser, partner, desk, self.journal, recorder, self, self.keys
        )

    def show(self, status: Status) -> None:
        self.shown.append(status)

    def press_at(self, moment_s: float, key: str) -> None:
        self.link.at(moment_s, lambda: self.keys.put(key))

    def play_at(self, moment_s: float, message: bytes) -> None:
        """The other player does something; to be told in order of time, as all that happens."""
        self.played.append((moment_s, message))
        self.link.at(moment_s, lambda: self.link.bring(message))

    def phrase_at(self, moment_s: float, pitches: range, gap_s: float = 0.2, note_s: float = 0.15) -> float:
        """A run of even notes; returns when the last ends."""
        for place, pitch in enumerate(pitches):
            self.play_at(moment_s + place * gap_s, note_on(pitch, 70))
            self.play_at(moment_s + place * gap_s + note_s, note_off(pitch))
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
