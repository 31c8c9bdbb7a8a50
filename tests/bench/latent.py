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
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

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
from perfrnn_live.training.splits import load_split

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


@dataclass(frozen=True, slots=True)
class Play:
    """How pieces are played: as `play` chooses by default, for so many `seconds`."""

    continuation: Continuation
    start: Moment
    likeness: float
    seconds: float
    seed: int

    def like(self, places: Sequence[Place]) -> list[Excerpt]:
        """A piece in the manner of each place."""
        controls = [Controls(top_p=0.9, handles=Handles(like=place, likeness=self.likeness)) for place in places]
        return played(self.continuation, [self.start] * len(places), controls, self.seconds, self.seed)

    def on(self, starts: Sequence[Moment]) -> list[Excerpt]:
        """A piece from each of these moments, nothing asked."""
        return played(self.continuation, starts, [Controls(top_p=0.9)] * len(starts), self.seconds, self.seed)


def ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """Each value's rank."""
    return np.argsort(np.argsort(values)).astype(np.float64)


@dataclass(frozen=True, eq=False)
class Known:
    """Excerpts of recordings, each with the number of its recording, its composer, its place and its tokens."""

    excerpts: list[Excerpt]
    recording: NDArray[np.int64]
    composer: NDArray[np.str_]
    places: NDArray[np.float64]
    tokens: list[Sequence[int]]

    @classmethod
    def of(cls, continuation: Continuation, corpus: TokenCorpus, each: int, rng: np.random.Generator) -> Known:
        """So many of each recording, from anywhere in it."""
        found = []
        for index in range(len(corpus)):
            tokens = corpus.recording(index)
            for place in rng.integers(0, max(len(tokens) - EVENTS, 1), each).tolist():
                excerpt, where, fed = heard(continuation, entered(tokens, place, corpus.vocabulary)[:EVENTS])
                if where is not None:
                    found.append((excerpt, index, corpus.composers[index], where, fed))
        excerpts, recording, composer, places, fed = zip(*found, strict=True)
        return cls(list(excerpts), np.array(recording), np.array(composer), np.array(places), list(fed))


def neighbours(known: Known) -> dict[str, float]:
    """How often the nearest place of another recording is the same composer's, and how often any other is."""
    of, places, composers = known.recording, known.places, known.composer
    apart = np.linalg.norm(places[:, None] - places, axis=2) + np.where(of[:, None] == of, np.inf, 0)
    named = np.flatnonzero(composers != OTHER)
    same = (composers == composers[apart.argmin(axis=1)])[named].mean()
    chance = np.mean([(composers[of != of[n]] == composers[n]).mean() for n in named])
    return {"same composer": float(same), "by chance": float(chance)}


def asked_and_got(known: Known, play: Play, count: int, rng: np.random.Generator) -> dict[str, dict[str, float]]:
    """What excerpts are, one of each recording, and what is played in their manner."""
    recordings = rng.permutation(np.unique(known.recording))[:count]
    numbers = [int(np.flatnonzero(known.recording == each)[0]) for each in recordings]
    asked, places = [known.excerpts[n] for n in numbers], known.places[numbers]
    pieces = play.like([tuple(place.tolist()) for place in places])
    other = np.roll(np.arange(len(asked)), 7)  # somebody else's excerpt for each piece
    found: dict[str, dict[str, float]] = {}
    for name in MEASURES:
        wanted, got = (np.array([measured(each)[name] for each in excerpts]) for excerpts in (asked, pieces))
        both = (np.corrcoef(each, got)[0, 1] for each in (wanted, wanted[other]))
        found[name] = dict(zip(("correlation", "shuffled"), map(float, both), strict=True))
    orders = np.arange(len(asked)), other
    pairs = [[(asked[n], piece) for n, piece in zip(order.tolist(), pieces, strict=True)] for order in orders]
    cosines = [float(np.mean([classes(one) @ classes(piece) for one, piece in pair])) for pair in pairs]
    found["pitch classes"] = dict(zip(("cosine", "shuffled"), cosines, strict=True))
    runs = [[int(longest_shared([between(piece)], [between(one)])[0]) for one, piece in pair] for pair in pairs]
    quoted = {"mean": float(np.mean(runs[0])), "shuffled": float(np.mean(runs[1])), "most": max(runs[0])}
    found["longest run quoted"] = quoted
    return found


def from_one_to_the_other(known: Known, play: Play, name: str, streams: int) -> dict[str, dict[str, Any]]:
    """A measure at nine places from one end to the other, and at nine states mixed of moments at both ends."""
    order = np.argsort([measured(each)[name] for each in known.excerpts])
    ends = order[: len(order) // 10], order[-(len(order) // 10) :]
    least, most = (known.places[end].mean(axis=0) for end in ends)
    shares = np.linspace(0, 1, STEPS)
    way = [tuple(((1 - share) * least + share * most).tolist()) for share in shares]
    by_place = play.like([place for place in way for _ in range(streams)])
    pads = [pads_of(play.continuation, *(known.tokens[int(end[n % len(end)])] for end in ends)) for n in range(streams)]
    by_state = play.on([halfway(pad, float(share)) for share in shares for pad in pads])
    curves = {who: means(excerpts, name, streams) for who, excerpts in (("places", by_place), ("states", by_state))}
    return {
        who: {"values": curve, "rank correlation": float(np.corrcoef(ranks(curve), shares)[0, 1])}
        for who, curve in curves.items()
    }


def drawn(name: str, told: dict[str, dict[str, Any]]) -> Plot:
    """The measure on both ways."""
    every = [value for each in told.values() for value in each["values"]]
    plot = Plot(name, (0, 1), (min(every), max(every)), "from one to the other", "")
    for who, colour in (("places", MODEL), ("states", OTHERS)):
        plot.line(np.linspace(0, 1, STEPS).tolist(), told[who]["values"], colour, who)
    return plot


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--data", type=Path, required=True, help="recordings: their validation split, or a token file")
    parser.add_argument("--likeness", type=float, default=1.0)
    parser.add_argument("--asked", type=int, default=64)
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=24.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--svg", type=Path)
    given = parser.parse_args()

    continuation, start = begin(find_model(given.model), middle=True)
    corpus = load_split(given.data, "validation", continuation.vocabulary, Console(stderr=True))
    rng = np.random.default_rng(given.seed)
    known = Known.of(continuation, corpus, 4, rng)
    play = Play(continuation, start, given.likeness, given.seconds, given.seed)
    figures: dict[str, Any] = {
        "command": shlex.join(["python3", "-m", "tests.bench.latent", *sys.argv[1:]]),
        "model": given.model,
        "likeness": given.likeness,
        "excerpts": len(known.excerpts),
        "neighbours": neighbours(known),
        "asked and got": asked_and_got(known, play, given.asked, rng),
    }
    print(json.dumps(figures, indent=1), flush=True)
    ways = {}
    for name in MEASURES:
        ways[name] = from_one_to_the_other(known, play, name, given.streams)
        print(name, json.dumps(ways[name]), flush=True)
    figures["from one to the other"] = ways
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if given.svg:
        given.svg.write_text(together([drawn(name, told) for name, told in ways.items()]), encoding="utf-8")


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
