"""A model that learns from a player's recordings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from perfrnn_live.engines.card import read_card
from perfrnn_live.engines.handles import TAUGHT
from perfrnn_live.engines.lstm.weights import save_network
from perfrnn_live.engines.registry import load
from perfrnn_live.errors import BadValue, CorpusEmpty
from perfrnn_live.music.midifile import write_notes
from perfrnn_live.music.performance import Note
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS
from perfrnn_live.training import learn as module
from perfrnn_live.training.learn import learn
from tests.networks import random_tokens, tiny_network


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path / "cache")


@pytest.fixture
def start(tmp_path: Path) -> Path:
    save_network(tmp_path / "start", tiny_network(), {"data": "somebody's"}, TAUGHT)
    return tmp_path / "start"


def scales(seconds: float, seed: int) -> list[Note]:
    """Somebody who plays nothing but scales: easy to learn."""
    return [
        Note(at / 4, at / 4 + 0.2, 60 + (0, 2, 4, 5, 7, 9, 11)[(at + seed) % 7], 80) for at in range(round(seconds * 4))
    ]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "own").mkdir()
    for number in range(6):
        write_notes(tmp_path / "own" / f"{number}.mid", scales(70, number))
    return tmp_path / "own"


def rehearse(events: int) -> Sequence[Sequence[int]]:
    return [random_tokens(seed, 200) for seed in range(3)]


def test_it_learns_and_says_how_well_and_from_what(start: Path, own: Path, tmp_path: Path) -> None:
    told: list[str] = []
    learned = learn(start, [own], tmp_path / "mine", 0.08, rehearse, on_problem=told.append)
    assert learned.after < learned.before and learned.recordings == 6 and 400 < learned.seconds < 430
    assert told == ["7 minutes of music are little: 30 or more teach it better"]
    card = read_card(tmp_path / "mine")
    assert card.fields["data"] == "somebody's; then 6 of a player's, 7 minutes"
    assert card.handles == TAUGHT and "start" in card.fields["licence"]
    assert load(tmp_path / "mine").vocabulary == card.vocabulary
    assert not list(tmp_path.glob(".learn-*")), "nothing is left lying about"


def test_a_single_recording_is_parted(start: Path, tmp_path: Path) -> None:
    write_notes(tmp_path / "long.mid", scales(400, 0))
    assert learn(start, [tmp_path / "long.mid"], tmp_path / "mine", 0.05, rehearse).recordings == 1


def test_too_little_music_is_refused_before_anything_is_done(start: Path, tmp_path: Path) -> None:
    write_notes(tmp_path / "short.mid", scales(120, 0))
    with pytest.raises(BadValue, match=r"2\.0 minutes of music are too little to learn from: at least 5"):
        learn(start, [tmp_path / "short.mid"], tmp_path / "mine", 0.05, rehearse)
    assert not (tmp_path / "mine").exists()


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Learning that makes things worse."""
    monkeypatch.setattr(module, "save_training_result", lambda *_, **__: 99.0)
    yield


@pytest.mark.usefixtures("no_training")
def test_what_did_not_get_better_is_not_kept(start: Path, own: Path, tmp_path: Path) -> None:
    with pytest.raises(BadValue, match="nothing was learned"):
        learn(start, [own], tmp_path / "mine", 0.02, rehearse)
    assert not (tmp_path / "mine").exists() and not list(tmp_path.glob(".learn-*"))


def test_files_that_are_not_there_are_named(start: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusEmpty, match=r"nothing\.mid does not exist"):
        learn(start, [tmp_path / "nothing.mid"], tmp_path / "mine", 0.05, rehearse)


def test_broken_files_are_skipped_and_named(start: Path, own: Path, tmp_path: Path) -> None:
    (own / "broken.mid").write_bytes(b"no music")
    told: list[str] = []
    assert learn(start, [own], tmp_path / "mine", 0.03, rehearse, on_problem=told.append).recordings == 6
    assert any("broken.mid" in sentence for sentence in told)


def test_half_of_what_is_learned_from_is_rehearsal(own: Path) -> None:
    lessons = module._corpus([np.arange(100, dtype=np.int16)] * 3, PERFORMANCE_8MS)
    mixed = module._mixed(lessons, [list(range(100))] * 8)
    lengths = [len(mixed.recording(index)) for index in range(len(mixed))]
    assert sum(lengths) == 1600 and lengths == [100] * 16
    fewer = module._mixed(lessons, [list(range(100))])
    assert len(fewer) == 6
    alone = module._mixed(lessons, [])
    assert len(alone) == 3
