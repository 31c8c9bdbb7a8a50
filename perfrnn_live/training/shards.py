"""A token folder, for corpora larger than memory: shards of tokens, mapped into memory, and the list of what they hold.

`corpus.json` has the vocabulary and, of every recording, where it ends, its name and its composer; `tokens-000.npy`,
`tokens-001.npy` … are int16 and follow one another as if they were one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.music.vocabulary import Vocabulary

LISTING = "corpus.json"
SHARD_TOKENS = 1 << 26  # 128 MB


@dataclass(frozen=True, eq=False)
class Recording:
    """One recording on its way into a corpus."""

    tokens: NDArray[np.int16]
    name: str
    composer: str


class Shards:
    """Flat arrays as one. A slice of it that lies in one of them is a view, any other a copy."""

    def __init__(self, arrays: Sequence[NDArray[np.int16]]) -> None:
        self._arrays = arrays
        self._ends = np.cumsum([len(each) for each in arrays])

    def __len__(self) -> int:
        return sum(map(len, self._arrays))

    def __getitem__(self, span: slice) -> NDArray[np.int16]:
        start, stop, _ = span.indices(len(self))
        parts = []
        for place in range(int(np.searchsorted(self._ends, start, "right")), len(self._arrays)):
            before = int(self._ends[place]) - len(self._arrays[place])
            if before >= stop:
                break
            parts.append(self._arrays[place][max(start - before, 0) : stop - before])
        return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, np.int16), *parts])


def write(folder: Path, vocabulary: Vocabulary, recordings: Iterable[Recording], most: int = SHARD_TOKENS) -> None:
    """Write a token folder as the recordings come, whole or not at all.

    No more than one shard, of `most` tokens, is held in memory. No recording is split; a longer one is a shard itself.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent) as temporary:
        partial = Path(temporary) / folder.name
        partial.mkdir()
        lengths: list[int] = []
        names: list[str] = []
        composers: list[str] = []
        for number, shard in enumerate(_sharded(recordings, most)):
            np.save(partial / _file_name(number), np.concatenate([each.tokens for each in shard]))
            lengths.extend(len(each.tokens) for each in shard)
            names.extend(each.name for each in shard)
            composers.extend(each.composer for each in shard)
        ends = np.cumsum(lengths).tolist()
        listing = {"vocabulary": vocabulary.name, "ends": ends, "names": names, "composers": composers}
        (partial / LISTING).write_text(json.dumps(listing), encoding="utf-8")
        try:
            partial.rename(folder)
        except OSError:
            if not folder.exists():  # another process that wrote the same was sooner
                raise


def read(folder: Path) -> dict[str, Any]:
    """What a token folder lists, and its `tokens`, of which none is read yet. Raises OSError, EOFError, ValueError and
    TypeError for what is none."""
    listed = json.loads((folder / LISTING).read_text(encoding="utf-8"))
    count = len(list(folder.glob("tokens-*.npy")))
    return {**listed, "tokens": Shards([_mapped(folder / _file_name(number)) for number in range(count)])}


def _file_name(number: int) -> str:
    return f"tokens-{number:03}.npy"


def _mapped(path: Path) -> NDArray[np.int16]:
    try:
        tokens = np.asarray(np.load(path, mmap_mode="r"))  # memmap's own slices are slow
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path.name} is torn: {error}") from error
    if tokens.dtype != np.int16 or tokens.ndim != 1:
        raise ValueError(f"{path.name} holds no tokens")
    return tokens


def _sharded(recordings: Iterable[Recording], most: int) -> Iterator[list[Recording]]:
    """As many at a time as fit into a shard."""
    shard: list[Recording] = []
    held = 0
    for each in recordings:
        if shard and held + len(each.tokens) > most:
            yield shard
            shard, held = [], 0
        shard.append(each)
        held += len(each.tokens)
    if shard:
        yield shard
