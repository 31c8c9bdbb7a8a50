"""The screen while playing: one calm line of figures and a short scrolling piano roll."""

from __future__ import annotations

from collections import deque
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from perfrnn_live.live.session import Status

_LOWEST, _ROWS, _PITCHES_PER_HALF = 21, 11, 4  # 88 keys in 11 rows of two half blocks, four semitones each
_COLUMNS = 76
_BLOCKS = " ▄▀█"  # nothing, lower half, upper half, both


class Screen:
    """A `Face` on the terminal; a context, because it must be taken down again."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._roll: deque[frozenset[int]] = deque([frozenset()] * _COLUMNS, _COLUMNS)
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def show(self, status: Status) -> None:
        """Scroll by one column and redraw."""
        self._roll.append(frozenset((pitch - _LOWEST) // _PITCHES_PER_HALF for pitch in status.sounding))
        self._live.update(self.render(status), refresh=True)

    def render(self, status: Status) -> Group:
        """The whole picture."""
        minutes, seconds = divmod(int(status.elapsed_s), 60)
        head = Text(f"{self._title}   {minutes}:{seconds:02d}   ", style="bold")
        head.append("solo" if status.playing else "silent: space plays on", style="green" if status.playing else "red")
        figures = Text(
            f"temperature {status.temperature:.2f}   {status.events_per_s:4.0f} events/s   "
            f"ahead {status.lookahead_s:.2f} s   late {status.lateness_p99_ms:.2f} ms"
            + (f"   dropped {status.dropped}" if status.dropped else "")
        )
        keys = Text("+/- temperature   space silence   q end", style="dim")
        roll = Text(self._draw_roll(), style="cyan")
        for line in (head, figures, keys):
            line.no_wrap, line.overflow = True, "crop"
        return Group(head, figures, roll, keys)

    def _draw_roll(self) -> str:
        columns = list(self._roll)[-self._console.width :]  # in a narrow terminal the latest
        rows = []
        for row in reversed(range(_ROWS)):
            rows.append("".join(_BLOCKS[2 * (2 * row + 1 in column) + (2 * row in column)] for column in columns))
        return "\n".join(rows)

    def __enter__(self) -> Screen:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._live.stop()
