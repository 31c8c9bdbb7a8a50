"""What may happen on a stage, to real processes: they are killed, stand still, lose their disk, find the clock changed.

Whatever it is, no key may stay down, what was played is in the library, one sentence says what is wrong where something
is, and the music goes on. The judge is the library: what was really sent, and when.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import mido
import pytest

from perfrnn_live.engines.card import find_model
from perfrnn_live.errors import PerfRNNError
from perfrnn_live.library.packed import Fact
from perfrnn_live.library.store import VERSION, Library
from perfrnn_live.live.happenings import PlayerGone
from perfrnn_live.music.midi import strikes
from perfrnn_live.player.messages import PortBack, PortLost, Said, Sent
from tests.jack_lab import wait_for
from tests.stage.test_real import started

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals, and /proc")

_PIANO = ("--output", "piano", "--audio", "null")  # sounds nowhere, in time
_END_S = 20.0
_STANDS_S = 2.0
_AGAIN_S = 4.0  # for the music to go on; generous, for the machine may be busy
_ON_ANOTHER_CLOCK = """
import sys, time
from pathlib import Path
offset, real = Path(sys.argv.pop(1)), time.time
time.time = lambda: real() + float(offset.read_text() or 0)
from perfrnn_live.cli import main
main()
"""


@contextlib.contextmanager
def playing(library: Path, *options: str, clock: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """A dense session that is kept; with `clock` the calendar is off by as many seconds as stand in that file."""
    program = ["-m", "perfrnn_live"] if clock is None else ["-c", _ON_ANOTHER_CLOCK, str(clock)]
    words = ["play", "--quiet", "--density", "14", "--library", str(library), *(options or ("--output", "none"))]
    with started(*program, *words) as process:
        yield process


def end(process: subprocess.Popen[str]) -> str:
    """Let a session end in peace; returns what it said on standard error."""
    process.terminate()
    _, said = process.communicate(timeout=_END_S)
    assert process.returncode == 0, said
    return said


def facts_of(library: Path, session: int = 1) -> list[Fact]:
    """What has been kept so far; nothing where there is no such session yet."""
    if not library.exists():
        return []
    with contextlib.suppress(PerfRNNError), Library(library) as kept:
        return list(kept.facts(session))
    return []


def struck_s(facts: Sequence[Fact]) -> list[float]:
    return [fact.sent_s for fact in facts if isinstance(fact, Sent) and strikes(fact.message)]


def down(facts: Sequence[Fact]) -> set[int]:
    """Keys that were never released, as far as was kept."""
    keys: set[int] = set()
    for fact in facts:
        if isinstance(fact, Sent) and fact.message[0] & 0xF0 in (0x80, 0x90):
            (keys.add if strikes(fact.message) else keys.discard)(fact.message[1])
    return keys


def recorded(path: Path) -> list[bytes]:
    return [bytes(each.bytes()) for each in mido.MidiFile(path) if not each.is_meta]


def said_in(facts: Sequence[Fact]) -> list[str]:
    return [fact.sentence for fact in facts if isinstance(fact, Said)]


def wait_for_notes(library: Path, since_s: float = 0.0, notes: int = 5, session: int = 1) -> None:
    def enough() -> bool:
        return sum(at_s > since_s for at_s in struck_s(facts_of(library, session))) >= notes

    wait_for(enough, "music", limit_s=_END_S, pause_s=0.1)


def children(process: int) -> list[int]:
    """The processes that it started, the last one last."""
    return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def processes_of(session: int) -> dict[str, list[int]]:
    """A session's processes by what they are; it has a player, and with `_PIANO` that has a piano."""
    wait_for(lambda: children(session) and children(children(session)[-1]), "the piano", limit_s=_END_S)
    player = children(session)[-1]
    (piano,) = children(player)
    return {"session": [session], "player": [player], "piano": [piano], "all": [session, player, piano]}


@pytest.mark.parametrize("who", ["session", "player", "piano", "all"])
def test_who_stands_still_for_two_seconds_goes_on(who: str, tmp_path: Path) -> None:
    """A debugger, a swapping machine; all at once is a laptop that was closed."""
    library = tmp_path / "sessions.db"
    with playing(library, *_PIANO) as session:
        wait_for_notes(library)
        stopped = processes_of(session.pid)[who]
        for process in stopped:
            os.kill(process, signal.SIGSTOP)
        time.sleep(_STANDS_S)
        went_on_s = time.monotonic()
        for process in stopped:
            os.kill(process, signal.SIGCONT)
        wait_for_notes(library, went_on_s)
        said = end(session)
    facts = facts_of(library)
    first_s = min(at_s for at_s in struck_s(facts) if at_s > went_on_s) - went_on_s
    print(f"{who}: the first note {first_s:.2f} s after; {said_in(facts)}")
    assert not said and not down(facts)
    assert first_s < _AGAIN_S
    lateness = sorted(fact.sent_s - fact.due_s for fact in facts if isinstance(fact, Sent) and strikes(fact.message))
    assert lateness[-1] < 0.1, "nothing is sent that was due while it stood still"


def test_a_player_that_is_killed_again_and_again_has_successors(tmp_path: Path) -> None:
    library = tmp_path / "sessions.db"
    with playing(library) as session:
        wait_for_notes(library)
        for _ in range(2):
            killed_s = time.monotonic()
            os.kill(children(session.pid)[-1], signal.SIGKILL)
            wait_for_notes(library, killed_s)
            print(f"{min(at_s for at_s in struck_s(facts_of(library)) if at_s > killed_s) - killed_s:.2f} s of silence")
        said = end(session)
    facts = facts_of(library)
    assert said.splitlines() == said_in(facts)
    assert sum(isinstance(fact, PlayerGone) for fact in facts) == 2
    assert not down(facts)


def test_a_piano_that_is_killed_is_started_again_and_stops_nothing(tmp_path: Path) -> None:
    library = tmp_path / "sessions.db"
    with playing(library, *_PIANO) as session:
        wait_for_notes(library)
        killed_s = time.monotonic()
        os.kill(processes_of(session.pid)["piano"][0], signal.SIGKILL)
        wait_for(lambda: any(isinstance(fact, PortBack) for fact in facts_of(library)), "another piano", _END_S, 0.1)
        wait_for_notes(library, time.monotonic())
        said = end(session)
    facts = facts_of(library)
    assert len(said.splitlines()) == 2 and not down(facts)
    (lost,) = (fact for fact in facts if isinstance(fact, PortLost))
    assert lost.name == "piano" and max(struck_s(facts)) > killed_s


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if _mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)) != 0:
        pytest.skip("this user may not mount disks")
    yield folder
    while folder.is_mount():
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _mount(*words: str) -> int:
    if shutil.which("mount") is None:
        return 1
    return subprocess.run(["mount", *words], capture_output=True, check=False).returncode


def _until_said(library: Path, words: str) -> None:
    """Until the session has said something like it, by what was kept of it, which may be later than it was said."""
    wait_for(lambda: any(words in each for each in said_in(facts_of(library))), words, _END_S, 0.1)


def test_a_full_disk_stops_the_keeping_until_there_is_room(small_disk: Path) -> None:
    library, filling = small_disk / "sessions.db", small_disk / "filling"
    with playing(library) as session:
        wait_for_notes(library)
        with contextlib.suppress(OSError), filling.open("wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()
        time.sleep(2)
        full_s = time.monotonic()
        time.sleep(1)
        filling.unlink()
        _until_said(library, "the session is kept again")
        wait_for_notes(library, time.monotonic())
        said = end(session)
    facts = facts_of(library)
    first, second = said_in(facts)
    assert said.splitlines() == [first, second]
    assert "not kept for the time being" in first and "full" in first and second == "the session is kept again"
    assert any(full_s < at_s < full_s + 1 for at_s in struck_s(facts)), "what was played meanwhile is kept too"
    assert not down(facts)


def test_a_disk_that_may_only_be_read_is_kept_on_once_it_may_be_written(small_disk: Path) -> None:
    library = small_disk / "sessions.db"
    assert _mount("-o", "remount,ro", str(small_disk)) == 0
    with playing(library) as session:
        time.sleep(3)
        began_s = time.monotonic()
        assert _mount("-o", "remount,rw", str(small_disk)) == 0
        _until_said(library, "the session is kept again")
        said = end(session)
    facts = facts_of(library)
    assert said.splitlines() == said_in(facts) and "not kept for the time being" in said_in(facts)[0]
    assert min(struck_s(facts)) < began_s, "from its first note on"
    assert not down(facts)


def test_a_disk_that_is_pulled_out_is_written_again_when_another_is_there(small_disk: Path) -> None:
    library = small_disk / "sessions.db"
    with playing(library) as session:
        wait_for_notes(library)
        subprocess.run(["umount", "-l", str(small_disk)], check=True)
        time.sleep(1)
        assert _mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small_disk)) == 0
        wait_for_notes(library, time.monotonic())
        assert not end(session)
    assert not down([fact for fact in facts_of(library) if isinstance(fact, Sent)][1:])


@pytest.mark.parametrize("shift_s", [-3600.0, 86_400.0])
def test_a_clock_that_is_set_back_or_forward_changes_nothing(shift_s: float, tmp_path: Path) -> None:
    library, clock = tmp_path / "sessions.db", tmp_path / "clock"
    clock.write_text("0")
    with playing(library, clock=clock) as session:
        wait_for_notes(library)
        clock.write_text(str(shift_s))
        set_s = time.monotonic()
        wait_for_notes(library, set_s, notes=20)
        session.kill()
    facts = facts_of(library)
    times_s = [0.0, *(fact.now_s for fact in facts if hasattr(fact, "now_s"))]
    assert times_s == sorted(times_s)
    clock.write_text(str(2 * shift_s))  # and once more before the next start
    with playing(library, clock=clock) as session:
        wait_for_notes(library, session=2)
        (sentence,) = end(session).splitlines()
    assert sentence.startswith("session 1 of ") and "broke off" in sentence
    with Library(library) as kept:
        assert [entry.ended for entry in kept.entries()] == [True, True]
        assert all(0 < entry.seconds < 60 for entry in kept.entries())


def test_two_instruments_keep_their_sessions_in_one_library(tmp_path: Path) -> None:
    library = tmp_path / "sessions.db"
    with playing(library) as one, playing(library) as other:
        wait_for_notes(library, notes=20, session=1)
        wait_for_notes(library, notes=20, session=2)
        assert not end(one) and not end(other)
    for session in (1, 2):
        assert not down(facts_of(library, session)) and not said_in(facts_of(library, session))


@pytest.mark.parametrize("what", ["torn", "of a later version"])
def test_with_a_library_that_cannot_be_used_it_plays_and_says_so(what: str, tmp_path: Path) -> None:
    library, record = tmp_path / "sessions.db", tmp_path / "played.mid"
    with playing(library) as session:
        wait_for_notes(library)
        end(session)
    if what == "torn":
        library.write_bytes(library.read_bytes()[:3000] + bytes(5000))
    else:
        with sqlite3.connect(library) as database:
            database.execute(f"PRAGMA user_version = {VERSION + 1}")
        database.close()
    before = library.read_bytes()
    with playing(library, "--output", "none", "--record", str(record), "--seconds", "2") as session:
        out, said = session.communicate(timeout=_END_S)
    assert session.returncode == 0 and json.loads(out)["notes"] > 5
    (sentence,) = said.splitlines()
    beside = tmp_path / "sessions-2.db"
    assert str(library) in sentence and sentence.endswith(f"the session is kept in {beside}")
    assert library.read_bytes() == before
    assert recorded(record) == [fact.message for fact in facts_of(beside) if isinstance(fact, Sent)]
    with Library(beside) as kept, kept._change() as database:
        database.execute("UPDATE session SET ended = 0, seen = seen - 60")  # as if it had been killed a minute ago
    with playing(library, "--output", "none", "--seconds", "1") as session:
        _, said = session.communicate(timeout=_END_S)
    assert said.splitlines()[0].endswith(f"perfrnn-live sessions show 1 --library {beside}")


@pytest.mark.parametrize("part", ["card.json", "model.onnx", "handling.onnx"])
def test_with_a_torn_model_a_sentence_says_which_before_anything_sounds(part: str, tmp_path: Path) -> None:
    model = tmp_path / "torn"
    shutil.copytree(find_model("maestro-nano"), model)
    content = (model / part).read_bytes()
    (model / part).write_bytes(content[: len(content) // 2])
    with playing(tmp_path / "sessions.db", "--output", "none", "--model", str(model)) as session:
        out, said = session.communicate(timeout=_END_S)
    assert (session.returncode, out) == (1, "")
    (sentence,) = said.splitlines()
    assert str(model) in sentence
