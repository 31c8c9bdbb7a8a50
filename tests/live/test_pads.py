"""Snapshots: kept, mixed, on disk and back; files that are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perfrnn_live.engines.base import StepEngine
from perfrnn_live.engines.fake import ConstantEngine, FakeEngine
from perfrnn_live.engines.handles import Handles
from perfrnn_live.errors import BadValue, CannotWrite
from perfrnn_live.live.pads import Pads, Sight, open_pads
from perfrnn_live.music.reminders import Strikes
from perfrnn_live.music.vocabulary import EventKind
from perfrnn_live.sampling.continuation import Continuation, Moment
from perfrnn_live.sampling.controls import Controls
from tests.fakes import TracedContinuation, same_moment


def moments(count: int) -> list[Moment]:
    """Silent ones, all different, after a figure that came twice: the past says what will follow."""
    continuation = TracedContinuation(FakeEngine())
    vocabulary = continuation.vocabulary
    strike, release, shift, velocity = (
        vocabulary.tokens_of(kind).start
        for kind in (EventKind.NOTE_ON, EventKind.NOTE_OFF, EventKind.TIME_SHIFT, EventKind.VELOCITY)
    )
    found = []
    for n in range(count):
        figure = [
            each
            for pitch in (40 + n, 44, 47, 52)
            for each in (velocity + pitch % 32, strike + pitch, shift + 5 + n, release + pitch, shift + 2)
        ]
        found.append(continuation.fed(figure * 2))
    return found


def assert_same(one: Moment | None, other: Moment | None) -> None:
    """All that a moment is made of is alike, and what the model is told of it."""
    assert one is not None and other is not None
    assert same_moment(one, other)
    np.testing.assert_array_equal(one.logits, other.logits)
    assert one.velocity_set is other.velocity_set
    mine, its = one.keyboard, other.keyboard
    assert (mine.step, mine.velocity_bin) == (its.step, its.velocity_bin)
    np.testing.assert_array_equal(mine.struck_step, its.struck_step)
    np.testing.assert_array_equal(mine.released_step, its.released_step)
    assert mine.features(125).tolist() == its.features(125).tolist()
    for name in ("pitch", "step", "velocity_bin"):
        np.testing.assert_array_equal(getattr(mine.strikes, name), getattr(its.strikes, name))
    assert (mine.strikes.onsets, mine.strikes.sequels) == (its.strikes.onsets, its.strikes.sequels)
    assert mine.reminders().tolist() == its.reminders().tolist()


def test_what_is_stored_is_recalled(tmp_path: Path) -> None:
    pads, (one, other) = Pads(FakeEngine(), "a", tmp_path / "pads.npz"), moments(2)
    assert pads.recall(1) is None
    pads.store(1, one)
    pads.store(8, other)
    assert pads.recall(1) is one and pads.recall(8) is other
    assert pads.filled == {1, 8}


def morphed(pads: Pads, share: float, across: float = 0.0) -> Moment:
    found = pads.morph(share, across)
    assert found is not None
    return found[0]


def test_a_morph_goes_from_one_pad_to_the_one_used_after_it(tmp_path: Path) -> None:
    pads, (one, other) = Pads(FakeEngine(), "a", tmp_path / "pads.npz"), moments(2)
    assert pads.morph(0.5) is None
    pads.store(1, one)
    assert pads.morph(0.5) is None
    pads.store(2, other)
    for share, end in ((0.0, one), (1.0, other)):
        assert_same(morphed(pads, share), end)
    halfway = morphed(pads, 0.5)
    np.testing.assert_allclose(halfway.state, (one.state + other.state) / 2, rtol=0, atol=0.5)
    np.testing.assert_allclose(halfway.logits, (one.logits + other.logits) / 2, rtol=1e-5)
    assert halfway.logits.dtype == np.float32
    for share, nearer in ((0.49, one), (0.51, other)):
        assert morphed(pads, share).keyboard is nearer.keyboard
    pads.recall(1)
    assert_same(morphed(pads, 1.0), one)


def test_what_a_pad_holds_can_be_told_and_drawn(tmp_path: Path) -> None:
    pads, (one, other) = Pads(FakeEngine(), "a", tmp_path / "pads.npz"), moments(2)
    assert not pads.sights
    pads.store(4, one)
    pads.store(2, other)
    pads.recall(4)
    assert list(pads.sights) == [2, 4]  # the one used last at the end
    sight = pads.sights[4]
    assert sight.words == "middling, low, 14/s"
    assert [pitch for _, pitch, _ in sight.struck] == [40, 44, 47, 52] * 2
    agos_s = [ago_s for ago_s, _, _ in sight.struck]
    assert agos_s == sorted(agos_s, reverse=True) and agos_s[-1] == 0.0
    pads.store(4, other)
    assert pads.sights[4] == pads.sights[2] != sight
    assert Sight.of(Strikes.none(), 125) == Sight("silence", ())


def test_across_leads_to_the_two_pads_used_before(tmp_path: Path) -> None:
    """Four pads are the corners of a square."""
    pads, four = Pads(FakeEngine(), "a", tmp_path / "pads.npz"), moments(4)
    for number, moment in enumerate(four[:3], 1):
        pads.store(number, moment)
    assert_same(morphed(pads, 1.0, 1.0), four[2])  # of three, across leads nowhere
    pads.store(4, four[3])
    for share, across, corner in ((0.0, 0.0, 2), (1.0, 0.0, 3), (0.0, 1.0, 0), (1.0, 1.0, 1)):
        assert_same(morphed(pads, share, across), four[corner])
    middle = morphed(pads, 0.5, 0.5)
    np.testing.assert_allclose(middle.logits, np.mean([each.logits for each in four], axis=0), rtol=1e-4, atol=1e-5)


def test_places_are_mixed_like_moments(tmp_path: Path) -> None:
    pads, four = Pads(FakeEngine(), "a", tmp_path / "pads.npz"), moments(4)
    assert pads.place(1) is None
    for number, moment in enumerate(four, 1):
        pads.store(number, moment)
    places = [pads.place(number) for number in range(1, 5)]
    assert all(place is not None for place in places) and len({*places}) == 4
    found = pads.morph(0.25, 0.5)
    assert found is not None
    weights = (0.375, 0.125, 0.375, 0.125)
    np.testing.assert_allclose(np.array(found[1]), np.array(weights) @ np.array(places), atol=1e-9)


def test_pads_of_a_model_without_a_latent_space_have_no_place(tmp_path: Path) -> None:
    engine = ConstantEngine()
    pads = Pads(engine, "constant", tmp_path / "pads.npz")
    for number in (1, 2):
        pads.store(number, Continuation(engine).beginning()[0])
    found = pads.morph(0.5)
    assert found is not None and found[1] is None and pads.place(1) is None


def test_a_file_brings_everything_back(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "pads.npz"
    pads, again = Pads(FakeEngine(), "a", path), Pads(FakeEngine(), "a", path)
    for number, moment in enumerate(moments(3), 1):
        assert len(moment.keyboard.strikes.pitch) == 8 and None not in moment.keyboard.strikes.sequels
        pads.store(number, moment)
    (beginning,) = TracedContinuation(FakeEngine()).beginning()  # nothing was struck yet
    pads.store(8, beginning)
    assert pads.save() == path
    again.load(path)
    assert again.filled == {1, 2, 3, 8}
    for number in again.filled:
        assert_same(pads.recall(number), again.recall(number))
    assert [each.name for each in path.parent.iterdir()] == ["pads.npz"]


def test_music_goes_on_from_a_file_as_it_would_have_gone_on(tmp_path: Path) -> None:
    continuation = TracedContinuation(FakeEngine())
    pads, again = Pads(FakeEngine(), "a", tmp_path / "pads.npz"), Pads(FakeEngine(), "a", tmp_path / "pads.npz")
    pads.store(4, moments(1)[0])
    again.load(pads.save())
    controls = Controls(handles=Handles(density=20.0, composers=(("bach", 1.0),)))
    played = []
    for moment in (pads.recall(4), again.recall(4)):
        assert moment is not None
        rng, tokens = np.random.default_rng(2), list[int]()
        for _ in range(100):
            tokens.append(continuation.choose(moment, controls, rng))
            (moment,) = continuation.feed([moment], [tokens[-1]])
        played.append(tokens)
    assert played[0] == played[1]


@pytest.mark.parametrize("missing", ["state.history", "logits", "strikes", "struck_step", "released_step", "numbers"])
def test_a_file_that_lacks_something_is_refused_and_changes_nothing(tmp_path: Path, missing: str) -> None:
    """As those do that were kept before the strikes were."""
    pads, again = (Pads(FakeEngine(), "a", tmp_path / "pads.npz") for _ in range(2))
    for number, moment in enumerate(moments(2), 1):
        pads.store(number, moment)
    with np.load(pads.save()) as file:
        kept = {name: file[name] for name in file.files if name != f"2.{missing}"}
    np.savez(tmp_path / "pads.npz", **kept)
    with pytest.raises(BadValue, match="is not a file of pads"):
        again.load(tmp_path / "pads.npz")
    assert not again.filled


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"no pads at all"])
def test_what_is_no_file_of_pads_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pads.npz"
    path.write_bytes(content)
    with pytest.raises(BadValue, match="is not a file of pads"):
        Pads(FakeEngine(), "a", path).load(path)


class Retrained(FakeEngine):
    """Of the same sizes, with other weights."""

    @property
    def fingerprint(self) -> str:
        return f"{super().fingerprint} again"


@pytest.mark.parametrize(
    ("engine", "name", "whose"),
    [
        (Retrained(), "b", "made with the model 'a'$"),
        (Retrained(), "a", "made with another version of it$"),
        (ConstantEngine(), "c", "made with the model 'a'$"),  # of other sizes
    ],
    ids=["another model", "trained anew", "of other sizes"],
)
def test_another_models_pads_are_refused(engine: StepEngine[Any], name: str, whose: str, tmp_path: Path) -> None:
    pads = Pads(FakeEngine(), "a", tmp_path / "pads.npz")
    pads.store(1, moments(1)[0])
    other = Pads(engine, name, tmp_path / "other.npz")
    with pytest.raises(BadValue, match=whose):
        other.load(pads.save())
    assert not other.filled


def test_the_same_model_under_another_name_keeps_its_pads(tmp_path: Path) -> None:
    pads = Pads(FakeEngine(), "a", tmp_path / "pads.npz")
    pads.store(1, moments(1)[0])
    renamed = Pads(FakeEngine(), "b", tmp_path / "other.npz")
    renamed.load(pads.save())
    assert renamed.filled == {1}


def test_pads_of_before_models_had_fingerprints_are_refused(tmp_path: Path) -> None:
    pads = Pads(FakeEngine(), "a", tmp_path / "pads.npz")
    pads.store(1, moments(1)[0])
    with np.load(pads.save()) as file:
        kept = {name: file[name] for name in file.files if name != "fingerprint"}
    np.savez(tmp_path / "pads.npz", **kept)
    with pytest.raises(BadValue, match="made with another version of it"):
        pads.load(tmp_path / "pads.npz")


@pytest.mark.parametrize("name", ["state.history", "logits", "strikes", "struck_step", "released_step", "numbers"])
def test_what_is_of_another_shape_is_refused(name: str, tmp_path: Path) -> None:
    """Though the fingerprint is right."""
    pads = Pads(FakeEngine(), "a", tmp_path / "pads.npz")
    pads.store(1, moments(1)[0])
    with np.load(pads.save()) as file:
        kept = {each: file[each] for each in file.files}
    kept[f"1.{name}"] = kept[f"1.{name}"][:-1]
    np.savez(tmp_path / "pads.npz", **kept)
    with pytest.raises(BadValue, match="is not a file of pads"):
        Pads(FakeEngine(), "a", tmp_path / "none").load(tmp_path / "pads.npz")


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("logits", 3, np.nan),
        ("strikes", (0, 0), 128),
        ("strikes", (2, 0), 32),
        ("strikes", (1, 0), 1 << 30),
        ("strikes", (1, 0), 1 << 50),
        ("struck_step", 60, 1 << 60),
        ("numbers", 0, -(1 << 60)),
        ("numbers", 1, 32),
    ],
)
def test_numbers_that_music_does_not_have_are_refused(name: str, place: Any, value: float, tmp_path: Path) -> None:
    pads = Pads(FakeEngine(), "a", tmp_path / "pads.npz")
    pads.store(1, moments(2)[1])
    with np.load(pads.save()) as file:
        kept = {each: file[each] for each in file.files}
    assert kept["1.strikes"].size
    kept[f"1.{name}"] = kept[f"1.{name}"].astype(np.result_type(type(value), kept[f"1.{name}"]))
    kept[f"1.{name}"][place] = value
    np.savez(tmp_path / "pads.npz", **kept)
    with pytest.raises(BadValue, match="is not a file of pads"):
        pads.load(tmp_path / "pads.npz")


def test_a_small_file_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pads.npz"
    arrays: dict[str, Any] = {"model": np.array("a"), "1.logits": np.zeros(10_000_000)}
    np.savez_compressed(path, **arrays)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(BadValue, match="is not a file of pads"):
        Pads(FakeEngine(), "a", path).load(path)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(CannotWrite, match="taken"):
        Pads(FakeEngine(), "a", tmp_path / "taken" / "pads.npz").save()


class Folders:
    """A model's, and the player's own; and what was told."""

    def __init__(self, home: Path) -> None:
        self.model, self.own = home / "fake", home / "own" / "fake.npz"
        self.model.mkdir()
        self.told: list[str] = []

    def open(self, asked: Path | None = None) -> Pads:
        return open_pads(FakeEngine(), self.model, self.own, asked, self.told.append)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def filled(path: Path, *numbers: int, engine: StepEngine[Any] | None = None) -> bytes:
    """A file with something on these pads."""
    pads = Pads(engine or FakeEngine(), "fake", path)
    for number, moment in zip(numbers, moments(len(numbers)), strict=True):
        pads.store(number, moment)
    return pads.save().read_bytes()


def retrained(path: Path, *numbers: int) -> bytes:
    """The same of the model before it was trained anew."""
    return filled(path, *numbers, engine=Retrained())


def test_the_players_own_pads_lie_over_the_models(folders: Folders, tmp_path: Path) -> None:
    assert not folders.open().filled
    filled(folders.model / "pads.npz", 1, 2)
    filled(folders.own, 2, 3)
    pads = folders.open()
    assert (pads.filled, pads.path, folders.told) == (frozenset({1, 2, 3}), folders.own, [])
    asked = tmp_path / "asked.npz"
    assert (folders.open(asked).filled, folders.open(asked).path) == (frozenset({1, 2}), asked)
    filled(asked, 8)
    assert folders.open(asked).filled == {1, 2, 8}


def test_the_players_own_pads_of_a_model_that_was_trained_anew_are_left_alone(folders: Folders) -> None:
    filled(folders.model / "pads.npz", 1)
    kept = retrained(folders.own, 2, 3)
    pads = folders.open()
    assert pads.filled == {1}
    (sentence,) = folders.told
    assert sentence.endswith("no use to 'fake': they were made with another version of it; playing without them")
    pads.store(5, moments(1)[0])
    assert pads.save().parent == folders.own.parent and folders.own.read_bytes() == kept
    assert folders.open().filled == {1, 5}


@pytest.mark.parametrize("content", [b"", b"no pads"])
def test_own_pads_that_are_none_are_left_alone(content: bytes, folders: Folders) -> None:
    folders.own.parent.mkdir()
    folders.own.write_bytes(content)
    pads = folders.open()
    assert not pads.filled and pads.path != folders.own
    assert folders.told == [f"{folders.own} is not a file of pads; playing without them"]


def test_a_models_pads_of_before_it_was_trained_anew_are_done_without(folders: Folders) -> None:
    retrained(folders.model / "pads.npz", 1)
    filled(folders.own, 2)
    pads = folders.open()
    assert (pads.filled, pads.path, len(folders.told)) == (frozenset({2}), folders.own, 1)


def test_pads_that_were_asked_for_must_be_right(folders: Folders, tmp_path: Path) -> None:
    retrained(tmp_path / "asked.npz", 1)
    with pytest.raises(BadValue, match=r"made with another version of it$"):
        folders.open(tmp_path / "asked.npz")
    assert not folders.told
