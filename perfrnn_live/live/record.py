"""Facts as lines of text, and back: what happened and what was wished can be kept, and a session replayed from it.

A machine that begins alike (model, seed, settings, pads) and is told the same facts in the same order gives the same
orders. Numbers are written so that they are read as exactly the same. Only the model's own sums may differ: ONNX
Runtime's int8 kernels are not the same on all processors, so a replay is exact on machines of the same kind.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, get_args

from perfrnn_live.errors import BadValue
from perfrnn_live.live.controls import ACTION_NAMES, ACTIONS, Mode
from perfrnn_live.live.happenings import Happening
from perfrnn_live.live.wishes import Do, Turn

_KINDS: dict[str, Any] = {kind.__name__: kind for kind in get_args(Happening)}


def written(fact: Happening) -> str:
    """One line of JSON, without its end: the kind of fact, and its fields by name; bytes in hexadecimal."""
    told: dict[str, Any] = {each.name: getattr(fact, each.name) for each in fields(fact)}
    if isinstance(fact, Do):
        told["action"] = ACTION_NAMES[fact.action]
    if isinstance(fact, Turn) and isinstance(fact.value, Mode):
        told["value"] = fact.value.value
    if "message" in told:
        told["message"] = told["message"].hex()
    return json.dumps({"fact": type(fact).__name__, **told}, ensure_ascii=False)


def read(line: str) -> Happening:
    """The fact that was `written` there. Raises BadValue for a line that is none."""
    try:
        told = json.loads(line)
        kind = _KINDS[told.pop("fact")]
        if kind is Do:
            told["action"] = ACTIONS[told["action"]]
        if kind is Turn and told["name"] == "mode":
            told["value"] = Mode(told["value"])
        if "message" in told:
            told["message"] = bytes.fromhex(told["message"])
        fact: Happening = kind(**told)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadValue(f"this line is no fact of a session: {line[:80]!r}") from error
    return fact
