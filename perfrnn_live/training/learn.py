"""`perfrnn-live learn`: a model that has heard your recordings, from one that has heard many others'.

It trains on for a few minutes, half on the recordings and half on what the model itself plays. The second half is
rehearsal (Robins 1995): what it knew, it has to go on knowing, and other people's recordings need not be at hand.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.engines.card import read_card
from perfrnn_live.engines.handles import TAUGHT
from perfrnn_live.engines.lstm.export import export
from perfrnn_live.engines.lstm.network import PerformanceRNN
from perfrnn_live.engines.lstm.weights import load_network, save_training_result, with_all_corners
from perfrnn_live.errors import BadValue, CannotWrite, CorpusEmpty
from perfrnn_live.music.timeline import Timeline
from perfrnn_live.music.vocabulary import Vocabulary
from perfrnn_live.training.augmentation import entered
from perfrnn_live.training.corpus import TokenCorpus, find_recordings, tokenise
from perfrnn_live.training.loop import Progress, Recipe, quickest_precision, train
from perfrnn_live.training.nats import validate

LEAST_S, ENOUGH_S = 300.0, 1800.0  # of music: with less nothing is learned but these notes; with so much it is
_HELD_BACK = 5  # one recording in so many is not learned from
_VALIDATIONS, _VALIDATION_EVENTS = 4, 32_768

Rehearse = Callable[[int], Sequence[Sequence[int]]]
"""Pieces, as tokens, of at least so many events together, that the model played by itself."""


@dataclass(frozen=True, slots=True)
class Learned:
    """How likely held-back takes were before and after, in nats per event; how much was heard, in seconds of music."""

    before: float
    after: float
    recordings: int
    seconds: float


def learn(
    start: Path,
    sources: Sequence[Path],
    out: Path,
    minutes: float,
    rehearse: Rehearse,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_problem: Callable[[str], None] = lambda sentence: None,
    stop: Callable[[], bool] = lambda: False,
) -> Learned:
    """The model folder `start` and .mid files or folders of them → the model folder `out`.

    Raises CorpusEmpty, BadValue (too little music, or nothing was learned) or CannotWrite; then there is no `out`.
    """
    network, card = load_network(start), read_card(start)
    own = tokenise(_files(sources, on_problem), card.vocabulary, on_skipped=on_problem)
    heard_s = sum(_seconds(own.recording(index), card.vocabulary) for index in range(len(own)))
    if heard_s < LEAST_S:
        much = f"{heard_s / 60:.1f} minutes of music are too little to learn from"
        raise BadValue(f"{much}: at least {LEAST_S / 60:.0f}, and better {ENOUGH_S / 60:.0f} or more")
    if heard_s < ENOUGH_S:
        on_problem(f"{heard_s / 60:.0f} minutes of music are little: {ENOUGH_S / 60:.0f} or more teach it better")
    lessons, held_back = _parted(own)
    weights = with_all_corners(network.state_dict())
    space = card.handles if card.handles is not None and card.handles.size == TAUGHT.size else TAUGHT
    whole = PerformanceRNN(network.config).eval()
    whole.load_state_dict(weights)
    before, _ = validate(whole, held_back, _VALIDATION_EVENTS)
    recipe = Recipe(
        network.config,
        minutes=minutes,
        streams=32,
        segment=128,
        learning_rate=8e-4,
        warm_up=50,
        average=0.99,
        precision=quickest_precision(),
        augmentation="less",
        validation_events=_VALIDATION_EVENTS,
        validate_every_s=60 * minutes / _VALIDATIONS,
    )
    try:
        scratch = Path(tempfile.mkdtemp(dir=out.absolute().parent, prefix=".learn-"))
    except OSError as error:
        raise CannotWrite(f"cannot write {out}: {error.strerror}") from error
    try:
        lesson = _mixed(lessons, rehearse(int(lessons.ends[-1])))
        best = train(recipe, lesson, held_back, scratch, weights=weights, on_progress=on_progress, stop=stop)
        after = save_training_result(
            best,
            scratch / "model",
            space,
            data=f"{card.fields.get('data', 'unknown')}; then {len(own)} of a player's, {heard_s / 60:.0f} minutes",
            licence=f"that of {start.name}, and of the recordings",
        )
        if after >= before:
            raise BadValue(f"nothing was learned: held-back takes are {before:.3f} nats per event, as before")
        export(scratch / "model")
        (scratch / "model").replace(out)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return Learned(before, after, len(own), heard_s)


def _files(sources: Iterable[Path], on_problem: Callable[[str], None]) -> list[Path]:
    files: list[Path] = []
    for source in sources:
        if not source.exists():
            raise CorpusEmpty(f"{source} does not exist")
        files += find_recordings(source, "all", on_problem) if source.is_dir() else [source]
    return list(dict.fromkeys(files))


def _seconds(tokens: NDArray[np.int16], vocabulary: Vocabulary) -> float:
    return float(Timeline.of(tokens, vocabulary).step[-1]) / vocabulary.steps_per_second


def _parted(own: TokenCorpus) -> tuple[TokenCorpus, TokenCorpus]:
    """What is learned from, and what is held back: every fifth recording, or of fewer than five every fifth part."""
    recordings = [own.recording(index) for index in range(len(own))]
    if len(recordings) < _HELD_BACK:
        parts = []
        for tokens in recordings:
            edges = np.linspace(0, len(tokens), _HELD_BACK + 1).astype(int)
            parts += [entered(tokens[:end], int(begin), own.vocabulary) for begin, end in pairwise(edges)]
        recordings = [part for part in parts if len(part)]
    held_back = recordings[_HELD_BACK - 1 :: _HELD_BACK]
    lessons = [tokens for number, tokens in enumerate(recordings, 1) if number % _HELD_BACK]
    return _corpus(lessons, own.vocabulary), _corpus(held_back, own.vocabulary)


def _mixed(lessons: TokenCorpus, rehearsed: Sequence[Sequence[int]]) -> TokenCorpus:
    """As much of the one as of the other: the shorter one several times."""
    own = [lessons.recording(index) for index in range(len(lessons))]
    rehearsal = [np.array(piece, np.int16) for piece in rehearsed if len(piece)]
    events = max(sum(map(len, own)), sum(map(len, rehearsal)))
    return _corpus([*_filled(own, events), *_filled(rehearsal, events)], lessons.vocabulary)


def _filled(recordings: Sequence[NDArray[np.int16]], events: int) -> list[NDArray[np.int16]]:
    """The recordings, again and again, until there are so many events."""
    filled: list[NDArray[np.int16]] = []
    so_far = 0
    for tokens in cycle(recordings):
        if so_far >= events:
            break
        filled.append(tokens)
        so_far += len(tokens)
    return filled


def _corpus(recordings: Sequence[NDArray[np.int16]], vocabulary: Vocabulary) -> TokenCorpus:
    ends = np.cumsum([len(each) for each in recordings])
    names = tuple(str(number) for number in range(len(recordings)))
    return TokenCorpus(vocabulary, np.concatenate(recordings), ends, names, ("",) * len(recordings))
