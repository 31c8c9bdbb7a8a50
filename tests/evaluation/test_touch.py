"""Velocities by pitch and leading melodies, on music made to have them."""

from __future__ import annotations

import numpy as np
import pytest

from perfrnn_live.evaluation.excerpts import Excerpt
from perfrnn_live.evaluation.touch import curve, melody_leads_s, velocities_by_pitch
from perfrnn_live.music.performance import Note


def test_a_line_a_parabola_and_a_cubic_are_found() -> None:
    octaves = np.arange(-24, 25) / 12
    rising = [Note(n, n + 0.5, 36 + pitch, round(60 + 12 * octaves[pitch])) for n in range(25) for pitch in range(49)]
    pitches, counts, velocities = velocities_by_pitch([Excerpt.of(rising, 0.0, 30.0, 0.008)])
    assert pitches.tolist() == list(range(36, 85)) and set(counts) == {25}
    assert curve(pitches, counts, velocities, 1) == pytest.approx([12, 60], abs=0.2)
    for coefficients in ([3.0, 1.0, 50.0], [1.0, -2.0, 4.0, 60.0]):
        made = np.asarray(np.polyval(coefficients, (pitches - 60) / 12), np.float64)
        assert curve(pitches, counts, made, len(coefficients) - 1) == pytest.approx(coefficients)


def test_seldom_struck_pitches_say_nothing() -> None:
    music = [Note(n, n + 0.5, 60, 64) for n in range(25)] + [Note(0, 1, 90, 127)]
    assert velocities_by_pitch([Excerpt.of(music, 0.0, 30.0, 0.008)])[0].tolist() == [60]


def test_a_melody_that_leads_is_seen_and_what_is_further_apart_is_not() -> None:
    music = [
        *(Note(n, n + 0.5, 72, 64) for n in range(10)),
        *(Note(n + 0.016, n + 0.5, 48, 64) for n in range(8)),  # 16 ms after the melody
        Note(8 - 0.008, 8.5, 48, 64),  # 8 ms before it
        Note(9.040, 9.5, 48, 64),  # too late to be one
    ]
    leads_s = melody_leads_s([Excerpt.of(music, 0.0, 30.0, 0.008)])
    assert sorted(leads_s) == pytest.approx([-0.008] + [0.016] * 8)
    alone = [Note(n, n + 0.5, 72, 64) for n in range(10)]
    assert len(melody_leads_s([Excerpt.of(alone, 0.0, 30.0, 0.008)])) == 0
