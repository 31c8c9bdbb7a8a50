"""The screen while playing: what it does, where the knobs stand, and a scrolling piano roll: what sounded, what sounds,
and, dim, what is planned. It is as wide and as high as the terminal, and 80 × 24 are enough."""

from __future__ import annotations

from collections import deque

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from perfrnn_live.live.controls import KNOBS, label
from perfrnn_live.stage.status import Status

_LOWEST, _HALVES = 21, 88  # of a row, each so many semitones as fit
_HIGH = 40  # lines, of a terminal that has room for twice as fine a roll
_MOST_COLUMNS, _COLUMN_S = 400, 0.2
_AHEAD = 3  # columns that are planned
_KEPT = 3  # sentences, the latest
_BLOCKS = " ▄▀█"  # nothing, lower half, upper half, both
_KNOBS_A_LINE = 5
_STATES = {"silent": "red", "listening": "yellow", "frozen": "blue"}
_KEYS = (
    "←→ knob  ↑↓ turn  m mode  enter your phrase ends  l learn  space silence  q end",
    "a again  f freeze  1-8 recall  s 1-8 store  w keep the pads  k good  ? help",
)
_HELP = (  # of a key, and what it does: two columns of 80 hold them
    *(("← → tab", "select a knob"), ("↑ ↓ + -", "turn it"), ("m", "next mode"), ("enter", "your phrase is over")),
    *(("a", "again, another answer"), ("f", "freeze, and go on"), ("k", "this was good: mark it")),
    *(("space", "silence, and play on"), ("1-8", "play on from a pad"), ("s 1-8", "store this on a pad")),
    *(("w", "keep the pads on disk"), ("l", "learn a controller"), ("esc", "learn nothing"), ("q", "end")),
)

Column = tuple[frozenset[int], frozenset[int]]  # the pitches that the machine and the other player sound


class Screen:
    """A `Face` on the terminal, from when it is made until it is closed."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._roll: deque[Column] = deque([(frozenset(), frozenset())] * _MOST_COLUMNS, _MOST_COLUMNS)
        self._said: deque[str] = deque([""] * _KEPT, _KEPT)
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._live.start()

    def show(self, status: Status) -> None:
        """Scroll by one column and redraw."""
        self._roll.append((status.sounding, status.held))
        if status.said and status.said != self._said[-1]:
            self._said.append(status.said)
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
        before = [Text(said, style="dim") for said in self._said if self._is_high and said != status.said]
        said = [*before[-_KEPT + 1 :], Text(status.said, style="yellow")]
        for line in (*lines, *keys, *said):
            line.no_wrap, line.overflow = True, "crop"
        middle = self._draw_help(status) if status.helps else self._draw_roll(status.planned)
        return Group(*lines, middle, *keys, *said)

    @property
    def _is_high(self) -> bool:
        return self._console.height >= _HIGH

    def _draw_knobs(self, status: Status, names: list[str]) -> Text:
        line = Text()
        for name in names:
            value = KNOBS[name].text(getattr(status.settings, name))
            line.append(f"{label(name)} {value}", style="reverse" if name == status.selected else "")
            line.append("  ")
        return line

    def _draw_help(self, status: Status) -> Text:
        """What each key does, and what the pads hold; as many lines as the roll has."""
        told = [f"{key:>9}  {what:<26}" for key, what in _HELP]
        half = len(told) // 2
        lines = [left + right for left, right in zip(told[:half], told[half:], strict=True)]
        pads = [f"{f'pad {number}':>9}  {sight.words:<26}" for number, sight in sorted(status.pads.items())]
        lines += ["".join(pads[first : first + 2]) for first in range(0, len(pads), 2)]
        rows = _HALVES // (4 if self._is_high else 8)
        return Text("\n".join([*lines, *[""] * rows][:rows]), no_wrap=True, overflow="crop")

    def _draw_roll(self, planned: tuple[tuple[float, int], ...]) -> Text:
        """A column for each 0.2 s, the latest but the planned ones at the right; each character is two halves."""
        semitones = 2 if self._is_high else 4
        rows = _HALVES // (2 * semitones)
        ahead = [
            frozenset(pitch for in_s, pitch in planned if int(in_s / _COLUMN_S) == place) for place in range(_AHEAD)
        ]
        columns = [*list(self._roll)[_AHEAD - self._console.width :], *((each, frozenset()) for each in ahead)]
        roll = Text(style="cyan")
        halves = [(_halves(machine, semitones), _halves(other, semitones)) for machine, other in columns]
        for row in reversed(range(rows)):
            for place, (machine, other) in enumerate(halves):
                lower, upper = 2 * row, 2 * row + 1
                both = machine | other
                block = _BLOCKS[2 * (upper in both) + (lower in both)]
                is_other = lower in other or upper in other
                is_own = lower in machine or upper in machine
                style = "bold magenta" if is_other and is_own else "bold yellow" if is_other else ""
                roll.append(block, style="dim" if place >= len(halves) - _AHEAD else style)
            if row:
                roll.append("\n")
        return roll


def _halves(pitches: frozenset[int], semitones: int) -> frozenset[int]:
    return frozenset((pitch - _LOWEST) // semitones for pitch in pitches)
