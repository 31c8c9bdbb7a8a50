"""`perfrnn-live latent`: a finished LSTM learns to be told places in a latent space; it stays itself as it is.

Some music goes on after other music that has nothing to do with it: what the LSTM expects is then wrong about its
manner, and the place says how. Nothing is learned through the LSTM, so it is heard once and what it expects is kept;
the rest takes minutes. The place is that of notes around those that are foretold, not of these alone, and it is drawn
with the encoder's doubt, so it can only say how they are (the evidence lower bound: Kingma & Welling 2014).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, silu

from perfrnn_live.engines.latent import LATENT, NOTES, REACH, TOLD, UNKNOWN, notes_read
from perfrnn_live.engines.lstm.keys import key_features, silent_keys
from perfrnn_live.engines.lstm.network import PerformanceRNN
from perfrnn_live.engines.lstm.weights import load_network
from perfrnn_live.errors import CannotWrite
from perfrnn_live.music.reminders import along
from perfrnn_live.music.timeline import Timeline
from perfrnn_live.music.vocabulary import PITCHES, EventKind, Vocabulary
from perfrnn_live.training.augmentation import AUGMENTATIONS, entered
from perfrnn_live.training.corpus import TokenCorpus
from perfrnn_live.training.splits import load_split

_EVENTS = 192  # of each lesson
_BEFORE = (0, 32, 64)  # of them, of other music
_TOGETHER = 32  # lessons in an update
_RATE = 1e-3
_AFTER = 16  # strikes at most between where a lesson begins and where the notes are read


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to learn: `size` numbers are a place; so many `lessons` are heard `epochs` times; the divergence of places
    from a normal distribution counts `weight` times beside what lessons cost."""

    size: int = 12
    lessons: int = 6400
    epochs: int = 5
    weight: float = 0.03
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Lesson:
    """`tokens` (_EVENTS,), of which the first `before` are other music; and NOTES strikes as the encoder reads them,
    (4, NOTES)."""

    tokens: NDArray[np.int16]
    before: int
    notes: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Heard:
    """What a network expects in lessons: `inner` (lessons, _EVENTS, cells) and `logits` (lessons, _EVENTS, events) in
    half precision; and their `targets` (lessons, _EVENTS), -100 for the other music; `notes` (lessons, 4, NOTES)."""

    inner: Tensor
    logits: Tensor
    targets: Tensor
    notes: Tensor


class LatentNetwork(nn.Module):
    """What `engines.latent.Latent` computes, to be trained."""

    def __init__(self, cells: int, events: int, size: int, width: int = 96, hidden: int = 384) -> None:
        super().__init__()
        self.note = nn.ModuleList(
            nn.Embedding(count, width, _weight=0.3 * torch.randn(count, width)) for count in TOLD.values()
        )
        self.around = nn.ModuleList(nn.Conv1d(width, width, 2 * REACH + 1, padding=REACH) for _ in range(2))
        self.place = nn.Linear(2 * width, 2 * size)  # the mean, and the logarithm of the deviation
        self.expected = nn.Linear(cells, hidden)
        self.asked = nn.Linear(size, hidden, bias=False)
        self.hidden = nn.Linear(hidden, hidden)
        self.output = nn.Linear(hidden, events)
        for zero in (self.output.weight, self.output.bias):
            nn.init.zeros_(zero)

    def encode(self, notes: Tensor) -> tuple[Tensor, Tensor]:
        """notes (lessons, 4, n) → means and logarithms of deviations, each (lessons, size)."""
        x = torch.stack([table(notes[:, of]) for of, table in enumerate(self.note.children())]).sum(0).transpose(1, 2)
        for layer in self.around.children():
            x = x + silu(layer(x))
        mean, log_deviation = self.place(torch.cat([x.mean(-1), x.amax(-1)], 1)).chunk(2, 1)
        return mean, log_deviation

    def forward(self, inner: Tensor, place: Tensor) -> Tensor:
        """inner (lessons, time, cells), place (lessons, size) → what to add to the logits."""
        x = silu(self.expected(inner) + self.asked(place)[:, None])
        return self.output(silu(self.hidden(x)))  # type: ignore[no-any-return]

    def arrays(self) -> dict[str, NDArray[np.float16]]:
        """As `Latent` reads them."""
        products = {f"around.{number}": layer for number, layer in enumerate(self.around)}
        products |= {name: getattr(self, name) for name in ("place", "expected", "hidden", "output")}
        weights = {name: each.get_parameter("weight") for name, each in {**products, "asked": self.asked}.items()}
        found: dict[str, Tensor] = {
            **{name: table.get_parameter("weight") for name, table in zip(TOLD, self.note, strict=True)},
            **{
                name: each.T if each.ndim == 2 else each.permute(2, 1, 0).flatten(0, 1)
                for name, each in weights.items()
            },
            **{f"{name}.bias": each.get_parameter("bias") for name, each in products.items()},
        }
        size = self.asked.in_features  # the deviation is for learning only
        found |= {"place": found["place"][:, :size], "place.bias": found["place.bias"][:size]}
        return {name: each.detach().numpy().astype(np.float16) for name, each in found.items()}


def teach(folder: Path, data: Path, validation: Path | None, recipe: Recipe, console: Console) -> tuple[float, float]:
    """Give the model in `folder` a latent space; returns nats per event of validation lessons, without and with their
    places. Raises CheckpointMismatch, BadValue, CorpusEmpty, NotMidi or CannotWrite."""
    network = load_network(folder)
    vocabulary = network.config.events
    training = load_split(data, "train", vocabulary, console)
    validating = load_split(validation or data, "validation", vocabulary, console)
    with Progress(console=console) as bar:
        counts = recipe.lessons, max(recipe.lessons // 16, 1)
        hearing = bar.add_task("listening", total=sum(counts))
        heard, held_back = (
            hear(
                network,
                [lesson(corpus, recipe.seed, number) for number in range(count)],
                lambda lessons: bar.advance(hearing, lessons),
            )
            for corpus, count in zip((training, validating), counts, strict=True)
        )
        torch.manual_seed(recipe.seed)
        latent = LatentNetwork(network.config.cells, vocabulary.size, recipe.size)
        learning = bar.add_task("learning", total=1.0)
        learn(latent, heard, recipe, lambda share, *_: bar.update(learning, completed=share))
    save(latent, folder)
    return gain(latent, held_back)


def lesson(corpus: TokenCorpus, seed: int, number: int) -> Lesson:
    """The lesson of that number: of a recording, moved and stretched, after another."""
    vocabulary = corpus.vocabulary
    rng = np.random.default_rng((seed, number))
    events = np.diff(corpus.ends, prepend=0)
    while True:
        before, after = (
            AUGMENTATIONS["more"].draw(corpus.recording(int(index)), vocabulary, rng)
            for index in rng.choice(len(corpus), 2, p=events / events.sum())
        )
        count = int(rng.choice(_BEFORE))
        other = _stopped(entered(before, int(rng.integers(len(before))), vocabulary)[:count], vocabulary)
        place = int(rng.integers(len(after)))
        tokens = np.concatenate([other, entered(after, place, vocabulary)])[:_EVENTS]
        line = Timeline.of(after, vocabulary)
        been, most = int(line.been[place]), len(line.pitch) - NOTES
        if len(tokens) < _EVENTS or most < 0:
            continue
        first = min(int(rng.integers(max(been - NOTES, 0), been + _AFTER)), most)
        return Lesson(tokens, len(other), notes_from(after, first, vocabulary))


def notes_from(tokens: NDArray[np.int16], first: int, vocabulary: Vocabulary) -> NDArray[np.int64]:
    """NOTES strikes of a recording from that one on, as the encoder is told them when the last of them has just been
    struck: (4, NOTES)."""
    line, window = Timeline.of(tokens, vocabulary), slice(first, first + NOTES)
    pitch, step = line.pitch[window], line.struck_step[window]
    latest = np.triu(pitch[:, None] == pitch, 1).sum(axis=1) == 0  # not struck again
    ended_step = _ended_step(tokens, line, vocabulary)[window]
    held_steps = np.where(latest, np.minimum(ended_step, step[-1]) - step, UNKNOWN)
    return np.stack(notes_read(pitch, step, line.struck_bin[window], held_steps))


@torch.no_grad()
def hear(
    network: PerformanceRNN, lessons: list[Lesson], on_progress: Callable[[int], None] = lambda lessons: None
) -> Heard:
    """What the network expects in each lesson, from a middle symbol on."""
    vocabulary = network.config.events
    inner, logits = [], []
    tokens = np.stack([each.tokens for each in lessons]).astype(np.int64)
    for first in range(0, len(lessons), _TOGETHER):
        part = tokens[first : first + _TOGETHER]
        inputs = torch.from_numpy(np.concatenate([np.full((len(part), 1), vocabulary.middle), part[:, :-1]], 1))
        told = torch.from_numpy(np.stack([along(each[:-1], vocabulary) for each in part])).long()
        keys, _ = key_features(inputs, silent_keys(len(part)), vocabulary)
        with torch.autocast("cpu", torch.bfloat16):
            expects, expected, _ = network(inputs, keys, told, network.start(len(part)))
        inner.append(expected.half())
        logits.append(expects.half())
        on_progress(len(part))
    targets = np.where(np.arange(_EVENTS) < np.array([each.before for each in lessons])[:, None], -100, tokens)
    notes = torch.from_numpy(np.stack([each.notes for each in lessons])).long()
    return Heard(torch.cat(inner), torch.cat(logits), torch.from_numpy(targets), notes)


def learn(
    latent: LatentNetwork,
    heard: Heard,
    recipe: Recipe,
    on_progress: Callable[[float, float, float], None] = lambda share, nats, divergence: None,
) -> None:
    """Teach it. `on_progress` is told the share that is done, nats an event and the divergence in nats."""
    rng = np.random.default_rng(recipe.seed)
    torch.manual_seed(recipe.seed)
    optimiser = torch.optim.Adam(latent.parameters(), _RATE)
    batches = [
        part
        for _ in range(recipe.epochs)
        for part in np.array_split(rng.permutation(len(heard.targets)), max(len(heard.targets) // _TOGETHER, 1))
    ]
    for done, part in enumerate(batches):
        for group in optimiser.param_groups:
            group["lr"] = _RATE * min(1.0, (done + 1) / 100) * (1 - done / len(batches))
        places = torch.from_numpy(part)
        mean, log_deviation = latent.encode(heard.notes[places])
        place = mean + log_deviation.exp() * torch.randn_like(mean)
        nats, events = _nats(latent, heard, places, place)
        divergence = (0.5 * (mean**2 + (2 * log_deviation).exp() - 1) - log_deviation).sum() / len(part)
        closeness = recipe.weight * min(1.0, 2 * done / len(batches))  # at first it is to say something at all
        loss = nats / events + closeness * divergence * len(part) / events
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(latent.parameters(), 1.0)
        optimiser.step()
        on_progress((done + 1) / len(batches), nats.item() / events, divergence.item())


@torch.no_grad()
def gain(latent: LatentNetwork, heard: Heard) -> tuple[float, float]:
    """Nats an event without and with the place that the encoder reads."""
    without = with_place = 0.0
    for places in torch.split(torch.arange(len(heard.targets)), _TOGETHER):
        mean, _ = latent.encode(heard.notes[places])
        nats, _ = _nats(latent, heard, places, mean)
        with_place += nats.item()
        logits, targets = heard.logits[places].float().flatten(0, 1), heard.targets[places].flatten()
        without += cross_entropy(logits, targets, reduction="sum").item()
    events = int((heard.targets >= 0).sum())
    return without / events, with_place / events


def save(latent: LatentNetwork, folder: Path) -> Path:
    """Write it into a model folder. Raises CannotWrite."""
    path = folder / LATENT
    try:
        with path.open("wb") as file:
            np.savez_compressed(file, **latent.arrays())  # type: ignore[arg-type]
    except OSError as error:
        raise CannotWrite(f"cannot write {path}: {error.strerror}") from error
    return path


def _nats(latent: LatentNetwork, heard: Heard, places: Tensor, place: Tensor) -> tuple[Tensor, int]:
    logits = heard.logits[places].float() + latent(heard.inner[places].float(), place)
    targets = heard.targets[places]
    return cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum"), int((targets >= 0).sum())


def _ended_step(tokens: NDArray[np.int16], line: Timeline, vocabulary: Vocabulary) -> NDArray[np.int64]:
    """When each strike was released, or its key struck again, or the music was over, (strikes,)."""
    on, off = vocabulary.tokens_of(EventKind.NOTE_ON), vocabulary.tokens_of(EventKind.NOTE_OFF)
    strikes, releases = ((tokens >= each.start) & (tokens < each.stop) for each in (on, off))
    places = np.flatnonzero(strikes | releases)
    key = np.where(strikes, tokens - on.start, tokens - off.start)[places]
    order = np.argsort(key, kind="stable")  # key by key, in time
    step = line.step[1:][places]
    follows = np.append(key[order][1:] == key[order][:-1], False)
    ended = np.empty_like(step)
    ended[order] = np.where(follows, np.append(step[order][1:], 0), line.step[-1])
    return np.asarray(ended[strikes[places]])


def _stopped(tokens: NDArray[np.int16], vocabulary: Vocabulary) -> NDArray[np.int16]:
    """The same with every key released at its end."""
    on, off = vocabulary.tokens_of(EventKind.NOTE_ON), vocabulary.tokens_of(EventKind.NOTE_OFF)
    sounding = np.zeros(PITCHES, np.bool_)
    for token in tokens:
        if on.start <= token < on.stop:
            sounding[token - on.start] = True
        elif off.start <= token < off.stop:
            sounding[token - off.start] = False
    return np.concatenate([tokens, off.start + np.flatnonzero(sounding)]).astype(np.int16)
