"""The screen while playing: what it does, where the knobs stand, and a short scrolling piano roll."""

from __future__ import annotations

from collections import deque

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from perfrnn_live.live.controls import KNOBS, label
from perfrnn_live.stage.status import Status

_LOWEST, _ROWS, _PITCHES_PER_HALF = 21, 11, 4  # 88 keys in 11 rows of two half blocks, four semitones each
_COLUMNS = 76
_BLOCKS = " ▄▀█"  # nothing, lower half, upper half, both
_KNOBS_A_LINE = 5
_STATES = {"silent": "red", "listening": "yellow", "frozen": "blue"}
_KEYS = (
    "←→ knob  ↑↓ turn  m mode  enter your phrase ends  l learn  space silence  q end",
    "a again  f freeze  1-8 recall  s 1-8 store  w keep the pads",
)

Column = tuple[frozenset[int], frozenset[int]]  # the halves of the roll that the machine and the other player sound


class Screen:
    """A `Face` on the terminal, from when it is made until it is closed."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._roll: deque[Column] = deque([(frozenset(), frozenset())] * _COLUMNS, _COLUMNS)
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._live.start()

    def show(self, status: Status) -> None:
        """Scroll by one column and redraw."""
        self._roll.append((_halves(status.sounding), _halves(status.held)))
        self._live.update(self.render(status), refresh=True)

    def close(self) -> None:
        """Take it down."""
        self._live.stop()

    def render(self, status: Status) -> Group:
        """The whole picture."""
        minutes, seconds = divmod(int(status.elapsed_s), 60)
        head = Text(f"{self._title}   {minutes}:{seconds:02d}   {status.settings.mode.value}   ", style="bold")
        head.append(status.state, style=_STATES.get(status.state, "green"))
        pace = f"{status.events_per_s:.0f} events/s   ahead {status.lookahead_s:.2f} s"
        dropped = f"   dropped {status.dropped}" if status.dropped else ""
        figures = Text(f"{pace}   late {status.lateness_p99_ms:.2f} ms{dropped}")
        names = list(KNOBS)
        knobs = [
            self._draw_knobs(status, names[first : first + _KNOBS_A_LINE])
            for first in range(0, len(names), _KNOBS_A_LINE)
        ]
        lines = [head, *knobs, figures]
        keys = [Text(line, style="dim") for line in _KEYS]
        said = Text(status.said, style="yellow")
        for line in (*lines, *keys, said):
            line.no_wrap, line.overflow = True, "crop"
        return Group(*lines, self._draw_roll(), *keys, said)

    def _draw_knobs(self, status: Status, names: list[str]) -> Text:
        line = Text()
        for name in names:
            value = KNOBS[name].text(getattr(status.settings, name))
            line.append(f"{label(name)} {value}", style="reverse" if name == status.selected else "")
            line.append("  ")
        return line

    def _draw_roll(self) -> Text:
        columns = list(self._roll)[-self._console.width :]  # in a narrow terminal the latest
        rows, theirs = [], []
        for line, row in enumerate(reversed(range(_ROWS))):
            lower, upper = 2 * row, 2 * row + 1
            rows.append(
                "".join(_BLOCKS[2 * (upper in m or upper in o) + (lower in m or lower in o)] for m, o in columns)
            )
            start = line * (len(columns) + 1)
            theirs += [start + place for place, (_, o) in enumerate(columns) if o and (lower in o or upper in o)]
        roll = Text("\n".join(rows), style="cyan")
        for place in theirs:
            roll.stylize("yellow", place, place + 1)
        return roll


def _halves(pitches: frozenset[int]) -> frozenset[int]:
    return frozenset((pitch - _LOWEST) // _PITCHES_PER_HALF for pitch in pitches)
