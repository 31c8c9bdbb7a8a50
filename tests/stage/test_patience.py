"""Sessions in which somebody takes long: sparse music, long rests, a session that stands still, a long phrase."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from perfrnn_live.engines.fake import ConstantEngine, FakeEngine
from perfrnn_live.live.controls import Mode, Settings
from perfrnn_live.live.orders import Took
from perfrnn_live.live.wayback import WayBack
from perfrnn_live.music.midi import note_off, note_on, strikes
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS, EventKind
from perfrnn_live.player.clock import FakeClock
from perfrnn_live.player.link import LocalLink
from perfrnn_live.player.messages import Beat, Schedule, Sent, TakenBack, Timed
from perfrnn_live.player.ports import MemoryPort
from perfrnn_live.sampling.continuation import Moment
from tests.fakes import same_moment
from tests.sittings import BEGAN_S, Sitting


@pytest.mark.parametrize(("beams", "seconds"), [(1, 70.0), (4, 30.0)])
def test_sparse_music_is_never_taken_for_a_session_that_stands_still(beams: int, seconds: float) -> None:
    """A beam of 16 events spans twelve seconds in such music."""
    sitting = Sitting(settings=Settings(density=1.0), beams=beams)
    sitting.session.run(seconds)
    assert not [fact for fact in sitting.facts if isinstance(fact, TakenBack)]
    struck_s = [BEGAN_S, *(at_s for at_s, m in sitting.sent if strikes(m)), BEGAN_S + seconds]
    assert max(later - earlier for earlier, later in pairwise(struck_s)) < 5.0


def test_a_session_that_has_nothing_to_say_says_that_it_is_there() -> None:
    """A note of four seconds after every rest of four: for seconds there is nothing to be planned."""
    logits = np.zeros(PERFORMANCE_8MS.size, np.float32)
    logits[PERFORMANCE_8MS.tokens_of(EventKind.TIME_SHIFT).stop - 1] = 50.0
    sitting = Sitting(engine=ConstantEngine(logits))
    sitting.session.run(20.0)
    assert not [fact for fact in sitting.facts if isinstance(fact, TakenBack)]
    struck_s = [at_s for at_s, m in sitting.sent if strikes(m)]
    assert len(struck_s) > 1 and min(later - earlier for earlier, later in pairwise(struck_s)) > 2.0


def test_a_knob_is_obeyed_when_the_new_plan_is_there_though_it_begins_with_a_rest() -> None:
    logits = np.zeros(PERFORMANCE_8MS.size, np.float32)
    logits[PERFORMANCE_8MS.tokens_of(EventKind.TIME_SHIFT).stop - 1] = 50.0
    sitting = Sitting(engine=ConstantEngine(logits))
    sitting.link.turn_at(BEGAN_S + 5.2, 90)
    sitting.session.run(10.0)
    (took,) = [fact for fact in sitting.facts if isinstance(fact, Took)]
    assert took.what == "knob" and took.until_s - took.since_s < 0.025


@pytest.mark.parametrize("silent_s", [1.0, 5.0])
def test_what_is_dropped_because_the_session_stands_still_is_reported(silent_s: float) -> None:
    clock = FakeClock()
    port = MemoryPort(clock)
    link = LocalLink(port, clock)
    began_s = clock.now()
    link.send(Schedule(0, tuple(Timed(began_s + place, place, note_on(60 + place, 80)) for place in range(8))))
    reports = []
    while clock.now() < began_s + silent_s:
        reports.append(link.receive(0.1))
    link.send(Beat())
    dropped = [report for report in reports if isinstance(report, TakenBack)]
    if silent_s < 2.0:
        assert not dropped
        return
    (report,) = dropped
    assert (report.asked, report.silenced) == (False, True)
    sent = [each for each in reports if isinstance(each, Sent) and strikes(each.message)]
    assert len(sent) == 3 and report.dropped == 8 - len(sent)
    assert 2.0 < report.at_s - began_s < 2.5
    assert not link.player.sounding


def after_a_pause(pause_s: float) -> tuple[int, Moment, list[tuple[float, bytes]]]:
    """In turns, after a pause: how many steps the engine takes for the first note, where the music stands a moment
    later, and what is answered, from the pause's end on."""
    steps: list[float] = []
    engine = FakeEngine()
    sitting = Sitting(settings=Settings(mode=Mode.TRADE), engine=engine)
    engine.on_step = lambda: steps.append(sitting.clock.now())
    sitting.phrase_at(BEGAN_S + 0.5, range(60, 66))
    returns_s = BEGAN_S + 10.0 + pause_s
    heard: list[Moment] = []
    sitting.link.at(returns_s + 0.19, lambda: heard.append(sitting.improviser.heard))
    sitting.phrase_at(returns_s, range(50, 56))
    sitting.session.run(10.0 + pause_s + 6.0)
    first = sum(returns_s - 0.001 <= at_s < returns_s + 0.1 for at_s in steps)
    answer = [(round(at_s - returns_s, 6), m) for at_s, m in sitting.sent if at_s > returns_s]
    return first, heard[0], answer


def test_after_a_rest_of_ten_minutes_it_is_as_after_ten_seconds() -> None:
    first, heard, answer = after_a_pause(10.0)
    assert 0 < first < 10 and sum(strikes(message) for _, message in answer) >= 4
    late_first, late_heard, late_answer = after_a_pause(600.0)
    assert late_first == first
    assert same_moment(late_heard, heard)
    assert late_answer == answer


@pytest.mark.parametrize("mode", [Mode.TRADE, Mode.SOLO])
def test_while_it_listens_it_does_not_go_back(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the watch over its own playing complains of: what it would lose is the other player's phrase."""
    asked_s = [BEGAN_S + 2.0, BEGAN_S + 3.0]

    def complain(way_back: WayBack, now_s: float, heard: Moment) -> tuple[str, Moment] | None:
        if not asked_s or now_s < asked_s[0]:
            return None
        asked_s.pop(0)
        return "too dense", way_back.earlier(now_s)

    monkeypatch.setattr(WayBack, "mark", complain)
    sitting = Sitting(settings=Settings(mode=mode))
    for place in range(20):
        sitting.play_at(BEGAN_S + 1.0 + 0.2 * place, note_on(40 + place, 80))
        sitting.play_at(BEGAN_S + 1.1 + 0.2 * place, note_off(40 + place))
    heard: list[Moment] = []
    sitting.link.at(BEGAN_S + 5.0, lambda: heard.append(sitting.improviser.heard))
    sitting.session.run(5.1)
    events = [PERFORMANCE_8MS.decode(token) for token in sitting.continuation.history(heard[0])]
    remembered = [event.value for event in events if event.kind is EventKind.NOTE_ON]
    went_back = [fact for fact in sitting.facts if isinstance(fact, TakenBack)]
    assert bool(went_back) == (mode is Mode.SOLO)
    if mode is Mode.TRADE:
        assert remembered == [*range(40, 60)]
