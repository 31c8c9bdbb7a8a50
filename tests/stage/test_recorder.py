"""The recording of both players, in the order of sound."""

from __future__ import annotations

from pathlib import Path

import mido

from perfrnn_live.live.happenings import Time
from perfrnn_live.live.orders import Told
from perfrnn_live.music.midi import control_change, note_off, note_on
from perfrnn_live.music.midifile import MidiFileWriter, read_notes
from perfrnn_live.music.performance import Note
from perfrnn_live.player.messages import Received, Sent
from perfrnn_live.stage.recorder import Recorder


def sounded(at_s: float, message: bytes) -> Sent:
    """The machine's message, heard at `at_s`, sent a little before."""
    return Sent(7, at_s - 0.3, at_s - 0.2, message, at_s)


def kept(path: Path) -> list[tuple[int, str, int, int]]:
    tick, told = 0, []
    for message in mido.MidiFile(path).tracks[0]:
        tick += message.time
        if not message.is_meta:
            told.append((tick, message.type, message.note, message.channel))
    return told


def test_the_machine_is_on_channel_1_and_the_other_player_on_channel_2(tmp_path: Path) -> None:
    recorder = Recorder(MidiFileWriter(tmp_path / "a.mid"), 100.0)
    recorder.hear(sounded(101.0, note_on(60, 50)))
    recorder.hear(Received(101.2, b"\x97\x40\x40"))
    recorder.hear(sounded(101.5, note_off(60)))
    recorder.hear(Received(101.7, b"\x87\x40\x40"))
    recorder.close()
    assert kept(tmp_path / "a.mid") == [
        (1000, "note_on", 60, 0),
        (1200, "note_on", 64, 1),
        (1500, "note_off", 60, 0),
        (1700, "note_off", 64, 1),
    ]


def test_each_player_is_heard_again_with_a_pedal_of_their_own(tmp_path: Path) -> None:
    recorder = Recorder(MidiFileWriter(tmp_path / "a.mid"), 100.0)
    recorder.hear(Received(100.5, b"\xb0\x40\x7f"))
    recorder.hear(sounded(101.0, note_on(60, 50)))
    recorder.hear(Received(101.2, b"\x97\x40\x40"))
    recorder.hear(Received(101.3, b"\x87\x40\x40"))
    recorder.hear(sounded(101.75, note_off(60)))
    recorder.hear(Received(103.0, b"\xb0\x40\x00"))
    recorder.close()
    assert read_notes(tmp_path / "a.mid") == [Note(1.0, 1.75, 60, 50), Note(1.2, 3.0, 64, 64)]


def test_what_was_sent_ahead_stands_where_it_sounded(tmp_path: Path) -> None:
    recorder = Recorder(MidiFileWriter(tmp_path / "a.mid"), 100.0, lead_s=0.2)
    recorder.hear(sounded(101.15, note_on(60, 10)))  # soft: sent first, sounding last
    recorder.hear(sounded(101.05, note_on(64, 100)))
    recorder.flush(101.0)
    recorder.hear(Received(101.1, note_on(67, 70)))
    for now_s in (101.2, 101.6):
        recorder.flush(now_s)
    before = [pitch for _, kind, pitch, _ in kept(tmp_path / "a.mid") if kind == "note_on"]
    assert before == [64, 67, 60]
    recorder.close()


def test_the_file_is_whole_after_every_flush(tmp_path: Path) -> None:
    recorder = Recorder(MidiFileWriter(tmp_path / "a.mid"), 100.0)
    recorder.flush(100.1)
    assert kept(tmp_path / "a.mid") == []
    recorder.hear(sounded(100.2, note_on(60, 50)))
    recorder.flush(100.5)
    assert kept(tmp_path / "a.mid") == [(200, "note_on", 60, 0), (200, "note_off", 60, 0)]
    recorder.hear(sounded(100.6, note_off(60)))
    recorder.flush(101.0)
    assert kept(tmp_path / "a.mid") == [(200, "note_on", 60, 0), (600, "note_off", 60, 0)]
    recorder.close()


def test_what_steers_and_what_is_not_played_is_not_recorded(tmp_path: Path) -> None:
    recorder = Recorder(MidiFileWriter(tmp_path / "a.mid"), 100.0)
    recorder.hear(Received(101.0, note_on(36, 90), steers=True))
    recorder.hear(Received(101.1, control_change(67, 127), steers=True))
    recorder.hear(Received(101.2, control_change(7, 100)))
    recorder.hear(Time(101.3))
    recorder.hear(Told(101.3, "freeze"))
    recorder.close()
    assert kept(tmp_path / "a.mid") == []
