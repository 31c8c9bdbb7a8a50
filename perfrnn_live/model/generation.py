"""Music that nobody waits for: several pieces as one batch, with the paper's beam search."""

from __future__ import annotations

import numpy as np

from perfrnn_live.model.continuation import Continuation, Controls, Moment
from perfrnn_live.model.sampling import log_softmax

BEAM_EVENTS = 16  # how often the likeliest beam is kept


def generate(
    continuation: Continuation,
    start: Moment,
    seconds: float,
    controls: Controls,
    rng: np.random.Generator,
    count: int = 1,
    beams: int = 1,
) -> list[list[int]]:
    """Tokens of `count` pieces that go on from `start` for `seconds`, all stepped together.

    With several `beams`, each piece is sampled in as many continuations; every 16 events the likeliest of them replaces
    the others (Oore et al. 2018, section 3.6).
    """
    last_step = start.keyboard.step + round(seconds * continuation.vocabulary.steps_per_second)
    pieces: list[list[int]] = [[] for _ in range(count)]
    moments = [[start] * beams for _ in range(count)]
    while playing := [n for n in range(count) if moments[n][0].keyboard.step < last_step]:
        tails: dict[int, list[list[int]]] = {n: [[] for _ in range(beams)] for n in playing}
        likelihoods = np.zeros((count, beams))
        for _ in range(BEAM_EVENTS if beams > 1 else 1):
            flat = [moment for n in playing for moment in moments[n]]
            tokens = [continuation.choose(moment, controls, rng) for moment in flat]
            chances = log_softmax(np.stack([moment.logits for moment in flat])) if beams > 1 else None
            flat = continuation.feed(flat, tokens)
            for place, n in enumerate(playing):
                row = slice(place * beams, (place + 1) * beams)
                moments[n] = flat[row]
                for beam, token in enumerate(tokens[row]):
                    tails[n][beam].append(token)
                    if chances is not None:
                        likelihoods[n, beam] += chances[place * beams + beam, token]
        for n in playing:
            best = int(likelihoods[n].argmax())
            pieces[n].extend(tails[n][best])
            moments[n] = [moments[n][best]] * beams
    return pieces
