"""Commands that make music and sound into files, and measure models: generate, render, evaluate."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from perfrnn_live.cli import options
from perfrnn_live.cli.app import app, check_seconds, needing
from perfrnn_live.engines.card import DEFAULT_MODEL, find_model
from perfrnn_live.errors import CannotWrite
from perfrnn_live.files import check_writable, unused
from perfrnn_live.live.controls import AT_FIRST


@app.command()
def generate(
    out: Annotated[Path, typer.Argument(metavar="OUT.mid|OUT.wav")],
    seconds: Annotated[float, typer.Option(help="Length of each piece.")] = 30.0,
    count: Annotated[int, typer.Option(min=1, help="Several pieces: OUT-1.mid, OUT-2.mid, ...")] = 1,
    prime: options.Prime = None,
    middle: options.Middle = False,
    temperature: options.Temperature = 1.0,
    top_p: options.TopP = 1.0,
    density: options.Density = None,
    loudness: options.Loudness = None,
    register: options.Register = None,
    sounding: options.Sounding = None,
    composer: options.Composer = "any",
    towards: options.Towards = "any",
    blend: options.Blend = 0.0,
    recall: options.Recall = 0.0,
    like: options.Like = None,
    likeness: options.Likeness = None,
    scale: options.Scale = "any",
    beams: Annotated[int, typer.Option(min=1, help="Continuations to choose the likeliest from, again and again.")] = 1,
    seed: options.Seed = None,
    model: options.Model = DEFAULT_MODEL,
) -> None:
    """Improvise into .mid files, or into sound, faster than time."""
    import numpy as np

    from perfrnn_live.live.controls import Settings
    from perfrnn_live.live.steering import Steering
    from perfrnn_live.music.codec import decode
    from perfrnn_live.music.midifile import write_notes
    from perfrnn_live.sampling import generation
    from perfrnn_live.sampling.controls import Controls
    from perfrnn_live.sampling.opening import begin, place_in
    from perfrnn_live.sound.wav import is_sound, write_sound

    check_seconds(seconds)
    knobs = (1.0, 1.0, density, loudness, register, sounding, 32, scale)
    likeness = options.likeness_of(likeness, like)
    asked = Settings(*knobs, composer=composer, towards=towards, blend=blend, likeness=likeness)
    if not out.name:
        raise CannotWrite(f"cannot write {out}: it is a folder")
    paths: list[Path] = []
    for path in [out] if count == 1 else [out.with_stem(f"{out.stem}-{n}") for n in range(1, count + 1)]:
        paths.append(unused(path, besides=paths))
        check_writable(paths[-1])
    write = write_sound if is_sound(out) else write_notes
    continuation, start = begin(find_model(model), prime, middle)
    place = None if like is None else place_in(continuation.engine, like)
    steered = Steering(Controls(), place).controls(asked, 0.0)
    controls = replace(steered, temperature=temperature, top_p=top_p, recall=recall)
    continuation.check(controls.handles)
    pieces = generation.generate(continuation, start, seconds, controls, np.random.default_rng(seed), count, beams)
    for path, tokens in zip(paths, pieces, strict=True):
        notes = decode(tokens, continuation.vocabulary, start.keyboard)
        write(path, notes)
        print(f"{path}: {len(notes)} notes")


@app.command()
def render(
    file: Annotated[Path, typer.Argument(metavar="FILE.mid")],
    out: Annotated[Path, typer.Argument(metavar="OUT.wav")],
    soundfont: options.SoundFont = None,
) -> None:
    """Play a .mid file on the built-in piano, or with a sound font, into a sound file."""
    from perfrnn_live.music.midifile import read_notes
    from perfrnn_live.sound.wav import write_sound

    notes = read_notes(file)
    out = unused(out)
    write_sound(out, notes, soundfont)
    print(f"{out}: {len(notes)} notes")


@app.command()
def evaluate(
    data: Annotated[Path, typer.Option(help="A folder of .mid files (their validation split), or a token file.")],
    model: options.Model = DEFAULT_MODEL,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many recordings.")] = None,
    side_by_side: Annotated[
        int | None, typer.Option(min=1, help="Recordings in a batch: 1 is exactly as it plays; all are quicker.")
    ] = None,
    engine: Annotated[
        str, typer.Option(help="onnx: the int8 step that plays; torch: the weights themselves.")
    ] = "onnx",
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
    report: Annotated[Path | None, typer.Option(metavar="DIR", help="A folder for a page of all figures.")] = None,
    excerpts: Annotated[int, typer.Option(min=3, help="Of 30 s, that the model plays for the report.")] = 137,
    temperature: options.Temperature = 1.0,
    top_p: options.TopP = AT_FIRST.top_p,
    recall: options.Recall = AT_FIRST.recall,
    beams: Annotated[int, typer.Option(min=1, help="As for generate.")] = 1,
    middle: options.Middle = False,
    seed: Annotated[int, typer.Option(min=0, help="Of what the model plays.")] = 1,
    knobs: Annotated[bool, typer.Option("--knobs", help="In the report, what each knob does.")] = False,
    no_likelihood: Annotated[bool, typer.Option("--no-likelihood", help="In the report, only what it plays.")] = False,
) -> None:
    """How likely real recordings are to a model: nats per event, 8 ms step, note and second; and how like people it
    plays."""
    from perfrnn_live.evaluation.run import evaluate_model

    if report is not None:
        from perfrnn_live.evaluation.study import Asked, report_on
        from perfrnn_live.sampling.controls import Controls

        controls = Controls(temperature=temperature, top_p=top_p, recall=recall)
        asked = Asked(excerpts, controls, beams, middle, seed, knobs, not no_likelihood)
        command = shlex.join(["perfrnn-live", *sys.argv[1:]])
        figures = report_on(find_model(model), data, report, asked, limit, side_by_side, command)
        means = figures["likeness"]["mean_overlap"]
        print(f"{report / 'report.html'}: mean overlap {means['model']:.3f}, people's {means['others']:.3f}")
        return
    with needing("train"):  # for --engine torch alone
        figures = evaluate_model(find_model(model), engine, data, limit, side_by_side)
    if as_json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:16} {value:.4f}" if isinstance(value, float) else f"{name:16} {value}")
