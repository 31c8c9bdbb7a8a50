"""The paper's beam search, and music that nobody waits for: several pieces as one batch."""

from __future__ import annotations

import numpy as np

from perfrnn_live.sampling.continuation import Continuation, Moment
from perfrnn_live.sampling.controls import FREE, Constraint, Controls
from perfrnn_live.sampling.draw import log_softmax

BEAM_EVENTS = 16  # how often the likeliest beam is kept

Beam = list[tuple[int, Moment]]
"""Events in order, each with where the music stands after it."""


def generate(
    continuation: Continuation,
    start: Moment,
    seconds: float,
    controls: Controls,
    rng: np.random.Generator,
    count: int = 1,
    beams: int = 1,
) -> list[list[int]]:
    """Tokens of `count` pieces that go on from `start` for `seconds`, all stepped together; for `beams` see
    `likeliest`."""
    last_step = start.keyboard.step + round(seconds * continuation.vocabulary.steps_per_second)
    pieces: list[list[int]] = [[] for _ in range(count)]
    heads = [start] * count
    events = BEAM_EVENTS if beams > 1 else 1
    while playing := [n for n in range(count) if heads[n].keyboard.step < last_step]:
        sampled = likeliest(continuation, [heads[n] for n in playing], controls, rng, beams, events)
        for n, path in zip(playing, sampled, strict=True):
            pieces[n].extend(token for token, _ in path)
            heads[n] = path[-1][1]
    return pieces


def likeliest(
    continuation: Continuation,
    starts: list[Moment],
    controls: Controls,
    rng: np.random.Generator,
    beams: int,
    events: int = BEAM_EVENTS,
    constraint: Constraint = FREE,
) -> list[Beam]:
    """The next `events` after each of `starts`, all stepped as one batch: of as many samples as there are `beams`, the
    one that the model holds likeliest (Oore et al. 2018, section 3.6)."""
    moments = [start for start in starts for _ in range(beams)]
    sampled: list[Beam] = [[] for _ in moments]
    likelihoods = np.zeros(len(moments))
    for _ in range(events):
        choices = [continuation.chosen(moment, controls, rng, constraint) for moment in moments]
        tokens = [choice.token for choice in choices]
        if beams > 1:
            chances = log_softmax(np.stack([continuation.expected(moment, controls.handles) for moment in moments]))
            likelihoods += chances[np.arange(len(tokens)), tokens]
        moments = continuation.follow(moments, choices)
        for path, step in zip(sampled, zip(tokens, moments, strict=True), strict=True):
            path.append(step)
    best = likelihoods.reshape(len(starts), beams).argmax(axis=1)
    return [sampled[n * beams + beam] for n, beam in enumerate(best.tolist())]
