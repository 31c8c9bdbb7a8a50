"""The watch against a plain recount of the same minute, and what it says about music that nobody would play."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.live.health import Health
from perfrnn_live.music.performance import Note
from tests.strategies import performances

SHORT_S = 8.0  # the window of those tests that need none to be full


def play(health: Health, notes: Iterable[Note], start_s: float = 0.0) -> None:
    """Strikes and releases in order of time; where a pitch is struck again at once, its release comes first."""
    moves = [(note.onset_s, 1, note.pitch, note.velocity) for note in notes]
    moves += [(note.offset_s, 0, note.pitch, 0) for note in notes]
    for time_s, strikes, pitch, velocity in sorted(moves):
        if strikes:
            health.struck(start_s + time_s, pitch, velocity)
        else:
            health.released(start_s + time_s, pitch)


def exact(time_s: float) -> float:
    """A time near by that is added and subtracted without rounding."""
    return round(time_s * 1024) / 1024


def recounted(notes: Sequence[Note], now_s: float) -> dict[str, float]:
    """The figures of the window that ends at `now_s`, from the notes as they stand. Time begins with the first."""
    left_s = max(notes[0].onset_s, now_s - SHORT_S)
    strikes = [(note.pitch, note.velocity) for note in sorted(notes, key=lambda note: (note.onset_s, note.pitch))]
    gone = sum(note.onset_s <= now_s - SHORT_S for note in notes)
    figures = {}
    if now_s > left_s:
        edges = sorted({left_s, now_s, *(edge for note in notes for edge in (note.onset_s, note.offset_s))})
        spans = [(a, b) for a, b in zip(edges, edges[1:], strict=False) if left_s <= a and b <= now_s]
        keys = [sum(note.onset_s <= a and b <= note.offset_s for note in notes) for a, b in spans]
        figures["notes_per_s"] = (len(strikes) - gone) / (now_s - left_s)
        key_s = sum(count * (b - a) for count, (a, b) in zip(keys, spans, strict=True))
        figures["keys_sounding"] = key_s / (now_s - left_s)
        silent_s = sum(b - a for count, (a, b) in zip(keys, spans, strict=True) if count == 0)
        figures["silence"] = silent_s / (now_s - left_s)
    if strikes[gone:]:
        pitches = [pitch for pitch, _ in strikes]
        shares = np.array(list(Counter(pitch % 12 for pitch in pitches[gone:]).values())) / len(pitches[gone:])
        grams = {tuple(pitches[max(last - 3, 0) : last + 1]) for last in range(gone, len(pitches))}
        figures["pitch_class_entropy_bits"] = float(-(shares * np.log2(shares)).sum())
        figures["mean_velocity"] = float(np.mean([velocity for _, velocity in strikes[gone:]]))
        figures["repetition"] = 1 - len(grams) / len(pitches[gone:])
    return figures


@given(performances(min_notes=1), st.lists(st.floats(0.0, 12.0), min_size=1, max_size=5), st.integers(0, 100_000))
def test_the_figures_are_those_of_a_recount(notes: list[Note], later_s: list[float], start_s: int) -> None:
    notes = [replace(note, onset_s=exact(note.onset_s), offset_s=exact(note.offset_s)) for note in notes]
    health, now_s = Health(SHORT_S), max(note.offset_s for note in notes)
    play(health, notes, start_s)
    for each_s in later_s:
        now_s += exact(each_s)
        assert health.figures(start_s + now_s) == pytest.approx(recounted(notes, now_s), abs=1e-6)


@given(performances(min_notes=2), st.data())
def test_pauses_are_left_out(notes: list[Note], data: st.DataObject) -> None:
    """However often the machine falls silent to listen, and for however long, its own music is the same."""
    plain, paused = Health(SHORT_S), Health(SHORT_S)
    now_s = waited_s = 0.0
    for note in sorted(notes, key=lambda note: note.onset_s):
        now_s = max(exact(note.onset_s), now_s)
        pause_s = exact(data.draw(st.one_of(st.just(0.0), st.floats(0.0, 500.0)), "pause"))
        if pause_s:
            paused.paused(now_s + waited_s)
            paused.paused(now_s + waited_s + pause_s / 2)  # said twice it is still the same pause
            assert paused.figures(now_s + waited_s + pause_s) == paused.figures(now_s + waited_s)
            waited_s += pause_s
        for health, at_s in ((plain, now_s), (paused, now_s + waited_s)):
            health.struck(at_s, note.pitch, note.velocity)
            health.released(at_s + 0.25, note.pitch)
        now_s += 0.25
        assert paused.figures(now_s + waited_s) == pytest.approx(plain.figures(now_s))


def wandering(seconds: float, gap_s: float = 0.1, velocity: int = 64, length_s: float = 0.45) -> list[Note]:
    """C major with some other notes, a strike every `gap_s`, none of them soon again."""
    rng = np.random.default_rng(3)
    scale = [pitch for pitch in range(40, 90) if pitch % 12 in (0, 2, 4, 5, 7, 9, 11)]
    latest = [0] * 6
    notes = []
    for onset_s in np.arange(0.0, seconds, gap_s).tolist():
        pitch = latest[0]
        while pitch in latest:
            pitch = int(rng.choice(scale)) + int(rng.random() < 0.1)
        latest = [*latest[1:], pitch]
        notes.append(Note(onset_s, onset_s + length_s, pitch, velocity))
    return notes


def cycled(notes: list[Note], pitches: Sequence[int]) -> list[Note]:
    """The same with `pitches` in turn."""
    return [replace(note, pitch=pitches[n % len(pitches)]) for n, note in enumerate(notes)]


MUSIC = {
    None: wandering(61),
    "too sparse: 0.7 notes/s": wandering(70, gap_s=1.5, length_s=3.0),
    "too dense: 33 notes/s": wandering(61, gap_s=0.03, length_s=0.15),
    "too dry: 0.8 keys sounding": wandering(61, length_s=0.08),
    "too thick: 20 keys sounding": cycled(wandering(61, length_s=2.05), range(40, 87)),
    "too much silence: 50 %": wandering(61, gap_s=0.25, length_s=0.1),
    "stuck in a few notes": cycled(wandering(61), [60, 64, 67, 72]),
    "no key to be heard": cycled(wandering(61), range(30, 89)),
    "too soft: velocity 20": wandering(61, velocity=20),
    "too loud: velocity 110": wandering(61, velocity=110),
    "going round in circles": cycled(wandering(61), [48, 55, 64, 62, 67, 57, 65, 71, 60]),
}


@pytest.mark.parametrize("complaint", MUSIC)
def test_what_it_says(complaint: str | None) -> None:
    health = Health()
    play(health, MUSIC[complaint], start_s=1000.0)
    assert health.complaint(1000.0 + MUSIC[complaint][-1].onset_s) == complaint
