"""Ports that vanish and come back."""

from __future__ import annotations

from collections.abc import Sequence

from perfrnn_live.player.clock import Clock
from perfrnn_live.player.messages import Part, PortBack, PortLost
from perfrnn_live.player.ports import MidiIn, MidiOut

# A look takes JACK 0.04 ms, and may be held up for some more. Opening a port takes it 60 to 100 ms, all of them with
# the interpreter's lock held, so that no thread would help; music seldom pauses for as long, but often for half of it.
_LOOK_TAKES_S, _OPENING_TAKES_S = 0.02, 0.05
_PAUSE_S = 0.5


class _Watched:
    """A port, whether it is gone, and when that was last looked after."""

    def __init__(self, port: MidiOut | MidiIn, direction: Part, now_s: float) -> None:
        self.port = port
        self.direction = direction
        self.listed = port.name  # as the system calls it now
        self.lost = False
        self.looked_s = now_s


class Watch:
    """Looks now and then whether the ports, and the piano beside the output, are still there, and opens those anew
    that are there again."""

    def __init__(
        self,
        output: MidiOut,
        inputs: Sequence[MidiIn],
        clock: Clock,
        piano: MidiOut | None = None,
        controller: MidiOut | None = None,
    ) -> None:
        self._clock = clock
        self._watched = [_Watched(output, "output", clock.now())]
        self._watched += [_Watched(port, "input", clock.now()) for port in inputs]
        if piano is not None:
            self._watched.append(_Watched(piano, "sound", clock.now()))
        if controller is not None:
            self._watched.append(_Watched(controller, "controller", clock.now()))

    def look(self, free_s: float) -> list[PortLost | PortBack]:
        """What has happened to the ports, as far as it can be found out in `free_s`: nothing else is due so long."""
        news: list[PortLost | PortBack] = []
        for each in self._watched:
            now_s = self._clock.now()
            if now_s - each.looked_s < _PAUSE_S or free_s < (_OPENING_TAKES_S if each.lost else _LOOK_TAKES_S):
                continue
            each.looked_s = now_s
            if each.lost and (listed := each.port.reopen(self._taken(each.direction))) is not None:
                each.listed, each.lost = listed, False
                news.append(PortBack(each.port.name, each.direction))
            elif not each.lost and not each.port.look():
                each.lost = True
                news.append(PortLost(each.port.name, each.direction))
        return news

    def _taken(self, direction: Part) -> set[str]:
        """The ports that are open: of two keyboards of one make, one that is back must not be taken for the other."""
        return {each.listed for each in self._watched if each.direction == direction and not each.lost}
