"""What controls and constraints refuse."""

from __future__ import annotations

from typing import Any

import pytest

from perfrnn_live.engines.handles import Handles
from perfrnn_live.errors import BadValue
from perfrnn_live.sampling.controls import Constraint, Controls

NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("temperature", [0.0, -1.0, 101.0, NAN, INFINITY], "temperature"),
        ("top_p", [0.0, -0.1, 1.5, NAN], "top-p"),
        ("polyphony", [0, -1], "polyphony"),
        ("pitch_classes", [(), (1.0,) * 11, (0.0,) * 12, (1.0,) * 11 + (1.1,), (1.0,) * 11 + (NAN,)], "pitch classes"),
        ("lowest", [-1, 128], "range"),
        ("highest", [-1, 128], "range"),
        ("min_note_s", [-0.1, 4.1, NAN], "notes"),
        ("max_note_s", [-1.0, 0.0, NAN, INFINITY], "notes"),
        ("max_rest_s", [-1.0, 0.0, NAN, INFINITY], "rest"),
    ],
)
def test_what_is_out_of_range_is_named(name: str, values: list[Any], said: str) -> None:
    for value in values:
        with pytest.raises(BadValue, match=said):
            Controls(**{name: value})


def test_what_does_not_fit_together() -> None:
    with pytest.raises(BadValue, match="61 to 60"):
        Controls(lowest=61, highest=60)
    with pytest.raises(BadValue, match=r"0\.2 and 0\.1 seconds"):
        Controls(min_note_s=0.2, max_note_s=0.1)


def test_the_ends_of_every_range_are_in_it() -> None:
    one = (0.0,) * 11 + (1.0,)
    Controls(100.0, 1.0, Handles(), 1, one, 0, 0, 0.0, 1e-3, 1e-3)
    Controls(1e-300, 1e-300, Handles(0.0, 0.0, 0.0), 128, one, 127, 127, 4.0, 4.0, 1e9)


@pytest.mark.parametrize("wrong", [{"waited_steps": -1}, {"within_steps": 0}], ids=str)
def test_constraints_that_no_event_could_obey(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="steps"):
        Constraint(**wrong)
