"""Pitches and ranges by name."""

from __future__ import annotations

import pytest

from perfrnn_live.errors import BadValue
from perfrnn_live.music.pitch import pitch_of, range_of


@pytest.mark.parametrize(
    ("name", "pitch"),
    [("C4", 60), ("c4", 60), ("A0", 21), ("C8", 108), ("F#2", 42), ("Bb3", 58), ("C-1", 0), ("G9", 127), ("64", 64)],
)
def test_names_and_numbers(name: str, pitch: int) -> None:
    assert pitch_of(name) == pitch


@pytest.mark.parametrize("name", ["", "H4", "C", "G#9", "128", "-1", "C44", "C4 D4", "Cb-1"])
def test_what_is_no_pitch(name: str) -> None:
    with pytest.raises(BadValue, match="is no pitch"):
        pitch_of(name)


def test_ranges() -> None:
    assert range_of("A0..C8") == (21, 108)
    assert range_of("60..60") == (60, 60)
    for text in ("C5..C4", "C4", "C4-C5"):
        with pytest.raises(BadValue, match="is no range"):
            range_of(text)
