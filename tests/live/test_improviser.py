"""The plan in time, and the way back: what the model remembers is what was heard, whatever was taken back."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from perfrnn_live.engines.fake import FakeEngine
from perfrnn_live.live.hearing import Change
from perfrnn_live.live.improviser import LOOKAHEAD_S, Improviser
from perfrnn_live.music.midi import note_off, note_on, strikes
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS, EventKind
from perfrnn_live.player.clock import FakeClock
from perfrnn_live.player.messages import Beat, Panic, Report, Schedule, Sent, TakeBack, TakenBack, Timed
from perfrnn_live.player.ports import MemoryPort
from perfrnn_live.player.profiles import DAW, Profile
from perfrnn_live.sampling.controls import Controls
from tests.fakes import ScriptedLink, TracedContinuation, messages_of, same_moment

STEP_S = 0.008
ON, OFF, SHIFT = EventKind.NOTE_ON, EventKind.NOTE_OFF, EventKind.TIME_SHIFT


class Stage:
    """An improviser and its player on a fake clock. Everything planned and everything sent is kept."""

    def __init__(self, seed: int = 1, prime: Sequence[int] = (), profile: Profile = DAW) -> None:
        self.clock = FakeClock()
        self.port = MemoryPort(self.clock)
        self.link = ScriptedLink(self.port, self.clock, profile)
        self.lead_s = profile.longest_delay_s
        self.step_s = 0.0  # how long the model takes for a step
        self.continuation = TracedContinuation(FakeEngine(on_step=lambda: self.link.pass_time(self.step_s)))
        self.start = self.head = self.continuation.latest = self.continuation.primed(prime)
        rng = np.random.default_rng(seed)
        self.improviser = Improviser(self.continuation, self.start, Controls(), rng, self.lead_s)
        self.planned: list[Timed] = []
        self.sent: list[Sent] = []
        self.taken_back_s = 0.0

    def plan(self) -> Schedule | None:
        schedule = None
        while schedule is None and self.improviser.wakes_s <= self.clock.now():
            self.improviser.extend(self.clock.now())
            schedule = self.improviser.hand_over(self.clock.now())
        self.head = self.continuation.latest
        if schedule is not None:
            assert schedule.messages[0].due_s >= self.clock.now() + self.lead_s + 0.003 - 2e-6, (
                "too late to reach the player"
            )
            assert schedule.messages[0].due_s >= self.taken_back_s, "planned before the moment of taking back"
            self.planned += schedule.messages
            self.link.send(schedule)
        return schedule

    def plan_all(self) -> None:
        while self.plan() is not None:
            pass

    def play(self, seconds: float) -> None:
        """Let the player play; the plan is not extended meanwhile. A session that is there says so."""
        until_s = self.clock.now() + seconds
        self.link.send(Beat())
        while (report := self.link.receive(until_s - self.clock.now())) is not None:
            self.hear(report)

    def perform(self, seconds: float) -> None:
        """Plan and play in turns, as a session does."""
        until_s = self.clock.now() + seconds
        while self.clock.now() < until_s:
            self.play(0.0 if self.plan() else 0.02)

    def hear(self, report: Report) -> None:
        if isinstance(report, Sent):
            self.sent.append(report)
            if report.number is not None:
                self.improviser.sent(report.number, report.sent_s)
        elif isinstance(report, TakenBack):
            if not report.asked:
                self.improviser.taken_back(report.at_s)
            self.taken_back_s = report.at_s

    def take_back(self, silence: bool = False) -> None:
        plan = self.improviser.plan_number
        self.link.send(Panic(plan) if silence else TakeBack(plan))
        while (report := self.link.receive(0)) is not None:
            self.hear(report)
        (self.improviser.silenced if silence else self.improviser.taken_back)(self.taken_back_s)

    def heard(self) -> list[int]:
        return self.continuation.history(self.improviser.heard)


def steps_of(stage: Stage) -> dict[int | None, int]:
    """Step of each message that was planned, by its number, when nothing was taken back."""
    tokens = stage.continuation.history(stage.head)
    return {number: step for number, (step, _) in enumerate(messages_of(tokens, stage.continuation.vocabulary))}


def test_due_times_are_the_origin_plus_whole_steps_however_long_it_plays() -> None:
    stage = Stage()
    origin_s = stage.clock.now() + 0.05
    while stage.improviser.events < 10_000:
        stage.perform(1.0)
    steps = steps_of(stage)
    assert len(stage.planned) == len(steps) > 6000
    for timed in stage.planned:
        assert timed.due_s == pytest.approx(origin_s + steps[timed.number] * STEP_S, rel=0, abs=1e-6)
    assert [sent.sent_s for sent in stage.sent] == [sent.due_s for sent in stage.sent]


def test_the_plan_reaches_the_lookahead_and_goes_no_further_than_one_event() -> None:
    stage = Stage()
    longest_s = stage.continuation.vocabulary.max_shift * STEP_S
    assert stage.improviser.planned_until_s() is None
    for _ in range(200):
        stage.plan_all()
        until_s = stage.improviser.planned_until_s()
        assert until_s is not None
        assert LOOKAHEAD_S < until_s - stage.clock.now() <= LOOKAHEAD_S + longest_s
        stage.play(0.02)


def test_all_that_is_planned_is_sent_once_and_in_order() -> None:
    stage = Stage()
    stage.perform(20.0)
    assert [sent.number for sent in stage.sent] == list(range(len(stage.sent)))
    assert [(sent.due_s, sent.message) for sent in stage.sent] == [
        (timed.due_s, timed.message) for timed in stage.planned[: len(stage.sent)]
    ]


def check_memory(stage: Stage) -> None:
    """What the improviser has heard is what the port was sent, and nothing else."""
    tokens = stage.heard()
    sounded = [message for _, message in messages_of(tokens, stage.continuation.vocabulary)]
    assert sounded == [message for _, message in stage.port.sent if message[0] < 0xB0]
    assert same_moment(stage.continuation.fed(tokens), stage.improviser.heard)
    assert stage.link.player.sounding == set(np.flatnonzero(stage.improviser.heard.keyboard.sounding).tolist())


def check_time(stage: Stage) -> NDArray[np.float64]:
    """The model's time between two sounds is the time that passed, or less where it fell behind or was silenced.
    Returns by how much less, seconds."""
    steps = [step for step, _ in messages_of(stage.heard(), stage.continuation.vocabulary)]
    dues_s = [sent.due_s for sent in stage.sent if sent.message[0] < 0xB0]
    slack_s = np.diff(dues_s) - np.diff(steps) * STEP_S
    assert slack_s.min(initial=0) > -STEP_S  # a release at a panic comes between two steps: it is heard at the next
    return np.asarray(slack_s)


actions = st.one_of(
    st.tuples(st.just("plan"), st.just(0.0)),
    st.tuples(st.just("perform"), st.floats(0.0, 0.4)),
    st.tuples(st.just("play"), st.floats(0.0, 0.7)),
    st.tuples(st.just("take back"), st.just(0.0)),
)
mishaps = st.one_of(
    st.tuples(st.just("silence"), st.just(0.0)),
    st.tuples(st.just("stall"), st.floats(0.0, 0.5)),
    st.tuples(st.just("slow"), st.floats(0.0, 0.03)),
)


@settings(max_examples=40)
@given(st.lists(actions, max_size=25), st.integers(0, 1000))
@example([("plan", 0.0), *[("play", 0.6875)] * 3], 0)
def test_whatever_is_taken_back_the_model_remembers_exactly_what_was_heard(
    doings: list[tuple[str, float]], seed: int
) -> None:
    stage = Stage(seed)
    act_out(stage, doings)
    stage.take_back()
    stage.perform(1.0)
    check_memory(stage)
    slack_s = check_time(stage)
    assert slack_s.min(initial=0) > -2e-6
    if not any(doing == "play" for doing, _ in doings):  # where planning went on, time was kept
        assert slack_s.max(initial=0) < 0.003 + 2e-6  # what it takes a message to reach the player


@settings(max_examples=40)
@given(st.lists(actions | mishaps, max_size=25), st.integers(0, 1000))
def test_nor_do_stalls_a_slow_model_and_silences_confuse_it(doings: list[tuple[str, float]], seed: int) -> None:
    stage = Stage(seed)
    act_out(stage, doings)
    stage.take_back(silence=True)
    check_memory(stage)
    check_time(stage)
    assert not stage.improviser.heard.keyboard.sounding.any()


def act_out(stage: Stage, doings: list[tuple[str, float]]) -> None:
    for doing, seconds in doings:
        if doing == "plan":
            stage.plan()
        elif doing == "perform":
            stage.perform(seconds)
        elif doing == "play":
            stage.play(seconds)
        elif doing == "stall":
            stage.clock.advance(seconds)  # nobody does anything, as on a machine that sleeps
        elif doing == "slow":
            stage.step_s = seconds
        else:
            stage.take_back(silence=doing == "silence")


def test_after_taking_back_time_goes_on_from_the_moment_of_taking_back() -> None:
    for seed in range(10):
        stage = Stage(seed)
        stage.perform(1.0)
        stage.play(0.013 * seed)
        before = stage.improviser.heard
        stage.take_back()
        assert stage.improviser.heard is before
        stage.plan_all()
        vocabulary = stage.continuation.vocabulary
        heard, planned = stage.heard(), stage.continuation.history(stage.head)
        assert planned[: len(heard)] == heard
        first = vocabulary.decode(planned[len(heard)])
        waited_steps = (stage.clock.now() - 1000.05) / STEP_S - before.keyboard.step
        if waited_steps > 1e-6:
            assert first.kind is SHIFT
            assert first.value >= waited_steps - 1e-6


def test_what_is_due_soon_is_handed_over_before_more_is_planned() -> None:
    for seed in range(10):
        stage = Stage(seed)
        stage.perform(1.0)
        stage.take_back()
        while (schedule := stage.plan()) is not None and schedule.messages[0].due_s < stage.clock.now() + 0.05:
            assert len(schedule.messages) == 1


def test_a_message_does_not_wait_for_the_step_that_follows_it() -> None:
    stage = Stage()
    stage.step_s, began_s = 0.01, stage.clock.now()
    assert stage.plan() is not None
    assert stage.clock.now() - began_s == pytest.approx((stage.improviser.events - 1) * stage.step_s)


def test_a_long_rest_taken_back_takes_several_shifts() -> None:
    stage = Stage()
    stage.perform(1.0)
    stage.take_back()
    stage.clock.advance(2.5)  # nothing is planned meanwhile: a session that stood still
    stage.take_back()
    stage.plan_all()
    planned = stage.continuation.history(stage.head)[len(stage.heard()) :]
    shifts = [stage.continuation.vocabulary.decode(token) for token in planned[:3]]
    assert [shift.kind for shift in shifts] == [SHIFT] * 3
    assert [shift.value for shift in shifts[:2]] == [125, 125]


def test_a_plan_taken_back_before_it_began_begins_where_it_would_have() -> None:
    stage = Stage()
    stage.plan()
    stage.clock.advance(0.01)
    stage.take_back()
    assert stage.improviser.heard is stage.start
    stage.perform(1.0)
    assert stage.sent[0].sent_s >= 1000.05
    check_memory(stage)


@pytest.mark.parametrize("engine_s", [0.03, 0.1])
def test_a_model_that_falls_behind_plays_late_as_a_whole_and_not_in_a_heap(engine_s: float) -> None:
    stage = Stage()
    stage.perform(2.0)
    stage.step_s = engine_s  # it plays some forty events a second: now it cannot
    stage.perform(8.0)
    stage.step_s = 0.0
    stage.perform(2.0)
    assert stage.taken_back_s == 0  # nothing was so late that it had to be dropped,
    sent_s, steps = np.array([sent.sent_s for sent in stage.sent]), steps_of(stage)
    planned_s = np.array([steps[sent.number] for sent in stage.sent]) * STEP_S
    assert (np.diff(sent_s) - np.diff(planned_s)).min() > -2e-6  # no gap is shorter than was planned,
    assert sent_s[-1] - sent_s[0] - (planned_s[-1] - planned_s[0]) > 1  # and yet it did fall behind
    check_memory(stage)
    stage.take_back(silence=True)
    assert stage.link.player.sounding == frozenset()
    check_memory(stage)


def test_silence_feeds_the_time_that_passed_and_the_releases_of_all_that_sounds() -> None:
    stage = Stage()
    stage.perform(2.0)
    while stage.improviser.heard.keyboard.sounding.sum() < 2:
        stage.perform(0.1)
    stage.take_back()
    tokens, pitches = stage.heard(), np.flatnonzero(stage.improviser.heard.keyboard.sounding).tolist()
    elapsed_s = stage.clock.now() - stage.sent[-1].due_s
    stage.clock.advance(0.0803)
    stage.take_back(silence=True)
    fed = [stage.continuation.vocabulary.decode(token) for token in stage.heard()[len(tokens) :]]
    assert [event.value for event in fed if event.kind is OFF] == pitches
    assert [sent.message for sent in stage.sent[-len(pitches) - 1 : -1]] == [note_off(pitch) for pitch in pitches]
    waited_steps = sum(event.value for event in fed if event.kind is SHIFT)
    assert 0 <= waited_steps * STEP_S - (elapsed_s + 0.0803) <= STEP_S
    check_memory(stage)


def test_after_a_silence_the_music_goes_on_as_if_none_had_been() -> None:
    stage = Stage()
    stage.perform(2.0)
    stage.take_back(silence=True)
    assert stage.improviser.planned_until_s() is None
    before = stage.heard()
    stage.clock.advance(60.0)
    began_s = stage.clock.now()
    stage.perform(1.0)
    after = stage.heard()
    assert after[: len(before)] == before
    played = messages_of(after[len(before) :], stage.continuation.vocabulary)
    dues_s = [sent.due_s for sent in stage.sent[-len(played) :]]
    assert dues_s == pytest.approx([began_s + 0.05 + step * STEP_S for step, _ in played])
    check_memory(stage)


def test_the_message_that_is_waited_for_is_the_first_that_was_not_reported() -> None:
    stage = Stage()
    assert stage.improviser.awaited_s() is None
    stage.plan_all()
    assert stage.improviser.awaited_s() == stage.planned[0].due_s
    stage.play(0.3)
    assert stage.improviser.awaited_s() == stage.planned[len(stage.sent)].due_s
    stage.take_back()
    assert stage.improviser.awaited_s() is None


def test_it_goes_on_from_the_middle_of_music_which_it_does_not_play() -> None:
    strike, release, shift = (PERFORMANCE_8MS.tokens_of(kind).start for kind in (ON, OFF, SHIFT))
    stage = Stage(prime=[strike + 60, shift + 99, release + 60, strike + 64, shift + 49])
    heard = stage.heard()
    assert stage.improviser.heard.keyboard.step == 150
    stage.plan_all()
    played = messages_of(stage.continuation.history(stage.head)[len(heard) :], PERFORMANCE_8MS)
    assert [timed.due_s for timed in stage.planned] == pytest.approx([1000.05 + step * STEP_S for step, _ in played])


SLOW_PIANO = Profile("slow", base_delay_s=0.05, strike_delays_s=((20, 0.14), (40, 0.1), (80, 0.01)))
OTHERS = range(100, 110)  # the other player's keys here; the machine keeps below them


def hurried(moves: Sequence[tuple[int, bytes]], profile: Profile) -> list[bool]:
    """Of each strike and release, its step before it: whether the piano cannot move the key in time, because a soft
    strike leaves before the release that it follows."""
    late_steps = (profile.longest_delay_s - profile.base_delay_s) / STEP_S
    hurried = [False] * len(moves)
    last: dict[int, int] = {}  # the place of each key's last move
    for place, (step, message) in enumerate(moves):
        before = last.get(message[1])
        if before is not None and step - moves[before][0] <= late_steps and message[1] < OTHERS.start:
            if strikes(message):
                hurried[before] = hurried[place] = True
            else:
                hurried[place] = hurried[before]
        last[message[1]] = place
    return hurried


class Duet(Stage):
    """A stage with somebody at its upper end."""

    def __init__(self, seed: int, profile: Profile) -> None:
        super().__init__(seed, profile=profile)
        self.profile = profile
        self.improviser.course.controls = Controls(highest=OTHERS.start - 1)
        self.done: list[tuple[float, bytes]] = []  # by the other player
        self.down: set[int] = set()
        self.behind_s = 0.0  # by how much planning fell behind, all in all
        self._delay = self.improviser.memory.delay
        self.improviser.memory.delay = self._fall_behind  # type: ignore[method-assign]

    def _fall_behind(self, seconds: float) -> None:
        self.behind_s += seconds
        self._delay(seconds)

    def touch(self, pitch: int) -> Change:
        """Strike a key that is up, release one that is down, a moment after the last touch."""
        self.perform(2 * STEP_S)
        self.down ^= {pitch}
        self.done.append((self.clock.now(), note_on(pitch, 66) if pitch in self.down else note_off(pitch)))
        if pitch in self.down:
            return Change(self.clock.now(), (), ((pitch, 66),))
        return Change(self.clock.now(), (pitch,))

    def weave(self, pitch: int) -> None:
        change = self.touch(pitch)
        self.improviser.woven(self.clock.now(), [change])

    def interrupt(self, pitch: int) -> None:
        change = self.touch(pitch)
        self.take_back()
        self.improviser.taken_back(self.clock.now(), [change])

    def check(self) -> None:
        """Both players' notes are remembered, all of them, nothing else, and when they were, but for keys struck again
        sooner than the piano can."""
        self.take_back()
        self.improviser.rest(self.clock.now())
        self.perform(0.5 + self.lead_s)  # what a slow piano had been sent has sounded
        self.take_back()
        tokens = self.heard()
        remembered = messages_of(tokens, PERFORMANCE_8MS)
        sounded = [(sent.sounds_s, sent.message) for sent in self.sent if sent.number is not None] + self.done
        assert Counter(message for _, message in remembered) == Counter(message for _, message in sounded)
        assert same_moment(self.continuation.fed(tokens), self.improviser.heard)
        times_s: dict[bytes, list[float]] = defaultdict(list)
        for at_s, message in sorted(sounded):
            times_s[message].append(at_s)
        origin_s = 0.0  # only moves on: where planning fell behind, though not for what a slow piano had been sent
        slack_s = 2 * STEP_S + (self.behind_s if self.lead_s else 0.0)
        for (step, message), excused in zip(remembered, hurried(remembered, self.profile), strict=True):
            its_origin_s = times_s[message].pop(0) - step * STEP_S
            if not excused:
                assert its_origin_s > origin_s - slack_s
                origin_s = max(origin_s, its_origin_s)


encounters = st.one_of(
    st.tuples(st.just("perform"), st.floats(0.0, 0.4)),
    st.tuples(st.just("play"), st.floats(0.0, 0.3)),
    st.tuples(st.just("weave"), st.sampled_from(OTHERS)),
    st.tuples(st.just("interrupt"), st.sampled_from(OTHERS)),
    st.tuples(st.just("answer"), st.floats(0.5, 2.0)),
    st.tuples(st.just("rest"), st.just(0.0)),
    st.tuples(st.just("close"), st.just(0.0)),
)


@settings(max_examples=40)
@given(st.lists(encounters, max_size=15), st.integers(0, 1000), st.sampled_from([DAW, SLOW_PIANO]))
def test_whoever_plays_what_the_model_remembers_exactly_what_sounded(
    doings: list[tuple[str, float]], seed: int, profile: Profile
) -> None:
    duet = Duet(seed, profile)
    duet.perform(0.1 + duet.lead_s)  # what comes before the first step is taken for the first step's
    for doing, what in doings:
        if doing == "perform":
            duet.perform(what)
        elif doing == "play":
            duet.play(what)
        elif doing == "weave":
            duet.weave(int(what))
        elif doing == "interrupt":
            duet.interrupt(int(what))
        elif doing == "answer" and duet.improviser.resting:
            duet.improviser.course.answer(duet.improviser.begin_on(duet.clock.now()), what)
        elif doing == "rest":
            duet.take_back()
            duet.improviser.rest(duet.clock.now())
        elif doing == "close":
            duet.improviser.close()
    duet.perform(0.5)
    duet.check()
