"""`python -m tests.bench.plot FIGURES.json PLOT.svg`: asked against got, or what comes back, as a picture.

Draws what `python -m tests.bench.knobs --json FIGURES.json` measured: for density, loudness and register what was asked
(across) and what was played (upwards, with its standard error) beside the diagonal; and the composers by how many notes
a second are played and how many keys sound. Or what `python -m tests.bench.motifs --json FIGURES.json` measured: the
shares of patterns that come back, people's beside the model's.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

_SIDE, _MARGIN = 250, 55  # pixels
_BARS_LEFT, _BARS_WIDTH, _BAR = 160, 560, 20


@dataclass(frozen=True, slots=True)
class Panel:
    """One square drawing at (`left`, `top`), its axes labelled, from `low` to `high` across and upwards."""

    left: int
    top: int
    across: tuple[str, float, float]
    upwards: tuple[str, float, float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A point of the data in pixels."""
        (_, x_low, x_high), (_, y_low, y_high) = self.across, self.upwards
        along, up = (x - x_low) / (x_high - x_low), (y - y_low) / (y_high - y_low)
        return self.left + along * _SIDE, self.top + (1 - up) * _SIDE

    def frame(self) -> Iterator[str]:
        """The box, its labels and the numbers at its ends."""
        yield f'<rect x="{self.left}" y="{self.top}" width="{_SIDE}" height="{_SIDE}" fill="none" stroke="#999"/>'
        bottom, middle = self.top + _SIDE, _SIDE / 2
        (across, x_low, x_high), (upwards, y_low, y_high) = self.across, self.upwards
        yield _text(self.left + middle, bottom + 32, across, "middle")
        yield _text(self.left, bottom + 16, f"{x_low:g}", "middle") + _text(
            self.left + _SIDE, bottom + 16, f"{x_high:g}", "middle"
        )
        yield _text(self.left - 6, bottom, f"{y_low:g}", "end") + _text(
            self.left - 6, self.top + 8, f"{y_high:g}", "end"
        )
        yield _text(self.left, self.top - 8, upwards, "start")


def follows(panel: Panel, rows: list[dict[str, Any]]) -> Iterator[str]:
    """What was got for each value asked, and the diagonal."""
    low, high = panel.across[1:]
    (x1, y1), (x2, y2) = panel.at(low, low), panel.at(high, high)
    yield f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#bbb" stroke-dasharray="4"/>'
    points = []
    for row in rows:
        mean, error = row["measures"][row["got"]]
        (x, y), (_, top), (_, bottom) = (panel.at(row["asked"], each) for each in (mean, mean + error, mean - error))
        yield f'<line x1="{x:.1f}" y1="{bottom:.1f}" x2="{x:.1f}" y2="{top:.1f}" stroke="#c33"/>'
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#c33"/>'
        points.append(f"{x:.1f},{y:.1f}")
    yield f'<polyline points="{" ".join(points)}" fill="none" stroke="#c33"/>'


def named(panel: Panel, rows: list[dict[str, Any]]) -> Iterator[str]:
    """Each composer where it is played."""
    for row in rows:
        x, y = panel.at(row["measures"]["notes/s"][0], row["measures"]["mean keys"][0])
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#36c"/>' + _text(x + 5, y + 4, row["asked"], "start")


def drawing(figures: dict[str, Any]) -> str:
    """The whole picture, SVG."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in figures["settings"]:
        rows.setdefault(row["knob"], []).append(row)
    ranges = {"density": ("notes a second", 0, 26), "loudness": ("velocity", 20, 100), "register": ("pitch", 40, 80)}
    parts: list[str] = []
    step = _SIDE + 2 * _MARGIN - 20
    for place, (knob, (unit, low, high)) in enumerate(ranges.items()):
        panel = Panel(_MARGIN + place * step, 40, (f"{knob} asked, {unit}", low, high), ("got", low, high))
        parts += [*panel.frame(), *follows(panel, rows[knob])]
    composers = Panel(_MARGIN + 3 * step, 40, ("composer asked: notes a second", 7, 15), ("keys sounding", 0, 12))
    parts += [*composers.frame(), *named(composers, rows["composer"])]
    return _svg(4 * step + 60, _SIDE + 90, parts)


def returning(figures: dict[str, Any]) -> str:
    """What comes back, as bars, SVG: people's in blue, the model's in red."""
    answers = {who: each["patterns"] for who, each in figures["answers"].items() if "from nothing" not in who}
    parts: list[str] = []
    top = 10
    for title, shares in (
        ("of an answer's patterns of three intervals, those of its call", answers),
        ("of the patterns of four intervals within 30 s, those heard before", figures["repetition"]),
    ):
        parts.append(_text(_BARS_LEFT, top + 12, title, "start"))
        for who, share in shares.items():
            top += _BAR
            colour = "#c33" if "model" in who else "#36c"
            parts.append(_text(_BARS_LEFT - 6, top + 13, who, "end"))
            parts.append(
                f'<rect x="{_BARS_LEFT}" y="{top + 3}" width="{share * _BARS_WIDTH:.1f}" height="13" fill="{colour}"/>'
            )
            parts.append(_text(_BARS_LEFT + share * _BARS_WIDTH + 5, top + 13, f"{share:.1%}", "start"))
        top += 2 * _BAR
    return _svg(_BARS_LEFT + _BARS_WIDTH, top, parts)


def _svg(width: int, height: int, parts: list[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"'
    return (
        f'{head} font-size="11">\n<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:3])
    measured = json.loads(source.read_text(encoding="utf-8"))
    target.write_text((returning if "answers" in measured else drawing)(measured), encoding="utf-8")
