"""Playing together: calls and answers, interruptions, loops, ways back; whole sessions on a fake clock."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from perfrnn_live.engines.fake import ConstantEngine
from perfrnn_live.engines.handles import Handles
from perfrnn_live.live.controls import Mode, Settings
from perfrnn_live.live.happenings import Time
from perfrnn_live.music.midi import control_change, note_off, note_on, releases, strikes
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS, EventKind
from perfrnn_live.player.messages import PortBack, PortLost, Release, Schedule, Sent, TakeBack
from perfrnn_live.sampling.controls import Controls
from tests.sittings import BEGAN_S, STEP_S, Sitting

TRADE = Settings(mode=Mode.TRADE)
CALL = range(60, 70)


def answers(sitting: Sitting) -> list[tuple[float, float]]:
    """When each answer's first note was struck, and its last."""
    struck_s = [at_s for at_s, message in sitting.sent if strikes(message)]
    breaks = [place for place in range(1, len(struck_s)) if struck_s[place] - struck_s[place - 1] > 3.0]
    return [(struck_s[a], struck_s[b - 1]) for a, b in zip([0, *breaks], [*breaks, len(struck_s)], strict=True)]


def test_in_trade_it_is_silent_until_a_phrase_has_ended_and_then_answers_once() -> None:
    sitting = Sitting(settings=TRADE)
    ended_s = sitting.phrase_at(1002.0, CALL)
    sitting.session.run(20.0)
    assert not sitting.struck_between(0, ended_s + 0.1)
    ((first_s, last_s),) = answers(sitting)
    assert first_s < ended_s + 1.5
    length_s = ended_s - 1002.0
    assert 0.6 * length_s < last_s - first_s < 1.5 * length_s
    sitting.check_silent()


def test_an_answer_is_struck_within_fifteen_milliseconds_of_the_judgement(tmp_path: Path) -> None:
    sitting = Sitting(settings=TRADE, folder=tmp_path)
    sitting.phrase_at(1002.0, CALL)
    delays = sitting.session.run(12.0).delays
    assert delays["answer"]["count"] == 1
    assert delays["answer"]["max"] <= 15.0
    told = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [each["what"] for each in told][:2] == ["phrase", "answer"]


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_the_answer_is_as_long_as_is_asked_for(factor: float) -> None:
    sitting = Sitting(settings=Settings(mode=Mode.TRADE, answer_length=factor))
    ended_s = sitting.phrase_at(1002.0, range(40, 70))
    sitting.session.run(35.0)
    ((first_s, last_s),) = answers(sitting)
    assert 0.6 * factor < (last_s - first_s) / (ended_s - 1002.0) < 1.4 * factor


def test_after_the_answer_the_last_notes_ring_and_then_nothing_sounds() -> None:
    sitting = Sitting(settings=TRADE)
    sitting.phrase_at(1002.0, CALL)
    sitting.session.run(20.0)
    ((_, last_s),) = answers(sitting)
    released_s = max(at_s for at_s, message in sitting.sent if releases(message))
    assert released_s < last_s + 2.5
    assert sitting.shown[-1].state == "listening"


def test_the_next_note_stops_an_answer_and_no_key_stays_down() -> None:
    busy = replace(TRADE, density=12.0)
    plain, stopped = Sitting(settings=busy), Sitting(settings=busy)
    for sitting in (plain, stopped):
        sitting.phrase_at(1002.0, CALL)
    stopped.play_at(1005.5, note_on(72, 90))
    stopped.play_at(1005.9, note_off(72))
    plain.session.run(7.0)
    stopped.session.run(5.95)
    assert plain.struck_between(1005.55, 1006.0)
    assert not stopped.struck_between(1005.5 + 0.001, 1006.0)
    late = [at_s for at_s, message in stopped.sent[:-1] if at_s > 1005.5 + 0.25 + 3 * STEP_S]
    assert not late, "keys were still being released"
    stopped.check_silent()
    heard = stopped.continuation.history(stopped.improviser.heard)
    struck = [event for event in map(stopped.engine.vocabulary.decode, heard) if event.kind is EventKind.NOTE_ON]
    assert len(struck) == len(CALL) + 1 + len(stopped.struck_between(0, 2000))


def test_a_release_does_not_stop_an_answer() -> None:
    sitting = Sitting(settings=TRADE)
    sitting.play_at(1002.0, note_on(50, 60))
    sitting.phrase_at(1002.2, CALL)
    sitting.press_at(1004.4, "\n")
    sitting.play_at(1005.0, note_off(50))
    sitting.session.run(8.0)
    assert sitting.struck_between(1004.4, 1004.5)
    assert sitting.struck_between(1005.1, 1006.0)


@pytest.mark.parametrize("how", ["key", "footswitch"])
def test_a_phrase_can_be_ended_by_hand(how: str) -> None:
    sitting = Sitting(settings=TRADE)
    sitting.play_at(1002.0, control_change(64, 127))
    sitting.phrase_at(1002.1, CALL)
    if how == "key":
        sitting.press_at(1004.2, "\n")
    else:
        sitting.play_at(1004.2, control_change(102, 127))
    sitting.session.run(6.0)
    assert sitting.struck_between(1004.2, 1004.25)


def test_ending_a_phrase_that_was_not_begun_does_nothing() -> None:
    sitting = Sitting(settings=TRADE)
    sitting.press_at(1002.0, "\n")
    sitting.session.run(4.0)
    assert not sitting.struck_between(0, 2000)


def test_in_solo_what_is_planned_sounds_on_whatever_is_played() -> None:
    plain, woven = Sitting(), Sitting(base=Controls(highest=99))
    plain = Sitting(base=Controls(highest=99))
    woven.play_at(1003.0, note_on(110, 80))
    woven.play_at(1003.2, note_off(110))
    plain.session.run(6.0)
    woven.session.run(6.0)
    until_s = 1003.0 + 0.4
    assert [each for each in woven.sent if each[0] < until_s] == [each for each in plain.sent if each[0] < until_s]
    assert woven.sent != plain.sent
    assert not any(isinstance(command, TakeBack) for _, command in woven.link.commands)


def test_in_duet_every_note_takes_the_plan_back() -> None:
    sitting = Sitting(settings=Settings(mode=Mode.DUET))
    for n in range(5):
        sitting.play_at(1002.0 + n, note_on(60 + n, 80))
        sitting.play_at(1002.5 + n, note_off(60 + n))
    sitting.session.run(8.0)
    taken_back_s = [at_s for at_s, command in sitting.link.commands if isinstance(command, TakeBack)]
    assert taken_back_s == pytest.approx([1002.0 + n for n in range(5)], abs=0.001)


def test_modes_can_be_changed_while_it_plays() -> None:
    sitting = Sitting()
    sitting.press_at(1002.0, "m")  # trade
    sitting.press_at(1010.0, "m")  # duet
    sitting.session.run(14.0)
    assert sitting.struck_between(1001.0, 1002.0)
    assert not sitting.struck_between(1003.0, 1010.0)
    assert sitting.struck_between(1010.0, 1014.0)
    assert {status.state for status in sitting.shown if 5 < status.elapsed_s < 10} == {"listening"}
    sitting.check_silent()


def test_again_goes_back_to_before_the_answer_and_plays_another_one() -> None:
    sitting = Sitting(settings=TRADE)
    sitting.phrase_at(1002.0, CALL)
    sitting.press_at(1010.0, "a")
    sitting.session.run(20.0)
    (first_s, first_end_s), (second_s, second_end_s) = answers(sitting)
    assert 1010.0 <= second_s < 1010.2
    assert sitting.struck_between(first_s, first_end_s) != sitting.struck_between(second_s, second_end_s)
    heard = sitting.continuation.history(sitting.improviser.heard)
    struck = [event for event in map(sitting.engine.vocabulary.decode, heard) if event.kind is EventKind.NOTE_ON]
    assert len(struck) == len(CALL) + len(sitting.struck_between(second_s, 2000))  # the first one is forgotten
    sitting.check_silent()


@pytest.mark.parametrize("key", ["a", "f", " ", "1"])
@pytest.mark.parametrize("mode", list(Mode))
def test_a_key_that_goes_up_at_the_very_moment_of_a_command_does_no_harm(mode: Mode, key: str) -> None:
    sitting = Sitting(settings=Settings(mode=mode))
    sitting.press_at(1001.0, "s")
    sitting.press_at(1001.0, "1")
    sitting.phrase_at(1002.0, CALL)
    sitting.press_at(1004.1, "\n")
    for n in range(6):
        sitting.play_at(1005.0 + n * 0.1, note_on(50 + n, 60))
        sitting.press_at(1005.05 + n * 0.1, key)
        sitting.play_at(1005.05 + n * 0.1, note_off(50 + n))
    sitting.session.run(8.0)
    sitting.check_silent()


@pytest.mark.parametrize("mode", [Mode.SOLO, Mode.TRADE])
def test_frozen_music_goes_round_until_it_is_thawed(mode: Mode) -> None:
    sitting = Sitting(settings=Settings(mode=mode))
    if mode is Mode.TRADE:
        sitting.phrase_at(1001.0, CALL)
    sitting.press_at(1012.0, "f")
    sitting.press_at(1040.0, "f")
    sitting.session.run(50.0)
    cycle_s = 8.0
    if mode is Mode.TRADE:
        ((first_s, last_s), *_) = answers(sitting)
        struck = [message for at_s, message in sitting.sent if first_s <= at_s <= last_s and strikes(message)]
        frozen = [message for at_s, message in sitting.sent if 1012.0 < at_s < 1039.9 and strikes(message)]
        assert len(frozen) >= 3 * len(struck)
        assert frozen == (struck * 20)[: len(frozen)]
    else:
        one = sitting.struck_between(1012.1, 1012.0 + cycle_s)
        assert one == sitting.struck_between(1012.1 + cycle_s, 1012.0 + 2 * cycle_s) != []
    assert {status.state for status in sitting.shown if 12.3 < status.elapsed_s < 40} == {"frozen"}
    after = sitting.struck_between(1041.0, 1050.0)
    assert bool(after) is (mode is Mode.SOLO)
    sitting.check_silent()


def test_somebody_may_play_over_a_loop_and_it_goes_on() -> None:
    sitting = Sitting(base=Controls(highest=99))
    sitting.press_at(1010.0, "f")
    sitting.phrase_at(1012.0, range(105, 115))
    sitting.session.run(30.0)
    one = sitting.struck_between(1010.05, 1018.05)  # planning anew takes so long
    assert one == sitting.struck_between(1018.05, 1026.05) != []
    heard = sitting.continuation.history(sitting.improviser.heard)
    events = list(map(sitting.engine.vocabulary.decode, heard))
    assert {event.value for event in events if event.kind is EventKind.NOTE_ON} >= set(range(105, 115))
    sitting.check_silent()


@pytest.mark.parametrize("after_s", [0.001, 0.02, 0.3])
def test_an_answer_that_has_only_just_begun_goes_round_once_a_second(after_s: float) -> None:
    """And does not buzz: its first chord alone would be a loop of 8 ms."""

    def played(freezes_s: float) -> Sitting:
        sitting = Sitting(settings=TRADE)
        sitting.phrase_at(1001.0, CALL)
        sitting.press_at(freezes_s, "f")
        sitting.session.run(20.0)
        return sitting

    ((begins_s, _), *_) = answers(played(1100.0))
    sitting = played(begins_s + after_s)
    struck = sitting.struck_between(begins_s, begins_s + after_s + 0.001)
    for second in range(1, 6):
        from_s = begins_s + after_s + second
        assert sorted(sitting.struck_between(from_s, from_s + 1.0)) == sorted(struck) != []
    sitting.check_silent()


def test_an_answer_that_is_frozen_again_is_the_same_answer() -> None:
    """Not all that went round meanwhile."""
    sitting = Sitting(settings=TRADE)
    sitting.phrase_at(1001.0, CALL)
    for at_s in (1012.0, 1200.0, 1205.0):
        sitting.press_at(at_s, "f")
    sitting.session.run(240.0)
    ((first_s, last_s), *_) = answers(sitting)
    answer = sitting.struck_between(first_s, last_s + 0.001)
    for from_s, to_s in ((1012.0, 1199.9), (1205.0, 1239.9)):
        struck = sitting.struck_between(from_s, to_s)
        assert len(struck) >= 3 * len(answer)
        assert struck == (answer * 500)[: len(struck)]
    sitting.check_silent()


@pytest.mark.parametrize("mode", list(Mode))
def test_what_goes_round_goes_on_in_time_after_a_silence_in_which_somebody_played(mode: Mode) -> None:
    """Once it made up for all the rounds of that time at once."""
    sitting = Sitting(settings=Settings(mode=mode))
    sitting.phrase_at(1001.0, CALL)
    sitting.press_at(1012.0, "f")
    sitting.press_at(1020.0, " ")
    sitting.phrase_at(1025.0, CALL)
    sitting.press_at(1050.0, " ")
    sitting.session.run(80.0)
    before, after = sitting.struck_between(1012.05, 1020.0), sitting.struck_between(1050.0, 1058.0)
    assert not sitting.struck_between(1020.1, 1050.0)
    assert 0 < len(after) <= len(before) + 2
    sitting.check_silent()


def test_there_is_nothing_to_freeze_before_anything_was_played() -> None:
    sitting = Sitting(settings=TRADE)
    sitting.press_at(1001.0, "f")
    sitting.session.run(2.0)
    assert "nothing has been played" in sitting.shown[-1].said


def test_a_pad_brings_the_music_back_to_where_it_was_stored(tmp_path: Path) -> None:
    sitting = Sitting(folder=tmp_path)
    sitting.press_at(1003.0, "s")
    sitting.press_at(1003.0, "1")
    sitting.press_at(1008.0, "1")
    sitting.press_at(1010.0, "2")
    sitting.press_at(1011.5, "w")  # last: that they are kept is said whenever the disk has them
    sitting.session.run(12.0)
    stored = sitting.pads.recall(1)
    assert stored is not None and not stored.keyboard.sounding.any()
    heard = sitting.continuation.history(sitting.improviser.heard)
    assert len(sitting.continuation.history(stored)) > 50
    assert heard[: len(sitting.continuation.history(stored))] == sitting.continuation.history(stored)
    assert sum(isinstance(command, Release) for _, command in sitting.link.commands) == 1
    assert (tmp_path / "pads.npz").exists()
    assert {status.said for status in sitting.shown} >= {"pad 1 holds this moment", "from pad 1", "pad 2 is empty"}
    sitting.check_silent()


def test_it_tells_whether_a_phrase_is_over_and_how_surprised_it_was() -> None:
    """Surer and surer after the last note, until it answers; its surprise is about the last notes, in nats."""
    sitting = Sitting(settings=TRADE)
    told: list[tuple[float | None, float | None]] = []

    def look() -> None:
        machine = sitting.machine
        told.append((machine.nearly_over(sitting.clock.now()), machine.improviser.memory.surprise))

    sitting.link.at(1000.5, look)
    sitting.phrase_at(1001.0, range(60, 66), gap_s=0.2)
    for at_s in (1002.05, 1002.4, 1002.8, 1006.0):
        sitting.link.at(at_s, look)
    sitting.session.run(7.0)
    overs, surprises = zip(*told, strict=True)
    assert overs[0] is None and surprises[0] is None
    assert 0 <= overs[1] < overs[2] < overs[3] <= 1 and overs[4] is None
    assert all(0 < surprise < 20 for surprise in surprises[1:])


def test_morphing_goes_on_from_between_two_pads() -> None:
    sitting = Sitting()
    for at_s, key in ((1002.0, "1"), (1005.0, "2")):
        sitting.press_at(at_s, "s")
        sitting.press_at(at_s, key)
    sitting.link.knob_at(1008.0, 0, 27)
    sitting.link.knob_at(1008.0, 64, 27)
    sitting.session.run(10.0)
    assert [at_s for at_s, command in sitting.link.commands if isinstance(command, TakeBack)] == pytest.approx([1008.0])
    assert not any(isinstance(command, Release) for _, command in sitting.link.commands)  # what sounds sounds on
    assert sitting.struck_between(1008.1, 1010.0)
    sitting.check_silent()


def test_pads_and_the_way_between_them_are_whose_manner_is_kept_to() -> None:
    """High and loud on one pad, low and soft on the other: likeness keeps to them, and halfway to what lies between."""
    sitting = Sitting(settings=Settings(likeness=2.0))
    places = []
    for at_s, key in ((1002.0, "1"), (1005.0, "2")):
        sitting.press_at(at_s, "s")
        sitting.press_at(at_s, key)
        sitting.link.at(at_s + 0.1, lambda: places.append(sitting.improviser.course.controls.handles.like))
    sitting.press_at(1006.0, "1")
    sitting.link.at(1006.5, lambda: places.append(sitting.improviser.course.controls.handles.like))
    sitting.link.knob_at(1008.0, 0, 27)
    sitting.link.knob_at(1008.0, 64, 27)
    sitting.session.run(10.0)
    one, other, again = places
    assert one is not None and other is not None and one != other and again == one
    halfway = sitting.improviser.course.controls.handles.like
    assert halfway == pytest.approx([(a + b) / 2 for a, b in zip(one, other, strict=True)])
    sitting.check_silent()


@pytest.mark.parametrize(("hand", "side"), [(80, range(0, 60)), (40, range(60, 128))])
def test_with_a_split_it_keeps_to_the_other_side(hand: int, side: range) -> None:
    sitting = Sitting(settings=Settings(mode=Mode.DUET, split=60))
    sitting.play_at(1001.0, note_on(hand, 70))
    sitting.play_at(1001.3, note_off(hand))
    sitting.session.run(5.0)
    assert sitting.struck_between(1001.1, 1005.0)
    assert set(sitting.struck_between(1001.1, 1005.0)) <= set(side)


def test_it_follows_the_notes_that_are_played() -> None:
    sitting = Sitting(settings=Settings(mode=Mode.DUET, scale="follow"))
    for n in range(40):
        sitting.play_at(1001.0 + n * 0.1, note_on(60 + 4 * (n % 3), 70))
        sitting.play_at(1001.05 + n * 0.1, note_off(60 + 4 * (n % 3)))
    sitting.session.run(9.0)
    weights = sitting.improviser.course.controls.pitch_classes
    assert {place for place, weight in enumerate(weights) if weight == 1.0} <= {0, 4, 8}
    assert min(weights) < 0.2
    asked = sitting.improviser.course.controls.handles.pitch_classes
    assert asked is not None and {place for place, count in enumerate(asked) if count} == {0, 4, 8}


def test_a_lost_output_silences_and_the_music_goes_on_when_it_is_back() -> None:
    sitting = Sitting()
    sitting.link.at(1003.0, lambda: sitting.link.report(PortLost("piano", "output")))
    sitting.link.at(1006.0, lambda: sitting.link.report(PortBack("piano", "output")))
    sitting.session.run(9.0)
    assert {status.state for status in sitting.shown if 3.1 < status.elapsed_s < 6.0} == {"silent"}
    assert sitting.struck_between(1006.05, 1009.0)
    said = [status.said for status in sitting.shown]
    assert any("gone" in each for each in said) and "back" in said[-1]


def test_best_of_four_plays_likelier_music_than_one() -> None:
    def likelihood(beams: int) -> float:
        sitting = Sitting(3, beams=beams)
        sitting.session.run(20.0)
        tokens = sitting.continuation.history(sitting.improviser.heard)
        (moment,) = sitting.continuation.beginning()
        total = 0.0
        for token in tokens:
            total += float(moment.logits[token] - np.logaddexp.reduce(moment.logits))
            (moment,) = sitting.continuation.feed([moment], [token])
        sitting.check_silent()
        return total / len(tokens)

    assert likelihood(4) > likelihood(1) + 0.1


def test_panic_by_a_controller_is_quick() -> None:
    sitting = Sitting()
    sitting.play_at(1003.0, control_change(105, 127))
    delays = sitting.session.run(5.0).delays
    assert delays["panic"]["max"] <= 20.0
    assert not sitting.struck_between(1003.01, 1005.0)
    sitting.check_silent()


@pytest.mark.parametrize(
    ("settings", "steered"),
    [
        (Settings(), True),
        (Settings(composer="bach"), True),
        (Settings(density=8.0), False),
        (Settings(register=60.0), False),
        (Settings(scale="C major"), False),
    ],
    ids=["nothing", "composer", "density", "register", "scale"],
)
def test_music_that_nobody_would_play_is_left_unless_it_was_asked_for(settings: Settings, steered: bool) -> None:
    sitting = Sitting(settings=settings)  # what the stand-in for a model plays has no key
    sitting.session.run(75.0)
    said = {status.said for status in sitting.shown}
    assert any(each.endswith(": going on from before") for each in said) is steered
    sitting.check_silent()


@pytest.mark.parametrize("beams", [1, 4])
def test_a_schedule_leaves_at_the_moment_by_which_it_is_judged_however_long_planning_takes(beams: int) -> None:
    sitting = Sitting(2, beams=beams)
    sitting.engine.on_step = lambda: sitting.link.pass_time(0.004)
    sitting.session.run(4.0)
    told_s = {fact.now_s for fact in sitting.facts if isinstance(fact, Time)}
    schedules = [(at_s, each) for at_s, each in sitting.link.commands if isinstance(each, Schedule)]
    assert len(schedules) > 50
    assert {at_s for at_s, _ in schedules} <= told_s
    assert min(each.messages[0].due_s - at_s for at_s, each in schedules) >= 0.003 - 2e-6  # it reaches the player


def lazy_answers(strikes_of_call: int, waits: float) -> list[tuple[int, float]]:
    """How many notes answer so many, and when the last is struck after the first, in seconds, of twelve sessions, where
    the model waits, for up to 0.32 s, so many times as often as it strikes."""
    logits = np.full(PERFORMANCE_8MS.size, -30.0, np.float32)
    logits[PERFORMANCE_8MS.tokens_of(EventKind.NOTE_ON)] = 0.0
    shift = PERFORMANCE_8MS.offsets[EventKind.TIME_SHIFT]
    logits[shift : shift + 40] = np.log(128 * waits / 40)
    answers = []
    for seed in range(12):
        sitting = Sitting(seed, settings=TRADE, engine=ConstantEngine(logits))
        sitting.phrase_at(BEGAN_S + 1, range(60, 60 + strikes_of_call))
        sitting.session.run(15.0)
        struck_s = [at_s for at_s, message in sitting.sent if strikes(message)]
        answers.append((len(struck_s), struck_s[-1] - struck_s[0]))
    return answers


def test_five_notes_are_answered_with_four_at_least() -> None:
    assert min(count for count, _ in lazy_answers(5, waits=4)) == 4
    assert min(count for count, _ in lazy_answers(4, waits=4)) < 4  # as the model likes


def test_an_answer_does_not_wait_for_its_notes_for_ever() -> None:
    answers = lazy_answers(5, waits=30)
    assert min(count for count, _ in answers) < 4
    assert max(seconds for _, seconds in answers) <= 1.5 * 1.5 + 2.0 + STEP_S  # an answer is 1.5 s long at least


@pytest.mark.parametrize("mode", Mode)
def test_an_answer_is_asked_to_be_as_the_call_was(mode: Mode) -> None:
    sitting = Sitting(settings=Settings(mode=mode, loudness=100.0))
    ended_s = sitting.phrase_at(1002.0, range(70, 78), gap_s=0.25)
    sitting.press_at(ended_s + 4.0, "m")
    asked: list[Handles] = []
    for at_s in (ended_s, ended_s + 3.0, ended_s + 4.5):
        sitting.link.at(at_s, lambda: asked.append(sitting.improviser.course.controls.handles))
    sitting.session.run(ended_s + 5.0 - 1000.0)
    before, after, in_the_next_mode = asked
    alike = Handles(density=4.0, loudness=100.0, register=73.5)
    assert before == Handles(loudness=100.0)
    assert after == (before if mode is Mode.SOLO else alike)
    assert in_the_next_mode == (before if mode in (Mode.SOLO, Mode.DUET) else alike)  # after duet comes solo


def test_an_answer_may_begin_with_the_calls_first_notes() -> None:
    """At recall 1 it always does, as far as the model goes along; at 0 it does by chance."""
    shares = []
    for recall in (0.0, 1.0):
        alike = 0
        for seed in range(12):
            sitting = Sitting(seed, Settings(mode=Mode.TRADE, recall=recall))
            sitting.phrase_at(1002.0, range(60, 72, 2))
            sitting.session.run(8.0)
            alike += sitting.struck_between(1003.0, 1008.0)[:3] == [60, 62, 64]
        shares.append(alike / 12)
    assert shares[0] == 0 and shares[1] > 0.5


def test_the_plan_says_what_is_quoted_and_there_it_was_struck() -> None:
    sitting = Sitting(2, Settings(mode=Mode.TRADE, recall=1.0))
    for place in range(3):
        sitting.phrase_at(BEGAN_S + 1.0 + 8 * place, range(60, 68))
    sitting.session.run(26.0)
    struck = [(at_s, m[1]) for at_s, m in [*sitting.sent, *sitting.played] if strikes(m)]
    numbers = {fact.number for fact in sitting.facts if isinstance(fact, Sent)}
    sounded = [each for schedule in sitting.schedules for each in schedule.messages if each.number in numbers]
    quoting = [each for each in sounded if each.quoted is not None]
    assert len(quoting) > 8 and all(strikes(each.message) for each in quoting)
    for each in quoting:
        assert each.quoted is not None
        ago_s, pitch = each.quoted
        assert (each.message[1] - pitch) % 12 in (0, 5, 7)
        # a rest in which time stood still is not counted
        assert any(other == pitch and at_s <= each.due_s - ago_s + 0.01 for at_s, other in struck)
