"""`python -m tests.bench.latent`: what a place in a model's latent space does to what it plays.

*Asked and got*: the places of `--asked` excerpts of about ten seconds, one of each recording; for each one piece of
`--seconds`, from silence in the middle of a piece, likeness as given. Over the pieces, without their first quarter: the
correlation of what the excerpt is and what is played, the mean cosine of pitch classes, and how long the longest run of
intervals is that is quoted; each beside the same with the excerpts shuffled.

*From one to the other*: nine places from one end to another, `--streams` pieces each; the ends are means of the tenth
of all excerpts that has least and most of a statistic. Shown is the statistic at each, and Spearman's rank correlation
with the place, beside those of nine states mixed of two moments (`Pads.morph` without places): those that the model
stands at after hearing the last strikes of the excerpts at both ends.

*Neighbours*: how often the nearest place of another recording is the same composer's, and how often any other is.

`--json FILE` writes the figures, `--svg FILE` draws the second.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.engines.card import DEFAULT_MODEL, find_model
from perfrnn_live.engines.handles import Handles, Place
from perfrnn_live.evaluation.charts import MODEL, OTHERS, Plot
from perfrnn_live.evaluation.excerpts import Excerpt
from perfrnn_live.evaluation.patterns import between_strikes, longest_shared
from perfrnn_live.live.pads import Pads
from perfrnn_live.music.codec import decode
from perfrnn_live.music.composers import OTHER
from perfrnn_live.music.keyboard import Keyboard
from perfrnn_live.sampling.continuation import Continuation, Moment
from perfrnn_live.sampling.controls import Controls
from perfrnn_live.sampling.opening import begin
from perfrnn_live.training.augmentation import entered
from perfrnn_live.training.corpus import TokenCorpus

MEASURES = "density", "loudness", "register", "sounding"
STEPS = 9
EVENTS = 480  # about ten seconds, and as many notes as a place is read from


def measured(excerpt: Excerpt) -> dict[str, float]:
    """Notes a second, mean velocity, mean pitch, mean number of keys sounding."""
    seconds = excerpt.steps * excerpt.step_s
    held = float((excerpt.end - excerpt.onset).sum()) * excerpt.step_s / seconds
    return {
        "density": len(excerpt) / seconds,
        "loudness": float(excerpt.velocity.mean()),
        "register": float(excerpt.pitch.mean()),
        "sounding": held,
    }


def classes(excerpt: Excerpt) -> NDArray[np.float64]:
    """How many strikes of each pitch class, of length one."""
    counts = np.bincount(excerpt.pitch % 12, minlength=12).astype(np.float64)
    return counts / np.linalg.norm(counts)


def played(
    continuation: Continuation, starts: Sequence[Moment], controls: Sequence[Controls], seconds: float, seed: int
) -> list[Excerpt]:
    """A piece from each start, each with its own controls, stepped together; their last three quarters."""
    rng, vocabulary = np.random.default_rng(seed), continuation.vocabulary
    steps = round(seconds * vocabulary.steps_per_second)
    heads, pieces = list(starts), [list[int]() for _ in starts]
    while playing := [n for n, start in enumerate(starts) if heads[n].keyboard.step < start.keyboard.step + steps]:
        choices = [continuation.chosen(heads[n], controls[n], rng) for n in playing]
        moved = continuation.follow([heads[n] for n in playing], choices)
        for n, choice, moment in zip(playing, choices, moved, strict=True):
            pieces[n].append(choice.token)
            heads[n] = moment
    found = []
    for piece, start in zip(pieces, starts, strict=True):
        notes = decode(piece, vocabulary, start.keyboard)
        found.append(Excerpt.of(notes, seconds / 4, seconds * 3 / 4, vocabulary.step_s))
    return found


def between(excerpt: Excerpt) -> NDArray[np.int64]:
    """The intervals between its strikes."""
    return between_strikes(excerpt.onset_s, excerpt.pitch)


def heard(continuation: Continuation, tokens: NDArray[np.int16]) -> tuple[Excerpt, Place | None, Sequence[int]]:
    """Some tokens as an excerpt, and their place."""
    vocabulary, keyboard = continuation.vocabulary, Keyboard.silent()
    for token in tokens.tolist():
        keyboard = keyboard.after(vocabulary.events[token])
    notes = decode(tokens.tolist(), vocabulary)
    excerpt = Excerpt.of(notes, 0.0, keyboard.step * vocabulary.step_s, vocabulary.step_s)
    return excerpt, continuation.engine.place_of(keyboard), tokens.tolist()


def manner(place: Place, likeness: float) -> Controls:
    """As `play` chooses by default, like that."""
    return Controls(top_p=0.9, handles=Handles(like=place, likeness=likeness))


def ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """Each value's rank."""
    return np.argsort(np.argsort(values)).astype(np.float64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--tokens", type=Path, required=True, help="a token file of recordings")
    parser.add_argument("--likeness", type=float, default=1.0)
    parser.add_argument("--asked", type=int, default=64)
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=24.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--svg", type=Path)
    given = parser.parse_args()

    continuation, start = begin(find_model(given.model), middle=True)
    corpus = TokenCorpus.load(given.tokens)
    rng = np.random.default_rng(given.seed)
    known = []
    for index in range(len(corpus)):
        tokens = corpus.recording(index)
        for place in rng.integers(0, max(len(tokens) - EVENTS, 1), 4).tolist():
            excerpt, where, fed = heard(continuation, entered(tokens, place, corpus.vocabulary)[:EVENTS])
            if where is not None:
                known.append((index, excerpt, where, fed))
    places = np.array([where for _, _, where, _ in known])
    figures: dict[str, Any] = {"model": given.model, "likeness": given.likeness, "excerpts": len(known)}

    of = np.array([index for index, *_ in known])
    composers = np.array(corpus.composers)[of]
    apart = np.linalg.norm(places[:, None] - places, axis=2) + np.where(of[:, None] == of, np.inf, 0)
    named = composers != OTHER
    nearest = apart.argmin(axis=1)
    same = (composers == composers[nearest])[named].mean()
    chance = np.mean([(composers[of != of[n]] == composers[n]).mean() for n in np.flatnonzero(named)])
    figures["neighbours"] = {"same composer": float(same), "by chance": float(chance)}
    print("neighbours", figures["neighbours"])

    chosen = rng.permutation(np.unique(of))[: given.asked]
    asked = [next(each for each in known if each[0] == index) for index in chosen.tolist()]
    pieces = played(
        continuation,
        [start] * len(asked),
        [manner(where, given.likeness) for _, _, where, _ in asked],
        given.seconds,
        given.seed,
    )
    figures["asked and got"] = {}
    shuffled = np.roll(np.arange(len(asked)), 7)
    for name in MEASURES:
        wanted = np.array([measured(excerpt)[name] for _, excerpt, _, _ in asked])
        got = np.array([measured(piece)[name] for piece in pieces])
        row = {"correlation": float(np.corrcoef(wanted, got)[0, 1])}
        row["shuffled"] = float(np.corrcoef(wanted[shuffled], got)[0, 1])
        figures["asked and got"][name] = row
        print(f"{name:10} {row}")
    alike = [(classes(excerpt), classes(piece)) for (_, excerpt, _, _), piece in zip(asked, pieces, strict=True)]
    cosine = float(np.mean([one @ other for one, other in alike]))
    by_chance = float(np.mean([alike[n][0] @ alike[k][1] for n, k in enumerate(shuffled.tolist())]))
    figures["asked and got"]["pitch classes"] = {"cosine": cosine, "shuffled": by_chance}
    print("pitch classes", figures["asked and got"]["pitch classes"])

    lines = [(between(excerpt), between(piece)) for (_, excerpt, _, _), piece in zip(asked, pieces, strict=True)]
    quoted = [int(longest_shared([piece], [excerpt])[0]) for excerpt, piece in lines]
    by_chance_quoted = [int(longest_shared([lines[n][1]], [lines[k][0]])[0]) for n, k in enumerate(shuffled.tolist())]
    figures["longest run of intervals quoted"] = {
        "mean": float(np.mean(quoted)),
        "shuffled": float(np.mean(by_chance_quoted)),
        "longest": max(quoted),
    }
    print("quoted", figures["longest run of intervals quoted"])

    figures["from one to the other"] = {}
    shares = np.linspace(0, 1, STEPS)
    plots = []
    for name in MEASURES:
        values = np.array([measured(excerpt)[name] for _, excerpt, _, _ in known])
        order = np.argsort(values)
        tenth = max(len(order) // 10, 1)
        least, most = places[order[:tenth]].mean(axis=0), places[order[-tenth:]].mean(axis=0)
        way = [tuple(((1 - share) * least + share * most).tolist()) for share in shares]
        controls = [manner(where, given.likeness) for where in way for _ in range(given.streams)]
        excerpts = played(continuation, [start] * len(controls), controls, given.seconds, given.seed)
        curves = {"places": means(excerpts, name, given.streams)}
        ends = [order[:tenth], order[-tenth:]]
        pads = [pads_of(continuation, *(known[int(end[n % tenth])][3] for end in ends)) for n in range(given.streams)]
        starts = [halfway(pad, float(share)) for share in shares for pad in pads]
        excerpts = played(continuation, starts, [Controls(top_p=0.9)] * len(starts), given.seconds, given.seed)
        curves["states"] = means(excerpts, name, given.streams)
        told = {
            who: {"values": curve, "rank correlation": float(np.corrcoef(ranks(curve), shares)[0, 1])}
            for who, curve in curves.items()
        }
        figures["from one to the other"][name] = told
        print(name, told)
        every = [*curves["places"], *curves["states"]]
        plot = Plot(name, (0, 1), (min(every), max(every)), "from one to the other", "")
        plot.line(shares.tolist(), curves["places"], MODEL, "places")
        plot.line(shares.tolist(), curves["states"], OTHERS, "states mixed")
        plots.append(plot)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if given.svg:
        given.svg.write_text(together(plots), encoding="utf-8")


def means(excerpts: Sequence[Excerpt], name: str, streams: int) -> list[float]:
    """The mean of a measure over the pieces of each step."""
    values = np.array([measured(excerpt)[name] for excerpt in excerpts])
    return [float(mean) for mean in values.reshape(-1, streams).mean(axis=1)]


def halfway(pads: Pads, share: float) -> Moment:
    """The moment between the two pads."""
    morphed = pads.morph(share)
    assert morphed is not None
    return morphed[0]


def pads_of(continuation: Continuation, *excerpts: Sequence[int]) -> Pads:
    """Pads that hold the moments after these excerpts."""
    pads = Pads(continuation.engine, "bench", Path())
    for number, tokens in enumerate(excerpts, 1):
        pads.store(number, continuation.primed(tokens, continuation.vocabulary.middle))
    return pads


def together(plots: Sequence[Plot]) -> str:
    """Drawings side by side in one."""
    width, height = sum(plot.width for plot in plots), plots[0].height
    parts = [plot.svg().replace("<svg ", f'<svg x="{n * plot.width}" ', 1) for n, plot in enumerate(plots)]
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">\n{"".join(parts)}</svg>\n'


if __name__ == "__main__":
    main()
