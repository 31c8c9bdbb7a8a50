"""What a card must say for an LSTM to be made of it; read without torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perfrnn_live.engines.card import CARD, read_card
from perfrnn_live.engines.handles import HandleSpace
from perfrnn_live.errors import CheckpointMismatch
from perfrnn_live.music.vocabulary import Vocabulary

KIND = "lstm"


@dataclass(frozen=True)
class Sizes:
    """The sizes of a network: `layers` of `cells`, and what can be asked of it. `network` is all that its card says of
    it."""

    vocabulary: Vocabulary
    layers: int
    cells: int
    handles: HandleSpace
    network: dict[str, Any]


def read_sizes(folder: Path) -> Sizes:
    """The sizes that the card of a model folder gives. Raises CheckpointMismatch."""
    card = read_card(folder)
    layers, cells = card.network.get("layers"), card.network.get("cells")
    if card.engine != KIND:
        problem = f"its engine is {card.engine!r}"
    elif type(layers) is not int or type(cells) is not int or layers < 1 or cells < 1:
        problem = f"it has {layers!r} layers and {cells!r} cells"
    elif card.handles is None:
        problem = "it does not say what its handles mean"
    else:
        return Sizes(card.vocabulary, layers, cells, card.handles, card.network)
    raise CheckpointMismatch(f"{folder / CARD} is no model card of an LSTM: {problem}")
