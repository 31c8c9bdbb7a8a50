"""Musical statistics on music so short that they are worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.evaluation.excerpts import Excerpt, cut_out
from perfrnn_live.evaluation.statistics import STATISTICS, measured
from perfrnn_live.music.codec import encode
from perfrnn_live.music.performance import Note
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS

STEP_S = 0.008
# C4 and E4 together for 0.4 s; after 0.8 s C5 for 0.2 s, at 1.2 s G4 until the end at 2 s, where it is cut.
MUSIC = [Note(0.0, 0.4, 64, 80), Note(0.0, 0.4, 60, 60), Note(0.8, 1.0, 72, 40), Note(1.2, 9.0, 67, 100)]


def excerpt(notes: list[Note] = MUSIC, seconds: float = 2.0) -> Excerpt:
    return Excerpt.of(notes, 0.0, seconds, STEP_S)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pitch count", 4),
        ("pitch range", 12),
        ("mean interval", (4 + 8 + 5) / 3),
        ("note count", 4),
        ("time between onsets", (0 + 0.8 + 0.4) / 3),
        ("velocity", 70),
        ("velocity spread", np.std([60, 80, 40, 100])),
        ("keys sounding", (0.4 + 0.4 + 0.2 + 0.8) / 2),
        ("strikes in chords", 0.5),
        ("notes in the best key", 1.0),
        ("repetition", 0.0),
        ("silence", (0.4 + 0.2) / 2),
    ],
)
def test_numbers_by_hand(name: str, value: float) -> None:
    (statistic,) = (each for each in STATISTICS if each.name == name)
    assert statistic.of(excerpt()).tolist() == pytest.approx([value])


def test_histograms_by_hand() -> None:
    values = {name: each[0] for name, each in measured([excerpt()]).items()}
    assert values["pitch classes"].tolist() == [0.5, 0, 0, 0, 0.25, 0, 0, 0.25, 0, 0, 0, 0]  # C, E, C, G
    transitions = values["pitch-class transitions"].reshape(12, 12)
    assert {(a, b): transitions[a, b] for a, b in zip(*np.nonzero(transitions), strict=True)} == {
        pair: pytest.approx(1 / 3) for pair in ((0, 4), (4, 0), (0, 7))
    }
    # bounds: 31, 51, 82, 134, 218, 354, 574, 933 ms ...: two of 400, one of 200 and one of 800
    assert values["note lengths"].tolist() == [0, 0, 0, 0, 0.25, 0, 0.5, 0.25, 0, 0, 0, 0]
    lengths = values["note-length transitions"].reshape(12, 12)
    assert {(a, b) for a, b in zip(*np.nonzero(lengths), strict=True)} == {(6, 6), (6, 4), (4, 7)}


def test_what_comes_back_on_another_step_is_repetition() -> None:
    pitches = [60, 62, 64, 65, 67, 65, 67, 69, 70, 72]  # four intervals up, and the same again from 65
    music = [Note(0.2 * n, 0.2 * n + 0.1, pitch, 64) for n, pitch in enumerate(pitches)]
    assert measured([excerpt(music, 4.0)])["repetition"][0, 0] == pytest.approx(1 / 6)  # of six patterns one


def test_a_note_outside_the_key_is_counted_so() -> None:
    scale = [Note(n, n + 0.5, pitch, 64) for n, pitch in enumerate([60, 62, 64, 65, 67, 69, 71, 61])]
    assert measured([excerpt(scale, 10.0)])["notes in the best key"][0, 0] == pytest.approx(7 / 8)


def test_an_excerpt_is_cut_at_both_ends_and_ordered_by_pitch_where_notes_begin_together() -> None:
    cut = Excerpt.of([*MUSIC, Note(2.5, 2.6, 50, 1)], 0.4, 1.0, STEP_S)
    assert (cut.onset.tolist(), cut.end.tolist(), cut.pitch.tolist()) == ([50, 100], [75, 125], [72, 67])
    assert excerpt().pitch.tolist() == [60, 64, 72, 67] and excerpt().end[-1] == 250


def test_excerpts_lie_evenly_in_a_recording_and_short_ones_give_fewer() -> None:
    long, short = ([Note(n, n + 0.5, 60 + n % 12, 64) for n in range(count)] for count in (100, 35))
    recordings = [np.array(encode(notes, PERFORMANCE_8MS), np.int16) for notes in (long, short, long[:5])]
    found = cut_out(recordings, PERFORMANCE_8MS, 2)
    assert [len(each) for each in found] == [30, 30, 30]
    assert [each.pitch[0] for each in found] == [60 + 23 % 12, 60 + 46 % 12, 62]


notes = st.builds(
    lambda at, length, pitch, velocity: Note(at, at + length, pitch, velocity),
    st.floats(0, 29),
    st.floats(0.01, 5),
    st.integers(21, 108),
    st.integers(1, 127),
)


@given(st.lists(notes, min_size=2, max_size=40), st.integers(-12, 12))
def test_shares_are_shares_and_a_transposition_changes_no_interval(music: list[Note], by: int) -> None:
    values = measured([excerpt(music, 30.0)])
    for name in ("pitch classes", "pitch-class transitions", "note lengths", "note-length transitions"):
        assert values[name].sum() == pytest.approx(1) and values[name].min() >= 0
    for name in ("strikes in chords", "notes in the best key", "repetition", "silence"):
        assert 0 <= values[name][0, 0] <= 1
    moved = measured([excerpt([Note(n.onset_s, n.offset_s, n.pitch + by, n.velocity) for n in music], 30.0)])
    for name in ("mean interval", "pitch range", "pitch count", "notes in the best key", "repetition", "silence"):
        assert moved[name] == pytest.approx(values[name])
