"""Whole sessions on a fake clock: all that was sent, and when; what knobs, keys and mishaps make of it."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import mido
import numpy as np
import pytest

from perfrnn_live.engines.fake import FakeEngine
from perfrnn_live.errors import CannotWrite, PlayerLost
from perfrnn_live.live.controls import KNOBS, Mode, Settings
from perfrnn_live.live.happenings import PlayerBack, PlayerGone
from perfrnn_live.music.midi import control_change, note_off, note_on, releases, strikes
from perfrnn_live.music.midifile import MidiFileWriter, read_notes
from perfrnn_live.music.performance import Note
from perfrnn_live.player.messages import Beat, Command, Failed, Report, Sent, TakeBack
from perfrnn_live.sampling.controls import Controls
from perfrnn_live.stage.status import Summary
from tests.fakes import ScriptedLink, TracedContinuation, messages_of
from tests.sittings import BEGAN_S, PEDAL_UP, STEP_S, Sitting


def notes_of(sent: list[tuple[float, bytes]]) -> list[Note]:
    """Strikes paired with their releases."""
    struck: dict[int, tuple[float, int]] = {}
    notes = []
    for moment_s, message in sent:
        if strikes(message):
            struck[message[1]] = (moment_s, message[2])
        elif releases(message):
            onset_s, velocity = struck.pop(message[1])
            notes.append(Note(onset_s, moment_s, message[1], velocity))
    return notes


def expected(seed: int, until_s: float) -> list[tuple[float, bytes]]:
    """What a session without any events sends, worked out without plan, player or session."""
    continuation, rng = TracedContinuation(FakeEngine()), np.random.default_rng(seed)
    moment = continuation.primed([])
    while BEGAN_S + 0.05 + moment.keyboard.step * STEP_S <= until_s:
        (moment,) = continuation.feed([moment], [continuation.choose(moment, Controls(), rng)])
    messages = messages_of(continuation.history(moment), continuation.vocabulary)
    sent = [(BEGAN_S + 0.05 + step * STEP_S, message) for step, message in messages]
    sounding: set[int] = set()
    for _, message in sent:
        (sounding.add if strikes(message) else sounding.discard)(message[1])
    return [*sent, *[(until_s, note_off(pitch)) for pitch in sorted(sounding)], (until_s, PEDAL_UP)]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_whole_session_sends_exactly_this_at_exactly_these_times(seed: int) -> None:
    sitting, again = Sitting(seed), Sitting(seed)
    summary = sitting.session.run(10.0)
    ended_s = sitting.clock.now()
    assert 0 <= ended_s - BEGAN_S - 10.0 <= 0.02
    wanted = expected(seed, ended_s)
    assert [message for _, message in sitting.sent] == [message for _, message in wanted]
    np.testing.assert_allclose([at for at, _ in sitting.sent], [at for at, _ in wanted], rtol=0, atol=2e-6)
    sitting.check_silent()
    again.session.run(10.0)
    assert again.sent == sitting.sent
    struck = sum(strikes(message) for _, message in sitting.sent)
    heard = len(sitting.continuation.history(sitting.improviser.heard))
    assert struck > 50
    assert summary == Summary(struck, heard, ended_s - BEGAN_S, 0.0, 0.0, 0.0, 0)
    assert list(summary.to_json()) == [
        "notes",
        "events",
        "seconds",
        "lateness_p50_ms",
        "lateness_p99_ms",
        "lateness_max_ms",
        "dropped",
        "delays",
        "complaints",
    ]


def test_another_seed_is_other_music() -> None:
    one, other = Sitting(1), Sitting(2)
    one.session.run(2.0)
    other.session.run(2.0)
    assert one.sent != other.sent


def test_the_recording_is_what_was_sent_to_the_millisecond(tmp_path: Path) -> None:
    path = tmp_path / "session.mid"
    sitting = Sitting(record=path)
    for moment_s in (1001.0, 1001.5, 1002.0, 1002.5):
        sitting.link.at(moment_s, lambda: sitting.clock.advance(0.09))  # some messages are late
    sitting.link.turn_at(1003.0, 127)
    sitting.press_at(1005.0, " ")
    sitting.press_at(1007.5, " ")
    assert sitting.session.run(12.0).lateness_max_ms > 10
    sitting.check_silent()
    file = mido.MidiFile(path)
    tick, recorded = 0, []
    for message in file.tracks[0]:
        tick += message.time
        if not message.is_meta:
            recorded.append((tick, message.bin()))
    assert file.ticks_per_beat == 500  # with 500,000 µs a beat: a tick is a millisecond
    assert recorded == [(round((at - BEGAN_S) * 1000), message) for at, message in sitting.sent]
    assert len(read_notes(path)) == sum(strikes(message) for _, message in sitting.sent)


@pytest.mark.parametrize("seed", range(5))
def test_a_knob_is_heard_at_once(seed: int) -> None:
    plain, turned = Sitting(seed), Sitting(seed)
    turned.link.turn_at(1003.0, 127)
    plain.session.run(6.0)
    turned.session.run(6.0)
    pairs = zip(plain.sent, turned.sent, strict=False)
    first = next(place for place, (one, other) in enumerate(pairs) if one != other)
    assert turned.sent[first][0] >= 1003.0  # nothing that had sounded is changed
    steps = [
        step for step, _ in messages_of(turned.continuation.history(turned.improviser.heard), turned.engine.vocabulary)
    ]
    its_steps = steps[first] - steps[first - 1]
    assert turned.sent[first][0] <= 1003.0 + 0.05 + its_steps * STEP_S
    assert turned.improviser.course.controls.temperature == 2.0
    shown = [(status.elapsed_s, status.settings.temperature) for status in turned.shown]
    assert {temperature for elapsed_s, temperature in shown if elapsed_s < 3.0} == {1.0}
    assert {temperature for elapsed_s, temperature in shown if elapsed_s > 3.03} == {2.0}
    turned.check_silent()


def test_other_controllers_and_messages_change_nothing() -> None:
    plain, touched = Sitting(), Sitting()
    touched.link.knob_at(1001.0, 127, controller=7)
    touched.link.knob_at(1002.0, 64)  # where it stands already
    plain.session.run(4.0)
    touched.session.run(4.0)
    assert touched.sent == plain.sent
    assert not any(isinstance(command, TakeBack) for _, command in touched.link.commands)


def test_a_flood_from_a_knob_takes_the_plan_back_forty_times_a_second_at_most() -> None:
    sitting = Sitting()
    for milliseconds in range(1000):
        sitting.link.knob_at(1002.0 + milliseconds / 1000, milliseconds % 128)
    sitting.link.knob_at(1003.0, 17)
    sitting.session.run(5.0)
    taken_back = [at for at, command in sitting.link.commands if isinstance(command, TakeBack)]
    assert 20 <= len(taken_back) <= 42
    assert min(after - before for before, after in pairwise(taken_back)) >= 0.025 - 1e-9
    assert sitting.improviser.course.controls.temperature == KNOBS["temperature"].value_at(17)
    assert any(1002.1 < at < 1002.9 and strikes(message) for at, message in sitting.sent)  # it plays on meanwhile
    sitting.check_silent()


def test_the_panic_key_silences_and_pressed_again_plays_on() -> None:
    sitting = Sitting()
    sitting.press_at(1002.0, " ")
    sitting.press_at(1004.0, " ")
    sitting.session.run(6.0)
    before = [message for at, message in sitting.sent if at <= 1002.02]
    assert before[-1] == PEDAL_UP
    assert sum(map(strikes, before)) == sum(map(releases, before)) > 0
    assert not [at for at, _ in sitting.sent if 1002.02 < at < 1004.05]
    assert [message for at, message in sitting.sent if at > 1004.05]
    assert {status.state for status in sitting.shown if 2.03 < status.elapsed_s < 4.0} == {"silent"}
    assert {status.state for status in sitting.shown if status.elapsed_s > 4.15} == {"playing"}
    assert all(not status.sounding and not status.lookahead_s for status in sitting.shown if status.state == "silent")
    sitting.check_silent()


def test_a_knob_turned_in_silence_holds_for_what_comes_after() -> None:
    sitting = Sitting()
    sitting.press_at(1001.0, " ")
    sitting.link.turn_at(1002.0, 0)
    sitting.press_at(1003.0, " ")
    sitting.session.run(5.0)
    assert sitting.improviser.course.controls.temperature == 0.5
    assert not [at for at, _ in sitting.sent if 1001.02 < at < 1003.05]
    sitting.check_silent()


def test_keys_turn_the_temperature_and_quit() -> None:
    sitting = Sitting()
    for moment_s in (1001.0, 1001.1, 1001.2, 1001.3):
        sitting.press_at(moment_s, "+")
    sitting.press_at(1002.0, "-")
    sitting.press_at(1003.0, "q")
    summary = sitting.session.run()
    assert sitting.improviser.course.controls.temperature == pytest.approx(2 ** (3 / 8))
    assert 3.0 <= summary.seconds <= 3.03
    sitting.check_silent()


def test_it_can_be_ended_from_outside() -> None:
    sitting = Sitting()
    sitting.link.at(1002.0, sitting.session.end)
    assert 2.0 <= sitting.session.run().seconds <= 2.03
    sitting.check_silent()


def test_the_screen_shows_five_times_a_second_what_sounds() -> None:
    sitting = Sitting()
    sitting.session.run(10.0)
    assert 40 <= len(sitting.shown) <= 50
    for status in sitting.shown[8:-1]:
        now_s = BEGAN_S + status.elapsed_s
        notes = notes_of(sitting.sent)
        assert status.sounding == {note.pitch for note in notes if note.onset_s <= now_s < note.offset_s}
        assert 0.4 < status.lookahead_s <= 1.5
        assert 10 < status.events_per_s < 200
        assert (status.state, status.dropped, status.lateness_p99_ms) == ("playing", 0, 0.0)


def test_no_note_outlasts_the_bound_and_the_texture_is_that_of_a_piano() -> None:
    sitting = Sitting(base=Controls(max_note_s=1.0))
    summary = sitting.session.run(30.0)
    lengths_s = [note.offset_s - note.onset_s for note in notes_of(sitting.sent)]
    assert max(lengths_s) <= 1.0 + 1e-9
    assert 0.5 < sum(lengths_s) / summary.seconds < 10


@pytest.mark.parametrize("slept_s", [1.5, 30.0])
def test_a_machine_that_slept_plays_on_without_what_it_missed(slept_s: float) -> None:
    sitting = Sitting()
    for moment_s in (1001.0, 1001.5, 1002.0, 1002.5):
        sitting.link.at(moment_s, lambda: sitting.clock.advance(0.09))
    sitting.link.at(1003.0, lambda: sitting.clock.advance(slept_s))
    woke_s = 1003.0 + slept_s
    summary = sitting.session.run(6.0 + slept_s)
    assert summary.dropped > 0
    assert 10 < summary.lateness_max_ms <= 90 + 1e-6
    assert sitting.shown[-1].dropped == summary.dropped
    assert not [at for at, _ in sitting.sent if 1003.0 < at < woke_s]
    assert sum(strikes(message) for at, message in sitting.sent if woke_s < at < woke_s + 1.0) > 3
    assert max(note.offset_s - note.onset_s for note in notes_of(sitting.sent) if note.onset_s > woke_s) <= 4.0 + STEP_S
    sitting.check_silent()


class HungLink(ScriptedLink):
    """Once `hung`, the player says and does nothing."""

    hung = False

    def hang(self) -> None:
        self.hung = True

    def send(self, command: Command) -> None:
        if not self.hung:
            super().send(command)

    def receive(self, timeout_s: float) -> Report | None:
        if not self.hung:
            return super().receive(timeout_s)
        self.clock.advance(max(timeout_s, 0.0))
        return None


@pytest.mark.parametrize("key", [None, " ", "+"])
def test_a_player_that_stops_answering_is_lost(key: str | None) -> None:
    sitting = Sitting(link=HungLink)
    assert isinstance(sitting.link, HungLink)
    if key is not None:
        sitting.press_at(1002.0, key)
    sitting.link.at(1002.0, sitting.link.hang)
    with pytest.raises(PlayerLost, match="stopped answering"):
        sitting.session.run(60.0)
    assert sitting.clock.now() < 1007.5
    sitting.check_silent()


def test_a_port_that_broke_is_told_in_its_own_words() -> None:
    sitting = Sitting()
    sitting.link.at(1002.0, lambda: sitting.link.report(Failed("The piano is gone.", "")))
    with pytest.raises(PlayerLost, match=r"^The piano is gone\.$"):
        sitting.session.run(60.0)
    sitting.check_silent()


def test_a_player_that_does_not_say_that_it_stopped_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    sitting = Sitting()
    monkeypatch.setattr(sitting.link, "close", lambda: [])
    with pytest.raises(PlayerLost, match="may be sounding still"):
        sitting.session.run(1.0)


def test_a_signal_that_ends_the_player_as_well_is_an_end_like_others() -> None:
    sitting = Sitting()

    def end_both() -> None:
        sitting.session.end()
        raise PlayerLost("the player process ended unexpectedly")  # it said that it stopped, which is still to be read

    sitting.link.at(1002.0, end_both)
    sitting.session.run(60.0)
    assert sitting.clock.now() < 1003.0
    sitting.check_silent()


def test_whatever_breaks_the_notes_end_and_the_recording_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "session.mid"
    sitting = Sitting(record=path)

    def break_down() -> None:
        if sitting.clock.now() > 1003.0:
            raise RuntimeError("the model broke down")

    sitting.engine.on_step = break_down
    with pytest.raises(RuntimeError, match="broke down"):
        sitting.session.run(10.0)
    sitting.check_silent()
    assert len(read_notes(path)) == sum(strikes(message) for _, message in sitting.sent)


def test_a_full_disk_ends_the_recording_with_a_sentence_and_not_the_music(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "session.mid"
    sitting, plain = Sitting(record=path), Sitting()
    flush = MidiFileWriter.flush
    flushed: list[int] = []

    def full_after_a_while(writer: MidiFileWriter) -> None:
        if len(flushed) == 6:
            raise CannotWrite("cannot write session.mid: No space left on device")
        flushed.append(1)
        flush(writer)

    monkeypatch.setattr(MidiFileWriter, "flush", full_after_a_while)
    summary = sitting.session.run(10.0)
    plain.session.run(10.0)
    assert sitting.sent == plain.sent
    sentence = "the recording ends here: cannot write session.mid: No space left on device"
    assert summary.complaints == (sentence,)
    kept = len(read_notes(path))
    assert 0 < kept < sum(strikes(message) for _, message in sitting.sent)
    sitting.check_silent()


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("thru", [False, True])
def test_a_player_that_dies_has_a_successor_and_the_music_goes_on(mode: Mode, thru: bool) -> None:
    sitting = Sitting(settings=Settings(mode=mode, density=12.0), restarts=True, thru=thru)
    sitting.phrase_at(1001.0, range(60, 66))
    sitting.link.at(1005.0, lambda: sitting.link.die())
    sitting.phrase_at(1007.0, range(70, 74))
    sitting.session.run(14.0)
    sounding = Counter[int]()
    for at_s, message in sitting.sent:
        if strikes(message):
            sounding[message[1]] = 1
        elif releases(message):
            sounding[message[1]] = 0
        if at_s < 1005.0:
            left = +sounding
    assert left or mode is Mode.TRADE  # something sounded when it died
    up = {message[1] for at_s, message in sitting.sent if 1005.0 <= at_s <= 1005.1 and releases(message)}
    assert up >= set(left)
    struck = (
        sitting.struck_between(1005.1, 1007.0) if mode is not Mode.TRADE else sitting.struck_between(1008.5, 1012.0)
    )
    assert len(struck) > 3
    assert any("another one takes over" in status.said for status in sitting.shown)
    assert not +sounding
    facts = [fact for fact in sitting.facts if isinstance(fact, PlayerGone | PlayerBack)]
    assert [type(fact) for fact in facts] == [PlayerGone, PlayerBack]
    assert facts[1].at_s - facts[0].at_s <= 1.0


def test_what_is_released_while_there_is_no_player_is_not_held_for_ever() -> None:
    sitting = Sitting(settings=Settings(mode=Mode.TRADE), restarts=True)
    for message in (note_on(90, 80), control_change(64, 127)):
        sitting.play_at(1004.9, message)  # and nobody hears them go up
    sitting.link.at(1005.0, lambda: sitting.link.die())
    ended_s = sitting.phrase_at(1008.0, range(60, 68))
    sitting.session.run(12.0)
    assert not sitting.improviser.memory.held
    assert sitting.struck_between(ended_s, ended_s + 1.6), "it was not answered in time"


def test_a_player_that_hangs_has_a_successor_too() -> None:
    sitting = Sitting(link=HungLink, restarts=True)
    hung = sitting.link
    assert isinstance(hung, HungLink)
    sitting.link.at(1003.0, hung.hang)
    sitting.session.run(15.0)
    assert sitting.link is not hung
    assert len(sitting.struck_between(1010.0, 1015.0)) > 10
    sitting.check_silent()


def test_what_a_player_told_just_before_it_was_killed_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "session.mid"
    sitting = Sitting(record=path, restarts=True)

    link = sitting.link

    def play_tell_and_die() -> None:
        """The session learns of it by the next order, before it has read what was told."""
        if sitting.clock.now() > 1003.0 and not link.dead:
            while link.player.next_due_s is not None and link.player.next_due_s < 1003.5:
                sitting.clock.advance(max(link.player.next_due_s - sitting.clock.now(), 0.0))
                link.player.play_due()
            assert any(isinstance(report, Sent) and strikes(report.message) for report in link._reports)
            link.die()
            sitting.session._send(Beat())

    sitting.engine.on_step = play_tell_and_die
    sitting.session.run(6.0)
    assert link.dead
    assert len(read_notes(path)) == sum(strikes(message) for _, message in sitting.sent) > 20
    sitting.check_silent()


def test_players_that_are_lost_all_the_time_end_the_session() -> None:
    sitting = Sitting(restarts=True)
    for moment_s in (1001.0, 1002.0, 1003.0, 1004.0):
        sitting.link.at(moment_s, lambda: sitting.link.die())
    with pytest.raises(PlayerLost, match="ended unexpectedly"):
        sitting.session.run(10.0)
    assert sitting.clock.now() < 1005.0
