""".mid files: what is written is a whole file at every moment, and whatever is read is notes or one sentence."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.errors import CannotWrite, NotMidi
from perfrnn_live.music.codec import decode
from perfrnn_live.music.midifile import (
    PAUSE_S,
    MidiFileWriter,
    read_beginning,
    read_ending,
    read_notes,
    write_notes,
)
from perfrnn_live.music.performance import Note
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS
from tests.midi_files import meta, midi, number, off, on, pedal, tempo, track
from tests.strategies import performances, token_streams

TWO_NOTES = [Note(0.0, 0.5, 60, 80), Note(0.25, 1.0, 64, 70)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("midi")


def read(path: Path, content: bytes) -> list[Note]:
    path.write_bytes(content)
    return read_notes(path)


def messages_in(path: Path) -> list[tuple[int, bytes]]:
    """All messages of the one track, with their milliseconds; checks that the file is whole and everything released."""
    data = path.read_bytes()
    assert len(data) == 22 + int.from_bytes(data[18:22], "big")  # header, track header, track, and nothing after it
    file = mido.MidiFile(path)
    assert len(file.tracks) == 1
    assert file.tracks[0][-1].type == "end_of_track"
    tick, found, sounding = 0, [], set()
    for message in file.tracks[0]:
        tick += message.time
        if message.type == "note_on" and message.velocity:
            sounding.add((message.channel, message.note))
        elif message.type in ("note_on", "note_off"):
            sounding.discard((message.channel, message.note))
        if not message.is_meta:
            found.append((tick, message.bin()))
    assert not sounding
    return found


# Writing


def test_the_file_is_whole_after_every_flush_and_if_it_is_never_closed(tmp_path: Path) -> None:
    path = tmp_path / "live.mid"
    writer = MidiFileWriter(path)
    assert messages_in(path) == []
    written: list[tuple[int, bytes]] = []
    for time_s, message in [
        (0.1, bytes((0x90, 60, 80))),
        (0.1, bytes((0x91, 60, 80))),  # another channel's key is another key
        (0.5, bytes((0x80, 60, 64))),
        (70.0, bytes((0xB0, 64, 127))),
        (70.2, bytes((0x91, 60, 0))),  # a release, though it is a note-on
        (9000.0, bytes((0x90, 127, 1))),
    ]:
        writer.add(time_s, message)
        written.append((round(time_s * 1000), message))
        writer.flush()
        found = messages_in(path)
        assert found[: len(written)] == written
        assert all(at == written[-1][0] and message[0] & 0xF0 == 0x80 for at, message in found[len(written) :])
    writer.flush()
    assert messages_in(path)[-1] == (9_000_000, bytes((0x80, 127, 64)))
    before = path.read_bytes()
    writer.close()
    assert path.read_bytes() == before


def test_closing_writes_the_rest_and_twice_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "live.mid"
    with MidiFileWriter(path) as writer:
        writer.add(1.0, bytes((0x90, 60, 80)))
    writer.close()
    assert messages_in(path) == [(1000, bytes((0x90, 60, 80))), (1000, bytes((0x80, 60, 64)))]


@pytest.mark.parametrize("ticks", [0, 1, 0x7F, 0x80, 0x3FFF, 0x4000, 0x1FFFFF, 0x200000, 0xFFFFFFF])
def test_delta_times_of_every_length(tmp_path: Path, ticks: int) -> None:
    path = tmp_path / "long.mid"
    with MidiFileWriter(path) as writer:
        writer.add(ticks / 1000, bytes((0x90, 60, 80)))
    assert messages_in(path)[0][0] == ticks


def test_times_that_would_go_back_stay(tmp_path: Path) -> None:
    path = tmp_path / "live.mid"
    with MidiFileWriter(path) as writer:
        writer.add(1.0, bytes((0x90, 60, 80)))
        writer.add(0.9996, bytes((0x80, 60, 64)))
    assert [at for at, _ in messages_in(path)] == [1000, 1000]


def test_a_file_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="nowhere"):
        MidiFileWriter(tmp_path / "nowhere" / "x.mid")


def test_a_disk_that_is_full_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "live.mid"
    writer = MidiFileWriter(path)

    class FullDisk:
        name, closed = str(path), False

        def seek(self, place: int) -> None:
            raise OSError(28, "No space left on device")

        def close(self) -> None:
            self.closed = True

    with writer._file:
        monkeypatch.setattr(writer, "_file", FullDisk())
        with pytest.raises(CannotWrite, match=r"live\.mid: No space left on device"):
            writer.flush()
        with pytest.raises(CannotWrite, match="No space"):
            writer.close()
        writer.close()


def test_a_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "take.mid"
    path.write_bytes(b"precious")
    with pytest.raises(CannotWrite, match=r"take\.mid: File exists"):
        MidiFileWriter(path)
    with pytest.raises(CannotWrite, match=r"take\.mid: File exists"):
        write_notes(path, TWO_NOTES)
    assert path.read_bytes() == b"precious"


def test_every_flush_reaches_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "live.mid"
    synced: list[tuple[int, bytes]] = []

    def sync(file: int) -> None:
        synced.append((os.fstat(file).st_ino, path.read_bytes()))

    monkeypatch.setattr("os.fsync", sync)
    with MidiFileWriter(path) as writer:
        assert synced.pop() == (path.stat().st_ino, path.read_bytes())
        writer.add(1.0, bytes((0x90, 60, 80)))
        writer.flush()
        assert synced.pop() == (path.stat().st_ino, path.read_bytes())
    assert synced


# Round trips


def check_same(found: list[Note], notes: list[Note]) -> None:
    """The same notes, pitch by pitch, to the nearest millisecond."""
    assert len(found) == len(notes)
    for pitch in range(128):
        pair = [[note for note in side if note.pitch == pitch] for side in (found, notes)]
        for one, other in zip(*pair, strict=True):
            assert one.velocity == other.velocity
            assert abs(one.onset_s - other.onset_s) < 0.0005001
            assert abs(one.offset_s - other.offset_s) < 0.0005001


@given(notes=performances(min_notes=1, shortest_s=0.0))
def test_notes_come_back_to_the_nearest_millisecond(folder: Path, notes: list[Note]) -> None:
    path = folder / "notes.mid"
    path.unlink(missing_ok=True)
    write_notes(path, notes)
    messages_in(path)
    check_same(read_notes(path), notes)


@given(tokens=token_streams(PERFORMANCE_8MS))
def test_whatever_a_model_plays_comes_back(folder: Path, tokens: list[int]) -> None:
    path = folder / "model.mid"
    path.unlink(missing_ok=True)
    notes = decode(tokens, PERFORMANCE_8MS)  # an untrained model is fond of notes of no length: none may hang
    write_notes(path, notes)
    messages_in(path)
    if notes:
        check_same(read_notes(path), notes)


# Reading


def test_running_status_and_releases_that_are_note_ons(tmp_path: Path) -> None:
    track = bytes((0, 0x90, 60, 80, 100, 64, 90, 100, 60, 0, 100, 64, 0))
    assert read(tmp_path / "x.mid", midi(track)) == [Note(0.0, 0.2, 60, 80), Note(0.1, 0.3, 64, 90)]


def test_tempo_changes_of_one_track_are_those_of_all(tmp_path: Path) -> None:
    halves = b"\x64\xff\x51\x03" + (250_000).to_bytes(3, "big")  # after 100 ticks, twice as fast
    strike_release = bytes((0, 0x90, 60, 80, 0x81, 0x48, 0x80, 60, 0))  # 200 ticks long
    check_same(read(tmp_path / "x.mid", midi(halves, strike_release)), [Note(0.0, 0.15, 60, 80)])


def test_a_file_with_pedal_tempo_and_two_tracks(tmp_path: Path) -> None:
    slow = (1_000, tempo(1_000_000))  # from 1 s on a tick is two milliseconds
    right = [
        (0, pedal(127)),
        (100, on(72, 90)),
        (200, off(72)),
        slow,
        (1_500, pedal(63)),
        (1_600, on(74)),
        (1_700, off(74)),
    ]
    left = [(150, on(40, 50)), (1_100, off(40))]
    found = read(tmp_path / "a.mid", midi(track(*right), track(*left)))
    assert [note.onset_s for note in found] == pytest.approx([0.1, 0.15, 2.2])
    check_same(found, [Note(0.1, 2.0, 72, 90), Note(0.15, 2.0, 40, 50), Note(2.2, 2.4, 74, 80)])


def test_hands_in_tracks_of_their_own_under_one_pedal_but_no_drums(tmp_path: Path) -> None:
    right = bytes((0, 0x90, 72, 80, 100, 0x80, 72, 0))
    left = bytes((0, 0x91, 48, 70, 100, 0x81, 48, 0))
    pedal = bytes((50, 0xB0, 64, 127, 100, 0xB0, 64, 0))
    drums = bytes((0, 0x99, 36, 127, 10, 0x89, 36, 0))
    assert read(tmp_path / "x.mid", midi(right, left, pedal, drums)) == [
        Note(0.0, 0.15, 48, 70),
        Note(0.0, 0.15, 72, 80),
    ]


def test_a_key_struck_again_in_the_tick_of_its_release(tmp_path: Path) -> None:
    track = bytes((0, 0x90, 60, 80, 100, 0x80, 60, 0, 0, 0x90, 60, 90, 100, 0x80, 60, 0))
    assert read(tmp_path / "x.mid", midi(track)) == [Note(0.0, 0.1, 60, 80), Note(0.1, 0.2, 60, 90)]


def test_the_ending_is_what_was_struck_in_the_last_seconds(tmp_path: Path) -> None:
    path = tmp_path / "x.mid"
    notes = [Note(float(second), second + 0.5, 60 + second, 80) for second in range(10)]
    write_notes(path, notes)
    assert read_ending(path, 3.0, 100) == notes[-4:]
    assert read_ending(path, 100.0, 100) == notes
    assert read_ending(path, 3.0, 2) == notes[-2:]
    assert read_beginning(path, 3.0, 100) == notes[:4]
    assert read_beginning(path, 100.0, 100) == notes
    assert read_beginning(path, 3.0, 2) == notes[:2]


@given(
    notes=performances(min_notes=1),
    feet=st.lists(st.tuples(st.integers(0, 3_000), st.booleans()), max_size=6),
    seconds=st.floats(0.0, 20.0),
    most=st.integers(1, 40),
)
def test_an_excerpt_is_a_part_of_the_whole(
    folder: Path, notes: list[Note], feet: list[tuple[int, bool]], seconds: float, most: int
) -> None:
    """Whatever the pedal held before it, where no pause is long."""
    path = folder / "excerpt.mid"
    moves = [(round(note.onset_s * 1000), on(note.pitch, note.velocity)) for note in notes]
    moves += [(round(note.offset_s * 1000), off(note.pitch)) for note in notes]
    moves += [(tick, pedal(127 * down)) for tick, down in feet]
    moves.sort(key=lambda move: (move[0], move[1][0]))  # releases, strikes, pedals
    path.write_bytes(midi(track(*moves)))
    whole = read_notes(path)
    struck_s = [note.onset_s for note in whole]
    if max(np.diff(struck_s, append=max(note.offset_s for note in whole)), default=0.0) > PAUSE_S:
        return
    ending = [note for note in whole if note.onset_s >= struck_s[-1] - seconds][-most:]
    beginning = [note for note in whole if note.onset_s <= struck_s[0] + seconds][:most]
    found = read_ending(path, seconds, most)
    assert len(found) == len(ending) and sorted(note.onset_s for note in found) == [note.onset_s for note in ending]
    if most >= len(whole):  # of a chord that is cut, the last in the file stay
        assert found == ending
        until_s = beginning[-1].onset_s + PAUSE_S  # what rings on is heard no longer than a pause
        cut = [replace(note, offset_s=min(note.offset_s, until_s)) for note in beginning]
        assert read_beginning(path, seconds, most) == cut


def test_a_stray_note_hours_later_ends_no_music(tmp_path: Path) -> None:
    path = tmp_path / "x.mid"
    music = [Note(float(second), second + 0.5, 60, 80) for second in range(40)]
    write_notes(path, [*music, Note(20_000.0, 20_000.5, 72, 80)])
    heard = read_ending(path, 30.0, 1000)
    assert heard[:-1] == music[19:]
    assert heard[-1] == Note(39 + PAUSE_S, 39.5 + PAUSE_S, 72, 80)
    assert read_beginning(path, 60.0, 1000) == [*music, heard[-1]]


@pytest.mark.parametrize("late", [off(60), pedal(0), on(60, 0)], ids=["release", "pedal", "release as a note-on"])
def test_a_key_that_hangs_for_hours_sounds_as_long_as_a_pause(late: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.mid"
    path.write_bytes(midi(track((0, pedal(127)), (1000, on(60)), (2000, on(64)), (2500, off(64)), (80_000_000, late))))
    expected = [Note(1.0, 2 + PAUSE_S, 60, 80), Note(2.0, 2 + PAUSE_S, 64, 80)]
    assert read_ending(path, 30.0, 1000) == read_beginning(path, 30.0, 1000) == expected
    assert read_ending(path, 0.5, 1000) == expected[1:]


def test_of_a_black_file_the_end_is_heard(tmp_path: Path) -> None:
    """Of 300,000 notes in 30 s only those are looked at that will be heard."""
    path = tmp_path / "black.mid"
    bar = b"".join(bytes((0, 0x90, pitch, 90)) for pitch in range(100))
    bar += b"".join(bytes((0, 0x80, pitch, 0)) for pitch in range(99)) + bytes((10, 0x80, 99, 0))
    path.write_bytes(midi(bar * 3000))
    heard = read_ending(path, 30.0, 1000)
    assert len(heard) == 1000 and [note.pitch for note in heard] == [*range(100)] * 10
    assert heard[-1].onset_s == pytest.approx(29.99)


NOT_MIDI = {
    "empty": (b"", "cannot be read as MIDI: it is empty"),
    "text": (b"Dear Sir or Madam,\n" * 10, "cannot be read as MIDI: it is some other kind of file"),
    "a header alone": (midi(ticks=500), "has no notes in it"),
    "a torn header": (midi()[:12], "cannot be read as MIDI: it ends too early"),
    "a torn track": (midi()[:14] + b"MTrk\x00\x00\x01\x00\x00\x90\x3c", "has no notes in it"),
    "no notes": (midi(track((0, pedal(127)))), "has no notes in it"),
    "drums alone": (midi(track((0, on(36, 127, 9)), (10, off(36, 9)))), "has no notes in it"),
    "frames that there are not": (
        midi(track((0, on()), (10, off())), ticks=0xE628),
        "cannot be read as MIDI: it counts time in film frames of a kind that there is not",
    ),
    "no ticks": (
        midi(track((0, on()), (10, off())), ticks=0),
        "cannot be read as MIDI: it does not say how long a tick is",
    ),
    "a message that there is not": (midi(bytes((0, 0xF4, 60, 80))), "has no notes in it"),
    "an endless delta time": (midi(b"\xff" * 500 + on()), "has no notes in it"),
    "months": (
        midi(track((0, tempo(0xFFFFFF)), (0, on()), (0xFFFFFFF, off())), ticks=1),
        "lasts longer than a day, if it is MIDI at all",
    ),
}


@pytest.mark.parametrize(("content", "sentence"), NOT_MIDI.values(), ids=NOT_MIDI.keys())
def test_what_is_not_midi_is_named(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "x.mid"
    path.write_bytes(content)
    for read in (read_notes, lambda path: read_ending(path, 30.0, 10), lambda path: read_beginning(path, 30.0, 10)):
        with pytest.raises(NotMidi) as error:
            read(path)
        assert str(error.value) == f"{path} {sentence}"


def test_a_broken_meta_event_and_film_frames_are_no_fault(tmp_path: Path) -> None:
    note = track((0, on()), (100, off()))
    for content in (midi(b"\x00" + meta(0x59, b"\x55\x00") + note), midi(note, ticks=0xE728)):
        assert read(tmp_path / "x.mid", content) == [Note(0.0, 0.1, 60, 80)]


def test_missing_huge_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotMidi, match=r"missing\.mid cannot be read as MIDI: No such file or directory$"):
        read_notes(tmp_path / "missing.mid")
    huge = tmp_path / "huge.mid"
    huge.touch()
    with huge.open("r+b") as file:
        file.truncate(60_000_000)  # sparse: takes no space
    with pytest.raises(NotMidi, match=r"huge\.mid is too large for a MIDI recording: at most 10 MB are read$"):
        read_notes(huge)
    with pytest.raises(NotMidi, match="cannot be read"):
        read_notes(tmp_path)


def test_a_day_is_not_too_long(tmp_path: Path) -> None:
    path = tmp_path / "x.mid"
    path.write_bytes(midi(track((0, on()), (24 * 3_600_000, off()))))
    assert read_notes(path) == [Note(0.0, 24 * 3600.0, 60, 80)]
    path.write_bytes(midi(b"\x00" + on() + number(24 * 3_600_000 + 20_000) + off()))
    with pytest.raises(NotMidi, match="lasts longer than a day"):
        read_notes(path)


def check_notes_or_sentence(path: Path, content: bytes) -> None:
    try:
        notes = read(path, content)
    except NotMidi as error:
        assert path.name in str(error)
    else:
        assert notes
        assert all(0 <= note.onset_s <= note.offset_s for note in notes)


def test_a_file_torn_anywhere_is_notes_or_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "x.mid"
    write_notes(path, TWO_NOTES)
    whole = path.read_bytes()
    for length in range(len(whole)):
        check_notes_or_sentence(path, whole[:length])
    first_strike, second_strike = whole.index(on(60, 80)) + 3, whole.index(on(64, 70)) + 3
    for length, pitches in [(first_strike, [60]), (second_strike - 1, [60]), (second_strike, [60, 64])]:
        assert [note.pitch for note in read(path, whole[:length])] == pitches


@given(damage=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6), tail=st.binary(max_size=40))
def test_a_damaged_file_is_notes_or_a_sentence(folder: Path, damage: list[tuple[int, int]], tail: bytes) -> None:
    content = bytearray(midi(b"\x00\xff\x51\x03\x07\xa1\x20" + bytes((0, 0x90, 60, 80, 100, 60, 0)) + tail, tail))
    for place, value in damage:
        content[place % len(content)] = value
    check_notes_or_sentence(folder / "damaged.mid", bytes(content))
