"""`perfrnn-live play`: the parts put together on this machine."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue

import platformdirs

from perfrnn_live.engines.handles import UNASKED
from perfrnn_live.errors import MidiUnavailable, PerfRNNError, PlayerLost
from perfrnn_live.files import check_writable
from perfrnn_live.live.controls import Settings
from perfrnn_live.live.pads import open_pads
from perfrnn_live.live.steering import Steering
from perfrnn_live.music.midifile import MidiFileWriter
from perfrnn_live.player.clock import SystemClock
from perfrnn_live.player.drivers import PORT_NAME
from perfrnn_live.player.link import ProcessLink
from perfrnn_live.player.messages import Said, Setup
from perfrnn_live.player.profiles import DAW, Profile
from perfrnn_live.sampling.controls import Controls
from perfrnn_live.sampling.opening import begin
from perfrnn_live.stage.assembly import open_session
from perfrnn_live.stage.desk import Desk, FaceWish
from perfrnn_live.stage.journal import Journal
from perfrnn_live.stage.listeners import Face, Kept, Listener, Shown
from perfrnn_live.stage.recorder import Recorder
from perfrnn_live.stage.session import Session
from perfrnn_live.stage.status import Summary
from perfrnn_live.stage.terminal import KEYS, key_presses

_APP = "perfrnn-live"
_SWITCH_S = 0.0005


@dataclass(frozen=True, slots=True)
class PlayOptions:
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


def play(options: PlayOptions) -> Summary:
    """Play until `seconds` have passed, a signal comes or `q` is pressed.

    Raises what opening ports, files and the model raises, before anything sounds.
    """
    for path in (options.record, options.log):
        if path is not None:
            check_writable(path)
    desk = Desk(options.settings, platformdirs.user_config_path(_APP, appauthor=False) / "controls.toml")
    profile, record = options.profile, options.record
    inputs = _inputs_beside(options.output) if options.inputs is None else options.inputs
    setup = Setup(options.output or "virtual", inputs, options.thru, profile)
    link = ProcessLink(setup)  # opens ports meanwhile
    try:
        continuation, start = begin(options.model, options.prime, options.middle)
        continuation.check(Steering(Controls(), None).controls(options.settings, 0.0).handles)
        unknown = (continuation.engine.handles or UNASKED).unknown
        if unknown:
            _tell(f"{options.model.name} cannot be asked for {', '.join(unknown)}: those knobs change nothing")
        own = platformdirs.user_data_path(_APP, appauthor=False) / "pads" / f"{options.model.name}.npz"
        pads = open_pads(continuation.engine, options.model, own, options.pads, _tell)
        try:
            ready = link.ready()
        except MidiUnavailable as error:
            if options.output is not None:
                raise
            record = record or Path(f"{_APP}-{datetime.now():%Y%m%d-%H%M%S}.mid")
            print(f"{str(error).rstrip('.')}; playing into {record} instead", file=sys.stderr)
            setup = Setup("none", (), thru=False, profile=profile)
            link = ProcessLink(setup)
            ready = link.ready()
        writer = MidiFileWriter(record) if record is not None else None
    except BaseException:
        link.close()
        raise
    base = Controls(
        polyphony=profile.polyphony,
        lowest=options.lowest,
        highest=options.highest,
        min_note_s=profile.min_note_s,
    )
    clock = SystemClock()
    began_s = clock.now()
    inbox: SimpleQueue[FaceWish | Said] = SimpleQueue()

    def kept(listener: Listener, what: str) -> Kept:
        return Kept(listener, what, lambda sentence: inbox.put(Said(sentence)))

    listeners = []
    if writer is not None:
        listeners.append(kept(Recorder(writer, began_s, profile.longest_delay_s), "the recording"))
    if options.log is not None:
        listeners.append(kept(Journal(began_s, options.log), "the log"))
    with contextlib.ExitStack() as stack:
        faces = []
        if not options.quiet:
            hears = f", hears {' and '.join(ready.inputs)}" if ready.inputs else ""
            print(f"{options.model.name} plays onto {ready.output}{hears}")
            faces.append(Shown(lambda: _screen(options.model.name)))
        session = open_session(
            link,
            clock,
            continuation,
            start,
            settings=options.settings,
            controls=base,
            split=options.split,
            seed=options.seed,
            beams=options.beams,
            lead_s=profile.longest_delay_s,
            pads=pads,
            desk=desk,
            listeners=listeners,
            faces=faces,
            reopen=lambda left: ProcessLink(replace(setup, left=left)),
            inbox=inbox,
        )
        if not options.quiet:
            stack.enter_context(key_presses(lambda key: session.wish(KEYS[key]) if key in KEYS else None))
        stack.enter_context(_ending_on_signals(session))
        stack.enter_context(_short_switches())
        try:
            summary = session.run(options.seconds)
        except PlayerLost:
            _release_keys(ready.output)
            raise
    for complaint in summary.complaints:
        print(complaint, file=sys.stderr)
    return summary


def _screen(title: str) -> Face:
    from rich.console import Console

    from perfrnn_live.stage.screen import Screen

    return Screen(Console(), title)


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
        link = ProcessLink(Setup(output, (), thru=False, profile=DAW, left=frozenset()))
        stack.callback(link.close)
        link.ready()


@contextlib.contextmanager
def _short_switches() -> Iterator[None]:
    """Threads that draw and write must let the loop have the interpreter at once: by default each keeps it for 5 ms,
    which is longer than an answer to a note may take."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextlib.contextmanager
def _ending_on_signals(session: Session) -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal end the session as `q` does. Outside the main thread, signals are left to
    the program around it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), lambda *_: session.end()) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
