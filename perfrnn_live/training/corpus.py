"""A folder of .mid files → tokens: read in parallel, cached, a broken file named and skipped.

MAESTRO's CSV, where it lies in the folder, says which recordings train and which validate; any other folder gives
every twentieth file to validation.
"""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from perfrnn_live.errors import CorpusEmpty, NotMidi
from perfrnn_live.music.codec import encode
from perfrnn_live.music.midifile import read_notes
from perfrnn_live.music.vocabulary import VOCABULARIES, Vocabulary
from perfrnn_live.training import shards
from perfrnn_live.training.listing import read_listing
from perfrnn_live.training.shards import Recording, Shards

LICENCE = "that of the data it was trained on"
Split = Literal["train", "validation", "all"]
_FORMAT = 4  # raise when the codec or the reader changes: caches of older formats are then left alone


@dataclass(frozen=True, eq=False)
class TokenCorpus:
    """Recordings as tokens: `tokens` flat int16, recording i is `tokens[ends[i-1]:ends[i]]`, named `names[i]`, by
    `composers[i]`, one of COMPOSERS or empty where nobody says. They need not fit into memory."""

    vocabulary: Vocabulary
    tokens: NDArray[np.int16] | Shards
    ends: NDArray[np.int64]
    names: tuple[str, ...]
    composers: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ends)

    def recording(self, index: int) -> NDArray[np.int16]:
        """Tokens of one recording."""
        return self.tokens[self.ends[index - 1] if index else 0 : self.ends[index]]

    def first(self, count: int) -> TokenCorpus:
        """The first `count` recordings."""
        ends = self.ends[:count]
        return TokenCorpus(self.vocabulary, self.tokens[: ends[-1]], ends, self.names[:count], self.composers[:count])

    def save(self, path: Path) -> None:
        """Write a token file (.npz, compressed), whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.npz")  # another process may be writing the same one
        np.savez_compressed(
            partial,
            tokens=self.tokens[:],
            ends=self.ends,
            names=np.array(self.names),
            composers=np.array(self.composers),
            vocabulary=np.array(self.vocabulary.name),
        )
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> TokenCorpus:
        """Read a token file, or what a token folder lists. Raises CorpusEmpty if it is neither."""
        try:
            stored = shards.read(path) if path.is_dir() else _read_token_file(path)
            vocabulary, tokens = VOCABULARIES[str(stored["vocabulary"])], stored["tokens"]
            ends = np.asarray(stored["ends"], np.int64)
            names, composers = (tuple(map(str, stored[name])) for name in ("names", "composers"))
            if not 0 < len(ends) == len(names) == len(composers):
                raise ValueError("it does not say which recordings it has")
            if np.diff(ends, prepend=0).min() < 1 or ends[-1] != len(tokens):
                raise ValueError("its recordings do not add up to its tokens")
            if isinstance(tokens, np.ndarray) and not 0 <= tokens.min() <= tokens.max() < vocabulary.size:
                raise ValueError(f"it has tokens that {vocabulary.name} has not")
        except (OSError, KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise CorpusEmpty(f"{path} is no token {'folder' if path.is_dir() else 'file'}: {error}") from error
        return cls(vocabulary, tokens, ends, names, composers)


def _read_token_file(path: Path) -> dict[str, Any]:
    with path.open("rb") as file, np.load(file) as arrays:
        return dict(arrays)


def find_recordings(folder: Path, split: Split, on_problem: Callable[[str], None] = lambda problem: None) -> list[Path]:
    """The .mid and .midi files of a split, in a fixed order. Raises CorpusEmpty if the folder has none.

    What is wrong with the folder's CSV, and how many files it leaves out, is told in sentences.
    """
    if not folder.is_dir():
        raise CorpusEmpty(f"{folder} is not a folder")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".mid", ".midi"))
    if not found:
        raise CorpusEmpty(f"{folder} has no .mid file in it")
    listing = read_listing(folder)
    for problem in listing.problems:
        on_problem(problem)
    if split == "all":
        return found
    if not listing.splits:
        return [path for index, path in enumerate(found) if (index % 20 == 0) == (split == "validation")]
    unlisted = sum(path not in listing.splits for path in found)
    if unlisted:
        on_problem(f"{unlisted} of the {len(found)} recordings in {folder} have no split in its table and are left out")
    return [path for path in found if listing.splits.get(path) == split]


def named_splits(folder: Path) -> Mapping[Path, str]:
    """Which recording belongs to which split, by the folder's CSV; empty if it has none."""
    return read_listing(folder).splits


def named_composers(folder: Path) -> Mapping[Path, str]:
    """Who composed each recording, as one of COMPOSERS, by the folder's CSV; empty if it has none."""
    return read_listing(folder).composers


def tokenise(
    paths: Sequence[Path],
    vocabulary: Vocabulary,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    on_skipped: Callable[[str], None] = lambda reason: None,
    cache: Path | None = None,
    composers: Mapping[Path, str] | None = None,
) -> TokenCorpus:
    """Tokens of `paths`, from the cache where the same files were read before. Raises CorpusEmpty if none is usable."""
    import platformdirs  # not at the top: the training loop needs this module for token files only

    composers = composers or {}
    cache = cache or platformdirs.user_cache_path("perfrnn-live", appauthor=False)
    stored = cache / f"tokens-{_digest(paths, vocabulary, composers)}"
    if stored.exists():
        with contextlib.suppress(CorpusEmpty):
            return TokenCorpus.load(stored)
        shutil.rmtree(stored)  # a damaged cache is made again
    recordings = _tokenised(paths, vocabulary, on_progress, on_skipped, composers)
    first = next(recordings, None)
    if first is None:
        raise CorpusEmpty("none of the recordings could be used")
    shards.write(stored, vocabulary, chain([first], recordings))
    return TokenCorpus.load(stored)


def _tokenised(
    paths: Sequence[Path],
    vocabulary: Vocabulary,
    on_progress: Callable[[int, int], None],
    on_skipped: Callable[[str], None],
    composers: Mapping[Path, str],
) -> Iterator[Recording]:
    """The usable ones, one after the other."""
    # not forked: the parent has threads, torch's among them
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        results = pool.map(_tokenise_one, paths, [vocabulary.name] * len(paths), chunksize=4)
        for done, (path, result) in enumerate(zip(paths, results, strict=True), 1):
            on_progress(done, len(paths))
            if isinstance(result, str):
                on_skipped(result)
            else:
                yield Recording(result, path.name, composers.get(path, ""))


def _tokenise_one(path: Path, vocabulary_name: str) -> NDArray[np.int16] | str:
    """Tokens of one file, or one sentence on why there are none: an exception would end the whole pool's work."""
    if path.exists() and not path.is_file():  # a pipe would be waited for
        return f"{path} is not a file"
    try:
        return np.array(encode(read_notes(path), VOCABULARIES[vocabulary_name]), np.int16)
    except NotMidi as error:
        return str(error)


def _digest(paths: Sequence[Path], vocabulary: Vocabulary, composers: Mapping[Path, str]) -> str:
    digest = hashlib.sha256(f"{_FORMAT} {vocabulary.name}".encode())
    for path in paths:
        told = f"{os.path.realpath(path)} {_version(path)} {composers.get(path, '')}\n"
        digest.update(os.fsencode(told))  # a name need not be UTF-8
    return digest.hexdigest()[:16]


def _version(path: Path) -> str:
    """Another one when the file has changed; what cannot be looked at will be named when it is read."""
    try:
        status = path.stat()
    except OSError:
        return ""
    return f"{status.st_size} {status.st_mtime_ns}"
