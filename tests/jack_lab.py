"""A MIDI studio without hardware for the tests marked `midi`: a JACK server, a synthesiser, a recorder, a monitor.

None of it is written here: JACK's dummy driver runs without a sound card, and what passes through it is seen by
programs of others. Needs the Debian packages jackd2, fluidsynth, timgm6mb-soundfont, jack-tools, jack-midi-clock and
libasound2, and the Python package JACK-Client.

    with server():
        with monitor(tmp_path / "dump.txt") as ear, sender() as hand:
            connect(hand.port, ear.port)
            hand.send(bytes([0x90, 60, 100]))
            wait_for(lambda: ear.heard(), "the note")

Everything is waited for with a limit, every program runs under `timeout`, and each is stopped where its block ends:
clients before the server, for a server that is killed under its clients leaves shared memory behind.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perfrnn_live.player.loopback import PROBE

SERVER = "midilab"  # always the same: about eight names exist, and crashed servers keep theirs
SAMPLE_RATE = 48_000
PERIOD = 128  # frames: 2.7 ms
_ENVIRONMENT = {"JACK_DEFAULT_SERVER": SERVER, "JACK_NO_START_SERVER": "1", "JACK_NO_AUDIO_RESERVATION": "1"}
_JACK_PROGRAMS = ("jackd", "jack_wait", "jack_midi_dump", "jack_rec")
_PROGRAMS = (*_JACK_PROGRAMS, "jack_midi_clock", "fluidsynth", "stdbuf", "timeout", "setpriv")
_SOUND_FONT = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")
_READY_S = 15.0  # generous: the machine may be busy
_STOP_S = 5.0
_PATIENCE_MS = 20
_LOOK_S = 0.05
LIFE_S = 120  # no program outlives this, even if the tests are killed; to be raised by who needs longer
_SHARED_MEMORY = Path("/dev/shm")
_patch_bays: list[subprocess.Popen[Any]] = []  # of the servers that run
_looking = threading.Lock()

# Connects two ports if it is given any, then tells all there are, each with those it is connected to; until its input
# ends. It is one client for as long as the server runs. Each that comes and goes, as `jack_lsp` does, may arrive just
# when another one does, and then JACK now and then forgets to wake that one, for good: the whole studio crawls on at
# five periods a second.
_PATCH_BAY = """
import sys, contextlib, jack
client = jack.Client("patchbay", no_start_server=True)
for line in sys.stdin:
    with contextlib.suppress(jack.JackError, ValueError):
        if "\\t" in line:
            client.connect(*line.rstrip("\\n").split("\\t"))
    with contextlib.suppress(jack.JackError):
        for port in client.get_ports():
            print(port.name, *(other.name for other in client.get_all_connections(port)), sep="\\t")
    print(flush=True)
"""

# Opens a port of its own and sends each line of hexadecimal bytes that comes in, in JACK's next period; ends with its
# input.
_SENDER = """
import sys, jack
from collections import deque
client = jack.Client(sys.argv[1], no_start_server=True)
port, waiting = client.midi_outports.register("out"), deque()
def deliver(frames):
    port.clear_buffer()
    while waiting:
        port.write_midi_event(0, waiting.popleft())
client.set_process_callback(deliver)
with client:
    for line in sys.stdin:
        waiting.append(bytes.fromhex(line))
        print("sent", flush=True)
"""

# Writes down sound and MIDI in frames of one count, until its input ends; then puts both into a file.
_LISTENER = """
import sys, jack, numpy as np
client = jack.Client(sys.argv[1], no_start_server=True)
sound, midi = client.inports.register("sound"), client.midi_inports.register("midi")
blocks, events, done = [], [], 0
def listen(frames):
    global done
    blocks.append(sound.get_array().copy())
    events.extend((done + offset, bytes(event).ljust(3, bytes(1))[:3]) for offset, event in midi.incoming_midi_events())
    done += frames
client.set_process_callback(listen)
with client:
    print("listens", flush=True)
    sys.stdin.read()
frames = np.array([frame for frame, _ in events])
messages = np.frombuffer(b"".join(message for _, message in events), np.uint8).reshape(-1, 3)
np.savez(sys.argv[2], sound=np.concatenate(blocks), frames=frames, messages=messages)
print("kept", flush=True)
"""


@dataclass(frozen=True, slots=True)
class Heard:
    """One message at a monitor; `frame` counts sample frames from the monitor's start."""

    frame: int
    message: bytes


@dataclass(frozen=True, slots=True)
class Monitor:
    """A running `jack_midi_dump`: its port, and the file it writes to."""

    port: str
    dump: Path

    def heard(self) -> list[Heard]:
        """All messages so far, in order."""
        return parse_dump(self.dump.read_text(encoding="ascii", errors="replace"))

    def gestures(self) -> list[tuple[str, int, int]]:
        """The messages so far as words, see `gesture`; others than notes and controls are left out, and the question of
        the instrument whether it hears itself, which is heard by who was connected in time."""
        heard = [one.message for one in self.heard() if one.message != PROBE]
        return [told for message in heard if (told := gesture(message)) is not None]


@dataclass(frozen=True, slots=True)
class Sender:
    """Another program with a MIDI output of its own."""

    port: str
    process: subprocess.Popen[str]
    _one: threading.Lock = field(default_factory=threading.Lock)

    def send(self, message: bytes) -> None:
        """Have it send one raw message, and return when it did; from any thread. Raises RuntimeError if it is gone."""
        assert self.process.stdin is not None and self.process.stdout is not None
        with self._one:
            self.process.stdin.write(message.hex() + "\n")
            self.process.stdin.flush()
            if self.process.stdout.readline() != "sent\n":  # ends at the latest with the process, which has its limit
                raise RuntimeError("the sending program is gone")


def missing() -> list[str]:
    """What has to be installed before anything here works; empty if all is there."""
    lacking = [program for program in _PROGRAMS if shutil.which(program) is None]
    lacking += [] if _SOUND_FONT.exists() else [_SOUND_FONT.name]
    return lacking + ([] if importlib.util.find_spec("jack") else ["JACK-Client"])


def available() -> bool:
    """Whether all programs are installed. Tests skip, visibly, where they are not."""
    return sys.platform == "linux" and not missing()


@contextlib.contextmanager
def server(period: int = PERIOD, rate: int = SAMPLE_RATE, channels: int = 2) -> Iterator[subprocess.Popen[Any]]:
    """A JACK server with the dummy driver, also for JACK clients in this process while the block lasts. It has so many
    playback `channels`.

    Gives the process; it leads a group of its own.
    """
    realtime = ["-R", "-P", "70"] if _realtime() else ["-r"]
    # -S: a period ends when all clients are through, so that nothing is lost. One that does not get there (it is
    # stopped, or starved on a busy machine) is waited for ten times -t in each period: 5 s unless told.
    how = ["-S", "-t", str(_PATIENCE_MS)]
    driver = ["-d", "dummy", "-r", str(rate), "-p", str(period), "-P", str(channels)]
    command = ["jackd", "-n", SERVER, *realtime, *how, *driver]
    with _only_one(), _environment(), contextlib.ExitStack() as running:
        running.callback(_sweep)
        # The server of a test run that died a moment ago may still hold the name.
        wait_for(lambda: _call(["jack_wait", "-s", SERVER, "-c"]).stdout.startswith("not "), "the old server's end")
        server = running.enter_context(_running(command))
        waiting = ["jack_wait", "-s", SERVER, "-w", "-t", str(int(_READY_S))]
        if _call(waiting, limit_s=_READY_S + 5).returncode != 0 or server.poll() is not None:
            raise RuntimeError("the JACK server did not start")
        patching = [sys.executable, "-c", _PATCH_BAY]
        _patch_bays.append(
            running.enter_context(_running(patching, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        )
        running.callback(_patch_bays.pop)
        yield server


@contextlib.contextmanager
def synthesiser(client: str = "synth") -> Iterator[str]:
    """A piano listening; gives its MIDI port. It sounds on the ports `left` and `right` of the same client."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        shell_port = probe.getsockname()[1]  # fluidsynth insists on a shell server; any free port will do
    settings = [f"shell.port={shell_port}", f"midi.jack.server={SERVER}", f"audio.jack.server={SERVER}"]
    settings += [f"midi.jack.id={client}", f"audio.jack.id={client}"]
    options = [part for setting in settings for part in ("-o", setting)]
    driver = ["-m", "jack", "-a", "jack", "-r", str(SAMPLE_RATE)]
    with _running(["fluidsynth", "-q", "-i", "-s", *driver, *options, str(_SOUND_FONT)]):
        wait_for_port(f"{client}:right")
        yield f"{client}:midi_00"


@contextlib.contextmanager
def recording(path: Path, duration_s: float, ports: Sequence[str] = ("synth:left", "synth:right")) -> Iterator[None]:
    """Record these audio ports to a 16-bit WAV from here on; the block ends when the recording has."""
    before = len(lsp())
    command = ["jack_rec", "-f", str(path), "-d", f"{duration_s:g}", "-b", "16", *ports]
    with _running(command) as process:
        wait_for(lambda: len(lsp()) >= before + len(ports), "the recorder", pause_s=_LOOK_S)
        yield
        process.wait(duration_s + _READY_S)


@contextlib.contextmanager
def monitor(dump: Path, client: str = "mon") -> Iterator[Monitor]:
    """Something that writes down every MIDI message it gets, at once."""
    with dump.open("wb") as file, _running(["stdbuf", "-oL", "jack_midi_dump", "-a", client], stdout=file):
        port = f"{client}:input"
        wait_for_port(port)
        yield Monitor(port, dump)


@contextlib.contextmanager
def sender(client: str = "hand") -> Iterator[Sender]:
    """Another program that sends what it is told to."""
    command = [sys.executable, "-c", _SENDER, client]
    with _running(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        port = f"{client}:out"
        wait_for_port(port)
        yield Sender(port, process)


@contextlib.contextmanager
def listener(kept: Path, client: str = "listener") -> Iterator[tuple[str, str]]:
    """Something that hears sound and MIDI in one count of frames; gives its audio and its MIDI port. When the block
    ends, `kept` (.npz) has `sound` (frames,), and `frames` and `messages` (n, 3) of what came in."""
    command = [sys.executable, "-c", _LISTENER, client, str(kept)]
    with _running(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdout.readline()
        wait_for_port(f"{client}:midi")
        yield f"{client}:sound", f"{client}:midi"
        process.stdin.close()
        if process.stdout.readline() != "kept\n":
            raise RuntimeError("the listening program is gone")


@contextlib.contextmanager
def sequencer(destination: str, quarters_a_minute: int = 120) -> Iterator[Callable[[bool], None]]:
    """A program that sends MIDI clock to a port while JACK's transport rolls, and Start and Stop with it; gives what
    starts and stops that."""
    import jack

    client = jack.Client("conductor", no_start_server=True)
    with client, _running(["jack_midi_clock", "-b", str(quarters_a_minute), destination]):
        wait_for(lambda: any(destination in to for to in lsp().values()), "the sequencer", pause_s=_LOOK_S)
        yield lambda rolls: client.transport_start() if rolls else client.transport_stop()
        client.transport_stop()


def connect(source: str, destination: str) -> None:
    """Connect two ports by their full names, and see that they are. Raises TimeoutError if JACK goes on refusing.

    Asked again where it refuses: a piano whose device is asked for nothing, as on a machine too busy for its server,
    gives its port up and opens another.
    """

    wait_for(
        lambda: destination in _ports(f"{source}\t{destination}").get(source, []),
        f"a connection from {source} to {destination}",
        pause_s=_LOOK_S,
    )


def wait_for_port(name: str) -> None:
    """Until there is a port of that full name. Raises TimeoutError."""
    wait_for(lambda: name in lsp(), name, pause_s=_LOOK_S)


def lsp() -> dict[str, list[str]]:
    """All ports, each with those it is connected to; none where there is no server."""
    return _ports("")


def _ports(asked: str) -> dict[str, list[str]]:
    ports: dict[str, list[str]] = {}
    with _looking, contextlib.suppress(IndexError, BrokenPipeError):
        bay = _patch_bays[-1]
        assert bay.stdin is not None and bay.stdout is not None
        bay.stdin.write(f"{asked}\n")
        bay.stdin.flush()
        while line := bay.stdout.readline().rstrip("\n"):
            name, *connected = line.split("\t")
            ports[name] = connected
    return ports


def parse_dump(text: str) -> list[Heard]:
    """What `jack_midi_dump -a` wrote: per line a frame, the bytes in hexadecimal, and for some a description.

    A last line without its end is still being written, and left for the next time.
    """
    heard = []
    for line in text[: text.rfind("\n") + 1].splitlines():
        frame, colon, rest = line.partition(":")
        if not colon or not frame.strip().isdigit():
            continue
        octets = []
        for word in rest.split():
            # The description begins with "note" or "control": neither is two hexadecimal digits.
            if len(word) != 2:
                break
            octets.append(int(word, 16))
        heard.append(Heard(int(frame), bytes(octets)))
    return heard


def gesture(message: bytes) -> tuple[str, int, int] | None:
    """("on", pitch, velocity), ("off", pitch, velocity) or ("control", controller, value); None for all others.

    A note-on with velocity 0 is a note-off.
    """
    if len(message) != 3:
        return None
    status, first, second = message
    word = {0x90: "on", 0x80: "off", 0xB0: "control"}.get(status & 0xF0)
    if word == "on" and second == 0:
        word = "off"
    return None if word is None else (word, first, second)


def wait_for(condition: Callable[[], object], what: str, limit_s: float = _READY_S, pause_s: float = 0.02) -> None:
    """Return once the condition holds. Raises TimeoutError, naming what was waited for."""
    deadline_s = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{what} did not come within {limit_s:g} s")
        time.sleep(pause_s)


def _call(command: Sequence[str], limit_s: float = 10.0) -> subprocess.CompletedProcess[str]:
    surrounding = {**os.environ, **_ENVIRONMENT}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=limit_s, env=surrounding, stdin=subprocess.DEVNULL, check=False
    )


@contextlib.contextmanager
def _running(command: Sequence[str], **streams: Any) -> Iterator[subprocess.Popen[Any]]:
    """A program for as long as the block lasts, in a process group of its own, which is stopped as a whole."""
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(
        # setpriv: dies with the tests, even if those crash.
        ["setpriv", "--pdeathsig", "TERM", "timeout", "--kill-after=2", str(LIFE_S), *command],
        env={**os.environ, **_ENVIRONMENT},
        start_new_session=True,
        **{**quiet, **streams},
    )
    try:
        yield process
    finally:
        for stop in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, stop)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_S)
                break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # whatever is left of the group
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in _ENVIRONMENT}
    os.environ.update(_ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _only_one(limit_s: float = 180.0) -> Iterator[None]:
    """Two test runs at once would share the server's name: the second waits for the first."""
    import fcntl

    path = Path(tempfile.gettempdir()) / f"perfrnn-{SERVER}-{os.getuid()}.lock"
    with path.open("w") as lock:

        def taken() -> bool:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        wait_for(taken, "the other test run's JACK server to end", limit_s)
        yield


def _realtime() -> bool:
    """Whether this user may have realtime priority."""
    return shutil.which("chrt") is not None and _call(["chrt", "-r", "70", "true"]).returncode == 0


def _sweep() -> None:
    """Remove what a server that had to be killed left in shared memory under its name."""
    for pattern in (f"jack_sem.*_{SERVER}_*", f"jack_{SERVER}_*"):
        for left in _SHARED_MEMORY.glob(pattern):
            with contextlib.suppress(OSError):
                left.unlink()
