"""A model on disk: a folder with what its engine plays from and a readable card.json.

The card says which `engine` plays it, in which `vocabulary`, what can be asked of it (`handles`, absent where nothing
can), and of what sizes it is (`network`, the engine's own affair); what it was trained on and under which licence, and
how good it is. Nothing here imports torch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perfrnn_live.errors import CheckpointMismatch, ModelNotFound
from perfrnn_live.music.vocabulary import VOCABULARIES, Vocabulary

if TYPE_CHECKING:
    from perfrnn_live.engines.handles import HandleSpace

DEFAULT_MODEL = "maestro"
CARD, WEIGHTS = "card.json", "weights.safetensors"
ONNX, HANDLING = "model.onnx", "handling.onnx"  # the step, and what is asked of it

# Cards once did not name an engine. They all were of LSTMs whose handles had these corners, in this order, whatever
# models are taught by today. Their vocabulary stood in `network`.
_BEFORE_ENGINES: dict[str, Any] = {
    "engine": "lstm",
    "handles": {
        "densities": [1.0, 2.0, 3.0, 4.5, 6.0, 8.0, 10.0, 13.0, 17.0, 22.0, 30.0],
        "loudnesses": [20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 95.0, 110.0],
        "registers": [36.0, 44.0, 50.0, 55.0, 60.0, 65.0, 70.0, 76.0, 84.0],
        "composers": [
            "schubert", "beethoven", "chopin", "liszt", "schumann", "bach", "brahms", "debussy", "mendelssohn",
            "rachmaninoff", "scriabin", "mozart", "haydn", "mussorgsky", "scarlatti", "other",
        ],
        "stress": {"density": 2.0, "composers": 5.0},
    },
}  # fmt: skip


@dataclass(frozen=True)
class Card:
    """What the code reads of a card; `fields` is card.json as it stands. `engine` names a kind of engine, `network` is
    for that engine to read, and `handles` is None if nothing can be asked of the model."""

    engine: str
    vocabulary: Vocabulary
    handles: HandleSpace | None
    network: dict[str, Any]
    fields: dict[str, Any]

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Card:
        """Read what a card says. Raises KeyError, TypeError or ValueError."""
        from perfrnn_live.engines.handles import HandleSpace  # and numpy, which finding a model does not need

        network = dict(fields["network"])
        if "engine" not in fields:
            fields = {**fields, **_BEFORE_ENGINES, "vocabulary": network.pop("vocabulary")}
        engine, handles = fields["engine"], fields.get("handles")
        if not isinstance(engine, str):
            raise TypeError(f"an engine is named by a word, not by {engine!r}")
        space = None if handles is None else HandleSpace.from_json(handles)
        return cls(engine, VOCABULARIES[fields["vocabulary"]], space, network, fields)


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
        return Card.of(json.loads((folder / CARD).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointMismatch(f"{folder / CARD} is no model card: {error!r}") from error


def write_card(folder: Path, fields: dict[str, Any]) -> None:
    """Write a card, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{CARD}.partial"
    partial.write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(folder / CARD)
