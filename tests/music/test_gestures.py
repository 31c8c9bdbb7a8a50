"""What a file's messages do: one order within a tick, pedals by channel, resets; the same music written in two ways."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.music.gestures import Gestures
from perfrnn_live.music.midifile import read_notes
from perfrnn_live.music.pedal import Gesture, Move, resolve
from perfrnn_live.music.performance import Note
from perfrnn_live.music.smf import read_messages
from tests.conftest import REPOSITORY
from tests.midi_files import control, midi, off, on, pedal, track

Heard = list[tuple[int, int, int]]


def heard(*tracks: bytes) -> Heard:
    """Onset and end in milliseconds and pitch of each note."""
    notes = Gestures.of(read_messages(midi(*tracks))).notes()
    return [(round(note.onset_s * 1000), round(note.offset_s * 1000), note.pitch) for note in notes]


ONE_TICK: dict[str, tuple[list[bytes], Heard]] = {
    "a release and the falling pedal, in either order": (
        [
            track((0, on()), (100, pedal(127)), (100, off()), (500, pedal(0))),
            track((0, on()), (100, off()), (100, pedal(127)), (500, pedal(0))),
        ],
        [(0, 100, 60)],
    ),
    "a release and the rising pedal": (
        [
            track((0, pedal(127)), (0, on()), (100, off()), (100, pedal(0)), (500, on(72)), (600, off(72))),
            track((0, pedal(127)), (0, on()), (100, pedal(0)), (100, off()), (500, on(72)), (600, off(72))),
        ],
        [(0, 100, 60), (500, 600, 72)],
    ),
    "a strike and the rising pedal": (
        [
            track((0, pedal(127)), (0, on()), (50, off()), (100, on()), (100, pedal(0)), (200, off())),
            track((0, pedal(127)), (0, on()), (50, off()), (100, pedal(0)), (100, on()), (200, off())),
        ],
        [(0, 100, 60), (100, 200, 60)],
    ),
    "a strike and the falling pedal": (
        [
            track((0, on()), (0, pedal(127)), (50, off()), (200, pedal(0))),
            track((0, pedal(127)), (0, on()), (50, off()), (200, pedal(0))),
        ],
        [(0, 200, 60)],
    ),
    "a pedal that rises and falls again lets go": (
        [track((0, pedal(127)), (0, on()), (50, off()), (100, pedal(0)), (100, pedal(127)), (300, pedal(0)))],
        [(0, 100, 60)],
    ),
    "a pedal that falls and rises again holds nothing": (
        [track((0, on()), (100, pedal(127)), (100, pedal(0)), (200, off()), (300, on(72)), (400, off(72)))],
        [(0, 200, 60), (300, 400, 72)],
    ),
    "a key released and struck again, in either order": (
        [
            track((0, on()), (100, off()), (100, on()), (200, off())),
            track((0, on()), (100, on()), (100, off()), (200, off())),
        ],
        [(0, 100, 60), (100, 200, 60)],
    ),
    "a note of no length": (
        [track((0, on()), (0, off()), (100, on(72)), (200, off(72)))],
        [(0, 0, 60), (100, 200, 72)],
    ),
    "a note of no length under the pedal": (
        [track((0, pedal(127)), (10, on()), (10, off()), (200, pedal(0)))],
        [(10, 200, 60)],
    ),
    "notes of no length before one that lasts": (
        [track((0, on()), (0, off()), (0, on()), (0, off()), (0, on()), (100, off()))],
        [(0, 0, 60), (0, 0, 60), (0, 100, 60)],
    ),
    "a release, and a note of no length": (
        [track((0, on()), (100, off()), (100, on()), (100, off()), (200, on(72)), (300, off(72)))],
        [(0, 100, 60), (100, 100, 60), (200, 300, 72)],
    ),
    "two releases of one strike, and the next strike": (
        [track((0, on()), (100, off()), (100, off()), (100, on()), (200, off()))],
        [(0, 100, 60), (100, 200, 60)],
    ),
    "struck twice without a release, then a note of no length": (
        [track((0, on()), (50, on()), (100, off()), (150, on()), (150, off()), (200, on(72)), (300, off(72)))],
        [(0, 50, 60), (50, 100, 60), (150, 150, 60), (200, 300, 72)],
    ),
}


@pytest.mark.parametrize(("written", "expected"), ONE_TICK.values(), ids=ONE_TICK.keys())
def test_in_one_tick(written: list[bytes], expected: Heard) -> None:
    for content in written:
        assert heard(content) == expected


def test_in_one_tick_from_two_tracks() -> None:
    later, sooner = track((100, on(60, 80)), (200, off())), track((0, on(60, 70, 1)), (100, off(60, 1)))
    assert heard(later, sooner) == heard(sooner, later) == [(0, 100, 60), (100, 200, 60)]
    keys, foot = track((0, on()), (100, off())), track((100, pedal(127)), (500, pedal(0)))
    assert heard(keys, foot) == heard(foot, keys) == [(0, 100, 60)]
    voices = track((0, on()), (100, off()), (100, on()), (200, off())), track((0, on(72)), (100, off()), (300, off(72)))
    assert heard(*voices) == heard(*reversed(voices)) == [(0, 100, 60), (0, 300, 72), (100, 200, 60)]


right, left = track((0, on(72)), (100, off(72))), track((0, on(48, 80, 1)), (100, off(48, 1)))
DRY, HELD = 100, 200
PEDALS: dict[str, tuple[tuple[bytes, ...], tuple[int, int]]] = {
    "none": ((right, left), (DRY, DRY)),
    "the right hand's, among its notes": (
        (track((0, on(72)), (50, pedal(127)), (100, off(72)), (200, pedal(0))), left),
        (HELD, DRY),
    ),
    "in a track of its own, on the right hand's channel": (
        (right, left, track((50, pedal(127)), (200, pedal(0)))),
        (HELD, HELD),
    ),
    "on a channel of its own": (
        (right, left, track((50, pedal(127, 2)), (200, pedal(0, 2)))),
        (HELD, HELD),
    ),
    "on a channel of its own, in the track of the notes": (
        (
            track(
                (0, on(72)),
                (0, on(48, 80, 1)),
                (50, pedal(127, 2)),
                (100, off(72)),
                (100, off(48, 1)),
                (200, pedal(0, 2)),
            ),
        ),
        (HELD, HELD),
    ),
    "a rod beside the right hand's own": (
        (
            track((0, on(72)), (50, pedal(127)), (100, off(72)), (150, pedal(0))),
            left,
            track((20, pedal(127, 2)), (200, pedal(0, 2))),
        ),
        (150, HELD),
    ),
    "two that might be the piano's": (
        (right, left, track((50, pedal(127, 2)), (200, pedal(0, 2))), track((50, pedal(127, 3)), (200, pedal(0, 3)))),
        (DRY, DRY),
    ),
    "one that never goes down": ((right, left, track((50, pedal(63, 2)), (200, pedal(0, 2)))), (DRY, DRY)),
    "the piano's, while the left hand's controllers are reset": (
        (
            right,
            track((0, on(48, 80, 1)), (100, off(48, 1)), (150, control(121, 0, 1)), (160, pedal(0, 1))),
            track((50, pedal(127)), (200, pedal(0))),
        ),
        (HELD, HELD),
    ),
    "the drummer's": ((right, left, track((50, pedal(127, 9)), (200, pedal(0, 9)))), (DRY, DRY)),
}


@pytest.mark.parametrize(("tracks", "ends"), PEDALS.values(), ids=PEDALS.keys())
def test_whose_keys_a_pedal_holds(tracks: tuple[bytes, ...], ends: tuple[int, int]) -> None:
    """`ends`: of the right hand's note, of the left hand's."""
    assert heard(*tracks) == [(0, ends[1], 48), (0, ends[0], 72)]
    assert heard(*reversed(tracks)) == heard(*tracks)


def test_two_players_of_one_recording_have_a_pedal_each() -> None:
    machine = [(0, on(60)), (650, off(60)), (700, on(62)), (900, off(62))]
    player = [(100, pedal(127, 1)), (200, on(48, 80, 1)), (300, off(48, 1)), (1640, pedal(0, 1))]
    together = track(*sorted([*machine, *player]))
    assert heard(together) == [(0, 650, 60), (200, 1640, 48), (700, 900, 62)]


RESETS: dict[str, tuple[list[tuple[int, bytes]], Heard]] = {
    "all notes off lets go of its channel's keys": (
        [(0, on()), (0, on(72, 80, 1)), (100, control(123, 0)), (300, off(72, 1)), (400, off())],
        [(0, 100, 60), (0, 300, 72)],
    ),
    "all notes off leaves the pedal": (
        [(0, pedal(127)), (0, on()), (100, control(123, 0)), (200, pedal(0)), (400, off())],
        [(0, 200, 60)],
    ),
    "omni, mono and poly are all notes off": (
        [
            (0, on()),
            (50, control(124, 0)),
            (60, on()),
            (70, control(125, 0)),
            (80, on()),
            (90, control(126, 1)),
            (100, on()),
            (110, control(127, 0)),
            (200, off()),
        ],
        [(0, 50, 60), (60, 70, 60), (80, 90, 60), (100, 110, 60)],
    ),
    "all sound off ends what its channel sounds, and leaves the pedal": (
        [
            (0, pedal(127)),
            (0, on()),
            (0, on(72, 80, 1)),
            (50, off()),
            (60, on(64)),
            (100, control(120, 0)),
            (150, on(65)),
            (160, off(65)),
            (200, pedal(0)),
            (300, off(72, 1)),
        ],
        [(0, 100, 60), (0, 300, 72), (60, 100, 64), (150, 200, 65)],
    ),
    "controllers reset lift its channel's pedal and no key": (
        [
            (0, pedal(127)),
            (0, pedal(127, 1)),
            (0, on()),
            (0, on(64)),
            (0, on(72, 80, 1)),
            (50, off()),
            (50, off(72, 1)),
            (100, control(121, 0)),
            (200, pedal(0, 1)),
            (300, off(64)),
        ],
        [(0, 100, 60), (0, 300, 64), (0, 200, 72)],
    ),
    "a key of two channels is the latter's": (
        [(0, on()), (100, on(60, 70, 1)), (200, off()), (300, off(60, 1))],
        [(0, 100, 60), (100, 300, 60)],
    ),
    "and the first may have it back": (
        [(0, on()), (100, on(60, 70, 1)), (150, on()), (200, off(60, 1)), (300, off())],
        [(0, 100, 60), (100, 150, 60), (150, 300, 60)],
    ),
}


@pytest.mark.parametrize(("messages", "expected"), RESETS.values(), ids=RESETS.keys())
def test_channels_and_their_resets(messages: list[tuple[int, bytes]], expected: Heard) -> None:
    assert heard(track(*messages)) == expected


def test_a_reset_elsewhere_changes_nothing() -> None:
    held = track((0, pedal(127)), (0, on(72)), (200, off(72)), (1900, pedal(0)))
    plain, reset = track((500, on(48, 70, 1)), (700, off(48, 1))), track(
        (500, pedal(0, 1)), (500, on(48, 70, 1)), (700, off(48, 1))
    )  # fmt: skip
    assert heard(held, plain) == heard(held, reset) == [(0, 1900, 72), (500, 700, 48)]


def test_velocities_and_keys_over_127() -> None:
    content = track((0, b"\x90\x3c\xc8"), (0, b"\x90\xc8\x50"), (100, b"\x80\x3c\xff"), (100, b"\xb0\xc0\x7f"))
    assert Gestures.of(read_messages(midi(content))).notes() == [Note(0.0, 0.1, 60, 127)]


def test_of_a_pedal_only_what_matters_is_kept() -> None:
    ramp = track((0, on()), *((step, pedal(step)) for step in range(128)), (130, pedal(64)), (140, pedal(0)))
    gestures = Gestures.of(read_messages(midi(ramp)))
    assert gestures.time_s[gestures.move == Move.PEDAL].tolist() == pytest.approx([0.064, 0.140])


events = st.one_of(
    st.builds(on, st.integers(60, 62), st.integers(1, 127), st.integers(0, 2)),
    st.builds(off, st.integers(60, 62), st.integers(0, 2)),
    st.builds(control, st.sampled_from([64, 120, 121, 123]), st.sampled_from([0, 127]), st.integers(0, 2)),
)


@given(timed=st.lists(st.tuples(st.integers(0, 12), events), max_size=40), hands=st.integers(1, 3))
def test_any_messages_are_notes(timed: list[tuple[int, bytes]], hands: int) -> None:
    """One for each strike, and those of a pitch follow each other."""
    timed.sort(key=lambda each: each[0])
    tracks = [track(*timed[hand::hands]) for hand in range(hands)]
    notes = Gestures.of(read_messages(midi(*tracks))).notes()
    strikes = sorted((tick, message[1]) for tick, message in timed if message[0] & 0xF0 == 0x90)
    assert [(round(note.onset_s * 1000), note.pitch) for note in notes] == strikes
    for pitch in range(60, 63):
        times = [time_s for note in notes if note.pitch == pitch for time_s in (note.onset_s, note.offset_s)]
        assert times == sorted(times)


@given(timed=st.lists(st.tuples(st.integers(0, 12), events), max_size=30, unique_by=lambda each: each), split=st.data())
def test_the_order_of_tracks_does_not_matter_where_nothing_meets(
    timed: list[tuple[int, bytes]], split: st.DataObject
) -> None:
    timed = [(tick * 40 + number, message) for number, (tick, message) in enumerate(sorted(timed))]
    hands: list[list[tuple[int, bytes]]] = [[], []]
    for each in timed:
        hands[split.draw(st.integers(0, 1))].append(each)
    tracks = [track(*hand) for hand in hands]
    assert heard(*tracks) == heard(*reversed(tracks))


CASES = REPOSITORY.parent / "shared" / "cases"
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason=f"no small files at {CASES}")


@needs_cases
@pytest.mark.parametrize("name", ["tempo", "rod", "pedalreset", "handover"])
def test_what_is_written_in_two_ways_is_heard_alike(name: str) -> None:
    assert read_notes(CASES / f"{name}-A.mid") == read_notes(CASES / f"{name}-B.mid")


@needs_cases
@pytest.mark.parametrize("path", sorted(CASES.glob("[!Xh]*_*.mid")), ids=lambda path: path.stem)
def test_what_others_read_is_read(path: Path) -> None:
    notes = read_notes(path)
    assert np.diff([note.onset_s for note in notes]).tolist() == pytest.approx([0.25] * (len(notes) - 1), abs=0.02)
    assert len(notes) == (2 if "running" in path.stem else 8)


@pytest.mark.parametrize("place", range(3))
def test_a_real_recording_has_the_times_that_mido_reads(place: int, maestro: Path) -> None:
    path = sorted(maestro.rglob("*.midi"), key=lambda path: path.stat().st_size)[place]
    now_s = 0.0
    gestures: list[Gesture] = []
    for message in mido.MidiFile(path):  # in seconds, by mido's own tempo map
        now_s += message.time
        if message.type == "note_on" and message.velocity > 0:
            gestures.append(Gesture(now_s, Move.STRIKE, message.note, message.velocity))
        elif message.type in ("note_on", "note_off"):
            gestures.append(Gesture(now_s, Move.RELEASE, message.note, 0))
        elif message.is_cc(64):
            gestures.append(Gesture(now_s, Move.PEDAL, 0, message.value))
    gestures.sort(key=lambda gesture: (round(gesture.time_s, 6), gesture.move))
    found, expected = read_notes(path), resolve(gestures)
    assert len(found) == sum(gesture.move is Move.STRIKE for gesture in gestures) > 50
    assert [(note.pitch, note.velocity) for note in found] == [(note.pitch, note.velocity) for note in expected]
    times_s = [(note.onset_s, note.offset_s) for note in found]
    np.testing.assert_allclose(times_s, [(note.onset_s, note.offset_s) for note in expected], rtol=0, atol=1e-6)
