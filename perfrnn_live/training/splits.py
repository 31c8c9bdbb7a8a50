"""A split of a corpus, from a folder of .mid files, a token file or a token folder, without torch."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from perfrnn_live.errors import BadValue, CorpusEmpty, NotMidi
from perfrnn_live.music.vocabulary import Vocabulary
from perfrnn_live.training.corpus import Split, TokenCorpus, find_recordings, named_composers, tokenise
from perfrnn_live.training.shards import LISTING


def load_split(data: Path, split: Split, vocabulary: Vocabulary, console: Console) -> TokenCorpus:
    """Tokens of a folder's split, or of a token file or folder as it is. Raises CorpusEmpty or NotMidi."""
    if data.suffix == ".npz" or (data / LISTING).is_file():
        corpus = TokenCorpus.load(data)
        if corpus.vocabulary != vocabulary:
            raise BadValue(f"{data} holds {corpus.vocabulary.name}, not {vocabulary.name}")
        return corpus
    if data.is_file():
        raise NotMidi(f"{data} is a file: --data takes a folder of .mid files, or a token file (.npz) or folder")

    def tell(sentence: str) -> None:
        console.print(sentence, style="yellow", markup=False, highlight=False, soft_wrap=True)

    paths = find_recordings(data, split, on_problem=tell)
    if not paths:
        raise CorpusEmpty(f"{data} has no recording for {split}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(f"reading {split}", total=len(paths))
        return tokenise(
            paths,
            vocabulary,
            on_progress=lambda done, total: bar.update(task, completed=done),
            on_skipped=lambda reason: tell(f"skipped: {reason}"),
            composers=named_composers(data),
        )
