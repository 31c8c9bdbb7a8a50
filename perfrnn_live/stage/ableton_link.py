"""Ableton Link: beats and tempo shared over a network, as a sequencer's clock. Needs the extra `link`.

Link itself is under the GPL from version 2 on, and so is a program that is passed on together with it. That is why it
does not come with the instrument, and why nothing is sent or heard unless it is asked for.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

from perfrnn_live.errors import MissingPackage
from perfrnn_live.player.clock import Clock
from perfrnn_live.player.messages import Pulse, Transport

_LOOK_S = 0.02
_BAR = 4.0  # quarters that others are in phase with
_TEMPO = 120.0  # until others say theirs


class LinkClock:
    """Tells of every quarter, and of start and stop, from a thread of its own, while others are there: alone it is no
    clock. It follows, and never changes tempo or beat for the others."""

    def __init__(self, tell: Callable[[Pulse | Transport], None], clock: Clock, session: Any = None) -> None:
        """`session` is a `link.Link`, by default a new one. Raises MissingPackage."""
        self._tell, self._clock = tell, clock
        self._link = session if session is not None else _joined()
        self._quarter: int | None = None
        self._plays: bool | None = None  # None until it is first known
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Leave the others."""
        self._ended.set()
        self._thread.join()
        self._link.enabled = False

    def look(self) -> None:
        """Tell what is new; called by the thread."""
        if not self._link.numPeers():
            self._quarter = self._plays = None
            return
        state, micros, now_s = self._link.captureSessionState(), self._link.clock().micros(), self._clock.now()
        plays = bool(state.isPlaying())
        if self._plays is not None and plays != self._plays:
            self._tell(Transport(now_s, plays))
            self._quarter = None  # who starts is to know at once where the beats are
        self._plays = plays
        quarter = math.floor(state.beatAtTime(micros, _BAR))
        if quarter != self._quarter:
            self._quarter = quarter
            ago_s = (micros - state.timeAtBeat(quarter, _BAR)) / 1e6
            self._tell(Pulse(now_s - ago_s, 60 / state.tempo(), quarter))

    def _run(self) -> None:
        while not self._ended.wait(_LOOK_S):
            self.look()


def _joined() -> Any:
    try:
        import link
    except ImportError as error:
        raise MissingPackage(
            "Ableton Link is an extra of its own, under the GPL: pip install 'perfrnn-live[link]'"
        ) from error
    session = link.Link(_TEMPO)
    session.startStopSyncEnabled = session.enabled = True
    return session
