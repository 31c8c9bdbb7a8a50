"""Token folders: what was written comes back, of any size, and what is torn is named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from perfrnn_live.errors import BadValue, CorpusEmpty
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS, PERFORMANCE_10MS
from perfrnn_live.training import shards
from perfrnn_live.training.augmentation import AUGMENTATIONS
from perfrnn_live.training.batches import Batch, CarriedBatches
from perfrnn_live.training.corpus import TokenCorpus, find_recordings, tokenise
from perfrnn_live.training.shards import Recording, Shards
from perfrnn_live.training.splits import load_split
from tests.networks import random_tokens
from tests.training.test_corpus import write_note

LENGTHS = (4, 3, 5, 12, 1, 1, 9)


def recordings(lengths: tuple[int, ...] = LENGTHS) -> list[Recording]:
    tokens = np.arange(sum(lengths), dtype=np.int16)
    parts = np.split(tokens, np.cumsum(lengths)[:-1])
    return [Recording(part, f"{place}.mid", ("bach", "")[place % 2]) for place, part in enumerate(parts)]


def music() -> list[Recording]:
    return [
        Recording(np.array(random_tokens(seed, 15 + 8 * seed), np.int16), f"{seed}.mid", ("", "liszt")[seed % 2])
        for seed in range(9)
    ]


def flat(each: list[Recording]) -> TokenCorpus:
    ends = np.cumsum([len(one.tokens) for one in each])
    names, composers = tuple(one.name for one in each), tuple(one.composer for one in each)
    return TokenCorpus(PERFORMANCE_8MS, np.concatenate([one.tokens for one in each]), ends, names, composers)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=8), st.data())
def test_slices_are_those_of_one_flat_array(lengths: list[int], data: st.DataObject) -> None:
    whole = np.arange(sum(lengths), dtype=np.int16)
    several = Shards(np.split(whole, np.cumsum(lengths)[:-1]))
    place = st.none() | st.integers(0, len(whole) + 1)
    span = slice(data.draw(place), data.draw(place))
    assert len(several) == len(whole)
    assert several[span].dtype == np.int16
    np.testing.assert_array_equal(several[span], whole[span])


@pytest.mark.parametrize(("most", "sizes"), [(8, [7, 5, 12, 2, 9]), (1, [*LENGTHS]), (1000, [35]), (12, [12, 12, 11])])
def test_a_folder_of_shards_is_a_corpus_like_any_other(most: int, sizes: list[int], tmp_path: Path) -> None:
    """No recording is split, and no shard is larger than asked but for one recording."""
    folder = tmp_path / "deep" / "tokens"
    shards.write(folder, PERFORMANCE_8MS, recordings(), most)
    written = [np.load(folder / f"tokens-{number:03}.npy") for number in range(len(sizes))]
    assert [len(each) for each in written] == sizes
    assert all(str(each.dtype) == "int16" for each in written)
    assert [path.name for path in folder.parent.iterdir()] == ["tokens"]  # nothing partial is left
    corpus, expected = TokenCorpus.load(folder), flat(recordings())
    assert (corpus.vocabulary, corpus.names, corpus.composers) == (PERFORMANCE_8MS, expected.names, expected.composers)
    assert (len(corpus), len(corpus.tokens)) == (len(LENGTHS), sum(LENGTHS))
    np.testing.assert_array_equal(corpus.ends, expected.ends)
    for index in range(len(corpus)):
        np.testing.assert_array_equal(corpus.recording(index), expected.recording(index))
    for count in range(1, len(corpus) + 1):
        first = corpus.first(count)
        assert (len(first), first.names, first.composers) == (count, expected.names[:count], expected.composers[:count])
        np.testing.assert_array_equal(first.tokens[:], expected.first(count).tokens[:])
        np.testing.assert_array_equal(first.recording(count - 1), expected.recording(count - 1))


def test_recordings_are_not_read_before_they_are_asked_for(tmp_path: Path) -> None:
    shards.write(tmp_path / "tokens", PERFORMANCE_8MS, recordings(), 8)
    recording = TokenCorpus.load(tmp_path / "tokens").recording(2)
    base = recording
    while isinstance(base.base, np.ndarray):
        base = base.base
    assert isinstance(base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        recording[0] = 1


def test_shards_are_written_while_recordings_come(tmp_path: Path) -> None:
    found: list[int] = []

    def coming() -> Iterator[Recording]:
        for each in recordings((2,) * 40):
            found.append(len(list(tmp_path.rglob("tokens-*.npy"))))
            yield each

    shards.write(tmp_path / "tokens", PERFORMANCE_8MS, coming(), 10)
    assert found == [max(place - 1, 0) // 5 for place in range(40)]


def test_what_ends_early_leaves_nothing(tmp_path: Path) -> None:
    def coming() -> Iterator[Recording]:
        yield from recordings()
        raise RuntimeError("pulled out")

    with pytest.raises(RuntimeError, match="pulled out"):
        shards.write(tmp_path / "tokens", PERFORMANCE_8MS, coming(), 8)
    assert not list(tmp_path.iterdir())


def test_what_is_there_already_stays(tmp_path: Path) -> None:
    """Another process had the same to write."""
    shards.write(tmp_path / "tokens", PERFORMANCE_8MS, recordings(), 8)
    shards.write(tmp_path / "tokens", PERFORMANCE_8MS, recordings((1, 1)), 8)
    assert TokenCorpus.load(tmp_path / "tokens").names == flat(recordings()).names
    (tmp_path / "file").touch()
    with pytest.raises(OSError):
        shards.write(tmp_path / "file" / "tokens", PERFORMANCE_8MS, recordings(), 8)


def test_a_folder_of_mid_files_becomes_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for pitch in range(60, 66):
        write_note(tmp_path / f"{pitch}.mid", pitch)
    (tmp_path / "63.mid").write_bytes(b"")
    monkeypatch.setattr(shards, "write", partial(shards.write, most=9))
    paths = find_recordings(tmp_path, "all")
    corpus = tokenise(paths, PERFORMANCE_8MS, cache=tmp_path / "cache")
    assert corpus.names == ("60.mid", "61.mid", "62.mid", "64.mid", "65.mid")
    (stored,) = (tmp_path / "cache").iterdir()
    assert len(list(stored.glob("*.npy"))) == 3  # of four tokens a recording
    assert TokenCorpus.load(stored).names == corpus.names


TORN: dict[str, Callable[[Path], object]] = {
    "no shard": lambda folder: [*map(Path.unlink, folder.glob("*.npy"))],
    "the first shard missing": lambda folder: (folder / "tokens-000.npy").unlink(),
    "the last shard missing": lambda folder: (folder / "tokens-004.npy").unlink(),
    "a shard too many": lambda folder: np.save(folder / "tokens-005.npy", np.zeros(3, np.int16)),
    "an empty shard": lambda folder: (folder / "tokens-001.npy").write_bytes(b""),
    "half a header": lambda folder: cut(folder / "tokens-001.npy", 20),
    "half a shard": lambda folder: cut(folder / "tokens-001.npy", 130),
    "text for a shard": lambda folder: (folder / "tokens-001.npy").write_text("no tokens here"),
    "numbers of another kind": lambda folder: np.save(folder / "tokens-001.npy", np.zeros(5, np.int64)),
    "a table": lambda folder: np.save(folder / "tokens-001.npy", np.zeros((5, 1), np.int16)),
    "half a list": lambda folder: cut(folder / "corpus.json", 40),
    "an empty list": lambda folder: cut(folder / "corpus.json", 0),
    "another list": lambda folder: (folder / "corpus.json").write_text("[1, 2]"),
    "a number": lambda folder: (folder / "corpus.json").write_text("3"),
    "something else": lambda folder: (folder / "corpus.json").write_text('{"name": "a corpus of another program"}'),
    "ends that are none": lambda folder: listed(folder, ends=["a", "b"]),
    "a recording without end": lambda folder: listed(folder, names=["0.mid"] * 8),
    "a recording of no length": lambda folder: listed(folder, ends=[4, 4, 12, 24, 25, 26, 35]),
    "an unknown vocabulary": lambda folder: listed(folder, vocabulary="elsewhere"),
    "no names": lambda folder: listed(folder, names=None),
    "nothing in it": lambda folder: [*map(Path.unlink, folder.iterdir())],
}


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def listed(folder: Path, **changes: object) -> None:
    listing = folder / "corpus.json"
    listing.write_text(json.dumps({**json.loads(listing.read_text()), **changes}))


@pytest.mark.parametrize("kind", TORN)
def test_what_is_torn_is_named_in_a_sentence(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "tokens"
    shards.write(folder, PERFORMANCE_8MS, recordings(), 8)
    TORN[kind](folder)
    with pytest.raises(CorpusEmpty, match=r"tokens is no token folder: .+") as raised:
        TokenCorpus.load(folder)
    assert "\n" not in str(raised.value)


def test_training_and_evaluating_take_a_token_folder_as_it_is(tmp_path: Path) -> None:
    shards.write(tmp_path / "tokens", PERFORMANCE_8MS, recordings(), 8)
    console = Console(quiet=True)
    for split in ("train", "validation"):
        assert load_split(tmp_path / "tokens", split, PERFORMANCE_8MS, console).names == flat(recordings()).names
    with pytest.raises(BadValue, match="tokens holds performance-8ms, not performance-10ms"):
        load_split(tmp_path / "tokens", "train", PERFORMANCE_10MS, console)
    cut(tmp_path / "tokens" / "tokens-000.npy", 10)
    with pytest.raises(CorpusEmpty, match="tokens is no token folder"):
        load_split(tmp_path / "tokens", "train", PERFORMANCE_8MS, console)


@pytest.mark.parametrize("after", [0, 1, 30])
def test_batches_are_those_of_the_same_corpus_in_memory_and_go_on_exactly(after: int, tmp_path: Path) -> None:
    shards.write(tmp_path / "tokens", PERFORMANCE_8MS, music(), 400)
    corpus = TokenCorpus.load(tmp_path / "tokens")
    assert len(list((tmp_path / "tokens").glob("*.npy"))) > 2

    def batches(corpus: TokenCorpus) -> CarriedBatches:
        return CarriedBatches(corpus, 3, 24, AUGMENTATIONS["more"], seed=4, middles=0.5)

    whole, mapped, resumed = batches(flat(music())), batches(corpus), batches(corpus)
    for _ in range(after):
        assert equal(whole.next(), mapped.next())
    resumed.go_on(mapped.drawn, list(mapped.places))
    for _ in range(60):  # into the next epochs
        batch = whole.next()
        assert equal(batch, mapped.next()) and equal(batch, resumed.next())
    assert whole.drawn == resumed.drawn > 2 * len(corpus)


def equal(one: Batch, other: Batch) -> bool:
    return all(np.array_equal(getattr(one, each.name), getattr(other, each.name)) for each in fields(Batch))
