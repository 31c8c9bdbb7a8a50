"""Bytes → messages: against mido where a file is well made, and whatever can be read where it is not."""

from __future__ import annotations

import io
import struct

import mido
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.errors import NotMidi
from perfrnn_live.music.smf import Messages, read_messages
from tests.midi_files import END, chunk, header, meta, midi, number, off, on, sysex, tempo, track

NOTE = track((0, on()), (100, off()))
HEARD = [(0, 0, on()), (0, 100, off())]


def told(messages: Messages) -> list[tuple[int, int, bytes]]:
    """The track, tick and bytes of each message."""
    columns = (messages.track, messages.tick, messages.status, messages.first, messages.second)
    return [(int(track), int(tick), bytes(map(int, message))) for track, tick, *message in zip(*columns, strict=True)]


def read(data: bytes) -> list[tuple[int, int, bytes]]:
    return told(read_messages(data))


def test_messages_come_track_by_track_as_they_stand() -> None:
    one, other = track((0, on(60)), (0, on(50)), (7, off(60))), track((0, on(70)), (300, bytes((0xE0, 1, 2))))
    assert read(midi(one, other)) == [
        (0, 0, on(60)),
        (0, 0, on(50)),
        (0, 7, off(60)),
        (1, 0, on(70)),
        (1, 300, bytes((0xE0, 1, 2))),
    ]


@pytest.mark.parametrize("delta", [0, 1, 0x7F, 0x80, 0x3FFF, 0x4000, 0x1FFFFF, 0x200000, 0xFFFFFFF])
def test_delta_times_of_every_length(delta: int) -> None:
    assert read(midi(track((delta, on())))) == [(0, delta, on())]


WHOLE = {
    "running status": b"\x00" + on() + b"\x64" + b"\x3c\x00",
    "running status over a sysex": b"\x00" + on() + b"\x00" + sysex(b"\x7e\x7f\x09\x01") + b"\x64\x3c\x00",
    "running status over a meta event": b"\x00" + on() + b"\x00" + meta(1, b"la") + b"\x64\x3c\x00",
    "running status over a program": b"\x00\xc0\x05\x00\x06\x00" + on() + b"\x64\x3c\x00",
    "a sysex in two parts": b"\x00" + on() + b"\x00\xf0\x02\x01\x02\x00\xf7\x02\x03\xf7\x64" + on(60, 0),
    "a clock": b"\x00" + on() + b"\x00\xf8\x64" + on(60, 0),
    "a song position": b"\x00" + on() + b"\x00\xf2\x01\x02\x64" + on(60, 0),
    "a key of eighteen flats": b"\x00" + meta(0x59, b"\xee\x01") + b"\x00" + on() + b"\x64" + on(60, 0),
    "a metre of two bytes": b"\x00" + meta(0x58, b"\x04\x02") + b"\x00" + on() + b"\x64" + on(60, 0),
    "a tempo of two bytes": b"\x00" + meta(0x51, b"\x04\x02") + b"\x00" + on() + b"\x64" + on(60, 0),
    "a tempo of nothing": b"\x00" + tempo(0) + b"\x00" + on() + b"\x64" + on(60, 0),
    "an offset of no time": b"\x00" + meta(0x54, b"\xff\0\0\0\0") + b"\x00" + on() + b"\x64" + on(60, 0),
    "an unknown meta event": b"\x00" + meta(0x6A, b"?" * 200) + b"\x00" + on() + b"\x64" + on(60, 0),
    "text in Shift-JIS": b"\x00" + meta(3, "ピアノ".encode("shift-jis")) + b"\x00" + on() + b"\x64" + on(60, 0),
    "notes after the end": b"\x00" + on() + b"\x64" + on(60, 0) + END + b"\x00" + on(70),
}


@pytest.mark.parametrize("content", WHOLE.values(), ids=WHOLE.keys())
def test_whatever_stands_between(content: bytes) -> None:
    messages = read_messages(midi(content))
    assert told(messages) == [(0, 0, on()), (0, 100, on(60, 0))]
    assert messages.time_s.tolist() == pytest.approx([0.0, 0.1])


PLAIN = midi(NOTE, kind=0)
CONTAINERS = {
    "plain": PLAIN,
    "in RIFF": b"RIFF" + struct.pack("<I", len(PLAIN) + 12) + b"RMIDdata" + struct.pack("<I", len(PLAIN)) + PLAIN,
    "in RIFF with more behind": b"RIFF\0\0\1\0RMIDdata" + struct.pack("<I", len(PLAIN)) + PLAIN + b"LIST\4\0\0\0INFO",
    "behind another computer's header": bytes(128) + PLAIN,
    "an alien chunk first": header() + chunk(b"XFIH", b"abcd") + chunk(b"MTrk", NOTE + END),
    "an alien chunk last": PLAIN + chunk(b"XFIH", b"abcd"),
    "an alien chunk that is torn": PLAIN + b"XFIH\0\0\1\0abcd",
    "a long header": b"MThd\0\0\0\x08\0\0\0\1\1\xf4??" + chunk(b"MTrk", NOTE + END),
    "more tracks promised": header(3) + chunk(b"MTrk", NOTE + END),
    "fewer tracks promised": header(0) + chunk(b"MTrk", NOTE + END),
    "a type that there is not": midi(NOTE, kind=77),
    "a length never filled in": header() + b"MTrk\xff\xff\xff\xff" + NOTE + END,
    "no end": header() + chunk(b"MTrk", NOTE),
    "torn in a message": PLAIN[:-4] + b"\x00\x90\x3c",
    "torn in a delta time": PLAIN[:-4] + b"\x81",
    "torn in a text": PLAIN[:-4] + b"\x00\xff\x01\x20la",
    "torn in a sysex": PLAIN[:-4] + b"\x00\xf0",
    "a number that does not end": header() + chunk(b"MTrk", NOTE + b"\xff" * 9 + on(70)),
    "data of no message": header(2) + chunk(b"MTrk", NOTE + END) + chunk(b"MTrk", b"\x00\x3c\x50\x00" + on()),
}


@pytest.mark.parametrize("data", CONTAINERS.values(), ids=CONTAINERS.keys())
def test_whatever_is_around(data: bytes) -> None:
    assert read(data) == HEARD


def test_a_track_whose_length_was_never_filled_in_ends_where_the_next_begins() -> None:
    unfilled = b"MTrk\xff\xff\xff\xff" + track((0, on(72)))
    assert read(header(2) + unfilled + chunk(b"MTrk", NOTE + END)) == [
        (0, 0, on(72)),
        *((1, tick, message) for _, tick, message in HEARD),
    ]


def test_data_over_127_come_as_they_are() -> None:
    assert read(midi(b"\x00\x90\x3c\xc8\x00\xb0\xff\xff")) == [(0, 0, b"\x90\x3c\xc8"), (0, 0, b"\xb0\xff\xff")]


def test_of_two_tempos_on_one_tick_the_later_in_the_file_holds() -> None:
    slow, fast, note = tempo(1_000_000), tempo(250_000), track((0, on()), (500, off()))
    for tracks, expected_s in [
        ((track((0, slow), (0, fast)), note), 0.25),
        ((track((0, fast), (0, slow)), note), 1.0),
        ((track((0, slow)), track((0, fast), (0, on()), (500, off()))), 0.25),
        ((track((0, fast)), track((0, slow), (0, on()), (500, off()))), 1.0),
    ]:
        assert read_messages(midi(*tracks)).time_s.tolist() == pytest.approx([0.0, expected_s])
    late = track((0, on()), (500, slow), (500, fast), (1000, off()))
    assert read_messages(midi(late)).time_s.tolist() == pytest.approx([0.0, 0.75])


@pytest.mark.parametrize(
    ("frames", "ticks", "tick_s"), [(24, 10, 1 / 240), (25, 40, 0.001), (29, 100, 1001 / 3_000_000), (30, 80, 1 / 2400)]
)
def test_film_frames_know_no_tempo(frames: int, ticks: int, tick_s: float) -> None:
    messages = read_messages(midi(track((0, tempo(1)), (0, on()), (1000, off())), ticks=(256 - frames) << 8 | ticks))
    assert messages.time_s.tolist() == pytest.approx([0.0, 1000 * tick_s])


NO_MIDI = {
    "it is empty": b"",
    "it is some other kind of file": b"Dear Sir or Madam,\n" * 10,
    "it ends too early": PLAIN[:13],
    "it does not say how long a tick is": midi(NOTE, ticks=0),
    "it counts time in film frames of a kind that there is not": midi(NOTE, ticks=(256 - 26) << 8 | 40),
}


@pytest.mark.parametrize(("reason", "data"), NO_MIDI.items(), ids=NO_MIDI.keys())
def test_what_is_no_midi_says_why(reason: str, data: bytes) -> None:
    with pytest.raises(NotMidi) as error:
        read_messages(data)
    assert str(error.value) == reason


def test_frames_of_no_ticks() -> None:
    with pytest.raises(NotMidi, match="film frames"):
        read_messages(midi(NOTE, ticks=(256 - 25) << 8))


@st.composite
def well_made(draw: st.DrawFn) -> mido.MidiFile:
    """What mido writes, with running status and whatever else belongs into files."""
    data, channel = st.integers(0, 127), st.integers(0, 15)
    event = st.one_of(
        st.builds(mido.Message, st.just("note_on"), channel=channel, note=data, velocity=data),
        st.builds(mido.Message, st.just("note_off"), channel=channel, note=data, velocity=data),
        st.builds(mido.Message, st.just("control_change"), channel=channel, control=data, value=data),
        st.builds(mido.Message, st.just("pitchwheel"), channel=channel, pitch=st.integers(-8192, 8191)),
        st.builds(mido.Message, st.just("program_change"), channel=channel, program=data),
        st.builds(mido.Message, st.just("sysex"), data=st.lists(data, max_size=5).map(tuple)),
        st.builds(mido.MetaMessage, st.just("set_tempo"), tempo=st.integers(1, 0xFFFFFF)),
        st.builds(mido.MetaMessage, st.just("text"), text=st.text("la ", max_size=5)),
    )
    file = mido.MidiFile(ticks_per_beat=draw(st.sampled_from([1, 96, 480, 32767])))
    for _ in range(draw(st.integers(1, 3))):
        events = draw(st.lists(st.tuples(event, st.integers(0, 3) | st.integers(0, 0xFFFFFFF)), max_size=30))
        file.tracks.append(mido.MidiTrack(message.copy(time=delta) for message, delta in events))
    return file


@given(file=well_made())
def test_a_well_made_file_is_what_mido_reads(file: mido.MidiFile) -> None:
    stored = io.BytesIO()
    file.save(file=stored)
    theirs = mido.MidiFile(file=io.BytesIO(stored.getvalue()))
    expected = []
    for place, content in enumerate(theirs.tracks):
        tick = 0
        for message in content:
            tick += message.time
            if not message.is_meta and message.type != "sysex" and len(message.bin()) == 3:
                expected.append((place, tick, bytes(message.bin())))
    messages = read_messages(stored.getvalue())
    assert told(messages) == expected
    now_s, mido_s = 0.0, []
    for message in theirs:  # all tracks in the order of time
        now_s += message.time
        if not message.is_meta and message.type != "sysex" and len(message.bin()) == 3:
            mido_s.append(now_s)
    np.testing.assert_allclose(np.sort(messages.time_s), mido_s, rtol=1e-9, atol=1e-9)


@given(
    file=well_made(),
    damage=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=8),
    cut=st.tuples(st.integers(0, 10_000), st.integers(0, 20)),
)
def test_a_damaged_file_is_messages_or_a_reason(
    file: mido.MidiFile, damage: list[tuple[int, int]], cut: tuple[int, int]
) -> None:
    stored = io.BytesIO()
    file.save(file=stored)
    content = bytearray(stored.getvalue())
    for place, value in damage:
        content[place % len(content)] = value
    begin = cut[0] % len(content)
    del content[begin : begin + cut[1]]
    try:
        messages = read_messages(bytes(content))
    except NotMidi as error:
        assert str(error).startswith("it ")
    else:
        assert len(set(map(len, (messages.track, messages.tick, messages.time_s, messages.status)))) == 1
        assert (np.diff(messages.tick)[np.diff(messages.track) == 0] >= 0).all()
        assert np.isfinite(messages.time_s).all()


@given(content=st.binary(max_size=300))
def test_noise_in_a_track_is_messages(content: bytes) -> None:
    read(header() + chunk(b"MTrk", content))
    read(header() + content)


def test_numbers_are_as_mido_writes_them() -> None:
    """Of these tests' own hands."""
    assert [number(value) for value in (0, 127, 128, 16384)] == [b"\x00", b"\x7f", b"\x81\x00", b"\x81\x80\x00"]
