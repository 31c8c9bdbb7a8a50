"""`python -m tests.bench.answers`: phrases of real recordings played to it in turns, and its answers beside them.

Whole sessions as `play --mode trade` has them, with its defaults, on a fake clock: phrases of 2.5 to 7 s out of
MAESTRO's validation recordings, one from each, come in at the player's input, and the answer is what it sends then.
`--write FOLDER` writes two calls that were made up for it, each with its answers at recall 0, as at first, and 0.9.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from perfrnn_live.engines.base import StepEngine
from perfrnn_live.engines.card import DEFAULT_MODEL, find_model
from perfrnn_live.engines.registry import load
from perfrnn_live.live.controls import AT_FIRST, Mode, Settings
from perfrnn_live.music.midi import note_off, note_on, releases, strikes
from perfrnn_live.music.performance import Note
from perfrnn_live.training.corpus import find_recordings
from tests.bench.motifs import ANSWERED, patterns
from tests.bench.together import Phrase, phrases_of
from tests.sittings import BEGAN_S, Sitting

_LENGTH_S, _NOTES = (2.5, 7.0), (5, 80)
_BEGINS_S, _MOST_S = 1.0, 20.0


def notes_of(messages: list[tuple[float, bytes]]) -> list[Note]:
    """Strikes and releases as notes, without pedal; what is not released lasts to the end."""
    down: dict[int, tuple[float, int]] = {}
    notes = []
    for at_s, message in messages:
        if (strikes(message) or releases(message)) and message[1] in down:
            onset_s, velocity = down.pop(message[1])
            notes.append(Note(onset_s, at_s, message[1], velocity))
        if strikes(message):
            down[message[1]] = at_s, message[2]
    ends_s = messages[-1][0] if messages else 0.0
    notes += [Note(onset_s, ends_s, pitch, velocity) for pitch, (onset_s, velocity) in down.items()]
    return sorted(notes, key=lambda note: note.onset_s)


def answer(phrase: Phrase, sitting: Sitting) -> list[Note]:
    """What is played after the phrase."""
    for at_s, message in phrase:
        sitting.play_at(BEGAN_S + _BEGINS_S + at_s, message)
    sitting.session.run(_BEGINS_S + phrase[-1][0] + _MOST_S)
    return notes_of(sitting.sent)


def made_up(notes: str, beat_s: float) -> Phrase:
    """A phrase of "pitch+pitch/beats velocity" words: chords of MIDI numbers, each held to the next."""
    phrase, at_s = [], 0.0
    for word in notes.split():
        chord, _, beats = word.partition("/")
        for pitch in map(int, chord.split("+")):
            phrase += [(at_s, note_on(pitch, 62 + pitch // 8)), (at_s + float(beats) * beat_s * 0.95, note_off(pitch))]
        at_s += float(beats) * beat_s
    return sorted(phrase, key=lambda each: each[0])


CALLS = (
    made_up("67/1 72/.5 74/.5 75/1 74/.5 72/.5 71+62/1 67/1 68/1 75/.5 74/.5 72+63+60/2", 0.42),
    made_up(
        "48+64/.5 67/.5 72/.5 76/.5 45+64/.5 69/.5 72/.5 76/.5 41+65/.5 69/.5 72/.5 77/.5 43+62/.5 67/.5 71/1", 0.44
    ),
)


def write(engine: StepEngine[Any], settings: Settings, folder: Path) -> None:
    """Both players into files, as `--record` does."""
    for number, call in enumerate(CALLS, start=1):
        for recall in (0.0, settings.recall, 0.9):
            path = folder / f"call-{number}-recall-{recall:g}.mid"
            answer(call, Sitting(1, replace(settings, recall=recall), engine=engine, record=path))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--phrases", type=int, default=27)
    parser.add_argument("--recall", type=float, default=AT_FIRST.recall)
    parser.add_argument("--top-p", type=float, default=0.9)
    parser.add_argument("--maestro", type=Path, default=Path("../shared/maestro-v3.0.0"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()

    engine = load(find_model(asked.model))
    settings = Settings(mode=Mode.TRADE, recall=asked.recall, top_p=asked.top_p)
    if asked.write:
        write(engine, settings, asked.write)
        return
    rows: list[dict[str, float]] = []
    for path in find_recordings(asked.maestro, "validation"):
        fit = []
        for phrase in phrases_of(path):
            call = notes_of(phrase)
            if call and len(call) in range(*_NOTES) and _LENGTH_S[0] <= call[-1].onset_s <= _LENGTH_S[1]:
                fit.append((phrase, call))
        if not fit:
            continue
        phrase, call = fit[len(fit) // 2]
        played = answer(phrase, Sitting(len(rows), settings, engine=engine))
        if not played:
            rows.append({"call": len(call), "answer": 0})
            continue
        called, answered = set(patterns(call, ANSWERED)), patterns(played, ANSWERED)
        loud, high = (
            float(np.mean([getattr(each, name) for each in played]) - np.mean([getattr(each, name) for each in call]))
            for name in ("velocity", "pitch")
        )
        length = (played[-1].onset_s - played[0].onset_s) / (call[-1].onset_s - call[0].onset_s)
        quoted = float(np.mean([each in called for each in answered])) if answered else 0.0
        rows.append(
            {
                "call": len(call),
                "answer": len(played),
                "length": round(length, 2),
                "louder": round(loud, 1),
                "higher": round(high, 1),
                "patterns": round(quoted, 3),
                "first_notes": [note.pitch for note in played[:3]] == [note.pitch for note in call[:3]],
            }
        )
        print(rows[-1], flush=True)
        if len(rows) == asked.phrases:
            break
    ratios = np.array([row["answer"] / row["call"] for row in rows])
    figures = {
        "notes by the call's, median": float(np.median(ratios)),
        "least": float(ratios.min()),
        "most": float(ratios.max()),
        "of the length, median": float(np.median([row["length"] for row in rows if "length" in row])),
        "velocity apart, mean": float(np.mean([abs(row["louder"]) for row in rows if "louder" in row])),
        "pitch apart, mean": float(np.mean([abs(row["higher"]) for row in rows if "higher" in row])),
        "patterns of the call": float(np.mean([row["patterns"] for row in rows if "patterns" in row])),
        "begun as the call": float(np.mean([row.get("first_notes", False) for row in rows])),
    }
    print(json.dumps(figures))
    if asked.json:
        asked.json.write_text(json.dumps({**figures, "answers": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
