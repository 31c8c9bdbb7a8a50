"""Small pictures in SVG: bars, lines and points, with axes that say what they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

PEOPLE, OTHERS, MODEL = "#0072b2", "#56b4e9", "#d55e00"  # told apart by the colour-blind too (Okabe & Ito 2008)
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 40, 40
_ROW, _NAMES = 22, 190


@dataclass
class Plot:
    """A drawing of `width` by `height` pixels over the ranges `x` and `y`; parts are added one after the other."""

    title: str
    x: tuple[float, float]
    y: tuple[float, float]
    x_label: str
    y_label: str
    width: int = 420
    height: int = 280
    _parts: list[str] = field(default_factory=list)
    _legend: list[tuple[str, str]] = field(default_factory=list)

    def line(self, xs: Sequence[float], ys: Sequence[float], colour: str, name: str = "", dashed: bool = False) -> None:
        """A line through points."""
        points = " ".join(f"{self._x(x):.1f},{self._y(y):.1f}" for x, y in zip(xs, ys, strict=True))
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self._parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.8"{dash}/>')
        self._name(name, colour)

    def points(self, xs: Sequence[float], ys: Sequence[float], colour: str, name: str = "", radius: float = 3) -> None:
        """Points alone."""
        for x, y in zip(xs, ys, strict=True):
            place = f'cx="{self._x(x):.1f}" cy="{self._y(y):.1f}"'
            self._parts.append(f'<circle {place} r="{radius}" fill="{colour}" fill-opacity="0.7"/>')
        self._name(name, colour)

    def svg(self) -> str:
        """The drawing."""
        right, bottom = self.width - _RIGHT, self.height - _BOTTOM
        parts = [
            f'<rect x="{_LEFT}" y="{_TOP}" width="{right - _LEFT}" height="{bottom - _TOP}" fill="none" stroke="#bbb"/>'
        ]
        for value in _ticks(*self.x):
            parts.append(_text(self._x(value), bottom + 15, f"{value:g}", "middle"))
        for value in _ticks(*self.y):
            parts.append(_text(_LEFT - 6, self._y(value) + 4, f"{value:g}", "end"))
            parts.append(
                f'<line x1="{_LEFT}" x2="{right}" y1="{self._y(value):.1f}" y2="{self._y(value):.1f}" stroke="#eee"/>'
            )
        parts.append(_text((_LEFT + right) / 2, self.height - 8, self.x_label, "middle"))
        parts.append(_text(_LEFT, 16, f"{self.title} ({self.y_label})" if self.y_label else self.title, "start", True))
        x = _LEFT
        for name, colour in self._legend:
            parts.append(f'<rect x="{x}" y="{_TOP - 14}" width="10" height="10" fill="{colour}"/>')
            parts.append(_text(x + 14, _TOP - 5, name, "start"))
            x += 28 + 6 * len(name)
        return _svg(self.width, self.height, [*parts, *self._parts])

    def _name(self, name: str, colour: str) -> None:
        if name:
            self._legend.append((name, colour))

    def _x(self, value: float) -> float:
        low, high = self.x
        return _LEFT + (value - low) / (high - low) * (self.width - _RIGHT - _LEFT)

    def _y(self, value: float) -> float:
        low, high = self.y
        return self.height - _BOTTOM - (value - low) / (high - low) * (self.height - _BOTTOM - _TOP)


def bars(title: str, rows: Sequence[tuple[str, Sequence[tuple[float, str]]]], low: float, high: float) -> str:
    """A group of bars for each row, a value and a colour each, from `low` to `high`."""
    width, top, parts = 640, 34, [_text(8, 16, title, "start", True)]
    scale = (width - _NAMES - 100) / (high - low)
    for name, values in rows:
        thick = (_ROW - 6) / len(values)
        parts.append(_text(_NAMES - 8, top + 13, name, "end"))
        for place, (value, colour) in enumerate(values):
            length = max(min(value, high) - low, 0.0) * scale
            parts.append(
                f'<rect x="{_NAMES}" y="{top + 2 + place * thick:.1f}" width="{length:.1f}" height="{thick - 1:.1f}" '
                f'fill="{colour}"/>'
            )
        told = " / ".join(f"{value:.3f}" for value, _ in values)
        parts.append(f'<text x="{width - 4}" y="{top + 13}" text-anchor="end" font-size="10">{told}</text>')
        top += _ROW
    return _svg(width, top + 10, parts)


def _ticks(low: float, high: float) -> list[float]:
    """Some round numbers in that range."""
    step = 10.0 ** int(f"{(high - low) / 4:e}".split("e")[1])
    step *= next((times for times in (1, 2, 5) if (high - low) / (step * times) <= 6), 10)
    first = -int(-low / step // 1) if low < 0 else int(-(-low // step))
    return [round(step * number, 10) for number in range(first, int(high // step) + 1) if low <= step * number <= high]


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">\n'
        f'<rect width="{width}" height="{height}" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _text(x: float, y: float, text: str, anchor: str, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'
