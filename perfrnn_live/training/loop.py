"""The training loop, top to bottom. Needs torch, numpy and a token file, nothing else.

Segments follow each other with the hidden state carried on, because the instrument plays for hours. Under `torchrun`
each process takes its share of the streams and gradients are averaged; on two CPU cores two processes of one thread are
about 1.4 times as fast as one process of two, for the LSTM's small products wait for each other's threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from perfrnn_live.errors import CheckpointMismatch
from perfrnn_live.model.keys import KeyState, key_features, silent_keys
from perfrnn_live.model.network import Hidden, NetworkConfig, PerformanceRNN
from perfrnn_live.training.augmentation import AUGMENTATIONS
from perfrnn_live.training.batches import IGNORE, Batch, CarriedBatches
from perfrnn_live.training.corpus import TokenCorpus


@dataclass(frozen=True)
class Recipe:
    """How to train. Goes into checkpoints and cards as it is.

    The learning rate warms up over `warm_up` updates and falls linearly to zero over `events`, or over `minutes`,
    whichever ends first.
    """

    network: NetworkConfig = field(default_factory=NetworkConfig)
    events: int = 200_000_000
    minutes: float = 120.0
    streams: int = 64  # in all processes together
    segment: int = 96
    learning_rate: float = 2e-3
    warm_up: int = 200
    clip: float = 1.0
    augmentation: str = "none"
    validate_every_s: float = 300.0
    validation_events: int = 131_072
    seed: int = 0

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Recipe:
        return cls(**{**fields, "network": NetworkConfig(**fields["network"])})


@dataclass(frozen=True)
class Progress:
    """What there is to show after an update; likelihoods in nats per event, `validation` the latest or None."""

    events: int
    share: float
    events_per_s: float
    loss: float
    validation: float | None


def train(
    recipe: Recipe,
    training: TokenCorpus,
    validation: TokenCorpus,
    out: Path,
    resume: bool = False,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
) -> Path:
    """Train and return the path of the best checkpoint, `out`/best.pt; `out`/last.pt is what `resume` goes on from.

    `stop` is asked between updates; when it says so, the run is validated, saved and left. Raises CheckpointMismatch if
    there is nothing that fits to resume from.
    """
    rank, processes = _join_processes()
    device = torch.device("cuda", rank % torch.cuda.device_count()) if torch.cuda.is_available() else "cpu"
    torch.manual_seed(recipe.seed)
    network = PerformanceRNN(recipe.network).to(device)
    optimiser = torch.optim.Adam(network.parameters(), betas=(0.9, 0.99), fused=True)
    streams = recipe.streams // processes
    batches = CarriedBatches(
        training, streams, recipe.segment, AUGMENTATIONS[recipe.augmentation], recipe.seed, rank, processes
    )
    hidden, keys = network.start(streams), silent_keys(streams, device)
    events = updates = 0
    elapsed_s, best = 0.0, float("inf")
    best_path, last_path = out / "best.pt", out / "last.pt"

    if resume:
        last = _last_state(last_path, recipe, processes, device)
        network.load_state_dict(last["weights"])
        optimiser.load_state_dict(last["optimiser"])
        events, updates, elapsed_s, best = last["events"], last["updates"], last["elapsed_s"], last["best"]
        mine = last["streams"][rank]
        batches = CarriedBatches(
            training,
            streams,
            recipe.segment,
            AUGMENTATIONS[recipe.augmentation],
            recipe.seed,
            mine["drawn"],
            processes,
            mine["places"],
        )
        hidden, keys = (mine["h"], mine["c"]), (mine["sounding"], mine["age_s"])

    # DistributedDataParallel hooks into the same parameters; a single process uses the network as it is
    step_network = nn.parallel.DistributedDataParallel(network) if processes > 1 else network

    def save(path: Path) -> None:
        mine = {
            "drawn": batches.drawn,
            "places": batches.places,
            **dict(zip(("h", "c", "sounding", "age_s"), (*hidden, *keys), strict=True)),
        }
        everyone: list[Any] = [mine]
        if processes > 1:
            everyone = [None] * processes
            dist.all_gather_object(everyone, mine)
        if rank == 0:
            out.mkdir(parents=True, exist_ok=True)
            state = {"weights": network.state_dict(), "optimiser": optimiser.state_dict(), "streams": everyone}
            counts = {"events": events, "updates": updates, "elapsed_s": elapsed_s, "best": best, "validation": latest}
            partial = path.with_suffix(".partial")
            torch.save({**state, **counts, "recipe": asdict(recipe)}, partial)
            partial.replace(path)

    latest: float | None = None
    began_s = perf_counter() - elapsed_s
    validated_s = elapsed_s
    while True:
        # one clock for all: with a learning rate of its own, each process would end up with weights of its own
        elapsed_s, stopped = _greatest(perf_counter() - began_s, float(stop()), processes=processes)
        share = max(events / recipe.events, elapsed_s / (60 * recipe.minutes))
        finished = share >= 1 or stopped > 0
        if finished or elapsed_s - validated_s > recipe.validate_every_s:
            latest = validate(network, validation, recipe.validation_events) if rank == 0 else 0.0
            if rank == 0:
                on_progress(Progress(events, share, events / max(elapsed_s, 1e-9), float("nan"), latest))
            (improved,) = _greatest(float(rank == 0 and latest < best), processes=processes)
            best = min(best, latest) if rank == 0 else best
            if improved:
                save(best_path)
            save(last_path)
            validated_s = elapsed_s
        if finished:
            break

        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * min(1.0, (updates + 1) / recipe.warm_up) * max(0.0, 1 - share)
        batch = batches.next()
        inputs = torch.from_numpy(batch.inputs).to(device)
        targets = torch.from_numpy(batch.targets).to(device)
        hidden, keys = _begin_anew(batch, hidden, keys)
        features, keys = key_features(inputs, keys, training.vocabulary)
        logits, hidden = step_network(inputs, features, hidden)
        loss = cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        events += _total(int((batch.targets != IGNORE).sum()), processes)
        updates += 1
        if rank == 0:
            on_progress(Progress(events, share, events / (perf_counter() - began_s), loss.item(), latest))
    return best_path


@torch.no_grad()
def validate(network: PerformanceRNN, corpus: TokenCorpus, events: int) -> float:
    """Nats per event over the first `events` of up to 64 recordings side by side, the state carried."""
    streams, segment = min(64, len(corpus)), 128
    batches = CarriedBatches(corpus.first(streams), streams, segment)
    device = network.output.weight.device
    hidden, keys = network.start(streams), silent_keys(streams, device)
    nats, counted = 0.0, 0
    events = min(events, int(corpus.ends[streams - 1]))
    while counted < events:
        batch = batches.next()
        inputs, targets = torch.from_numpy(batch.inputs).to(device), torch.from_numpy(batch.targets).to(device)
        hidden, keys = _begin_anew(batch, hidden, keys)
        features, keys = key_features(inputs, keys, corpus.vocabulary)
        logits, hidden = network(inputs, features, hidden)
        nats += cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE, reduction="sum").item()
        counted += int((batch.targets != IGNORE).sum())
    return nats / counted


def _begin_anew(batch: Batch, hidden: Hidden, keys: KeyState) -> tuple[Hidden, KeyState]:
    """The state detached from the last segment, and cleared for the streams that begin a recording."""
    fresh = torch.from_numpy(batch.fresh).to(hidden[0].device)[:, None]

    def clear(state: Tensor, empty: float) -> Tensor:
        return torch.where(fresh, empty, state.detach())

    return (clear(hidden[0], 0.0), clear(hidden[1], 0.0)), (clear(keys[0], 0.0), clear(keys[1], torch.inf))


def _join_processes() -> tuple[int, int]:
    """Rank and number of processes: (0, 1) unless `torchrun` started several."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if processes == 1:
        return 0, 1
    if not dist.is_initialized():
        # gloo in either case: counts and clocks are agreed on in main memory
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    return dist.get_rank(), processes


def _last_state(path: Path, recipe: Recipe, processes: int, device: torch.device | str) -> dict[str, Any]:
    """The state to resume from. Raises CheckpointMismatch if it cannot be read or is not of this recipe."""
    try:
        last: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        before, began_with = Recipe.from_json(last["recipe"]), len(last["streams"])
    except Exception as error:  # torch raises whatever a torn file makes it trip over
        raise CheckpointMismatch(f"{path} cannot be resumed from: it is torn or no training state") from error
    for name in ("network", "streams", "segment", "augmentation", "seed"):
        was, asked = getattr(before, name), getattr(recipe, name)
        if was != asked:
            raise CheckpointMismatch(f"{path} is of another run: its {name} was {was}, not {asked}")
    if began_with != processes:
        raise CheckpointMismatch(f"{path} was left by {began_with} processes and needs as many again")
    return last


def _greatest(*values: float, processes: int) -> list[float]:
    """The greatest of each value over all processes: clocks and signals differ between them."""
    if processes == 1:
        return list(values)
    answers = torch.tensor(values, dtype=torch.float64)
    dist.all_reduce(answers, op=dist.ReduceOp.MAX)
    return answers.tolist()


def _total(count: int, processes: int) -> int:
    """The sum of a count over all processes."""
    if processes == 1:
        return count
    answer = torch.tensor(count)
    dist.all_reduce(answer)
    return int(answer)
