"""A latent space as it plays: from strikes to a place, and what a place changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from perfrnn_live.engines.fake import ConstantEngine, FakeEngine
from perfrnn_live.engines.handles import Handles, Place
from perfrnn_live.engines.latent import FEWEST_NOTES, FURTHEST, LATENT, NOTES, Latent
from perfrnn_live.errors import BadValue, CheckpointMismatch
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.music.midifile import write_notes
from perfrnn_live.music.performance import Note
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS as EVENTS
from perfrnn_live.music.vocabulary import EventKind
from perfrnn_live.sampling.continuation import Continuation
from perfrnn_live.sampling.controls import Controls
from perfrnn_live.sampling.opening import place_in
from tests.engines.untrained import latent_arrays

CELLS, SIZE = 10, 3


def kept(folder: Path, **others: object) -> Path:
    folder.mkdir(exist_ok=True)
    np.savez(folder / LATENT, **{**latent_arrays(CELLS, EVENTS.size, SIZE), **others})
    return folder


def struck(count: int, first: int = 40, wait_steps: int = 12, velocity_bin: int = 20) -> Keyboard:
    """After so many strikes up the keys, each released before the next."""
    keyboard = Keyboard.silent()
    of = EVENTS.offsets
    for number in range(count):
        pitch = first + number % 40
        for token in (
            of[EventKind.VELOCITY] + velocity_bin,
            of[EventKind.NOTE_ON] + pitch,
            of[EventKind.TIME_SHIFT] + wait_steps - 1,
            of[EventKind.NOTE_OFF] + pitch,
        ):
            keyboard = keyboard.after(EVENTS.events[token])
    return keyboard


class Reader(ConstantEngine):
    """An engine that finds places, and plays nothing by them."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._latent = Latent.beside(folder, CELLS, EVENTS.size)

    @property
    def place_size(self) -> int:
        return SIZE

    def place_of(self, keyboard: Keyboard) -> Place | None:
        assert self._latent is not None
        return self._latent.place_of(keyboard)


@pytest.fixture
def latent(tmp_path: Path) -> Latent:
    found = Latent.beside(kept(tmp_path), CELLS, EVENTS.size)
    assert found is not None
    return found


def test_a_model_without_one_has_none(tmp_path: Path) -> None:
    assert Latent.beside(tmp_path, CELLS, EVENTS.size) is None


def test_a_place_is_so_many_numbers_within_bounds(latent: Latent) -> None:
    place = latent.place_of(struck(50))
    assert place is not None and len(place) == latent.size == SIZE
    assert all(-FURTHEST <= each <= FURTHEST for each in place)


def test_few_notes_have_no_place(latent: Latent) -> None:
    assert latent.place_of(struck(FEWEST_NOTES - 1)) is None
    assert latent.place_of(struck(FEWEST_NOTES)) is not None


def test_only_the_last_notes_count(latent: Latent) -> None:
    """However the music began: all before the last NOTES strikes may be any."""
    assert latent.place_of(struck(NOTES + 40)) == pytest.approx(latent.place_of(struck(NOTES + 80)))


def test_it_hears_keys_loudness_speed_and_length(latent: Latent) -> None:
    as_it_is = latent.place_of(struck(40))
    for other in (struck(40, first=41), struck(40, wait_steps=40), struck(40, velocity_bin=5)):
        assert latent.place_of(other) != pytest.approx(as_it_is)


def test_time_that_passes_afterwards_changes_nothing(latent: Latent) -> None:
    """A pad holds a moment with all keys released, some time after the last strike."""
    keyboard = struck(40)
    later = keyboard.after(EVENTS.events[EVENTS.offsets[EventKind.TIME_SHIFT] + 80])
    assert latent.place_of(later) == latent.place_of(keyboard)


def test_what_is_added_goes_from_one_place_to_the_other(latent: Latent) -> None:
    inner = np.random.default_rng(2).normal(size=CELLS).astype(np.float32)
    one, other = (0.0, 1.0, -1.0), (2.0, 0.0, 0.5)
    near = tuple(0.999 * a + 0.001 * b for a, b in zip(one, other, strict=True))
    assert latent.added(inner, one).shape == (EVENTS.size,)
    assert np.abs(latent.added(inner, one) - latent.added(inner, other)).max() > 0.01
    assert np.abs(latent.added(inner, one) - latent.added(inner, near)).max() < 0.001


@pytest.mark.parametrize(
    "broken",
    [
        {"asked": np.zeros((SIZE, 8), np.float16)},
        {"expected": np.zeros((CELLS + 1, 7), np.float16)},
        {"output": np.full((7, EVENTS.size), np.nan, np.float16)},
        {"pitch": np.zeros(3, np.float16)},
    ],
)
def test_what_does_not_fit_is_refused_by_name(tmp_path: Path, broken: dict[str, object]) -> None:
    with pytest.raises(CheckpointMismatch, match=r"latent\.npz does not fit its model"):
        Latent.beside(kept(tmp_path, **broken), CELLS, EVENTS.size)


@pytest.mark.parametrize("bytes_", [b"", b"PK\x03\x04", b"no archive at all"])
def test_a_torn_file_is_refused(tmp_path: Path, bytes_: bytes) -> None:
    (tmp_path / LATENT).write_bytes(bytes_)
    with pytest.raises(CheckpointMismatch):
        Latent.beside(tmp_path, CELLS, EVENTS.size)


def test_a_recording_has_a_place_and_it_is_asked_for(tmp_path: Path) -> None:
    """High and loud notes lead to a place at which high and loud notes are welcome."""
    engine = FakeEngine()
    write_notes(tmp_path / "high.mid", [Note(n / 4, n / 4 + 0.2, 90 + n % 5, 110) for n in range(200)])
    place = place_in(engine, tmp_path / "high.mid")
    assert place[0] > 2 and place[1] > 1
    continuation = Continuation(engine)
    (moment,) = continuation.beginning()
    plain, asked = (continuation.expected(moment, Handles(like=like, likeness=1.0)) for like in (None, place))
    strikes = EVENTS.tokens_of(EventKind.NOTE_ON)
    assert (asked - plain)[strikes].argmax() == pytest.approx(92, abs=2)
    twice = continuation.expected(moment, Handles(like=place, likeness=2.0))
    np.testing.assert_allclose(twice - plain, 2 * (asked - plain), rtol=1e-3, atol=1e-4)


def test_too_short_a_recording_is_refused(tmp_path: Path) -> None:
    write_notes(tmp_path / "short.mid", [Note(1.0, 2.0, 60, 80)])
    (tmp_path / "model").mkdir()
    with pytest.raises(BadValue, match="has too few notes to play like it"):
        place_in(Reader(kept(tmp_path / "model")), tmp_path / "short.mid")


def test_an_engine_without_such_a_space_says_so(tmp_path: Path) -> None:
    write_notes(tmp_path / "some.mid", [Note(n / 4, n / 4 + 0.2, 60, 80) for n in range(50)])
    with pytest.raises(BadValue, match="this model has no latent space"):
        place_in(ConstantEngine(), tmp_path / "some.mid")
    with pytest.raises(BadValue, match="this model has no latent space"):
        Continuation(ConstantEngine()).check(Controls(handles=Handles(like=(0.0, 1.0))).handles)


@pytest.mark.parametrize("place", [(float("nan"), 0.0), (0.0, float("inf"))])
def test_a_place_is_finite(place: tuple[float, ...]) -> None:
    with pytest.raises(BadValue, match="a place in a latent space is numbers"):
        Handles(like=place)
