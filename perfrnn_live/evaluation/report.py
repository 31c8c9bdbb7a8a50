"""What a report has in it: how likely real music is to a model, and how like real music its own is, as plain numbers.

Every figure is worked out here, once; `page.py` only shows them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.evaluation.distances import likeness
from perfrnn_live.evaluation.excerpts import Excerpt
from perfrnn_live.evaluation.likelihood import Surprise, likelihood_of
from perfrnn_live.evaluation.patterns import between_strikes, longest_shared
from perfrnn_live.evaluation.statistics import STATISTICS, measured
from perfrnn_live.evaluation.touch import curve, melody_leads_s, velocities_by_pitch
from perfrnn_live.music.timeline import Timeline
from perfrnn_live.music.vocabulary import Vocabulary

DEGREES = (1, 2, 3)
_RESAMPLED = 2000
_INSIDE = (2.5, 97.5)  # per cent
_MINUTE_S = 60.0
_LEAST_EVENTS = 5000  # in all, for a minute or composer to be told of

Figures = dict[str, Any]
Recordings = Sequence[NDArray[np.int16]]


def likelihoods(
    recordings: Recordings, surprises: Sequence[Surprise], composers: Sequence[str], vocabulary: Vocabulary, seed: int
) -> Figures:
    """In every unit, with bootstrap intervals over recordings; by kind of event; by minute of the piece; by composer,
    where `composers` (one a recording) says who."""
    nats = [each.nats for each in surprises]
    whole = likelihood_of(recordings, nats, vocabulary)
    each = [likelihood_of([tokens], [cost], vocabulary) for tokens, cost in zip(recordings, nats, strict=True)]
    parts = np.array([(one.nats, one.events, one.steps, one.notes, one.seconds) for one in each])
    drawn = np.random.default_rng(seed).integers(len(parts), size=(_RESAMPLED, len(parts)))
    sums = parts[drawn].sum(axis=1)
    units = ("event", "step", "note", "second")
    figures: Figures = {
        **whole.figures(),
        "perplexity": float(np.exp(whole.nats / whole.events)),
        "intervals": {
            f"nats_per_{unit}": np.percentile(sums[:, 0] / sums[:, place], _INSIDE).tolist()
            for place, unit in enumerate(units, 1)
        },
        "kinds": _by_kind(recordings, surprises, vocabulary),
        "minutes": _by_minute(recordings, nats, vocabulary),
        "composers": _by_composer(each, composers),
    }
    return figures


def _by_kind(recordings: Recordings, surprises: Sequence[Surprise], vocabulary: Vocabulary) -> dict[str, Figures]:
    """What the events of each kind cost, and what of that, given that it is one of the kind."""
    tokens = np.concatenate(recordings)
    nats = np.concatenate([each.nats for each in surprises])
    of_kind = np.concatenate([each.of_kind for each in surprises])
    found: dict[str, Figures] = {}
    for each in vocabulary.ranges:
        own = vocabulary.tokens_of(each.kind)
        rows = (tokens >= own.start) & (tokens < own.stop)
        if rows.any():
            given = float((nats - of_kind)[rows].mean())
            found[each.kind.value] = {
                "share": float(rows.mean()),
                "nats": float(nats[rows].mean()),
                "nats_given_kind": given,
            }
    return found


def _by_minute(recordings: Recordings, nats: Sequence[NDArray[np.float32]], vocabulary: Vocabulary) -> list[Figures]:
    minutes = [
        (Timeline.of(tokens, vocabulary).step[:-1] * vocabulary.step_s / _MINUTE_S).astype(int) for tokens in recordings
    ]
    minute, cost = np.concatenate(minutes), np.concatenate(nats)
    events, total = np.bincount(minute), np.bincount(minute, weights=cost)
    return [
        {"minute": place + 1, "nats_per_event": float(total[place] / events[place]), "events": int(events[place])}
        for place in range(len(events))
        if events[place] >= _LEAST_EVENTS
    ]


def _by_composer(each: Sequence[Any], composers: Sequence[str]) -> dict[str, Figures]:
    found: dict[str, Figures] = {}
    for composer in sorted(set(composers) - {""}):
        own = [one for one, by in zip(each, composers, strict=True) if by == composer]
        events = sum(one.events for one in own)
        if events >= _LEAST_EVENTS:
            nats = sum(one.nats for one in own) / events
            found[composer] = {"nats_per_event": nats, "recordings": len(own), "events": events}
    return found


def likenesses(model: Sequence[Excerpt], people: Sequence[Excerpt], others: Sequence[Excerpt]) -> Figures:
    """Every statistic of a model's excerpts beside that of people's, and of other people's beside theirs: the ceiling.
    Of a statistic that is a number also where its middle half and its mean are."""
    values = {who: measured(each) for who, each in (("model", model), ("people", people), ("others", others))}
    rows: dict[str, Figures] = {}
    for statistic in STATISTICS:
        own = {who: each[statistic.name] for who, each in values.items()}
        rows[statistic.name] = {"unit": statistic.unit}
        for who in ("model", "others"):
            like = likeness(own[who], own["people"])
            rows[statistic.name][who] = {"overlap": like.overlap, "divergence": like.divergence}
        if own["people"].shape[1] == 1:
            rows[statistic.name]["values"] = {
                who: {"mean": float(each.mean()), "quartiles": np.percentile(each, (25, 50, 75)).tolist()}
                for who, each in own.items()
            }
    means = {who: float(np.mean([row[who]["overlap"] for row in rows.values()])) for who in ("model", "others")}
    excerpts = {"model": len(model), "people": len(people), "others": len(others)}
    return {"statistics": rows, "mean_overlap": means, "excerpts": excerpts}


def touches(sets: Mapping[str, Sequence[Excerpt]]) -> Figures:
    """Of each set of excerpts: velocities by pitch with their curves, and how far melodies lead."""
    found: Figures = {}
    for who, excerpts in sets.items():
        pitches, counts, velocities = velocities_by_pitch(excerpts)
        leads_s = melody_leads_s(excerpts)
        step_s = excerpts[0].step_s
        steps, pairs = np.unique(np.rint(leads_s / step_s).astype(int), return_counts=True)
        found[who] = {
            "velocities": [pitches.tolist(), counts.tolist(), velocities.tolist()],
            "curves": {
                str(degree): curve(pitches, counts, velocities, degree).tolist()
                for degree in DEGREES
                if len(pitches) > degree
            },
            "melody_lead_ms": float(leads_s.mean() * 1000) if len(leads_s) else 0.0,
            "melody_leads": [(steps * step_s * 1000).round().tolist(), (pairs / max(pairs.sum(), 1)).tolist()],
            "pairs": len(leads_s),
        }
    return found


def copied(sets: Mapping[str, Sequence[Excerpt]], trained_on: Recordings, vocabulary: Vocabulary) -> Figures:
    """Of each set of excerpts: how many intervals the longest run has that is in what was trained on too."""
    known = []
    for tokens in trained_on:
        line = Timeline.of(tokens, vocabulary)
        known.append(between_strikes(np.asarray(line.struck_step * vocabulary.step_s), line.pitch))
    pieces = [between_strikes(each.onset_s, each.pitch) for excerpts in sets.values() for each in excerpts]
    longest = longest_shared(pieces, known)
    found: Figures = {}
    for who, excerpts in sets.items():
        shared, longest = longest[: len(excerpts)], longest[len(excerpts) :]
        found[who] = {"median": float(np.median(shared)), "mean": float(shared.mean()), "longest": int(shared.max())}
    return found
