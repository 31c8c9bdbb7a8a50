"""Recall in whole sessions: quotations are planned, taken back and gone on with like all else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from perfrnn_live.live.controls import Mode, Settings
from perfrnn_live.music.midi import note_off, note_on
from tests.sittings import BEGAN_S, Sitting

MOTIF = [60, 67, 64, 72, 71, 69, 65, 62]


def played(recall: float, mode: Mode = Mode.DUET, beams: int = 1) -> Sitting:
    """The motif twice, and the machine with it; then it is alone for twenty seconds."""
    sitting = Sitting(2, Settings(mode=mode, recall=recall, density=12.0), beams=beams)
    for number, pitch in enumerate(MOTIF * 2):
        sitting.play_at(BEGAN_S + 0.5 + 0.2 * number, note_on(pitch, 70))
        sitting.play_at(BEGAN_S + 0.65 + 0.2 * number, note_off(pitch))
    sitting.session.run(24.0)
    sitting.check_silent()
    return sitting


def patterns(pitches: list[int]) -> Iterator[tuple[int, ...]]:
    """Runs of three intervals."""
    intervals = [later - earlier for earlier, later in zip(pitches, pitches[1:], strict=False)]  # noqa: RUF007
    return zip(intervals, intervals[1:], intervals[2:], strict=False)


def repeated(sitting: Sitting) -> float:
    """The share of what the machine strikes alone that ends a pattern heard before."""
    heard = set(patterns(MOTIF * 2))
    again = []
    for each in patterns(sitting.struck_between(BEGAN_S + 4.0, BEGAN_S + 24.0)):
        again.append(each in heard)
        heard.add(each)
    return sum(again) / len(again)


@pytest.mark.parametrize("beams", [1, 3])
def test_the_more_recall_the_more_comes_back(beams: int) -> None:
    none, some, much = (repeated(played(recall, beams=beams)) for recall in (0.0, 0.5, 1.0))
    assert none < 0.05 < some < much
    assert much > 0.3


def test_in_turns_an_answer_quotes_the_call() -> None:
    sitting = played(1.0, Mode.TRADE)
    answer = sitting.struck_between(BEGAN_S + 4.0, BEGAN_S + 10.0)
    assert set(answer) & set(MOTIF)
    assert sitting.machine.state == "listening"


def test_what_is_quoted_is_part_of_the_moment() -> None:
    """Among all the moments that were heard some quote, and taking back the plan goes back to what was quoted then."""
    sitting = Sitting(2, Settings(mode=Mode.DUET, recall=1.0))
    for number, pitch in enumerate(MOTIF * 3):
        sitting.play_at(BEGAN_S + 0.5 + 0.5 * number, note_on(pitch, 70))
        sitting.play_at(BEGAN_S + 0.6 + 0.5 * number, note_off(pitch))
    sitting.session.run(14.0)
    assert sitting.improviser.plan_number > 10
    quote = sitting.improviser.heard.quote
    strikes = sitting.improviser.heard.keyboard.strikes
    assert quote is None or 0 < quote.back <= len(strikes.pitch)
    sitting.check_silent()
