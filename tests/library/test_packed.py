"""Facts as bytes: read as exactly what was written, in little room, and never more than a sentence for what is none."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.errors import BadValue
from perfrnn_live.library.packed import Fact, pack, unpack
from perfrnn_live.live.orders import Told, Took
from perfrnn_live.live.record import written
from tests.live.test_record import FACTS
from tests.sittings import BEGAN_S, Sitting

seconds = st.floats(0, 1e9) | st.integers(0, 10**13).map(lambda us: us / 1e6)
plain = st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats(-1e6, 1e6) | st.text(max_size=9)
facts: st.SearchStrategy[Fact] = st.one_of(
    *FACTS.values(),
    st.builds(Took, st.text(max_size=9), seconds, seconds),
    st.builds(Told, seconds, st.text(max_size=9), st.lists(st.tuples(st.text(max_size=9), plain)).map(tuple)),
)


@given(st.lists(facts, max_size=30))
def test_what_is_unpacked_is_what_was_packed(kept: list[Fact]) -> None:
    assert unpack(pack(kept)) == kept


@given(st.integers(0, 10**15))
def test_whole_microseconds_take_little_room_and_are_exact(us: int) -> None:
    moment_s = us / 1e6
    (told,) = unpack(pack([Told(moment_s, "")]))
    assert isinstance(told, Told) and told.at_s == moment_s


@given(st.binary(max_size=200), st.booleans())
def test_anything_else_is_a_sentence(data: bytes, compressed: bool) -> None:
    with pytest.raises(BadValue, match="no part of a session"):
        unpack(b"\x01" + zlib.compress(b"\x7f" + data) if compressed else data)


@given(st.lists(facts, min_size=1, max_size=9), st.data())
def test_a_torn_part_is_a_sentence(kept: list[Fact], data: st.DataObject) -> None:
    packed = pack(kept)
    length = data.draw(st.integers(0, len(packed) - 1))
    with pytest.raises(BadValue, match="no part of a session"):
        unpack(packed[:length])


def test_a_bomb_is_not_blown_up() -> None:
    with pytest.raises(BadValue):
        unpack(b"\x01" + zlib.compress(bytes(200_000_000), 9))


def test_an_hour_takes_three_megabytes_at_most() -> None:
    """By a minute of playing, half a second's facts at a time, as they are kept."""
    sitting = Sitting(seed=3)
    for number in range(8):
        sitting.phrase_at(BEGAN_S + 2 + 7 * number, range(60, 67), gap_s=0.21)
    sitting.session.run(60)
    kept: list[list[Fact]] = [[]]
    for number, fact in enumerate(sitting.facts):
        kept[-1].append(fact)
        if number % 60 == 59:
            kept.append([])
    size = sum(len(pack(part)) for part in kept)
    text = sum(len(written(fact)) for fact in sitting.facts if not isinstance(fact, Told | Took))
    pace = len(sitting.facts) / 60
    print(f"{size * 60 / 1e6:.2f} MB an hour; {pace:.0f} facts a second; {text * 60 / 1e6:.0f} MB as text")
    assert size * 60 < 3_000_000
