"""Hypothesis strategies: performances, and token streams of any kind."""

from __future__ import annotations

from hypothesis import strategies as st

from perfrnn_live.music.performance import Note
from perfrnn_live.music.vocabulary import VOCABULARIES, Vocabulary

vocabularies: st.SearchStrategy[Vocabulary] = st.sampled_from(list(VOCABULARIES.values()))
pitches = st.integers(0, 127)
velocities = st.integers(1, 127)


@st.composite
def performances(draw: st.DrawFn, min_notes: int = 0, shortest_s: float = 0.011) -> list[Note]:
    """Notes by onset and pitch, those of one pitch not overlapping.

    The default `shortest_s` is more than a step on every grid, so that no two strikes of a pitch share one.
    """
    lengths = st.floats(shortest_s, 3.0)
    gaps = st.one_of(st.just(0.0), st.floats(0.0, 3.0))
    notes: list[Note] = []
    ends: dict[int, float] = {}
    parts = st.tuples(st.integers(0, 4) | pitches, gaps, lengths, velocities)  # few pitches: many strikes of the same
    for pitch, gap_s, length_s, velocity in draw(st.lists(parts, min_size=min_notes, max_size=40)):
        onset_s = ends.get(pitch, 0.0) + gap_s
        ends[pitch] = onset_s + length_s
        notes.append(Note(onset_s, ends[pitch], pitch, velocity))
    return sorted(notes, key=lambda note: (note.onset_s, note.pitch))


def token_streams(vocabulary: Vocabulary, max_size: int = 200) -> st.SearchStrategy[list[int]]:
    """Any tokens in any order: what an untrained model plays. Three pitches are common, so that keys meet again."""
    on, off = 60, 128 + 60
    common = st.sampled_from([on, on + 1, on + 2, off, off + 1, off + 2])
    return st.lists(st.integers(0, vocabulary.size - 1) | common, max_size=max_size)
