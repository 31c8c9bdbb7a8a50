"""The parts of a live session put together, for `play` and for other programs: on any ports, clock and listeners."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue

import numpy as np

from perfrnn_live.engines.handles import Place
from perfrnn_live.live.beats import Quantise
from perfrnn_live.live.controls import Settings
from perfrnn_live.live.improviser import Improviser
from perfrnn_live.live.machine import Machine
from perfrnn_live.live.pads import Pads
from perfrnn_live.live.steering import Steering
from perfrnn_live.player.clock import Clock
from perfrnn_live.player.link import Link
from perfrnn_live.player.messages import Schedule
from perfrnn_live.sampling.continuation import Continuation, Moment
from perfrnn_live.sampling.controls import Controls
from perfrnn_live.stage.desk import Desk
from perfrnn_live.stage.listeners import Face, Listener
from perfrnn_live.stage.session import Arrival, Reopen, Session

_UNNAMED_PADS = Path("perfrnn-live-pads.npz")


def open_session(
    link: Link,
    clock: Clock,
    continuation: Continuation,
    start: Moment,
    settings: Settings | None = None,
    controls: Controls | None = None,
    place: Place | None = None,
    seed: int | None = None,
    beams: int = 1,
    lead_s: float = 0.0,
    quantise: Quantise = "off",
    pads: Pads | None = None,
    desk: Desk | None = None,
    listeners: Sequence[Listener] = (),
    faces: Sequence[Face] = (),
    reopen: Reopen | None = None,
    inbox: SimpleQueue[Arrival] | None = None,
    began_s: float | None = None,
    planned: Callable[[Schedule], None] = lambda schedule: None,
) -> Session:
    """A session that goes on from `start`, ready to `run`.

    `link` leads to a player: `ProcessLink` for one in a process of its own on the machine's MIDI ports, `LocalLink` for
    one in this process on any port. `clock` is the player's clock. `settings` are where the knobs stand at first;
    `controls` are what the output allows (range, polyphony, shortest note). `place` is where in the model's latent
    space the manner lies that is kept to, as far as the knob likeness says. The same `seed` and the same facts make the
    same music. `lead_s` is how
    long before it sounds the output must be sent a message. While a sequencer's clock comes in, answers begin on its
    next beat or bar, as `quantise` says. Without `pads` and `desk`, nothing is read from disk.
    `listeners` are told every fact, `faces` are shown the state five times a second: put those that may be slow into
    `Kept` and `Shown`. `reopen` starts another player when one is lost; `inbox` is for those who speak up early.
    `began_s` is when it began, by default now. `planned` is told what is planned, which may be taken back.
    """
    settings, controls = settings or Settings(), controls or Controls()
    improviser = Improviser(continuation, start, controls, np.random.default_rng(seed), lead_s, beams)
    pads = pads or Pads(continuation.engine, "pads", _UNNAMED_PADS)
    began_s = clock.now() if began_s is None else began_s
    machine = Machine(improviser, settings, Steering(controls, place), pads, began_s, quantise)
    return Session(link, clock, machine, desk or Desk(settings, None), listeners, faces, reopen, inbox, planned)
