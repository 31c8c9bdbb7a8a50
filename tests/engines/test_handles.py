"""What is asked as a point between corners; what cannot be asked; and the shipped model doing as it is asked."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.engines.handles import (
    NOTHING,
    PITCH_CLASSES,
    TAUGHT,
    Asked,
    Handles,
    HandleSpace,
)
from perfrnn_live.engines.lstm.onnx import OnnxEngine
from perfrnn_live.errors import BadValue
from perfrnn_live.music.codec import decode
from perfrnn_live.music.composers import COMPOSERS
from perfrnn_live.music.midifile import write_notes
from perfrnn_live.music.performance import Note
from perfrnn_live.sampling.continuation import Continuation
from perfrnn_live.sampling.controls import Controls
from perfrnn_live.sampling.generation import generate
from perfrnn_live.sampling.opening import place_in

NAN, INFINITY = float("nan"), float("inf")
MEASURED = {
    "density": TAUGHT.densities,
    "loudness": TAUGHT.loudnesses,
    "register": TAUGHT.registers,
    "sounding": TAUGHT.soundings,
}
NAMES = ("density", "loudness", "register", "pitch_classes", "composers", "sounding")
C_MAJOR = (1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0)
F_SHARP_MAJOR = C_MAJOR[6:] + C_MAJOR[:6]
ONE_OF_EACH: dict[str, Any] = {
    "density": 5.0,
    "loudness": 64.0,
    "register": 60.0,
    "pitch_classes": C_MAJOR,
    "composers": (("bach", 1.0),),
    "sounding": 5.0,
}

weights = st.sampled_from([0.0, 1e-300]) | st.floats(0, 1e9)
measures = st.none() | st.floats(0, 150)
pitch_classes = st.none() | st.tuples(*[weights] * PITCH_CLASSES).filter(any)
composers = st.lists(st.tuples(st.sampled_from(COMPOSERS), weights), max_size=4).filter(
    lambda drawn: not drawn or any(weight for _, weight in drawn)
)
any_handles = st.builds(Handles, measures, measures, measures, pitch_classes, composers.map(tuple), measures)


def handles(name: str, value: Any) -> Handles:
    """Only that asked."""
    return Handles(**{name: value})


def parts(row: Asked) -> dict[str, Asked]:
    """The weights (…, corners) of each handle by its name."""
    *first, _ = map(len, MEASURED.values())
    ends = np.cumsum([*first, PITCH_CLASSES, len(TAUGHT.composers)])
    return dict(zip(NAMES, np.split(row, ends, axis=-1), strict=True))


@given(any_handles)
def test_every_handle_is_a_point_between_its_corners_or_nothing(wish: Handles) -> None:
    row = TAUGHT.row(wish)
    assert row.shape == (TAUGHT.size,) and row.dtype == np.float32
    assert row.min() >= 0
    for name, part in parts(row).items():
        given_ = getattr(wish, name) not in (None, ())
        assert part.sum() == pytest.approx(float(given_), abs=1e-6)
        if name in MEASURED and given_:
            value = np.clip(getattr(wish, name), MEASURED[name][0], MEASURED[name][-1])
            assert part @ np.array(MEASURED[name]) == pytest.approx(value, rel=1e-5)
            near = np.flatnonzero(part)
            assert len(near) <= 2 and near[-1] - near[0] <= 1  # only the corners on either side
    assert wish.anything is bool(row.any())


@pytest.mark.parametrize("name", MEASURED)
def test_corners_are_exact_and_beyond_the_ends_it_is_the_ends(name: str) -> None:
    corners = MEASURED[name]
    for place, corner in enumerate(corners):
        np.testing.assert_array_equal(parts(TAUGHT.row(handles(name, corner)))[name], np.eye(len(corners))[place])
    lowest, highest = handles(name, 0.0), handles(name, 1e300)
    np.testing.assert_array_equal(TAUGHT.row(lowest), TAUGHT.row(handles(name, corners[0])))
    np.testing.assert_array_equal(TAUGHT.row(highest), TAUGHT.row(handles(name, corners[-1])))


def test_in_between_is_in_proportion() -> None:
    row = parts(TAUGHT.row(Handles(density=5.0, loudness=87.5, register=52.0)))
    assert row["density"][[3, 4]] == pytest.approx([2 / 3, 1 / 3])  # of 4.5 and 6
    assert row["loudness"][[6, 7]] == pytest.approx([0.5, 0.5])  # of 80 and 95
    assert row["register"][[2, 3]] == pytest.approx([0.6, 0.4])  # of 50 and 55


def test_only_the_proportions_of_weights_count() -> None:
    row = Handles(pitch_classes=C_MAJOR, composers=(("chopin", 0.25), ("bach", 0.75)))
    seven = np.array(C_MAJOR) / 7
    np.testing.assert_allclose(parts(TAUGHT.row(row))["pitch_classes"], seven, rtol=1e-6)
    blend = parts(TAUGHT.row(row))["composers"]
    assert (blend[COMPOSERS.index("chopin")], blend[COMPOSERS.index("bach")]) == (0.25, 0.75)
    more = Handles(pitch_classes=tuple(30 * each for each in C_MAJOR), composers=(("bach", 6.0), ("chopin", 2.0)))
    np.testing.assert_allclose(TAUGHT.row(more), TAUGHT.row(row), rtol=1e-6)


def test_a_composer_named_twice_counts_twice() -> None:
    twice = Handles(composers=(("bach", 1.0), ("liszt", 1.0), ("bach", 1.0)))
    once = Handles(composers=(("bach", 2.0), ("liszt", 1.0)))
    np.testing.assert_array_equal(TAUGHT.row(twice), TAUGHT.row(once))
    assert len(set(COMPOSERS)) == len(COMPOSERS)


def test_nothing_asked_is_all_nought() -> None:
    assert Handles() == NOTHING
    assert not TAUGHT.row(NOTHING).any() and not NOTHING.anything
    assert TAUGHT.row(NOTHING).shape == (TAUGHT.size,) and TAUGHT.row(NOTHING).dtype == np.float32


@pytest.mark.parametrize("name", NAMES)
def test_each_handle_alone_is_something_and_nothing_else(name: str) -> None:
    wish = handles(name, ONE_OF_EACH[name])
    assert wish.anything
    assert [each for each, part in parts(TAUGHT.row(wish)).items() if part.any()] == [name]


@given(st.lists(st.tuples(*[st.just(NAN) | st.floats(0, 150)] * 4), min_size=1, max_size=5), st.data())
def test_many_at_once_equal_one_by_one_and_nan_is_not_given(
    measured: list[tuple[float, ...]], data: st.DataObject
) -> None:
    """As the training loop asks: (recordings, moments, …) at a time."""
    classes: list[tuple[float, ...] | None] = [data.draw(pitch_classes) for _ in measured]
    names = [data.draw(composers) for _ in measured]
    rows = np.array([(*row[:3], *(each or (NAN,) * 12), row[3]) for row, each in zip(measured, classes, strict=True)])
    by_name = np.array([[sum(w for who, w in named if who == name) for name in COMPOSERS] for named in names])
    one_by_one = []
    for row, each, named in zip(measured, classes, names, strict=True):
        wished: dict[str, Any] = {
            name: value for name, value in zip(MEASURED, row, strict=True) if not math.isnan(value)
        }
        one_by_one.append(TAUGHT.row(Handles(**wished, pitch_classes=each, composers=tuple(named))))
    together = TAUGHT.rows(rows[None], by_name[None])
    assert together.shape == (1, len(measured), TAUGHT.size) and together.dtype == np.float32
    np.testing.assert_allclose(together[0], one_by_one, rtol=1e-6, atol=1e-9)


def test_pitch_classes_that_were_not_struck_at_all_are_not_given() -> None:
    """A recording's rest."""
    row = TAUGHT.rows(np.array([NAN, NAN, NAN, *[0.0] * 12, NAN]), np.zeros(len(COMPOSERS)))
    assert not row.any()


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("density", [-0.1, NAN, INFINITY], "the density asked for must be"),
        ("loudness", [-1.0, NAN, INFINITY], "the loudness asked for must be"),
        ("register", [-1.0, NAN, INFINITY], "the register asked for must be"),
        ("pitch_classes", [(1.0,) * 11, (1.0,) * 13], "there are 12 pitch classes, not 1[13]$"),
        ("pitch_classes", [(), (0.0,) * 12, (1.0,) * 11 + (-1.0,), (NAN,) * 12, (INFINITY,) * 12], "pitch classes are"),
        ("composers", [(("satie", 1.0),), (("bach", 1.0), ("Liszt", 1.0))], "no composer '(satie|Liszt)'.* bach,"),
        ("composers", [(("bach", 0.0),), (("bach", 1.0), ("liszt", -1.0)), (("bach", NAN),)], "composers are numbers"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_named_in_one_sentence(name: str, values: list[Any], said: str) -> None:
    for value in values:
        with pytest.raises(BadValue, match=said) as caught:
            TAUGHT.check(handles(name, value))
        assert "\n" not in str(caught.value) and ". " not in str(caught.value)


def test_density_and_composer_are_stressed_and_nothing_else_is() -> None:
    plain = Handles(loudness=64.0, register=60.0, pitch_classes=C_MAJOR)
    asked, counts = TAUGHT.terms(plain)
    np.testing.assert_array_equal(asked, [TAUGHT.row(plain)])
    assert counts.tolist() == [1.0]
    dense = Handles(density=5.0, loudness=64.0)
    asked, counts = TAUGHT.terms(dense)
    np.testing.assert_array_equal(asked, [TAUGHT.row(dense), TAUGHT.row(Handles(density=5.0)), TAUGHT.row(NOTHING)])
    assert counts.tolist() == [1.0, 2.0, -2.0]
    bach = (("bach", 1.0),)
    all_three = Handles(density=5.0, loudness=64.0, composers=bach)
    asked, counts = TAUGHT.terms(all_three)
    alone = [TAUGHT.row(Handles(density=5.0)), TAUGHT.row(Handles(composers=bach))]
    np.testing.assert_array_equal(asked, [TAUGHT.row(all_three), *alone, TAUGHT.row(NOTHING)])
    assert counts.tolist() == [1.0, 2.0, 5.0, -7.0]


def test_equal_handles_are_one_setting() -> None:
    one, other = Handles(density=3.0, composers=(("bach", 1.0),)), Handles(density=3.0, composers=(("bach", 1.0),))
    assert one == other and hash(one) == hash(other)
    assert Controls(handles=one) == Controls(handles=other) != Controls()


def velocities(notes: list[Note]) -> float:
    return mean(note.velocity for note in notes)


def pitches(notes: list[Note]) -> float:
    return mean(note.pitch for note in notes)


def in_c_major(notes: list[Note]) -> float:
    return mean(C_MAJOR[note.pitch % 12] for note in notes)


COUNT, SECONDS = 12, 8.0


def note_rate(notes: list[Note]) -> float:
    return len(notes) / (COUNT * SECONDS)


@pytest.mark.parametrize(
    ("less", "more", "measure", "apart"),
    [
        (Handles(density=4.0), Handles(density=12.0), note_rate, 3.0),
        (Handles(loudness=40.0), Handles(loudness=85.0), velocities, 15.0),
        (Handles(register=50.0), Handles(register=72.0), pitches, 8.0),
        (Handles(pitch_classes=F_SHARP_MAJOR), Handles(pitch_classes=C_MAJOR), in_c_major, 0.2),
    ],
    ids=["density", "loudness", "register", "pitch classes"],
)
def test_the_shipped_model_follows(
    less: Handles, more: Handles, measure: Callable[[list[Note]], float], apart: float, shipped: Path
) -> None:
    """From `less` to `more`, by how much at least; `python -m tests.bench.knobs` measures it properly."""
    continuation = Continuation(OnnxEngine(shipped))
    (start,) = continuation.beginning(symbol=continuation.vocabulary.middle)

    def played(handles: Handles) -> list[Note]:
        rng = np.random.default_rng(1)
        pieces = generate(continuation, start, SECONDS, Controls(handles=handles), rng, count=COUNT)
        return [note for tokens in pieces for note in decode(tokens, continuation.vocabulary)]

    assert measure(played(more)) - measure(played(less)) > apart


def test_the_shipped_model_plays_like_a_recording(shipped: Path, tmp_path: Path) -> None:
    """High and loud runs, low and soft chords: it leans to either, and quotes neither."""
    continuation = Continuation(OnnxEngine(shipped))
    (start,) = continuation.beginning(symbol=continuation.vocabulary.middle)
    runs = [Note(n / 10, n / 10 + 0.1, 76 + n * 5 % 17, 95) for n in range(300)]
    chords = [Note(n // 3 * 0.8, n // 3 * 0.8 + 0.7, 40 + n // 3 % 5 + 4 * (n % 3), 45) for n in range(150)]

    def played(notes: list[Note]) -> list[Note]:
        recording = tmp_path / f"{len(notes)}.mid"
        write_notes(recording, notes)
        asked = Handles(like=place_in(continuation.engine, recording), likeness=1.0)
        pieces = generate(continuation, start, SECONDS, Controls(handles=asked), np.random.default_rng(1), count=COUNT)
        return [note for tokens in pieces for note in decode(tokens, continuation.vocabulary)]

    high, low = played(runs), played(chords)
    assert velocities(high) > velocities(low) + 6
    assert pitches(high) > pitches(low) + 8


def test_every_composer_is_somebody_else_to_the_shipped_model(shipped: Path) -> None:
    engine = OnnxEngine(shipped)
    (moment,) = Continuation(engine).beginning(symbol=engine.vocabulary.middle)
    assert engine.handles is not None
    rows = np.stack([engine.handles.row(Handles(composers=((name, 1.0),))) for name in COMPOSERS])
    added = engine.handled(moment.state, rows)
    for one, other in combinations(added, 2):
        assert abs(one - other).max() > 0.05  # nats


MANNERED = replace(
    TAUGHT, manners={"bach": {"density": 6.0, "sounding": 2.0}, "liszt": {"density": 12.0, "loudness": 70.0}}
)


def test_a_composer_is_asked_for_with_how_their_recordings_are() -> None:
    bach = MANNERED.row(Handles(composers=(("bach", 1.0),)))
    np.testing.assert_array_equal(bach, TAUGHT.row(Handles(6.0, composers=(("bach", 1.0),), sounding=2.0)))
    both = (("bach", 3.0), ("liszt", 1.0))
    asked = Handles(7.5, 70.0, composers=both, sounding=2.0)
    np.testing.assert_allclose(MANNERED.row(Handles(composers=both)), TAUGHT.row(asked), rtol=1e-6)


def test_what_is_asked_for_itself_goes_before_a_composers_manner() -> None:
    wish = Handles(20.0, composers=(("bach", 1.0),), sounding=9.0)
    np.testing.assert_array_equal(MANNERED.row(wish), TAUGHT.row(wish))
    nobody = Handles(composers=(("other", 1.0),))
    np.testing.assert_array_equal(MANNERED.row(nobody), TAUGHT.row(nobody))
    assert not MANNERED.row(NOTHING).any()


def test_a_composers_harmony_is_told_unless_another_is_asked_for() -> None:
    space = replace(TAUGHT, manners={"bach": {"entropy": 3.0}, "liszt": {"entropy": 3.2}, "chopin": {"density": 9.0}})
    both = (("bach", 3.0), ("liszt", 1.0))
    assert space.entropy_bits(Handles(composers=both)) == pytest.approx(3.05)
    assert space.entropy_bits(Handles(composers=both, pitch_classes=(1.0,) * 12)) is None
    assert space.entropy_bits(Handles(composers=(("chopin", 1.0),))) is None
    assert space.entropy_bits(NOTHING) is None
    assert HandleSpace.from_json(space.to_json()) == space


def test_manners_go_into_cards_and_back_and_earlier_cards_have_none() -> None:
    assert HandleSpace.from_json(MANNERED.to_json()) == MANNERED
    earlier = {name: value for name, value in TAUGHT.to_json().items() if name != "soundings"}
    space = HandleSpace.from_json(earlier)
    assert space.soundings == () and space.unknown == ("sounding",) and space.to_json() == earlier
    assert space.size == TAUGHT.size - len(TAUGHT.soundings)
    with pytest.raises(BadValue, match="so many keys sounding"):
        space.check(Handles(sounding=3.0))
    assert not space.row(Handles(sounding=3.0)).any()


@pytest.mark.parametrize(
    "manners",
    [{"nobody": {"density": 3}}, {"bach": {"colour": 3}}, {"bach": {"density": -1}}, {"bach": {"density": INFINITY}}],
)
def test_manners_that_are_none_are_refused(manners: dict[str, dict[str, float]]) -> None:
    with pytest.raises(ValueError, match="manner"):
        HandleSpace.from_json({**TAUGHT.to_json(), "manners": manners})


@pytest.mark.parametrize("manners", [[], {"bach": 3}, {"bach": {"density": "much"}}, {"bach": {"density": True}}])
def test_manners_of_wrong_types_are_refused(manners: Any) -> None:
    with pytest.raises(TypeError):
        HandleSpace.from_json({**TAUGHT.to_json(), "manners": manners})
