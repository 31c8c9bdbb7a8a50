"""The library behind the real command: what was kept outlives whatever ends the session, and is told of afterwards."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pythonosc.udp_client import SimpleUDPClient

from perfrnn_live.engines.card import find_model
from perfrnn_live.library.store import Library
from perfrnn_live.live.wishes import Do
from perfrnn_live.music.midi import note_off, note_on
from perfrnn_live.music.midifile import write_notes
from perfrnn_live.music.performance import Note
from tests.bench.killed import kill_one, look_at
from tests.midi_files import midi, track

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills process groups")


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "perfrnn_live", *words], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(("after_s", "everything"), [(0.3, False), (1.13, True)])
def test_a_killed_session_is_kept_but_for_half_a_second_told_of_and_exported(
    tmp_path: Path, after_s: float, everything: bool
) -> None:
    library = tmp_path / "sessions.db"
    killed = look_at(library, kill_one(library, after_s, everything))
    print(killed)
    assert killed.lost_s < 1.0  # half a second, and what a busy machine adds
    assert killed.messages > 0
    with Library(library) as kept, kept._change() as database:
        database.execute("UPDATE session SET seen = seen - 60")  # a minute ago
    played = command("play", "--output", "none", "--seconds", "1", "--quiet", "--library", str(library))
    assert played.returncode == 0
    (sentence,) = played.stderr.splitlines()
    assert sentence.startswith("session 1 of ") and "broke off; kept are" in sentence
    again = command("play", "--output", "none", "--seconds", "1", "--quiet", "--library", str(library))
    assert again.stderr == ""
    listed = command("sessions", "list", "--json", "--library", str(library)).stdout.splitlines()
    assert [json.loads(line)["id"] for line in listed] == [3, 2, 1]
    out = tmp_path / "saved.mid"
    assert command("sessions", "export", "1", str(out), "--library", str(library)).returncode == 0
    assert out.read_bytes()[:4] == b"MThd"


def test_what_was_played_is_the_same_again(tmp_path: Path) -> None:
    library = tmp_path / "sessions.db"
    played = command("play", "--output", "none", "--seconds", "4", "--quiet", "--library", str(library))
    assert played.returncode == 0
    told = command("replay", "1", "--check", "--library", str(library))
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("session 1 is the same again")


def test_it_is_the_same_again_though_its_pads_and_priming_file_are_others_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    library, prime = ("--library", str(tmp_path / "sessions.db")), tmp_path / "prime.mid"
    prime.write_bytes(midi(track((0, note_on(60, 64)), (500, note_off(60)), (700, note_on(67, 64)))))
    pads = tmp_path / "pads.npz"
    shutil.copy(find_model("maestro") / "pads.npz", pads)
    like = tmp_path / "like.mid"
    write_notes(like, [Note(n / 8, n / 8 + 0.1, 70 + n % 9, 100) for n in range(60)])
    files = ("--prime", str(prime), "--pads", str(pads), "--like", str(like))
    asked = ("play", "--output", "none", "--seconds", "3", "--quiet", *files)
    session = subprocess.Popen(
        [sys.executable, "-m", "perfrnn_live", *asked, "--osc", "9123", *library], stderr=subprocess.PIPE, text=True
    )
    client = SimpleUDPClient("127.0.0.1", 9123)
    numbers = itertools.cycle((3, 5))
    while session.poll() is None:  # whenever it listens
        client.send_message(f"/perfrnn/recall/{next(numbers)}", [])
        time.sleep(0.1)
    client._sock.close()  # the package leaves it to the garbage collector
    _, said = session.communicate(timeout=30)
    assert (session.returncode, said) == (0, "")
    for file in (prime, pads, like):
        file.unlink()
    told = command("replay", "1", "--check", *library)
    assert told.returncode == 0, told.stderr
    with Library(tmp_path / "sessions.db") as kept:
        assert sum(isinstance(fact, Do) for fact in kept.facts(1)) > 3


def test_it_plays_on_from_where_it_was_and_that_is_the_same_again_too(tmp_path: Path) -> None:
    library = ("--library", str(tmp_path / "sessions.db"))
    like = tmp_path / "like.mid"
    write_notes(like, [Note(n / 8, n / 8 + 0.1, 70 + n % 9, 100) for n in range(60)])
    knobs = ("--temperature", "0.9", "--density", "9", "--like", str(like))
    asked = ("play", "--output", "none", "--seconds", "4", "--quiet", *knobs)
    assert command(*asked, *library).returncode == 0
    went_on = command(
        "sessions", "continue", "1", "--at", "2.5", "--output", "none", "--seconds", "3", "--quiet", *library
    )
    assert went_on.returncode == 0, went_on.stderr
    with Library(tmp_path / "sessions.db") as kept:
        newer, older = kept.entries()
        assert newer.about["continues"] == [1, 2.5]
        assert newer.about["place"] == older.about["place"] and len(newer.about["place"]) == 12
        assert newer.about["settings"] == older.about["settings"] and newer.about["settings"]["density"] == 9.0
    told = command("replay", "2", "--check", *library)
    assert told.returncode == 0, told.stderr


def test_a_session_is_sounded_again(tmp_path: Path) -> None:
    library = ("--library", str(tmp_path / "sessions.db"))
    assert command("play", "--output", "none", "--seconds", "2", "--quiet", *library).returncode == 0
    told = command("sessions", "play", "1", "--from", "1", "--output", "none", *library)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout == "session 1,  0:02, onto none\n"


def test_nothing_is_kept_where_nobody_wants_that(tmp_path: Path) -> None:
    played = command("play", "--output", "none", "--seconds", "1", "--quiet", "--no-library")
    assert played.returncode == 0


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (("sessions", "list"), "no session has been kept"),
        (("sessions", "show", "1"), "no session has been kept"),
        (("replay", "1"), "no session has been kept"),
    ],
)
def test_where_nothing_was_kept_a_sentence_says_so(tmp_path: Path, words: tuple[str, ...], wrong: str) -> None:
    told = command(*words, "--library", str(tmp_path / "none.db"))
    assert told.returncode == 1 and wrong in told.stderr and "Traceback" not in told.stderr
    assert not (tmp_path / "none.db").exists()


def test_sessions_are_named_asked_about_and_taken_out(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    with Library(path) as library:
        for seen in (0.0, 1.0, 4e9):
            library.add(library.begin({"began": "then", "began_s": 0.0, "model": "m"}, seen), 0, [], 61.0, seen, 3, [])
    at = ("--library", str(path))
    assert command("sessions", "tag", "1", "mine", *at).returncode == 0
    assert "mine" in command("sessions", "show", "1", *at).stdout
    assert command("sessions", "show", "9", *at).stderr.startswith("perfrnn-live: there is no session 9")
    refused = command("sessions", "delete", "2", *at)
    assert refused.returncode == 1 and "say --yes" in refused.stderr
    assert command("sessions", "trim", "--keep", "soon", *at).returncode == 1
    assert command("sessions", "trim", "--keep", "90d", *at).stdout == "1 sessions taken out\n"  # the first has a name
    assert command("sessions", "delete", "1", "--yes", *at).returncode == 0
    assert command("sessions", "list", *at).stdout.split()[0] == "3"
