"""`perfrnn-live play`: the parts put together on this machine."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue

import numpy as np

from perfrnn_live.errors import MidiUnavailable, PerfRNNError, PlayerLost
from perfrnn_live.live.clock import SystemClock
from perfrnn_live.live.improviser import Improviser
from perfrnn_live.live.link import ProcessLink
from perfrnn_live.live.messages import Schedule, Timed, note_off
from perfrnn_live.live.ports import PORT_NAME
from perfrnn_live.live.session import Session, Summary
from perfrnn_live.live.terminal import Key, key_presses
from perfrnn_live.model.continuation import Controls
from perfrnn_live.model.opening import begin
from perfrnn_live.music.midifile import MidiFileWriter, check_writable

_RELEASE_S = 0.1
_CABLE_S = 0.001  # what a message takes on a MIDI cable; and JACK's listeners lose notes of larger bursts


def play(
    output: str | None,
    input: str | None,
    model: Path,
    prime: Path | None,
    controls: Controls,
    seed: int | None,
    seconds: float | None,
    record: Path | None,
    thru: bool,
    quiet: bool,
) -> Summary:
    """Play until `seconds` have passed, a signal comes or `q` is pressed.

    `output` None is a virtual port, or none where the machine has no MIDI system: then a recording is kept in any case.
    `input` None follows the output: virtual with a virtual one, none otherwise. Raises what opening ports, model and
    files raises, before anything sounds.
    """
    if record is not None:
        check_writable(record)
    link = ProcessLink(
        output or "virtual", input or _input_beside(output), thru
    )  # opens its ports while the model loads
    try:
        continuation, start = begin(model, prime)
        try:
            ready = link.ready()
        except MidiUnavailable as error:
            if output is not None:
                raise
            record = record or Path(f"perfrnn-live-{datetime.now():%Y%m%d-%H%M%S}.mid")
            print(f"{error}; playing into {record} instead", file=sys.stderr)
            link = ProcessLink("none", "none")
            ready = link.ready()
        recorder = MidiFileWriter(record) if record is not None else None
    except BaseException:
        link.close()
        raise
    improviser = Improviser(continuation, start, controls, np.random.default_rng(seed))
    keys: SimpleQueue[Key] = SimpleQueue()
    with contextlib.ExitStack() as stack:
        face = None
        if not quiet:
            from rich.console import Console

            from perfrnn_live.live.screen import Screen

            print(f"{model.name} plays onto {ready.output}" + (f", hears {ready.input}" if ready.input else ""))
            face = stack.enter_context(Screen(Console(), model.name))
            stack.enter_context(key_presses(keys.put))
        session = Session(link, SystemClock(), improviser, recorder, face, keys)
        stack.enter_context(_ending_on_signals(session))
        try:
            return session.run(seconds)
        except PlayerLost:
            _release_keys(ready.output)
            raise


def _input_beside(output: str | None) -> str:
    """Keys and knobs have a virtual port where the notes have one; Windows has none."""
    return "virtual" if output in (None, "virtual") and sys.platform != "win32" else "none"


def _release_keys(output: str) -> None:
    """A new player on the same port, only to release what one that died or hung left sounding.

    That is every key, for what it sent last it may not have reported. A virtual port is gone, and its connections too.
    """
    if output in (PORT_NAME, "none"):
        return
    with contextlib.suppress(PerfRNNError), contextlib.ExitStack() as stack:
        link = ProcessLink(output, "none")
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
