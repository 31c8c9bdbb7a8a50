"""Whole sessions with thru in which keys, pads and pedals steer: those are no music, and all others are."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfrnn_live.live.controls import Mode, Settings
from perfrnn_live.live.wishes import Do
from perfrnn_live.music.midi import control_change, control_of, note_off, note_on, releases, strikes
from perfrnn_live.player.messages import Received, Steer
from perfrnn_live.sampling.controls import Controls
from tests.sittings import BEGAN_S, Sitting

PAD, KEY = 36, 30  # below all that the machine strikes in these sessions
ON_PAD, ON_KEY = f"note {PAD}", f"note {KEY}"
ABOVE = Controls(lowest=40)


def sitting_with(folder: Path, learned: str, mode: Mode = Mode.SOLO) -> Sitting:
    (folder / "controls.toml").write_text(learned)
    return Sitting(folder=folder, thru=True, base=ABOVE, settings=Settings(mode=mode))


def sent_of(sitting: Sitting, control: str) -> list[tuple[float, bytes]]:
    """What went out to that key or controller, by the seconds from the beginning."""
    return [(round(at_s - BEGAN_S, 6), message) for at_s, message in sitting.sent if control_of(message) == control]


def steers(sitting: Sitting, control: str) -> list[bool]:
    """Whether each message that came in from it steered."""
    reports = [fact for fact in sitting.facts if isinstance(fact, Received)]
    return [report.steers for report in reports if control_of(report.message) == control]


def check_released(sitting: Sitting) -> None:
    """Nothing sounds at the end, whoever struck it."""
    down: set[int] = set()
    for _, message in sitting.sent:
        if strikes(message):
            down.add(message[1])
        elif releases(message):
            down.discard(message[1])
    assert not down and sitting.port.closed


def done(sitting: Sitting) -> list[str]:
    return [str(fact.action) for fact in sitting.facts if isinstance(fact, Do)]


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(("strike", "release"), [(note_on(PAD, 90), note_off(PAD)), (b"\x99\x24\x5a", b"\x99\x24\x00")])
def test_a_pad_that_freezes_is_not_heard(tmp_path: Path, mode: Mode, strike: bytes, release: bytes) -> None:
    sitting = sitting_with(tmp_path, f'freeze = "{ON_PAD}"', mode)
    sitting.phrase_at(BEGAN_S + 0.5, range(60, 72), gap_s=0.1)
    for moment_s in (1004.0, 1005.5):
        sitting.play_at(moment_s, strike)
        sitting.play_at(moment_s + 0.3, release)
    sitting.session.run(8.0)
    assert sent_of(sitting, ON_PAD) == []
    assert steers(sitting, ON_PAD) == [True] * 4
    assert done(sitting) == ["Action.FREEZE"] * 2
    assert any(status.state == "frozen" for status in sitting.shown)
    assert not any(PAD in status.held for status in sitting.shown)
    assert {message[1] for _, message in sitting.sent if strikes(message)} >= set(range(60, 72))  # thru went on
    check_released(sitting)


def test_a_soft_pedal_that_asks_for_another_answer_is_not_sent_on(tmp_path: Path) -> None:
    sitting = sitting_with(tmp_path, 'again = "CC 67"')
    for moment_s, value in ((1002.0, 127), (1002.2, 0), (1003.0, 127), (1003.2, 0)):
        sitting.play_at(moment_s, control_change(67, value))
        sitting.play_at(moment_s + 0.01, control_change(66, value))
    sitting.session.run(5.0)
    assert sent_of(sitting, "CC 67") == []
    assert [message[2] for _, message in sent_of(sitting, "CC 66")][:4] == [127, 0, 127, 0]
    assert done(sitting) == ["Action.AGAIN"] * 2


def test_what_is_learned_while_playing_steers_at_once_and_what_was_struck_before_stays_music(tmp_path: Path) -> None:
    sitting = sitting_with(tmp_path, "")
    sitting.play_at(1001.0, note_on(KEY, 70))
    sitting.press_at(1001.2, "l")
    sitting.press_at(1001.21, "f")  # a button or a pad is awaited
    sitting.play_at(1001.4, note_off(KEY))
    sitting.play_at(1001.6, note_on(PAD, 90))
    sitting.play_at(1001.8, note_off(PAD))
    sitting.play_at(1002.0, note_on(KEY, 80))
    sitting.play_at(1002.5, note_off(KEY))
    sitting.play_at(1003.0, note_on(PAD, 90))
    sitting.play_at(1003.1, note_off(PAD))
    sitting.session.run(5.0)
    assert sent_of(sitting, ON_PAD) == []
    assert [at_s for at_s, _ in sent_of(sitting, ON_KEY)] == [1.0, 1.4, 2.0, 2.5]
    assert steers(sitting, ON_KEY) == [False] * 4
    assert steers(sitting, ON_PAD) == [True] * 4
    assert done(sitting) == ["Action.FREEZE"]
    told = [command.controls for _, command in sitting.link.commands if isinstance(command, Steer)]
    keys = [{control for control in each if control.startswith("note")} for each in told]
    assert keys == [set(), set(), {f"note {pitch}" for pitch in range(128)}, {ON_PAD}]
    assert "CC 66" not in told[0] and "CC 66" in told[1] & told[2] and "CC 66" not in told[3]
    assert "CC 64" not in told[2]
    assert (tmp_path / "controls.toml").read_text().endswith(f'freeze = "{ON_PAD}"\n')
    check_released(sitting)


def test_an_answer_to_a_phrase_comes_though_a_pad_is_held_down(tmp_path: Path) -> None:
    """A hand on a pad that steers is no hand on a key: the phrase is over when the keys are up."""
    sitting, plain = (sitting_with(tmp_path, f'recall_1 = "{ON_PAD}"', Mode.TRADE) for _ in range(2))
    for each in (sitting, plain):
        ended_s = each.phrase_at(1001.0, range(60, 68))
    sitting.play_at(ended_s + 0.01, note_on(PAD, 90))  # pad 1 is empty, and the hand stays
    sitting.session.run(8.0)
    plain.session.run(8.0)
    answered = [
        min(at_s for at_s, message in each.sent if at_s > ended_s + 0.01 and strikes(message))
        for each in (sitting, plain)
    ]
    assert answered[0] == pytest.approx(answered[1], abs=0.05)
    assert sent_of(sitting, ON_PAD) == []
    check_released(sitting)
