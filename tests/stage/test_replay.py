"""A session that was kept is the same again when its facts are told once more; what differs is found and shown."""

from __future__ import annotations

from dataclasses import replace as changed
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfrnn_live.errors import BadValue
from perfrnn_live.library.keeper import Keeper
from perfrnn_live.library.packed import Fact, pack, unpack
from perfrnn_live.library.store import Entry, Library
from perfrnn_live.live.controls import Mode, Settings
from perfrnn_live.live.orders import Told
from perfrnn_live.live.wishes import Turn
from perfrnn_live.music.midi import strikes
from perfrnn_live.player.messages import Sent
from perfrnn_live.stage.replay import machine_of, replay
from tests.live.test_record import script, scripts
from tests.sittings import BEGAN_S, Sitting


def sitting(seed: int = 3, mode: Mode = Mode.DUET, beams: int = 1) -> Sitting:
    return Sitting(seed, Settings(mode=mode, top_p=0.9, recall=0.4), beams=beams)


@settings(max_examples=15)
@given(st.integers(0, 99), st.sampled_from(Mode), st.sampled_from([1, 3]), scripts)
def test_it_is_the_same_again(seed: int, mode: Mode, beams: int, scripted: list[tuple[float, str, str]]) -> None:
    played = sitting(seed, mode, beams)
    script(played, scripted)
    played.session.run(10.0)
    kept = unpack(pack(played.facts))
    assert kept == played.facts
    told = replay(sitting(seed, mode, beams).machine, kept, BEGAN_S)
    assert told.difference is None and told.events == played.improviser.events


@pytest.fixture(scope="module")
def played() -> Sitting:
    played = sitting()
    played.phrase_at(BEGAN_S + 2, range(60, 67))
    played.session.run(8.0)
    return played


def test_another_seed_is_found_out_at_the_first_note_that_differs(played: Sitting) -> None:
    told = replay(sitting(seed=4).machine, played.facts, BEGAN_S)
    assert told.difference is not None and told.difference.startswith("it played ")
    assert told.events < played.improviser.events


def test_a_note_that_was_never_chosen_is_shown_with_its_moment(played: Sitting) -> None:
    place = [number for number, fact in enumerate(played.facts) if isinstance(fact, Sent) and strikes(fact.message)][5]
    note = played.facts[place]
    assert isinstance(note, Sent)
    wrong: list[Fact] = list(played.facts)
    wrong[place] = changed(note, message=bytes((0x90, 1, 2)))
    told = replay(sitting().machine, wrong, BEGAN_S)
    assert told.difference is not None
    assert f"it played 900102 at {note.due_s - BEGAN_S:.3f} s, and now {note.message.hex()}" in told.difference


def test_what_was_decided_is_compared_too(played: Sitting) -> None:
    facts = [fact for fact in played.facts if not (isinstance(fact, Told) and fact.what == "phrase")]
    told = replay(sitting().machine, facts, BEGAN_S)
    assert told.difference is not None and told.difference.startswith("it decided")


def test_a_wish_that_is_left_out_makes_another_session() -> None:
    other = sitting()
    other.link.knob_at(BEGAN_S + 1, 127, 1)
    other.link.knob_at(BEGAN_S + 1.1, 20, 1)
    other.session.run(8.0)
    assert any(isinstance(fact, Turn) for fact in other.facts)
    facts = [fact for fact in other.facts if not isinstance(fact, Turn)]
    assert replay(sitting().machine, facts, BEGAN_S).difference is not None
    assert replay(sitting().machine, other.facts, BEGAN_S).difference is None


def test_it_is_the_same_out_of_a_library(played: Sitting, tmp_path: Path) -> None:
    keeper = Keeper(tmp_path / "sessions.db", {"began_s": BEGAN_S}, BEGAN_S, lambda: 0.0, lambda sentence: None)
    for number, fact in enumerate(played.facts):
        keeper.hear(fact)
        if number % 57 == 0:
            keeper.flush(BEGAN_S)
    keeper.close()
    with Library(tmp_path / "sessions.db") as library:
        assert replay(sitting().machine, library.facts(1), BEGAN_S).difference is None


@pytest.mark.parametrize("about", [{}, {"settings": 1, "prime": None}, {"settings": {"mode": "war"}, "prime": None}])
def test_an_entry_that_does_not_say_how_it_began_is_a_sentence(about: dict[str, Any], tmp_path: Path) -> None:
    entry = Entry(7, about, 1.0, 0.0, True, 0, "")
    with (
        Library(tmp_path / "sessions.db") as library,
        pytest.raises(BadValue, match="session 7 does not say how it began"),
    ):
        machine_of(library, entry, Path("/nowhere"))
