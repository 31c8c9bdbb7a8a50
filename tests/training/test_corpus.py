"""Folders of .mid files → tokens, with everything that may lie in such a folder."""

from __future__ import annotations

import os
from pathlib import Path

import mido
import numpy as np
import pytest

from perfrnn_live.errors import CorpusEmpty
from perfrnn_live.music.codec import encode
from perfrnn_live.music.composers import COMPOSERS
from perfrnn_live.music.midifile import read_notes
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS, PERFORMANCE_10MS
from perfrnn_live.training.corpus import TokenCorpus, find_recordings, named_composers, tokenise
from tests import midi_files

TICKS = 500  # a quarter of half a second: a tick is a millisecond
Timed = tuple[int, mido.Message]


def write_midi(path: Path, *tracks: list[Timed]) -> Path:
    """A .mid file of messages at absolute ticks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = mido.MidiFile(ticks_per_beat=TICKS)
    for timed in tracks:
        ticks = [0, *(tick for tick, _ in timed)]
        deltas = np.diff(ticks).tolist()
        messages = [message.copy(time=delta) for delta, (_, message) in zip(deltas, timed, strict=True)]
        file.tracks.append(mido.MidiTrack(messages))
    file.save(path)
    return path


def on(tick: int, pitch: int = 60, velocity: int = 80, channel: int = 0) -> Timed:
    return tick, mido.Message("note_on", note=pitch, velocity=velocity, channel=channel)


def off(tick: int, pitch: int = 60, channel: int = 0) -> Timed:
    return tick, mido.Message("note_off", note=pitch, channel=channel)


def pedal(tick: int, position: int) -> Timed:
    return tick, mido.Message("control_change", control=64, value=position)


def write_note(path: Path, pitch: int = 60) -> Path:
    return write_midi(path, [on(0, pitch), off(1_000, pitch)])


BROKEN = {
    "empty": b"",
    "text": b"This is no MIDI file, whatever its name says.\n" * 10,
    "torn header": b"MThd\x00\x00",
    "torn track": b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x01\xf4MTrk\x00\x00\x01\x00\x00\x90\x3c",
}


def test_broken_files_are_named_and_skipped(tmp_path: Path) -> None:
    for name, content in BROKEN.items():
        (tmp_path / f"{name}.mid").write_bytes(content)
    write_midi(tmp_path / "silent.mid", [pedal(0, 127), pedal(100, 0)])
    (tmp_path / "folder.mid").mkdir()
    good = [write_note(tmp_path / "a.mid", 60), write_note(tmp_path / "z.MIDI", 62)]
    skipped: list[str] = []
    progress: list[tuple[int, int]] = []
    corpus = tokenise(
        find_recordings(tmp_path, "all"),
        PERFORMANCE_8MS,
        on_progress=lambda done, total: progress.append((done, total)),
        on_skipped=skipped.append,
        cache=tmp_path / "cache",
    )
    assert corpus.names == ("a.mid", "z.MIDI")
    for index, path in enumerate(good):
        assert corpus.recording(index).tolist() == encode(read_notes(path), PERFORMANCE_8MS)
    for bad in (*BROKEN, "silent", "folder"):
        assert sum(f"{bad}.mid" in reason for reason in skipped) == 1, (bad, skipped)
    assert len(skipped) == 6
    assert progress[-1] == (8, 8)


def test_a_folder_may_have_anything_in_it(tmp_path: Path) -> None:
    """A link to nowhere, one that goes in a circle, a pipe, a name that is not UTF-8, a broken delta time."""
    good = write_note(tmp_path / "good.mid")
    (tmp_path / "nowhere.mid").symlink_to(tmp_path / "is not there")
    (tmp_path / "circle.mid").symlink_to("circle.mid")
    os.mkfifo(tmp_path / "pipe.mid")
    slow = midi_files.track((0, midi_files.tempo(0xFFFFFF)), (0, midi_files.on()), (0xFFFFFFF, midi_files.off()))
    (tmp_path / "months.mid").write_bytes(midi_files.midi(slow, ticks=1))
    strange = os.fsdecode(b"pian\xf3.mid")
    (tmp_path / strange).write_bytes(good.read_bytes())
    skipped: list[str] = []
    found = find_recordings(tmp_path, "all")
    for _ in range(2):  # what is cached, too
        corpus = tokenise(found, PERFORMANCE_8MS, on_skipped=skipped.append, cache=tmp_path / "cache")
        assert corpus.names == ("good.mid", strange)
        assert corpus.recording(0).tolist() == corpus.recording(1).tolist()
    assert skipped == [
        f"{tmp_path / 'circle.mid'} cannot be read as MIDI: Too many levels of symbolic links",
        f"{tmp_path / 'months.mid'} lasts longer than a day, if it is MIDI at all",
        f"{tmp_path / 'nowhere.mid'} cannot be read as MIDI: No such file or directory",
        f"{tmp_path / 'pipe.mid'} is not a file",
    ]


def test_a_folder_of_nothing_usable_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusEmpty, match="nowhere"):
        find_recordings(tmp_path / "nowhere", "all")
    with pytest.raises(CorpusEmpty, match="has no"):
        find_recordings(tmp_path, "all")
    (tmp_path / "broken.mid").write_bytes(b"")
    with pytest.raises(CorpusEmpty):
        tokenise(find_recordings(tmp_path, "all"), PERFORMANCE_8MS, cache=tmp_path / "cache")


def test_every_twentieth_recording_validates(tmp_path: Path) -> None:
    for index in range(45):
        (tmp_path / f"{index:02}.mid").touch()
    (tmp_path / "notes.txt").touch()
    validation, training = find_recordings(tmp_path, "validation"), find_recordings(tmp_path, "train")
    assert [path.stem for path in validation] == ["00", "20", "40"]
    assert [path.stem for path in training] == [f"{index:02}" for index in range(45) if index not in (0, 20, 40)]
    assert len(find_recordings(tmp_path, "all")) == 45


def test_a_csv_says_which_recordings_train_and_validate(tmp_path: Path) -> None:
    (tmp_path / "2004").mkdir()
    for name in "abcd":
        (tmp_path / "2004" / f"{name}.midi").touch()
    rows = ["canonical_title,split,midi_filename", '"A, B",train,2004/a.midi', "B,validation,2004/b.midi"]
    (tmp_path / "table.csv").write_text("\n".join([*rows, "C,test,2004/c.midi"]), encoding="utf-8")
    assert [path.name for path in find_recordings(tmp_path, "train")] == ["a.midi"]
    assert [path.name for path in find_recordings(tmp_path, "validation")] == ["b.midi"]
    assert [path.name for path in find_recordings(tmp_path, "all")] == ["a.midi", "b.midi", "c.midi", "d.midi"]


def test_what_was_read_before_comes_from_the_cache_until_a_file_changes(tmp_path: Path) -> None:
    paths = [write_note(tmp_path / "a.mid", 60), write_note(tmp_path / "b.mid", 62)]
    cache = tmp_path / "cache"
    first = tokenise(paths, PERFORMANCE_8MS, cache=cache)
    (stored,) = cache.iterdir()
    written = stored.stat().st_mtime_ns
    again = tokenise(paths, PERFORMANCE_8MS, cache=cache)
    assert stored.stat().st_mtime_ns == written
    assert (again.names, again.vocabulary) == (first.names, first.vocabulary)
    np.testing.assert_array_equal(again.tokens[:], first.tokens[:])
    np.testing.assert_array_equal(again.ends, first.ends)
    # proof that the cache was read: what lies there is what comes back
    listing = stored / "corpus.json"
    listing.write_text(listing.read_text().replace("a.mid", "planted"))
    assert tokenise(paths, PERFORMANCE_8MS, cache=cache).names == ("planted", "b.mid")
    assert tokenise(paths, PERFORMANCE_10MS, cache=cache).vocabulary is PERFORMANCE_10MS
    size = paths[1].stat().st_size
    assert write_note(paths[1], 64).stat().st_size == size  # only its time tells that it is another
    os.utime(paths[1], ns=(0, written + 1_000_000_000))
    changed = tokenise(paths, PERFORMANCE_8MS, cache=cache)
    assert changed.recording(1).tolist() == encode(read_notes(paths[1]), PERFORMANCE_8MS)


def test_a_damaged_cache_is_made_again(tmp_path: Path) -> None:
    paths, cache = [write_note(tmp_path / "a.mid", 60)], tmp_path / "cache"
    before = tokenise(paths, PERFORMANCE_8MS, cache=cache).recording(0).tolist()
    (stored,) = cache.iterdir()
    (stored / "tokens-000.npy").write_bytes(b"")
    assert tokenise(paths, PERFORMANCE_8MS, cache=cache).recording(0).tolist() == before
    assert list(cache.iterdir()) == [stored]
    stored.joinpath("corpus.json").unlink()
    assert tokenise(paths, PERFORMANCE_8MS, cache=cache).recording(0).tolist() == before


def test_another_process_may_make_the_same_cache(tmp_path: Path) -> None:
    """As under torchrun: whoever is later finds it there, and takes what is there."""
    paths, cache = [write_note(tmp_path / "a.mid", 60), tmp_path / "broken.mid"], tmp_path / "cache"
    paths[1].write_bytes(b"")

    def be_slow(reason: str) -> None:
        tokenise(paths, PERFORMANCE_8MS, cache=cache)

    corpus = tokenise(paths, PERFORMANCE_8MS, on_skipped=be_slow, cache=cache)
    assert corpus.names == ("a.mid",)
    assert len(list(cache.iterdir())) == 1


def test_a_composer_is_named_by_the_csv_and_read_anew_when_it_changes(tmp_path: Path) -> None:
    names = {"a": "Frédéric Chopin", "b": "Johann Sebastian Bach / Ferruccio Busoni", "c": "Erik Satie", "d": ""}
    paths = [write_note(tmp_path / f"{stem}.mid") for stem in (*names, "e")]
    rows = ["canonical_composer,split,midi_filename", *(f"{name},train,{stem}.mid" for stem, name in names.items())]
    (tmp_path / "table.csv").write_text("\n".join(rows), encoding="utf-8")
    composers = named_composers(tmp_path)
    cache = tmp_path / "cache"
    assert tokenise(paths, PERFORMANCE_8MS, cache=cache).composers == ("",) * 5
    named = tokenise(paths, PERFORMANCE_8MS, cache=cache, composers=composers)
    assert named.composers == ("chopin", "other", "other", "", "")
    assert {*named.composers} - {""} <= {*COMPOSERS}


def small_corpus() -> TokenCorpus:
    tokens = np.arange(300, dtype=np.int16)
    ends, names = np.array([100, 250, 300]), ("a", "b", "ü.mid")
    return TokenCorpus(PERFORMANCE_10MS, tokens, ends, names, ("bach", "", "other"))


def test_token_files_keep_everything(tmp_path: Path) -> None:
    corpus = small_corpus()
    corpus.save(tmp_path / "deep" / "tokens.npz")
    loaded = TokenCorpus.load(tmp_path / "deep" / "tokens.npz")
    assert (loaded.vocabulary, loaded.names, loaded.composers) == (PERFORMANCE_10MS, corpus.names, corpus.composers)
    assert (str(loaded.tokens[:].dtype), len(loaded)) == ("int16", 3)
    for index, (first, last) in enumerate([(0, 99), (100, 249), (250, 299)]):
        np.testing.assert_array_equal(loaded.recording(index), np.arange(first, last + 1))
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["tokens.npz"]  # nothing partial is left
    two = loaded.first(2)
    assert (len(two), two.names, two.composers) == (2, ("a", "b"), ("bach", ""))
    assert two.tokens[:].tolist() == list(range(250))


@pytest.mark.parametrize(
    "kind", ["missing", "empty", "text", "torn", "other arrays", "unknown vocabulary", "more composers"]
)
def test_what_is_no_token_file_is_named(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "tokens.npz"
    small_corpus().save(tmp_path / "good.npz")
    if kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("no tokens here")
    elif kind == "torn":
        path.write_bytes((tmp_path / "good.npz").read_bytes()[:300])
    elif kind == "other arrays":
        np.savez(path, something=np.arange(3))
    elif kind == "unknown vocabulary":
        names, composers = np.array(["a"]), np.array([""])
        elsewhere = np.array("elsewhere")
        np.savez(path, vocabulary=elsewhere, tokens=np.arange(3), ends=[3], names=names, composers=composers)
    elif kind == "more composers":
        corpus = small_corpus()
        TokenCorpus(corpus.vocabulary, corpus.tokens, corpus.ends, corpus.names, ("",) * 4).save(path)
    with pytest.raises(CorpusEmpty, match=r"tokens\.npz"):
        TokenCorpus.load(path)


def test_maestros_own_splits(maestro: Path) -> None:
    training, validation = find_recordings(maestro, "train"), find_recordings(maestro, "validation")
    assert (len(training), len(validation)) == (962, 137)
    assert not set(training) & set(validation)
    assert {*training, *validation} <= set(find_recordings(maestro, "all"))
