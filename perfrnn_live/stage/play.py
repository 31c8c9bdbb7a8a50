"""`perfrnn-live play`: the parts put together on this machine."""

from __future__ import annotations

import contextlib
import secrets
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue

from perfrnn_live.engines.handles import UNASKED
from perfrnn_live.errors import PerfRNNError, PlayerLost
from perfrnn_live.files import check_writable, unused
from perfrnn_live.library.keeper import Keeper
from perfrnn_live.library.store import Library
from perfrnn_live.live.pads import open_pads
from perfrnn_live.live.steering import Steering
from perfrnn_live.music.midifile import MidiFileWriter, read_notes
from perfrnn_live.player.clock import Clock, SystemClock, wall_s
from perfrnn_live.player.messages import COMPUTER, PAGE, Received, Said
from perfrnn_live.sampling.controls import Controls
from perfrnn_live.sampling.opening import begin, place_in
from perfrnn_live.sound.wav import is_sound, write_sound
from perfrnn_live.stage import places
from perfrnn_live.stage.ableton_link import LinkClock
from perfrnn_live.stage.assembly import open_session
from perfrnn_live.stage.connection import NOWHERE, Connection
from perfrnn_live.stage.desk import Desk
from perfrnn_live.stage.journal import Journal
from perfrnn_live.stage.keeping import KEPT_OPTIONS, about_session, files_of, tell_of_broken_off
from perfrnn_live.stage.listeners import Aloud, Face, Kept, Listener, Shown
from perfrnn_live.stage.options import PlayOptions
from perfrnn_live.stage.osc import OscIn, OscOut
from perfrnn_live.stage.page.feed import Page, show_link
from perfrnn_live.stage.page.words import Continue, PageWish
from perfrnn_live.stage.recorder import Recorder
from perfrnn_live.stage.replay import check_resumable, resumed
from perfrnn_live.stage.session import Arrival, Session
from perfrnn_live.stage.signals import calling_on_signals
from perfrnn_live.stage.status import Summary
from perfrnn_live.stage.terminal import KEYS, key_presses
from perfrnn_live.stage.typing_keys import typed_piano

_APP = "perfrnn-live"
_SWITCH_S = 0.0005


def play(options: PlayOptions) -> Summary:
    """Play until `seconds` have passed, a signal comes or `q` is pressed. Where a visitor of the page asks to go on
    from a kept session, the same begins once more from there, and the summary is of the last.

    Raises what opening ports, files and the model raises, before anything sounds.
    """
    page: Page | None = None
    while True:
        summary, goes_on, page = _sit(options, page)
        if goes_on is None:
            return summary
        record, log = (path and unused(path) for path in (options.record, options.log))
        options = replace(options, continues=goes_on, prime=None, like=None, record=record, log=log)


def _sit(options: PlayOptions, before: Page | None) -> tuple[Summary, tuple[int, float | None] | None, Page | None]:
    """Play once; what came of it, from where it is to go on then, and its page, that of `before` at the same place."""
    sound_file = options.record if is_sound(options.record) else None
    record = options.record.with_suffix(".mid") if sound_file and options.record else options.record
    for path in (options.record, record, options.log):
        if path is not None:
            check_writable(path)
    if options.library is not None:
        tell_of_broken_off(options.library, _tell)
    inbox: SimpleQueue[Arrival] = SimpleQueue()
    goes_on: list[tuple[int, float | None]] = []

    def say(sentence: str) -> None:
        inbox.put(Said(sentence))

    resumed_from = None
    if options.continues is not None and options.library is not None:
        with Library(options.library) as library:
            resumed_from = resumed(library, *options.continues, options.model)
        went_on = options.continues[0], resumed_from.at_s
        _tell(f"going on from session {went_on[0]} at {went_on[1]:.1f} s")
        options = replace(options, settings=resumed_from.settings, continues=went_on)
    desk = Desk(options.settings, places.controls(), shows=options.controller is not None)
    profile = options.profile
    ports = options.output, options.inputs, options.audio, options.thru
    connection = Connection(*ports, profile, options.soundfont, options.controller, options.transport)
    try:
        continuation, start = begin(options.model, options.prime, options.middle)
        start = start if resumed_from is None else resumed_from.moment
        place = resumed_from.place if resumed_from is not None else None
        if options.like is not None:
            place = place_in(continuation.engine, options.like)
        continuation.check(Steering(Controls(), place).controls(options.settings, 0.0).handles)
        unknown = (continuation.engine.handles or UNASKED).unknown
        if unknown:
            _tell(f"{options.model.name} cannot be asked for {', '.join(unknown)}: those knobs change nothing")
        pads = open_pads(continuation.engine, options.model, places.pads(options.model), options.pads, _tell)
        ready = connection.ready(_tell)
        if ready.output == NOWHERE and options.output is None:
            record = record or Path(f"{_APP}-{datetime.now():%Y%m%d-%H%M%S}.mid")
            _tell(f"playing into {record}")
        page = None if options.page is None else Page(options.page, options.library, before)
        writer = MidiFileWriter(record) if record is not None else None
    except BaseException:
        connection.link.close()
        raise
    base = Controls(
        polyphony=profile.polyphony,
        min_note_s=profile.min_note_s,
    )
    clock = SystemClock()
    began_s = clock.now()

    def kept(listener: Listener, what: str) -> Kept:
        return Kept(listener, what, say)

    listeners: list[Listener] = []
    faces: list[Face] = []
    if writer is not None:
        listeners.append(kept(Recorder(writer, began_s, profile.longest_delay_s), "the recording"))
    if options.log is not None:
        listeners.append(kept(Journal(began_s, options.log), "the log"))
    seed = secrets.randbits(32) if options.seed is None else options.seed
    if options.library is not None:
        asked = {name: getattr(options, name) for name in KEPT_OPTIONS} | {"place": place}
        files = files_of(pads, options.prime)
        about = about_session(asked, options.model.name, profile, continuation.engine.fingerprint, seed, began_s, files)
        keeper = Keeper(options.library, about, began_s, wall_s, say, files.values())
        listeners.append(kept(keeper, "the session in the library"))
    aloud = Aloud(_tell)
    if options.quiet or not options.screen:
        listeners.append(kept(aloud, "what is said"))
    with contextlib.ExitStack() as stack:
        if page is not None:
            stack.callback(page.wait)
            page.begin(began_s, clock.now)
            listeners.append(page)
            faces.append(page)
            _tell(page.link) if options.quiet else show_link(page)
        if options.osc_to is not None:
            other_programs = OscOut(options.osc_to)
            faces.append(Shown(lambda: other_programs))
        if not options.quiet:
            hears = f", hears {' and '.join(ready.inputs)}" if ready.inputs else ""
            sounds = f", sounds through {ready.sound}" if ready.sound else ""
            print(f"{options.model.name} plays onto {ready.output}{sounds}{hears}")
            if options.screen:
                faces.append(Shown(lambda: _screen(options.model.name)))
        session = open_session(
            connection.link,
            clock,
            continuation,
            start,
            settings=options.settings,
            controls=base,
            place=place,
            seed=seed,
            beams=options.beams,
            lead_s=profile.longest_delay_s,
            quantise=options.quantise,
            pads=pads,
            desk=desk,
            listeners=listeners,
            faces=faces,
            reopen=connection.reopen,
            inbox=inbox,
            began_s=began_s,
            planned=page.plan if page is not None else lambda schedule: None,
        )

        def go_on(asked: Continue) -> None:
            try:
                check_resumable(options.library, asked.session, continuation.engine)
            except PerfRNNError as error:
                say(str(error))
            else:
                goes_on.append((asked.session, asked.at_s))
                session.end()

        if options.osc is not None:
            osc = OscIn(options.osc, session.wish, say)
            stack.callback(osc.close)
        if page is not None:
            page.listen(_asking(session, clock, go_on), say)
        if options.link:
            stack.callback(LinkClock(session.bring, clock).close)
        if connection.typed or not options.quiet:
            typed = stack.enter_context(_typed(session, clock, connection.typed))
            stack.enter_context(key_presses(typed))
        stack.enter_context(calling_on_signals(session.end))
        stack.enter_context(_short_switches())
        try:
            summary = session.run(options.seconds)
        except PlayerLost:
            connection.release_keys(ready.output)
            raise
    for complaint in summary.complaints:
        if complaint not in aloud.said:
            _tell(complaint)
    if sound_file is not None and record is not None:
        _keep_sound(record, sound_file, options.soundfont)
    return summary, goes_on[-1] if goes_on else None, page


def _keep_sound(recording: Path, sound: Path, soundfont: Path | None) -> None:
    """What was recorded as a sound file; the recording stays, whatever becomes of it."""
    _tell(f"writing {sound}")
    try:
        write_sound(sound, read_notes(recording), soundfont)
    except PerfRNNError as error:
        _tell(f"{error}; {recording} has all that was played")


@contextlib.contextmanager
def _typed(session: Session, clock: Clock, as_piano: bool) -> Iterator[Callable[[str], None]]:
    """What is to be called with each key that is typed."""

    def steer(key: str) -> None:
        if key in KEYS:
            session.wish(KEYS[key])

    def play_note(message: bytes) -> None:
        session.bring(Received(clock.now(), message, COMPUTER))

    if as_piano:
        with typed_piano(play_note, steer, clock, _write) as typed:
            yield typed
    else:
        yield steer


def _asking(session: Session, clock: Clock, go_on: Callable[[Continue], None]) -> Callable[[PageWish], None]:
    """What is to be called with each wish of the page's visitors."""

    def ask(wish: PageWish) -> None:
        if isinstance(wish, Continue):
            go_on(wish)
        elif isinstance(wish, bytes):
            session.bring(Received(clock.now(), wish, PAGE))
        else:
            session.wish(wish)

    return ask


def _screen(title: str) -> Face:
    from rich.console import Console

    from perfrnn_live.stage.screen import Screen

    return Screen(Console(), title)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr)


@contextlib.contextmanager
def _short_switches() -> Iterator[None]:
    """Threads that draw and write must let the loop have the interpreter at once: by default each keeps it for 5 ms,
    which is longer than an answer to a note may take."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
