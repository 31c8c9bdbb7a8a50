"""The keyboard's features for whole segments at once, in torch: what `Keyboard.features` says event by event."""

from __future__ import annotations

import torch
from torch import Tensor

from perfrnn_live.music.vocabulary import PITCHES, EventKind, Vocabulary

KeyState = tuple[
    Tensor, Tensor
]  # sounding (batch, 128) 0 or 1; seconds since the last strike (batch, 128), inf if never


def silent_keys(batch: int, device: torch.device | str = "cpu") -> KeyState:
    """Nothing has been played."""
    return torch.zeros(batch, PITCHES, device=device), torch.full((batch, PITCHES), torch.inf, device=device)


def key_features(tokens: Tensor, state: KeyState, vocabulary: Vocabulary) -> tuple[Tensor, KeyState]:
    """tokens (batch, time) → features after each token (batch, time, 256), and the keys at the end.

    Streams must be possible ones, as encoded music is. The start symbol and padding above it change nothing.
    """
    sounding, age_s = state
    on, off = vocabulary.tokens_of(EventKind.NOTE_ON), vocabulary.tokens_of(EventKind.NOTE_OFF)
    shift = vocabulary.tokens_of(EventKind.TIME_SHIFT)
    pitches = torch.arange(PITCHES, device=tokens.device)
    struck = tokens[..., None] == pitches + on.start  # (batch, time, 128)
    released = tokens[..., None] == pitches + off.start
    sounding = sounding[:, None] + torch.cumsum(struck.float() - released.float(), dim=1)
    is_shift = (tokens >= shift.start) & (tokens < shift.stop)
    steps = torch.where(is_shift, tokens - (shift.start - 1), 0)
    elapsed_s = (torch.cumsum(steps, dim=1) / vocabulary.steps_per_second)[..., None].float()  # (batch, time, 1)
    struck_s = torch.where(struck, elapsed_s, -torch.inf)
    struck_s = torch.maximum(torch.cummax(struck_s, dim=1).values, -age_s[:, None])
    ages_s = elapsed_s - struck_s
    return torch.cat([sounding, 1 / (1 + ages_s)], dim=-1), (sounding[:, -1], ages_s[:, -1])
