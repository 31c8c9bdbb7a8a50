"""Notes under a pedal that comes and goes: `music.pedal` judges what sounds, note by note."""

from __future__ import annotations

import csv
import math
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from hypothesis import event, given
from hypothesis import strategies as st

from perfrnn_live.music.midi import SUSTAIN, control_change, note_off, note_on, releases, strikes
from perfrnn_live.music.midifile import read_notes
from perfrnn_live.music.pedal import Gesture, Move, resolve
from perfrnn_live.music.performance import Note
from perfrnn_live.player.pedalling import Pedalling
from perfrnn_live.player.profiles import DAW, DISKLAVIER, Profile
from tests.strategies import velocities

C, E, G = 60, 64, 67
DOWN, UP = control_change(SUSTAIN, 127), control_change(SUSTAIN, 0)
SLOW = Profile("slow", min_note_s=0.1, min_pedal_gap_s=0.1, min_gap_s=0.1)
LONG = 33  # steps: longer than any strike below takes longer than a release
STEP_S = 1 / 128  # a binary fraction, as are the delays below: their sums are exact

Sent = list[tuple[float, bytes]]


def messages(notes: list[Note], profile: Profile) -> list[tuple[float, float, bytes]]:
    """(when it is to be sent, when it is to sound, message), as a player does: no key is struck before it is up."""
    planned = []
    for note in notes:
        strike = note_on(note.pitch, note.velocity)
        planned.append((note.onset_s - profile.output_delay_s(strike), 1, note.onset_s, strike))
    strikes_s: dict[int, float] = {}
    for note, (struck_s, *_) in zip(reversed(notes), reversed(planned[: len(notes)]), strict=True):
        released_s = min(note.offset_s - profile.base_delay_s, strikes_s.get(note.pitch, math.inf))
        planned.append((released_s, 0, note.offset_s, note_off(note.pitch)))
        strikes_s[note.pitch] = struck_s
    return [(due_s, sounds_s, message) for due_s, _, sounds_s, message in sorted(planned)]


def pedalled(notes: list[Note], profile: Profile, lookahead_s: float = 0.5) -> tuple[Sent, list[int]]:
    """What goes out, with the moments of sending, and which of it was planned (by index)."""
    pedalling, schedule = Pedalling(profile), messages(notes, profile)
    known_s = profile.longest_delay_s + lookahead_s
    sent: Sent = []
    planned = []
    for index, (now_s, _, message) in enumerate(schedule):
        later = schedule[index + 1 :]
        upcoming = [(due_s, each) for due_s, sounds_s, each in later if sounds_s <= now_s + known_s]
        sent += [(now_s, extra) for extra in pedalling.messages_before(message, now_s, upcoming)]
        planned.append(len(sent))
        sent.append((now_s, message))
    return sent, planned


def heard(sent: Sent, profile: Profile) -> list[Note]:
    """What sounds of it: pedal and key as they take effect, each its delay after it was sent."""
    gestures = []
    for sent_s, message in sent:
        moment_s = sent_s + profile.output_delay_s(message)
        if strikes(message):
            gestures.append(Gesture(moment_s, Move.STRIKE, message[1], message[2]))
        elif releases(message):
            gestures.append(Gesture(moment_s, Move.RELEASE, message[1], 0))
        else:
            gestures.append(Gesture(moment_s, Move.PEDAL, 0, message[2]))
    gestures.sort(key=lambda gesture: gesture.time_s)
    return resolve(gestures)


@st.composite
def pieces(draw: st.DrawFn, shortest: int = 1) -> list[Note]:
    """Notes on the steps' grid; many end together, many keys are struck again as they end. `shortest` in steps."""
    ends: dict[int, int] = {}
    notes = []
    part = st.tuples(st.integers(C, C + 5), st.just(0) | st.integers(0, 40), st.integers(shortest, 64), velocities)
    for pitch, gap, length, velocity in draw(st.lists(part, min_size=1, max_size=30)):
        onset = ends.get(pitch, 0) + gap
        ends[pitch] = onset + length
        if draw(st.booleans()):  # up to a bar line, as when a pedal rises
            ends[pitch] += -ends[pitch] % 64
        notes.append(Note(onset * STEP_S, ends[pitch] * STEP_S, pitch, velocity))
    return sorted(notes, key=lambda note: (note.onset_s, note.pitch))


profiles = st.builds(
    Profile,
    st.just("any"),
    base_delay_s=st.sampled_from([0.0, 0.0625]),
    strike_delays_s=st.sampled_from([(), ((1, 0.125), (127, 0.125)), ((64, 0.25), (65, 0.0))]),
    min_note_s=st.sampled_from([0.0, 0.125]),
    min_gap_s=st.sampled_from([0.0, 0.125]),
    min_pedal_gap_s=st.sampled_from([0.0, 0.0625, 0.125]),
)
lookaheads = st.sampled_from([0.0, 0.25, 0.5, 4.0])


@given(pieces(), st.sampled_from([0.0, 0.125]), st.sampled_from([0.0, 0.125]), lookaheads)
def test_every_note_ends_exactly_when_planned(
    notes: list[Note], min_note_s: float, min_pedal_gap_s: float, lookahead_s: float
) -> None:
    profile = replace(DAW, min_note_s=min_note_s, min_pedal_gap_s=min_pedal_gap_s)
    sent, _ = pedalled(notes, profile, lookahead_s)
    event(f"pedal used: {any(message == DOWN for _, message in sent)}")
    assert heard(sent, profile) == notes


@given(pieces(LONG), profiles, lookaheads)
def test_with_keys_that_need_time_a_note_may_only_last_until_its_key_is_struck_again(
    notes: list[Note], profile: Profile, lookahead_s: float
) -> None:
    sent, planned = pedalled(notes, profile, lookahead_s)
    plainly = heard([sent[index] for index in planned], profile)
    for plain, note in zip(plainly, heard(sent, profile), strict=True):
        assert (note.onset_s, note.pitch, note.velocity) == (plain.onset_s, plain.pitch, plain.velocity)
        again = next((n for n in notes if n.pitch == plain.pitch and n.onset_s > plain.onset_s), None)
        latest_s = plain.offset_s
        if again is not None:
            leaves_s = again.onset_s - profile.output_delay_s(note_on(again.pitch, again.velocity))
            if leaves_s <= plain.offset_s - profile.base_delay_s + 1.2 * profile.min_gap_s:
                latest_s = again.onset_s
        assert plain.offset_s <= note.offset_s <= latest_s


@given(pieces(LONG), profiles, lookaheads)
def test_the_mechanism_gets_its_time(notes: list[Note], profile: Profile, lookahead_s: float) -> None:
    sent, planned = pedalled(notes, profile, lookahead_s)
    assert [sent[index] for index in planned] == [(due_s, message) for due_s, _, message in messages(notes, profile)]
    gap_s, moved_s, down = profile.min_pedal_gap_s, -1e9, False
    keys: dict[int, float] = {}  # those that are down, and since when their note sounds
    for index, (now_s, message) in enumerate(sent):
        if message in (DOWN, UP):
            assert (message == DOWN) is not down and now_s - moved_s >= gap_s
            assert keys or message == UP
            moved_s, down = now_s, not down
        elif strikes(message):
            keys[message[1]] = now_s + profile.output_delay_s(message)
        elif index in planned:
            keys.pop(message[1], None)
        else:
            assert down and now_s - moved_s >= gap_s
            assert now_s + profile.base_delay_s - keys.pop(message[1]) >= profile.min_note_s
    assert not down


def test_the_pedal_stays_up_when_a_note_ends_too_soon_for_it() -> None:
    notes = [Note(0.0, 1.0, C, 80), Note(0.85, 2.0, E, 80)]
    assert len(pedalled(notes, SLOW, lookahead_s=2.0)[0]) == 4
    assert (0.75, DOWN) in pedalled([notes[0], replace(notes[1], onset_s=0.75)], SLOW, lookahead_s=2.0)[0]


def test_keys_go_up_early_under_the_pedal_and_their_notes_end_with_it() -> None:
    notes = [Note(0.0, 1.0, C, 80), Note(0.25, 2.0, E, 80), Note(0.5, 1.0, G, 80), Note(1.5, 2.0, C, 80)]
    sent, _ = pedalled(notes, SLOW, lookahead_s=3.0)
    assert sent == [
        (0.0, note_on(C, 80)),
        (0.25, DOWN),
        (0.25, note_on(E, 80)),
        (0.5, note_off(C)),
        (0.5, note_on(G, 80)),
        (1.0, UP),
        (1.0, note_off(C)),
        (1.0, note_off(G)),
        (1.5, DOWN),
        (1.5, note_on(C, 80)),
        (2.0, UP),
        (2.0, note_off(C)),
        (2.0, note_off(E)),
    ]


def test_a_key_that_is_struck_again_goes_up_before_and_the_pedal_stays_down() -> None:
    notes = [Note(0.0, 2.0, C, 80), Note(0.25, 1.0, E, 80), Note(0.75, 2.0, G, 80), Note(1.0, 2.0, E, 80)]
    sent, _ = pedalled(notes, SLOW, lookahead_s=1.0)
    assert [moment for moment in sent if moment[1] in (DOWN, UP)] == [(0.25, DOWN), (2.0, UP)]
    assert (0.75, note_off(E)) in sent
    assert heard(sent, SLOW) == notes


def test_a_message_that_goes_out_late_is_still_the_one_that_was_planned() -> None:
    pedalling = Pedalling(SLOW)
    plan = [(1.0, note_off(C)), (1.0, note_on(C, 80)), (2.0, note_off(C))]
    assert pedalling.messages_before(note_on(C, 80), 0.0, plan) == []
    assert pedalling.messages_before(note_on(E, 80), 0.2, plan) == [DOWN]
    assert pedalling.messages_before(note_off(C), 1.002, plan[1:]) == []
    assert pedalling.messages_before(note_off(C), 2.002, []) == [UP]


def test_the_pedal_stays_up_while_nothing_is_known_of_what_comes() -> None:
    notes = [Note(0.0, 2.0, C, 80), Note(0.5, 2.0, E, 80), Note(1.0, 2.0, G, 80)]
    assert all(message not in (DOWN, UP) for _, message in pedalled(notes, SLOW, lookahead_s=0.0)[0])


def test_notes_whose_plan_was_taken_back_end_with_the_first_end_of_the_new_one() -> None:
    pedalling = Pedalling(SLOW)
    assert pedalling.messages_before(note_on(C, 80), 0.0, [(1.0, note_off(C))]) == []
    assert pedalling.messages_before(note_on(E, 80), 0.25, [(1.0, note_off(C)), (2.0, note_off(E))]) == [DOWN]
    assert pedalling.messages_before(note_on(G, 80), 0.5, [(1.0, note_off(C)), (2.0, note_off(E))]) == [note_off(C)]
    assert pedalling.messages_before(note_off(G), 0.75, [(1.5, note_off(C)), (2.0, note_off(E))]) == [UP]
    assert pedalling.messages_before(note_off(C), 1.5, [(2.0, note_off(E))]) == []


def test_reset_raises_the_pedal_and_forgets_the_keys() -> None:
    pedalling = Pedalling(SLOW)
    assert pedalling.reset() == []
    pedalling.messages_before(note_on(C, 80), 0.0, [(1.0, note_off(C))])
    assert pedalling.messages_before(note_on(E, 80), 0.25, [(1.0, note_off(C))]) == [DOWN]
    assert pedalling.reset() == [UP]
    assert pedalling.reset() == []
    assert pedalling.messages_before(note_on(G, 80), 0.75, [(1.5, note_off(C)), (1.5, note_off(G))]) == []


def excerpts(maestro: Path, every: int, seconds: float) -> list[list[Note]]:
    """The beginnings of some recordings of the validation split, on the steps' grid."""
    with (maestro / "maestro-v3.0.0.csv").open(encoding="utf-8") as file:
        names = sorted(row["midi_filename"] for row in csv.DictReader(file) if row["split"] == "validation")
    found = []
    for name in names[::every]:
        notes = []
        for note in read_notes(maestro / name):
            if note.onset_s < seconds:
                onset, offset = round(note.onset_s / STEP_S), round(note.offset_s / STEP_S)
                notes.append(replace(note, onset_s=onset * STEP_S, offset_s=max(offset, onset + 1) * STEP_S))
        found.append(sorted(notes, key=lambda note: (note.onset_s, note.pitch)))
    return found


def held(sent: Sent) -> tuple[float, float]:
    """How many keys are down on average, and what share of the time the pedal is."""
    keys: set[int] = set()
    down = False
    keys_s = pedal_s = 0.0
    for (now_s, message), (next_s, _) in pairwise(sent):
        if strikes(message):
            keys.add(message[1])
        elif releases(message):
            keys.discard(message[1])
        else:
            down = message == DOWN
        keys_s += len(keys) * (next_s - now_s)
        pedal_s += down * (next_s - now_s)
    lasts_s = sent[-1][0] - sent[0][0]
    return keys_s / lasts_s, pedal_s / lasts_s


def test_real_music_sounds_the_same_with_fewer_keys_down(maestro: Path) -> None:
    profile = replace(DISKLAVIER, base_delay_s=0.0, strike_delays_s=(), min_gap_s=0.0)
    before = after = 0.0
    for notes in excerpts(maestro, every=50, seconds=40.0):
        sent, planned = pedalled(notes, profile)
        plain = [sent[index] for index in planned]
        assert heard(sent, profile) == heard(plain, profile)
        before += held(plain)[0]
        after += held(sent)[0]
    assert after < 0.95 * before


if __name__ == "__main__":
    pieces_of_two_minutes = excerpts(Path(sys.argv[1]), every=14, seconds=120.0)
    for lookahead_s in (0.5, 1.0, 2.0):
        figures = []
        for notes in pieces_of_two_minutes:
            sent, planned = pedalled(notes, DISKLAVIER, lookahead_s)
            figures.append((held([sent[index] for index in planned])[0], *held(sent)))
        before, after, pedal = np.mean(figures, axis=0)
        print(f"{lookahead_s} s ahead: {before:.2f} keys down without, {after:.2f} with the pedal, down {pedal:.0%}")
