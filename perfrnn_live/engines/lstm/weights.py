"""Network ↔ weights.safetensors, and the card that goes with a finished training run. Needs the extra `train`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import pad

from perfrnn_live.engines.card import WEIGHTS, write_card
from perfrnn_live.engines.handles import TAUGHT, HandleSpace
from perfrnn_live.engines.lstm.network import NetworkConfig, PerformanceRNN
from perfrnn_live.engines.lstm.sizes import KIND, read_sizes
from perfrnn_live.errors import CheckpointMismatch


def load_network(folder: Path) -> PerformanceRNN:
    """The network of a model folder, ready to evaluate. Raises CheckpointMismatch, also where an installed package's
    model has left its weights at home."""
    sizes = read_sizes(folder)
    if not (folder / WEIGHTS).exists():
        where = f"give its folder in a clone of the repository, models/{folder.name}"
        raise CheckpointMismatch(f"{folder} has no {WEIGHTS}, for an installed package brings what plays: {where}")
    try:
        network = PerformanceRNN(NetworkConfig(sizes.vocabulary.name, **sizes.network), handles=sizes.handles.size)
        network.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, RuntimeError, TypeError, SafetensorError) as error:
        reason = str(error).splitlines()[-1].strip()  # torch has a line for every tensor
        raise CheckpointMismatch(f"{folder / WEIGHTS} does not fit its card: {reason}") from error
    return network.eval()


def save_network(folder: Path, network: PerformanceRNN, fields: dict[str, Any], handles: HandleSpace = TAUGHT) -> None:
    """Write weights, in half precision, and a card that also says what the network's handles mean."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}, folder / WEIGHTS)
    sizes = network.config.to_json()
    told = {"engine": KIND, "vocabulary": sizes.pop("vocabulary"), "handles": handles.to_json(), "network": sizes}
    write_card(folder, {**told, **fields})


def with_all_corners(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a network that knew fewer corners of handles: the new ones, the last, begin at nothing."""
    asked = weights["handling.asked.weight"]
    return {**weights, "handling.asked.weight": pad(asked, (0, TAUGHT.size - asked.shape[1]))}


def save_training_result(best: Path, folder: Path, handles: HandleSpace, data: str, licence: str) -> float:
    """best.pt of a training run → a model folder; returns the validation's nats per event."""
    run = torch.load(best, map_location="cpu", weights_only=True)
    recipe = run["recipe"]
    network = PerformanceRNN(NetworkConfig(**recipe.pop("network")))
    network.load_state_dict(run["weights"])
    fields = {
        "data": data,
        "licence": licence,
        "training": {
            "events": run["events"],
            "minutes": round(run["elapsed_s"] / 60, 1),
            "validation_subset_nats_per_event": round(run["validation"], 4),
            "validation_subset_asked_nats_per_event": round(run["validation_asked"], 4),
            "recipe": recipe,
        },
    }
    save_network(folder, network, fields, handles)
    return float(run["validation"])
