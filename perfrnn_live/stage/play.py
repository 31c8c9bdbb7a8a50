"""`perfrnn-live play`: the parts put together on this machine."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import platformdirs

from perfrnn_live.engines.handles import UNASKED
from perfrnn_live.errors import MidiUnavailable, PerfRNNError, PlayerLost
from perfrnn_live.files import check_writable
from perfrnn_live.live.controls import Settings
from perfrnn_live.live.improviser import Improviser
from perfrnn_live.live.journal import Journal
from perfrnn_live.live.pads import open_pads
from perfrnn_live.live.partner import Ask, Partner
from perfrnn_live.live.steering import Steering
from perfrnn_live.music.midi import note_off
from perfrnn_live.music.midifile import MidiFileWriter
from perfrnn_live.player.clock import SystemClock
from perfrnn_live.player.drivers import PORT_NAME
from perfrnn_live.player.link import ProcessLink
from perfrnn_live.player.messages import Schedule, Setup, Timed
from perfrnn_live.player.profiles import DAW, Profile
from perfrnn_live.sampling.controls import Controls
from perfrnn_live.sampling.opening import begin
from perfrnn_live.stage.desk import Desk
from perfrnn_live.stage.recorder import Recorder
from perfrnn_live.stage.session import Session, Summary
from perfrnn_live.stage.terminal import key_presses

_APP = "perfrnn-live"
_RELEASE_S = 0.1
_CABLE_S = 0.001  # what a message takes on a MIDI cable; and JACK's listeners lose notes of larger bursts


@dataclass(frozen=True, slots=True)
class Sitting:
    """What `play` is asked for.

    `output` None is a virtual port, or none where the machine has no MIDI system: then a recording is kept in any case.
    `inputs` None follows the output: virtual with a virtual one, none otherwise. `lowest` to `highest` is the
    machine's range; with `split` it keeps to the other side of that pitch than the player's hands. It begins where
    `prime` ends, or else as a piece begins, or as in the `middle` of one.
    """

    model: Path
    output: str | None = None
    inputs: tuple[str, ...] | None = None
    thru: bool = False
    profile: Profile = DAW
    prime: Path | None = None
    middle: bool = False
    settings: Settings = field(default_factory=Settings)
    lowest: int = 0
    highest: int = 127
    split: int | None = None
    beams: int = 1
    seed: int | None = None
    seconds: float | None = None
    record: Path | None = None
    pads: Path | None = None
    log: Path | None = None
    quiet: bool = False


def play(sitting: Sitting) -> Summary:
    """Play until `seconds` have passed, a signal comes or `q` is pressed.

    Raises what opening ports, files and the model raises, before anything sounds.
    """
    for path in (sitting.record, sitting.log):
        if path is not None:
            check_writable(path)
    desk = Desk(sitting.settings, platformdirs.user_config_path(_APP, appauthor=False) / "controls.toml")
    profile, record = sitting.profile, sitting.record
    inputs = _inputs_beside(sitting.output) if sitting.inputs is None else sitting.inputs
    link = ProcessLink(Setup(sitting.output or "virtual", inputs, sitting.thru, profile))  # opens ports meanwhile
    try:
        continuation, start = begin(sitting.model, sitting.prime, sitting.middle)
        continuation.check(Steering(Controls(), None).controls(sitting.settings, 0.0).handles)
        unknown = (continuation.engine.handles or UNASKED).unknown
        if unknown:
            _tell(f"{sitting.model.name} cannot be asked for {', '.join(unknown)}: those knobs change nothing")
        own = platformdirs.user_data_path(_APP, appauthor=False) / "pads" / f"{sitting.model.name}.npz"
        pads = open_pads(continuation.engine, sitting.model, own, sitting.pads, _tell)
        try:
            ready = link.ready()
        except MidiUnavailable as error:
            if sitting.output is not None:
                raise
            record = record or Path(f"{_APP}-{datetime.now():%Y%m%d-%H%M%S}.mid")
            print(f"{str(error).rstrip('.')}; playing into {record} instead", file=sys.stderr)
            link = ProcessLink(Setup("none", (), thru=False, profile=profile))
            ready = link.ready()
        writer = MidiFileWriter(record) if record is not None else None
    except BaseException:
        link.close()
        raise
    base = Controls(
        polyphony=profile.polyphony,
        lowest=sitting.lowest,
        highest=sitting.highest,
        min_note_s=profile.min_note_s,
    )
    clock, rng = SystemClock(), np.random.default_rng(sitting.seed)
    improviser = Improviser(continuation, start, base, rng, profile.longest_delay_s, sitting.beams)
    recorder = Recorder(writer, clock.now(), profile.longest_delay_s) if writer is not None else None
    journal = Journal(clock.now(), sitting.log)
    keys: SimpleQueue[str] = SimpleQueue()

    def partner(ask: Ask) -> Partner:
        return Partner(improviser, clock, ask, sitting.settings, Steering(base, sitting.split), pads, journal)

    with contextlib.ExitStack() as stack:
        face = None
        if not sitting.quiet:
            from rich.console import Console

            from perfrnn_live.stage.screen import Screen

            hears = f", hears {' and '.join(ready.inputs)}" if ready.inputs else ""
            print(f"{sitting.model.name} plays onto {ready.output}{hears}")
            face = stack.enter_context(Screen(Console(), sitting.model.name))
            stack.enter_context(key_presses(keys.put))
        session = Session(link, clock, improviser, partner, desk, journal, recorder, face, keys)
        stack.enter_context(_ending_on_signals(session))
        try:
            return session.run(sitting.seconds)
        except PlayerLost:
            _release_keys(ready.output)
            raise


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def _inputs_beside(output: str | None) -> tuple[str, ...]:
    """Keys and knobs have a virtual port where the notes have one; Windows has none."""
    return ("virtual",) if output in (None, "virtual") and sys.platform != "win32" else ()


def _release_keys(output: str) -> None:
    """A new player on the same port, only to release what one that died or hung left sounding.

    That is every key, for what it sent last it may not have reported. A virtual port is gone, and its connections too.
    """
    if output in (PORT_NAME, "none"):
        return
    with contextlib.suppress(PerfRNNError), contextlib.ExitStack() as stack:
        link = ProcessLink(Setup(output, (), thru=False, profile=DAW))
        stack.callback(link.close)  # this lifts the pedal
        link.ready()
        began_s = SystemClock().now() + _RELEASE_S
        link.send(Schedule(0, tuple(Timed(began_s + key * _CABLE_S, key, note_off(key)) for key in range(128))))
        for _ in range(128):
            link.receive(_RELEASE_S * 2)


@contextlib.contextmanager
def _ending_on_signals(session: Session) -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal end the session as `q` does."""
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), lambda *_: session.end()) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
