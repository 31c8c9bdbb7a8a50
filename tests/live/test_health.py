"""The watch against a plain recount of the same minute, and what it says about music that nobody would play."""

from __future__ import annotations

import math
import pickle
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.live.health import WINDOW_S, Health, entropy_nats
from perfrnn_live.music.midifile import read_notes
from perfrnn_live.music.performance import Note
from tests.strategies import performances

SHORT_S = 8.0  # the window of tests that recount it


def play(health: Health, notes: Sequence[Note], start_s: float = 0.0, nats: Sequence[float] = ()) -> float:
    """Strikes and releases up to the last strike, in order; where a pitch is struck again at once, its release comes
    first. Before each strike the entropies `nats` are expected. Returns when the last strike was."""
    moves = [(note.onset_s, 1, note.pitch, note.velocity) for note in notes]
    moves += [(note.offset_s, 0, note.pitch, 0) for note in notes if note.offset_s <= notes[-1].onset_s]
    for time_s, strikes, pitch, velocity in sorted(moves):
        if strikes:
            for each in nats:
                health.expected(each)
            health.struck(start_s + time_s, pitch, velocity)
        else:
            health.released(start_s + time_s, pitch)
    return start_s + notes[-1].onset_s


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
        spans = [(a, b) for a, b in pairwise(edges) if left_s <= a and b <= now_s]
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
    held = [replace(note, offset_s=math.inf) if note.offset_s > notes[-1].onset_s else note for note in notes]
    health = Health(SHORT_S)
    play(health, notes, start_s)
    now_s = notes[-1].onset_s
    for each_s in later_s:
        now_s += exact(each_s)
        assert health.figures(start_s + now_s) == pytest.approx(recounted(held, now_s), abs=1e-6)


@given(performances(min_notes=2), st.data())
def test_pauses_are_left_out(notes: list[Note], data: st.DataObject) -> None:
    """However often the machine leaves the playing to others, and for however long, its own music is the same."""
    plain, paused = Health(SHORT_S), Health(SHORT_S)
    now_s = waited_s = 0.0
    for note in notes:
        now_s = max(exact(note.onset_s), now_s)
        pause_s = exact(data.draw(st.one_of(st.just(0.0), st.floats(0.0, 500.0)), "pause"))
        if pause_s:
            paused.paused(now_s + waited_s)
            paused.paused(now_s + waited_s + pause_s / 2)  # said twice it is still one pause
            assert paused.figures(now_s + waited_s + pause_s) == paused.figures(now_s + waited_s)
            waited_s += pause_s
        for health, at_s in ((plain, now_s), (paused, now_s + waited_s)):
            health.struck(at_s, note.pitch, note.velocity)
            health.released(at_s + 0.25, note.pitch)
        now_s += 0.25
        assert paused.figures(now_s + waited_s) == pytest.approx(plain.figures(now_s))


@given(performances(min_notes=1), st.floats(0.0, 5.0))
def test_what_comes_late_counts_as_now(notes: list[Note], ahead_s: float) -> None:
    """A report may be older than the latest look at the clock; time never goes back for it."""
    health, punctual = Health(SHORT_S), Health(SHORT_S)
    for each in (health, punctual):
        each.struck(10.0, 60, 64)
        each.figures(10.0 + ahead_s)
    for note in notes:
        health.struck(10.0, note.pitch, note.velocity)
        punctual.struck(10.0 + ahead_s, note.pitch, note.velocity)
    assert health.figures(10.0) == punctual.figures(10.0 + ahead_s)


@pytest.mark.parametrize(("struck_s", "now_s"), [(11.5, 14.0), (13.0, 15.0)])
def test_a_pause_told_late_takes_nothing_from_the_playing(struck_s: float, now_s: float) -> None:
    health = Health()
    health.struck(10.0, 60, 64)
    health.figures(12.0)
    health.paused(11.0)
    health.struck(struck_s, 62, 64)
    assert health.figures(now_s)["notes_per_s"] == 2 / 4


@pytest.mark.parametrize("gap_s", [0.1, 0.13, 0.17, 0.19])
def test_rounding_leaves_no_figure_below_nothing(gap_s: float) -> None:
    health = Health(SHORT_S)
    now_s = play(health, wandering(30, gap_s, length_s=0.03))
    figures = health.figures(now_s + SHORT_S)  # the last key is held
    assert min(figures.values()) >= 0 and figures["silence"] < 1e-9


def test_what_it_keeps_grows_neither_with_time_nor_with_looking() -> None:
    health, looked_at = Health(SHORT_S), Health(SHORT_S)
    sizes = []
    for minute in range(6):
        for note in wandering(60):
            now_s = play(health, [note], start_s=60.0 * minute)
            play(looked_at, [note], start_s=60.0 * minute)
            for place in range(9):
                looked_at.figures(now_s + place / 100)
        sizes.append(len(pickle.dumps(health)))
    assert max(*sizes, len(pickle.dumps(looked_at))) < 1.05 * sizes[0]


def wandering(
    seconds: float,
    gap_s: float = 0.1,
    velocity: int = 64,
    length_s: float = 0.45,
    scale: Sequence[int] = (0, 2, 4, 5, 7, 9, 11),
) -> list[Note]:
    """A strike every `gap_s`, nine in ten of them from `scale`, no pitch soon again."""
    rng = np.random.default_rng(3)
    pitches = [pitch for pitch in range(40, 90) if pitch % 12 in scale]
    latest = [0] * 6
    notes = []
    for place in range(round(seconds / gap_s)):
        pitch = latest[0]
        while pitch in latest:
            pitch = int(rng.choice(pitches)) + int(rng.random() < 0.1)
        latest = [*latest[1:], pitch]
        notes.append(Note(place * gap_s, place * gap_s + length_s, pitch, velocity))
    return notes


def cycled(notes: list[Note], pitches: Sequence[int]) -> list[Note]:
    """The same with `pitches` in turn."""
    return [replace(note, pitch=pitches[place % len(pitches)]) for place, note in enumerate(notes)]


@pytest.mark.parametrize(
    ("notes", "complaint"),
    [
        (wandering(70), None),
        (wandering(70, gap_s=1.4, length_s=3.0), "too sparse: 0.7 notes/s"),
        (wandering(70, gap_s=0.03, length_s=0.15), "too dense: 33 notes/s"),
        (wandering(70, gap_s=0.25, length_s=0.1), "too much silence: 60%"),
        (wandering(70, length_s=0.09), "too dry: 0.9 keys sounding"),
        (cycled(wandering(70, length_s=2.05), range(40, 87)), "too thick: 20 keys sounding"),
        (cycled(wandering(70, length_s=0.35), [60, 64, 67, 72]), "stuck in a few notes"),
        (wandering(70, scale=range(12)), "in no key"),
        (wandering(70, velocity=20), "too soft: velocity 20"),
        (wandering(70, velocity=110), "too loud: velocity 110"),
        (cycled(wandering(70), [48, 55, 64, 62, 67, 57, 65, 71, 60]), "going round in circles"),
    ],
)
def test_what_nobody_plays_is_complained_of(notes: list[Note], complaint: str | None) -> None:
    health = Health()
    now_s = play(health, notes, start_s=1000.0)
    assert health.complaint(now_s) == complaint


@pytest.mark.parametrize(("nats", "complaint"), [(1.0, "too sure of itself"), (2.4, None), (3.5, "lost")])
def test_expectations_are_judged_too(nats: float, complaint: str | None) -> None:
    health = Health()
    former_s = play(health, wandering(30), nats=(9.0,))
    now_s = play(health, wandering(70), former_s, nats=(nats - 0.5, nats + 0.5))
    assert health.figures(now_s)["prediction_entropy_nats"] == pytest.approx(nats)
    assert health.complaint(now_s) == complaint


def test_a_machine_that_dries_up_is_complained_of() -> None:
    health = Health()
    now_s = play(health, wandering(70))
    health.clear(now_s)
    assert health.complaint(now_s + WINDOW_S + 1) == "too sparse: 0.0 notes/s"


def test_nothing_is_judged_before_a_whole_window_of_playing() -> None:
    health, loud = Health(), wandering(30, velocity=110)
    health.paused(5.0)
    health.paused(play(health, loud, start_s=1000.0))
    assert health.complaint(1300.0) is None, "half a minute of playing is no minute, however long the pause"
    now_s = play(health, loud, start_s=2000.0)
    assert health.complaint(now_s) is None
    assert health.complaint(now_s + 0.5) == "too loud: velocity 110"


def test_after_clearing_new_music_gets_a_window_of_its_own() -> None:
    health = Health()
    now_s = play(health, wandering(70, velocity=110))
    assert health.complaint(now_s) == "too loud: velocity 110"
    health.clear(now_s + 10)
    assert health.complaint(now_s + 10) is None
    now_s = play(health, wandering(59, velocity=20), start_s=now_s + 10)
    assert health.complaint(now_s) is None
    assert health.complaint(now_s + 1.5) == "too soft: velocity 20"


def test_the_entropy_of_a_prediction() -> None:
    logits = np.full(413, -1e9, np.float32)
    logits[7] = 3.0
    assert entropy_nats(logits) == pytest.approx(0.0)
    logits[[2, 9]] = 3.0
    assert entropy_nats(logits) == pytest.approx(math.log(3))


def test_people_are_seldom_complained_of(maestro: Path) -> None:
    complaints = []
    for recording in sorted(maestro.glob("2004/*.midi"))[:2]:
        notes = read_notes(recording)
        for since_s in (0.0, 60.0, 120.0, 180.0):
            health = Health()
            now_s = play(health, [note for note in notes if since_s <= note.onset_s < since_s + WINDOW_S + 5])
            complaints.append(health.complaint(now_s))
    assert complaints.count(None) >= 6, complaints
