"""The training loop, top to bottom. Needs torch, numpy and a token file or folder, nothing else.

Segments follow each other with the hidden state carried on, because the instrument plays for hours. Under `torchrun`
each process takes its share of the streams and gradients are averaged; on two CPU cores two processes of one thread are
about 1.4 times as fast as one process of two, for the LSTM's small products wait for each other's threads.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

import torch
from torch import Tensor, nn

from perfrnn_live.engines.lstm.keys import silent_keys
from perfrnn_live.engines.lstm.network import NetworkConfig, PerformanceRNN
from perfrnn_live.errors import CheckpointMismatch
from perfrnn_live.training.augmentation import AUGMENTATIONS
from perfrnn_live.training.batches import IGNORE, Batch, CarriedBatches
from perfrnn_live.training.corpus import TokenCorpus
from perfrnn_live.training.nats import Both, begin_anew, nats_of, validate
from perfrnn_live.training.prefetch import FromProcess, FromThread
from perfrnn_live.training.processes import Processes

Precision = Literal["fp32", "bf16"]


def quickest_precision() -> Precision:
    """bf16 where this processor has products of it."""
    # those that oneDNN, which computes the LSTM, makes use of
    there = torch.cpu.get_capabilities()
    return "bf16" if there.get("amx_bf16") or there.get("avx512_bf16") else "fp32"


@dataclass(frozen=True)
class Recipe:
    """How to train. Goes into checkpoints and cards as it is.

    The learning rate warms up over `warm_up` updates and falls linearly to zero over `events`, or over `minutes`,
    whichever ends first. What is validated and kept are the weights averaged exponentially over about
    1 / (1 - `average`) updates. `middles` is the share of recordings that are entered in the middle. With `precision`
    bf16 the products are in half precision: 1.7 times as fast where a processor has such products, on GPUs more.
    `loaders` processes beside each make the batches; with none, a thread does. With
    `handles_only` the layers stay as they are, and only what is asked is learned: two to three times as fast.
    """

    network: NetworkConfig = field(default_factory=NetworkConfig)
    events: int = 200_000_000
    minutes: float = 120.0
    streams: int = 64  # in all processes together
    segment: int = 96
    learning_rate: float = 2e-3
    warm_up: int = 200
    clip: float = 1.0
    dropout: float = 0.0
    weight_dropout: float = 0.0
    loaders: int = 0
    average: float = 0.998
    precision: Precision = "fp32"
    augmentation: str = "none"
    middles: float = 0.5
    handles_only: bool = False
    validate_every_s: float = 300.0
    save_every_s: float = 90.0
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
    validation_asked: float | None


def train(
    recipe: Recipe,
    training: TokenCorpus,
    validation: TokenCorpus,
    out: Path,
    resume: bool = False,
    weights: dict[str, Tensor] | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
) -> Path:
    """Train, from `weights` if given, and return the path of the best checkpoint, `out`/best.pt; `out`/last.pt is what
    `resume` goes on from.

    `stop` is asked between updates; when it says so, the run is validated, saved and left. Raises CheckpointMismatch if
    there is nothing that fits to resume from.
    """
    processes = Processes.join()
    device = processes.device
    torch.manual_seed(recipe.seed)
    torch.set_float32_matmul_precision("high")  # tf32, where a GPU has it
    network = PerformanceRNN(recipe.network, recipe.dropout, recipe.weight_dropout).to(device)
    if weights is not None:
        network.load_state_dict(weights)
    if recipe.handles_only:
        for name, weight in network.named_parameters():
            weight.requires_grad_(name.startswith("handling."))
    averaged = copy.deepcopy(network).eval()
    # on a GPU, autocast has the LSTM in fp16 whatever it is told, where small gradients would be lost
    scaled = device.type == "cuda" and recipe.precision == "bf16"
    scaler = torch.amp.GradScaler(device.type, init_scale=2.0**13, enabled=scaled)
    optimiser = torch.optim.Adam(_groups(network), betas=(0.9, 0.99), fused=True)
    streams = recipe.streams // processes.count
    shares = max(recipe.loaders, 1)
    batches = [
        CarriedBatches(
            training,
            streams // shares,
            recipe.segment,
            AUGMENTATIONS[recipe.augmentation],
            recipe.seed,
            processes.rank * shares + place,
            processes.count * shares,
            recipe.middles,
        )
        for place in range(shares)
    ]
    hidden, keys = network.start(streams), silent_keys(streams, device)
    events = updates = 0
    elapsed_s, best = 0.0, float("inf")
    latest: float | None = None
    latest_asked: float | None = None
    best_path, last_path = out / "best.pt", out / "last.pt"

    if resume:
        last = _last_state(last_path, recipe, processes.count, device)
        network.load_state_dict(last["network"])
        averaged.load_state_dict(last["weights"])
        optimiser.load_state_dict(last["optimiser"])
        events, updates, elapsed_s, best = last["events"], last["updates"], last["elapsed_s"], last["best"]
        latest, latest_asked = last["validation"], last["validation_asked"]
        mine = last["streams"][processes.rank]
        for each, drawn, places in zip(batches, mine["drawn"], mine["places"], strict=True):
            each.go_on(drawn, places)
        hidden, keys = (mine["h"], mine["c"]), (mine["sounding"], mine["age_s"])

    supply_from: type[FromThread | FromProcess] = FromProcess if recipe.loaders else FromThread
    supplies = [supply_from(each) for each in batches]
    # DistributedDataParallel hooks into the same parameters; a single process uses the network as it is
    both: nn.Module = Both(network)
    if processes.count > 1:
        both = nn.parallel.DistributedDataParallel(both)

    def save(path: Path) -> None:
        carried = dict(zip(("h", "c", "sounding", "age_s"), (*hidden, *keys), strict=True))
        drawn, places = [supply.drawn for supply in supplies], [supply.places for supply in supplies]
        everyone = processes.gathered({"drawn": drawn, "places": places, **carried})
        if processes.rank == 0:
            out.mkdir(parents=True, exist_ok=True)
            weights = {"weights": averaged.state_dict(), "network": network.state_dict()}
            state = {**weights, "optimiser": optimiser.state_dict(), "streams": everyone, "recipe": asdict(recipe)}
            counts = {"events": events, "updates": updates, "elapsed_s": elapsed_s, "best": best}
            likelihoods = {"validation": latest, "validation_asked": latest_asked}
            partial = path.with_suffix(".partial")
            torch.save({**state, **counts, **likelihoods}, partial)
            partial.replace(path)

    began_s = perf_counter() - elapsed_s
    validated_s = saved_s = elapsed_s
    untold: deque[tuple[Tensor, int]] = deque()
    while True:
        # one clock for all: with a learning rate of its own, each process would end up with weights of its own
        elapsed_s, stopped = processes.greatest(perf_counter() - began_s, float(stop()))
        share = max(events / recipe.events, elapsed_s / (60 * recipe.minutes))
        finished = share >= 1 or stopped > 0
        if finished or elapsed_s - validated_s > recipe.validate_every_s:
            if processes.rank == 0:
                latest, latest_asked = validate(averaged, validation, recipe.validation_events)
                pace = events / max(elapsed_s, 1e-9)
                on_progress(Progress(events, share, pace, float("nan"), latest, latest_asked))
            judged = latest_asked if recipe.handles_only else latest
            (improved,) = processes.greatest(float(judged is not None and judged < best))
            best = min(best, judged) if judged is not None else best
            if improved:
                save(best_path)
            validated_s = elapsed_s
        if finished or elapsed_s - saved_s > recipe.save_every_s:
            save(last_path)
            saved_s = elapsed_s
        if finished:
            break

        for group in optimiser.param_groups:
            rate = recipe.learning_rate * group["pace"]
            group["lr"] = rate * min(1.0, (updates + 1) / recipe.warm_up) * max(0.0, 1 - share)
        # what dropout leaves out, in a resumed run too
        torch.manual_seed((recipe.seed * 1_000_003 + updates) * processes.count + processes.rank)
        batch = Batch.of([supply.next() for supply in supplies])
        hidden, keys = begin_anew(batch, hidden, keys)
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16"):
            unasked, asked, hidden, keys = nats_of(both, batch, hidden, keys, training.vocabulary)
        counted = processes.total(int((batch.targets != IGNORE).sum()))
        # gradients are averaged over the processes: this makes them those of all streams in one batch
        scaler.scale((unasked + asked) * (processes.count / counted)).backward()  # type: ignore[no-untyped-call]
        scaler.unscale_(optimiser)
        for group in optimiser.param_groups:  # each for itself: what is asked is not to slow down the layers
            nn.utils.clip_grad_norm_(group["params"], recipe.clip)
        scaler.step(optimiser)
        scaler.update()
        optimiser.zero_grad(set_to_none=True)
        _average(averaged, network, min(recipe.average, (1 + updates) / (10 + updates)))
        events += counted
        updates += 1
        if processes.rank == 0:
            untold.append((unasked.detach(), max(int((batch.targets != IGNORE).sum()), 1)))
            if len(untold) > (device.type == "cuda"):  # a GPU's last is waited for while it has the next to do
                nats, of = untold.popleft()
                pace = events / (perf_counter() - began_s)
                on_progress(Progress(events, share, pace, nats.item() / of, latest, latest_asked))
    return best_path


def _groups(network: PerformanceRNN) -> list[dict[str, Any]]:
    """The layers, and the handling at a slower pace: what is asked says so little beside the past that at the layers'
    pace it goes under in the noise of its own gradient, and is never learned."""
    layers = [weight for name, weight in network.named_parameters() if not name.startswith("handling.")]
    return [{"params": layers, "pace": 1.0}, {"params": list(network.handling.parameters()), "pace": 0.15}]


@torch.no_grad()
def _average(averaged: nn.Module, network: nn.Module, kept: float) -> None:
    """Move the averaged weights towards the network's by all but `kept`."""
    torch._foreach_lerp_(list(averaged.parameters()), list(network.parameters()), 1 - kept)


def _last_state(path: Path, recipe: Recipe, processes: int, device: torch.device) -> dict[str, Any]:
    """The state to resume from. Raises CheckpointMismatch if it cannot be read or is not of this recipe."""
    try:
        last: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        before, began_with = Recipe.from_json(last["recipe"]), len(last["streams"])
    except Exception as error:  # torch raises whatever a torn file makes it trip over
        raise CheckpointMismatch(f"{path} cannot be resumed from: it is torn or no training state") from error
    for name in ("network", "streams", "segment", "augmentation", "middles", "loaders", "handles_only", "seed"):
        was, asked = getattr(before, name), getattr(recipe, name)
        if was != asked:
            raise CheckpointMismatch(f"{path} is of another run: its {name} was {was}, not {asked}")
    if began_with != processes:
        raise CheckpointMismatch(f"{path} was left by {began_with} processes and needs as many again")
    return last
