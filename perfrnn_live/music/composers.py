"""The composers whose style can be asked for."""

from __future__ import annotations

OTHER = "other"
# Those with an hour or more in MAESTRO's training split, most first; everybody else is the last.
COMPOSERS = (
    "schubert", "beethoven", "chopin", "liszt", "schumann", "bach", "brahms", "debussy", "mendelssohn", "rachmaninoff",
    "scriabin", "mozart", "haydn", "mussorgsky", "scarlatti", OTHER,
)  # fmt: skip
