"""Commands for playing: play, calibrate, pads, ports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from perfrnn_live.cli import options
from perfrnn_live.cli.app import app, check_seconds
from perfrnn_live.engines.card import DEFAULT_MODEL, find_model
from perfrnn_live.errors import BadValue, MidiUnavailable
from perfrnn_live.files import check_writable, unused
from perfrnn_live.live.controls import AT_FIRST, Mode


@app.command()
def play(
    output: options.Output = None,
    audio: options.Audio = "any",
    no_sound: options.NoSound = False,
    input: options.Input = None,
    mode: Annotated[Mode, typer.Option(help="It alone, call and response, or both at once.")] = Mode.SOLO,
    model: options.Model = DEFAULT_MODEL,
    prime: options.Prime = None,
    middle: options.Middle = False,
    temperature: options.Temperature = 1.0,
    top_p: options.TopP = AT_FIRST.top_p,
    density: options.Density = None,
    loudness: options.Loudness = None,
    register: options.Register = None,
    sounding: options.Sounding = None,
    composer: options.Composer = "any",
    towards: options.Towards = "any",
    blend: options.Blend = 0.0,
    recall: options.Recall = AT_FIRST.recall,
    like: options.Like = None,
    likeness: options.Likeness = None,
    polyphony: Annotated[int, typer.Option(help="Keys at a time, at most; 32 is as many as it likes.")] = 32,
    scale: options.Scale = "any",
    answer_length: Annotated[float, typer.Option(help="An answer's length, as the call's times this.")] = 1.0,
    beams: Annotated[int, typer.Option(min=1, max=8, help="Sound the likeliest of so many continuations.")] = 1,
    range: Annotated[str, typer.Option(help="The machine's lowest and highest key, as A0..C8.")] = "0..127",
    split: Annotated[str | None, typer.Option(help="A key: the machine keeps to the other side than you.")] = None,
    quantise_start: Annotated[
        Literal["beat", "bar", "off"], typer.Option(help="What answers begin on while a sequencer's clock comes in.")
    ] = "beat",
    soundfont: options.SoundFont = None,
    profile: Annotated[str, typer.Option(help="What the output needs: daw, disklavier, or a profile file.")] = "daw",
    thru: options.Thru = False,
    pads: Annotated[Path | None, typer.Option(help="A file of pads, in place of your own.")] = None,
    seed: options.Seed = None,
    seconds: options.Seconds = None,
    record: Annotated[
        Path | None, typer.Option(help="Keep what was sounded in a new .mid file, or as .wav in both.")
    ] = None,
    library: options.Library = None,
    no_library: Annotated[bool, typer.Option("--no-library", help="Do not keep this session.")] = False,
    log: Annotated[Path | None, typer.Option(help="Keep what was decided, and how quickly, in a new file.")] = None,
    link: Annotated[
        bool, typer.Option("--link", help="Follow the beat of Ableton Link; needs the extra `link`.")
    ] = False,
    osc: Annotated[str | None, typer.Option(help="Listen for OSC on a port of this machine, or HOST:PORT.")] = None,
    osc_to: Annotated[str | None, typer.Option(help="Tell how it stands by OSC, to a port or HOST:PORT.")] = None,
    send_transport: Annotated[
        bool, typer.Option("--send-transport", help="Send Start before the first note and Stop at the end.")
    ] = False,
    controller: Annotated[
        str | None, typer.Option(help="A MIDI output that is to be told where the knobs stand: motor faders, lights.")
    ] = None,
    page: Annotated[bool, typer.Option("--page", help="Serve a page for a browser on this machine.")] = False,
    page_on: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Serve it to tablets: 0.0.0.0, to all who have its link; or HOST:PORT."),
    ] = None,
    no_screen: Annotated[bool, typer.Option("--no-screen", help="Nothing is drawn in the terminal.")] = False,
    quiet: options.Quiet = False,
) -> None:
    """Improvise in time: on the built-in piano and a virtual MIDI port called perfrnn-live, or on another port."""
    from perfrnn_live.live.controls import Settings
    from perfrnn_live.music.pitch import pitch_of, range_of
    from perfrnn_live.player.profiles import load_profile
    from perfrnn_live.sound.wav import is_sound
    from perfrnn_live.stage import places
    from perfrnn_live.stage.options import PlayOptions
    from perfrnn_live.stage.osc import address_of
    from perfrnn_live.stage.page.feed import page_address
    from perfrnn_live.stage.play import play as run

    check_seconds(seconds)
    lowest, highest = range_of(range)
    apart = pitch_of(split) or None if split is not None else None  # below the lowest key there is nothing
    near = options.likeness_of(likeness, like)
    knobs = (temperature, top_p, density, loudness, register, sounding, polyphony, scale, answer_length)
    settings = Settings(
        *knobs,
        mode=mode,
        composer=composer,
        towards=towards,
        blend=blend,
        recall=recall,
        likeness=near,
        lowest=lowest,
        highest=highest,
        split=apart,
    )
    record = record and unused(record)
    if record is not None and is_sound(record):  # both names must be free
        while record.with_suffix(".mid").exists():
            record = unused(record.with_stem(f"{record.stem}-2"))
    log = log and unused(log, besides=[record])
    asked = PlayOptions(
        model=find_model(model),
        output=output,
        audio=None if no_sound else audio,
        inputs=options.inputs_of(input),
        soundfont=soundfont,
        thru=thru,
        profile=load_profile(profile),
        prime=prime,
        middle=middle,
        like=like,
        settings=settings,
        beams=beams,
        quantise=quantise_start,
        seed=seed,
        seconds=seconds,
        record=record,
        pads=pads,
        library=None if no_library else library or places.library(),
        log=log,
        osc=None if osc is None else address_of(osc),
        osc_to=None if osc_to is None else address_of(osc_to),
        controller=controller,
        link=link,
        transport=send_transport,
        page=page_address(page_on) if page or page_on is not None else None,
        screen=not no_screen,
        quiet=quiet,
    )
    summary = run(asked)
    print(json.dumps(summary.to_json()) if quiet else summary)


@app.command()
def calibrate(
    output: Annotated[str, typer.Option(help="The port of the piano.")],
    input: Annotated[str, typer.Option(help="The port on which it reports back, or a cable from output to input.")],
    out: Annotated[Path | None, typer.Option(help="Write a profile file for --profile.")] = None,
) -> None:
    """Measure how long an output takes to sound, soft and loud, by what comes back from it."""
    from perfrnn_live.player.calibration import calibrate as run

    print(run(output, input, out and unused(out)))


@app.command()
def pads(
    out: Annotated[Path, typer.Argument(metavar="OUT.npz")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE.mid...", help="Up to eight, a pad each.")],
    model: options.Model = DEFAULT_MODEL,
) -> None:
    """Fill the eight pads with places to play on from: how recordings begin, 30 s of each."""
    from perfrnn_live.live.pads import PADS, Pads
    from perfrnn_live.music.codec import encode
    from perfrnn_live.music.midifile import read_beginning
    from perfrnn_live.sampling.opening import PRIME_NOTES, PRIME_S, begin

    if len(files) > PADS:
        raise BadValue(f"there are {PADS} pads, not {len(files)}")
    out = unused(out)
    check_writable(out)
    folder = find_model(model)
    beginnings = [read_beginning(file, PRIME_S, PRIME_NOTES) for file in files]
    continuation, _ = begin(folder)
    filled = Pads(continuation.engine, folder.name, out)
    for number, (file, notes) in enumerate(zip(files, beginnings, strict=True), 1):
        filled.store(number, continuation.primed(encode(notes, continuation.vocabulary)))
        print(f"pad {number}: {file.stem}")
    filled.save()


@app.command()
def ports() -> None:
    """List the MIDI ports of this machine."""
    from perfrnn_live.player.ports import list_ports

    found = list_ports()
    for direction, names in (("output", found.outputs), ("input", found.inputs)):
        for port in names:
            print(f"{direction}  {port.api}  {port.name}")
    if found.problem:
        raise MidiUnavailable(found.problem)
    if not found.outputs and not found.inputs:
        print("the MIDI system works, but no other program or device has a port open")


@app.command()
def doctor(
    model: options.Model = DEFAULT_MODEL,
    audio: options.Audio = "any",
    library: options.Library = None,
    seconds: Annotated[float, typer.Option(min=1, max=600, help="For how long timing is looked at.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """Say what of this machine works for a session, how well, and how to get what is missing."""
    from dataclasses import asdict

    from perfrnn_live.player.clock import SystemClock
    from perfrnn_live.stage import places
    from perfrnn_live.stage.doctor import Wanted, examine, verdict

    findings = []
    for finding in examine(Wanted(model, audio, library or places.library(), seconds), SystemClock()):
        findings.append(finding)
        if not as_json:
            print(f"{finding.part:17} {finding.state:8} {finding.sentence}")
    plays, words = verdict(findings)
    told = {"plays": plays, "verdict": words, "findings": [asdict(each) for each in findings]}
    print(json.dumps(told) if as_json else words)
    if not plays:
        raise typer.Exit(1)
