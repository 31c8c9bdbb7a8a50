"""A report as one page that needs nothing else: what a musician wants to know first, then every figure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from perfrnn_live.evaluation.charts import MODEL, OTHERS, PEOPLE, Plot, bars

Figures = Mapping[str, Any]
_COLOURS = {"people": PEOPLE, "others": OTHERS, "model": MODEL}
_NAMES = {"people": "people", "others": "other people", "model": "the model"}
_ODD, _ALIKE = 0.85, 0.95  # overlaps below and above which a statistic is named first
_OCTAVES = (-2.5, 3.0)
_LOWEST = 0.6  # overlap that a plot shows
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1000px; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: 1em 0 } th, td { padding: 2px 10px; text-align: right }
th { border-bottom: 1px solid #999 } td:first-child, th:first-child { text-align: left }
tr:nth-child(even) td { background: #f5f5f5 } svg { margin: 6px } code { background: #f0f0f0; padding: 0 3px }
"""


def page(figures: Figures) -> str:
    """The report on one model, HTML."""
    parts = [f"<h1>{escape(figures['model'])}</h1>", f"<p><code>{escape(figures['command'])}</code></p>"]
    for name, command in figures.get("commands", {}).items():
        parts.append(f"<p>{'likelihood' if name == 'likelihood' else 'knobs'}: <code>{escape(command)}</code></p>")
    if "likeness" in figures:
        parts += _verdict(figures["likeness"]) + _likeness(figures["likeness"])
    if "touch" in figures:
        parts += _touch(figures["touch"])
    if "copying" in figures:
        parts += _copying(figures["copying"])
    if "settings" in figures:
        parts += _settings(figures["settings"])
    if "likelihood" in figures:
        parts += _likelihood(figures["likelihood"])
    head = f'<meta charset="utf-8"><title>{escape(figures["model"])}</title><style>{_STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n' + "\n".join(parts) + "\n</body></html>\n"


def drawings(figures: Figures) -> dict[str, str]:
    """The pictures of the page by the names of files, for pages of others."""
    found = {}
    if "likeness" in figures:
        found["likeness.svg"] = _overlaps(figures["likeness"])
    if "touch" in figures:
        found["velocities.svg"], found["melody_lead.svg"] = _velocities(figures["touch"]), _leads(figures["touch"])
    if "settings" in figures:
        found |= {f"{knob.replace(' ', '_')}.svg": _setting(knob, rows) for knob, rows in figures["settings"].items()}
    return found


def _verdict(likeness: Figures) -> list[str]:
    rows = likeness["statistics"]
    shares = {name: row["model"]["overlap"] for name, row in rows.items()}
    like = [name for name, share in shares.items() if share >= _ALIKE]
    unlike = sorted((name for name, share in shares.items() if share < _ODD), key=shares.__getitem__)
    means = likeness["mean_overlap"]
    told = [
        "<h2>Where it is like a pianist, and where not</h2>",
        f"<p>Of excerpts of 30 s, {likeness['excerpts']['model']} of the model's and "
        f"{likeness['excerpts']['people']} of people's, the mean overlap is <b>{means['model']:.3f}</b>; that of "
        f"other people's with theirs {means['others']:.3f}.</p>",
    ]
    if like:
        told.append(f"<p>Like people (overlap of {_ALIKE} or more): {escape(', '.join(like))}.</p>")
    if unlike:
        told.append(f"<p>Unlike people (less than {_ODD}):</p><ul>")
        told += [f"<li>{escape(name)}: {_how(rows[name])}</li>" for name in unlike]
        told.append("</ul>")
    return told


def _how(row: Figures) -> str:
    if "values" not in row:
        return f"overlap {row['model']['overlap']:.3f}"
    model, people = row["values"]["model"]["mean"], row["values"]["people"]["mean"]
    return f"{model:.3g} {escape(row['unit'])}, people's {people:.3g}"


def _likeness(likeness: Figures) -> list[str]:
    rows = []
    for name, row in likeness["statistics"].items():
        means = [
            f"{row['values'][who]['mean']:.4g}" if "values" in row else "" for who in ("model", "people", "others")
        ]
        likes = [f"{row[who][what]:.3f}" for who in ("model", "others") for what in ("overlap", "divergence")]
        rows.append([name, *means, row["unit"], *likes])
    head = ["", "model", "people", "other people", "", "overlap", "KL", "people: overlap", "KL"]
    return [
        "<h2>Musical statistics</h2>",
        "<p>Distances between the model's excerpts and people's against distances among people's, after Yang &amp; "
        "Lerch (2020): how far their densities overlap, and how far they diverge (nats).</p>",
        _overlaps(likeness),
        _table(head, rows),
    ]


def _overlaps(likeness: Figures) -> str:
    rows = [
        (name, [(row["model"]["overlap"], MODEL), (row["others"]["overlap"], OTHERS)])
        for name, row in likeness["statistics"].items()
    ]
    return bars("overlap with people's distances: the model / other people", rows, 0.5, 1.0)


def _touch(touch: Figures) -> list[str]:
    head = ["", "velocity at middle C", "per octave", "melody leads by", "of pairs"]
    rows = []
    for who, row in touch.items():
        slope, level = row["curves"].get("1", (np.nan, np.nan))
        rows.append(
            [_NAMES[who], f"{level:.1f}", f"{slope:+.2f}", f"{row['melody_lead_ms']:.2f} ms", f"{row['pairs']}"]
        )
    return [
        "<h2>Touch</h2>",
        "<p>How hard each pitch is struck in the mean, with curves of degree 1 to 3; and for strikes above middle C "
        "that have one below within 30 ms, how much earlier they come (Oore et al. 2018).</p>",
        _velocities(touch),
        _leads(touch),
        _table(head, rows),
    ]


def _velocities(touch: Figures) -> str:
    plot = Plot("how hard each pitch is struck", (24, 100), (30, 90), "pitch", "mean velocity")
    for who, row in touch.items():
        pitches, _, velocities = row["velocities"]
        inside = [(x, y) for x, y in zip(pitches, velocities, strict=True) if 24 <= x <= 100 and 30 <= y <= 90]
        plot.points([x for x, _ in inside], [y for _, y in inside], _COLOURS[who], _NAMES[who], radius=1.8)
        octaves = np.linspace(*_OCTAVES, 40)
        for degree, coefficients in row["curves"].items():
            heights = np.polyval(coefficients, octaves)
            plot.line((60 + 12 * octaves).tolist(), heights.tolist(), _COLOURS[who], dashed=int(degree) < 3)
    return plot.svg()


def _leads(touch: Figures) -> str:
    most = max(max(row["melody_leads"][1], default=0.1) for row in touch.values())
    plot = Plot("how far the melody leads", (-32, 32), (0, most * 1.1), "ms before the lower note", "share of pairs")
    for who, row in touch.items():
        leads_ms, shares = row["melody_leads"]
        plot.line(leads_ms, shares, _COLOURS[who], _NAMES[who])
    return plot.svg()


def _copying(copying: Figures) -> list[str]:
    rows = [
        [_NAMES[who], f"{row['median']:.0f}", f"{row['mean']:.1f}", f"{row['longest']}"] for who, row in copying.items()
    ]
    return [
        "<h2>Copying</h2>",
        "<p>The longest run of intervals that an excerpt shares with what the model was trained on, on whatever step; "
        "people's excerpts are of recordings that it was not trained on.</p>",
        _table(["", "median", "mean", "longest"], rows),
    ]


def _settings(settings: Figures) -> list[str]:
    told = [
        "<h2>What the knobs do</h2>",
        "<p>The mean overlap with people, the nats an event of what is played costs the model itself, and some "
        "statistics, by where one knob stands while the others stand as above.</p>",
    ]
    for knob, rows in settings.items():
        names = list(rows[0]["values"])
        table = [
            [f"{row['value']:g}", f"{row['mean_overlap']:.3f}", f"{row['nats_per_event']:.2f}"]
            + [f"{row['values'][name]:.3g}" for name in names]
            for row in rows
        ]
        told += [f"<h3>{escape(knob)}</h3>", _setting(knob, rows), _table([knob, "overlap", "nats", *names], table)]
    return told


def _setting(knob: str, rows: Sequence[Figures]) -> str:
    values = [row["value"] for row in rows]
    low, high = min(values), max(values)
    plot = Plot(f"overlap with people by {knob}", (low, high if high > low else low + 1), (_LOWEST, 1.0), knob, "")
    plot.line(values, [max(row["mean_overlap"], _LOWEST) for row in rows], MODEL)
    plot.points(values, [max(row["mean_overlap"], _LOWEST) for row in rows], MODEL)
    return plot.svg()


def _likelihood(likelihood: Figures) -> list[str]:
    units = [
        [unit, f"{likelihood[f'nats_per_{unit}']:.4f}", "{:.4f} to {:.4f}".format(*likelihood["intervals"][key])]
        for unit in ("event", "step", "note", "second")
        for key in (f"nats_per_{unit}",)
    ]
    kinds = [
        [kind, f"{row['share']:.3f}", f"{row['nats']:.3f}", f"{row['nats_given_kind']:.3f}"]
        for kind, row in likelihood["kinds"].items()
    ]
    minutes = likelihood["minutes"]
    costs = [row["nats_per_event"] for row in minutes]
    low, high = min(costs) - 0.05, max(costs) + 0.05
    plot = Plot("by minute of the piece", (0, max(len(minutes), 2)), (low, high), "minute", "nats per event")
    plot.line([row["minute"] for row in minutes], costs, MODEL)
    composers = [
        [name, f"{row['nats_per_event']:.3f}", f"{row['recordings']}", f"{row['events']}"]
        for name, row in sorted(likelihood["composers"].items(), key=lambda each: each[1]["nats_per_event"])
    ]
    return [
        "<h2>Likelihood</h2>",
        f"<p>{likelihood['files']} recordings, {likelihood['events']} events; perplexity "
        f"{likelihood['perplexity']:.2f}. Intervals are of 95 %, by bootstrap over recordings.</p>",
        _table(["nats per", "", "interval"], units),
        _table(["kind of event", "share", "nats", "given the kind"], kinds),
        plot.svg(),
        _table(["composer", "nats per event", "recordings", "events"], composers),
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["<tr>" + "".join(f"<th>{escape(each)}</th>" for each in head) + "</tr>"]
    lines += ["<tr>" + "".join(f"<td>{escape(each)}</td>" for each in row) + "</tr>" for row in rows]
    return "<table>\n" + "\n".join(lines) + "\n</table>"
