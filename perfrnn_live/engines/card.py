"""A model on disk: a folder with weights.safetensors, two ONNX graphs and a readable card.json.

The card says what the network is (`network`), what it was trained on and under which licence, and how good it is; what
playing needs of it is the network's sizes and vocabulary. Nothing here imports torch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perfrnn_live.errors import CheckpointMismatch, ModelNotFound
from perfrnn_live.music.vocabulary import VOCABULARIES, Vocabulary

DEFAULT_MODEL = "maestro"
CARD, WEIGHTS = "card.json", "weights.safetensors"
ONNX, HANDLING = "model.onnx", "handling.onnx"  # the step, and what is asked of it


@dataclass(frozen=True)
class Card:
    """`fields` is card.json as it stands; the properties are what the code reads of it."""

    fields: dict[str, Any]

    @property
    def vocabulary(self) -> Vocabulary:
        return VOCABULARIES[self.fields["network"]["vocabulary"]]

    @property
    def layers(self) -> int:
        return int(self.fields["network"]["layers"])

    @property
    def cells(self) -> int:
        return int(self.fields["network"]["cells"])


def shipped_models() -> Path:
    """The folder of the models that come with the package: inside it when installed, beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "models"
    return installed if installed.is_dir() else package.parent / "models"


def find_model(name: str, shipped: Path | None = None) -> Path:
    """The folder of a shipped model by name, or a folder by path. Raises ModelNotFound, showing the names there are."""
    shipped = shipped or shipped_models()
    for folder in (shipped / name, Path(name)):
        if (folder / CARD).is_file():
            return folder
    names = sorted(card.parent.name for card in shipped.glob(f"*/{CARD}"))
    raise ModelNotFound(f"there is no model {name!r}; shipped are: {', '.join(names) or 'none'}; or give a folder")


def read_card(folder: Path) -> Card:
    """Read and check a card. Raises CheckpointMismatch."""
    try:
        fields = json.loads((folder / CARD).read_text(encoding="utf-8"))
        card = Card(fields)
        if card.layers < 1 or card.cells < 1 or card.vocabulary.size < 1:
            raise ValueError("sizes must be positive")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointMismatch(f"{folder / CARD} is no model card: {error!r}") from error
    return card


def write_card(folder: Path, fields: dict[str, Any]) -> None:
    """Write a card, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{CARD}.partial"
    partial.write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(folder / CARD)
