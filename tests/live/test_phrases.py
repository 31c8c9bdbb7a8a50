"""When a phrase is over: by hands, pedal and the player's own gaps; on people's playing within the bars."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.live.phrases import Phrase
from tests.bench.phrases import EXCERPTS, TRUTH, excerpts, judged


def play(phrase: Phrase, gaps_s: list[float], note_s: float = 0.1, pedal: bool = False, began_s: float = 10.0) -> float:
    """Single notes with these gaps between their strikes; returns when the last key goes up."""
    now_s = began_s
    for gap_s in [0.0, *gaps_s]:
        now_s += gap_s
        phrase.strike(now_s, 60, 70)
        phrase.rest(now_s, True, pedal)
        phrase.rest(now_s + min(note_s, 0.9 * gap_s if gap_s else note_s), False, pedal)
    return now_s + note_s


def delay_s(phrase: Phrase, ended_s: float) -> float:
    over_s = phrase.over_at_s()
    assert over_s is not None
    return over_s - ended_s


def test_nothing_is_over_before_anything_was_played() -> None:
    phrase = Phrase()
    assert phrase.over_at_s() is None and phrase.began_s is None and phrase.last_strike_s is None
    phrase.rest(1.0, False, True)
    assert phrase.over_at_s() is None


def test_a_quick_player_is_answered_after_about_a_second() -> None:
    phrase = Phrase()
    assert 0.5 < delay_s(phrase, play(phrase, [0.15] * 40)) <= 1.1
    assert phrase.began_s == 10.0
    assert phrase.last_strike_s == pytest.approx(16.0)


def test_a_slow_player_is_given_more_time() -> None:
    quick, slow = Phrase(), Phrase()
    assert delay_s(slow, play(slow, [1.1] * 20)) > delay_s(quick, play(quick, [0.2] * 100)) + 0.3


def test_no_gap_that_the_player_makes_again_and_again_ends_the_phrase() -> None:
    phrase = Phrase()
    now_s = 10.0
    for n in range(60):
        over_s = phrase.over_at_s()
        if n > 10:
            assert over_s is not None and over_s > now_s
        phrase.strike(now_s, 60, 70)
        phrase.rest(now_s, True, False)
        phrase.rest(now_s + 0.1, False, False)
        now_s += 1.2


def test_a_pedal_that_sounds_on_gives_the_hands_more_time() -> None:
    dry, pedalled = Phrase(), Phrase()
    gaps_s = [0.9] * 30
    assert delay_s(pedalled, play(pedalled, gaps_s, pedal=True)) > delay_s(dry, play(dry, gaps_s))


def test_a_player_who_was_cut_short_again_and_again_is_given_more_time() -> None:
    phrase = Phrase()
    cuts = []
    for n in range(30):
        over_s = phrase.over_at_s()
        cuts.append(over_s is not None and over_s < 10.0 + 1.5 * n)
        if cuts[-1]:
            phrase.clear()
        play(phrase, [], began_s=10.0 + 1.5 * n)
    assert any(cuts[:5]) and not any(cuts[5:])


def test_the_time_of_an_answer_is_no_gap() -> None:
    phrase = Phrase()
    before_s = delay_s(phrase, play(phrase, [0.15] * 10))
    for turn in range(1, 10):
        phrase.clear()
        after_s = delay_s(phrase, play(phrase, [0.15] * 10, began_s=10.0 + 5.0 * turn))
    assert after_s == pytest.approx(before_s)


def test_a_pedal_that_rises_late_does_not_put_the_end_into_the_past() -> None:
    phrase = Phrase()
    play(phrase, [0.9] * 30, pedal=True)
    over_s = phrase.over_at_s()
    assert over_s is not None
    risen_s = over_s - 0.01
    phrase.rest(risen_s, False, False)
    assert phrase.over_at_s() == risen_s


@pytest.mark.parametrize("pedal", [False, True])
def test_a_key_or_pedal_left_down_cannot_prevent_the_end(pedal: bool) -> None:
    phrase = Phrase()
    phrase.strike(10.0, 60, 70)
    phrase.rest(10.0, not pedal, pedal)
    over_s = phrase.over_at_s()
    assert over_s is not None and 10.5 < over_s <= 15.0


def test_a_key_that_is_held_is_waited_for() -> None:
    phrase = Phrase()
    play(phrase, [0.15] * 40)
    phrase.strike(17.0, 60, 70)
    phrase.rest(17.0, True, False)
    over_s = phrase.over_at_s()
    assert over_s is not None and over_s > 19.0


def test_after_an_answer_the_next_phrase_begins_anew_and_the_habit_is_kept() -> None:
    phrase, fresh = Phrase(), Phrase()
    play(phrase, [1.1] * 20)
    phrase.clear()
    assert phrase.over_at_s() is None and phrase.began_s is None
    assert delay_s(phrase, play(phrase, [0.2], began_s=100.0)) > delay_s(fresh, play(fresh, [0.2], began_s=100.0))
    assert phrase.began_s == 100.0


@given(st.lists(st.tuples(st.floats(0.0, 5.0), st.booleans(), st.booleans()), max_size=60))
def test_the_end_lies_ahead_of_what_was_played_and_is_never_put_off_for_ever(
    moves: list[tuple[float, bool, bool]],
) -> None:
    phrase, now_s = Phrase(), 0.0
    for wait_s, keys_down, pedal_down in moves:
        now_s += wait_s
        phrase.strike(now_s, 60, 70)
        phrase.rest(now_s, keys_down, pedal_down)
        over_s = phrase.over_at_s()
        assert over_s is not None and now_s < over_s <= now_s + 5.0 + 1e-9


def test_a_flood_of_strikes_is_remembered_in_little() -> None:
    phrase = Phrase()  # a thousand a second for a minute
    for n in range(60_000):
        phrase.strike(n / 1000, 60, 70)
    assert len(phrase._gaps) < 100


def test_people_are_judged_within_the_bars(maestro: Path) -> None:
    pytest.importorskip("symusic")
    figures = judged(excerpts(maestro), TRUTH, Phrase)
    assert figures.phrases > 5 * EXCERPTS
    assert figures.false <= 0.05
    assert figures.missed <= 0.05
    assert figures.delay_p50_s <= 1.0
