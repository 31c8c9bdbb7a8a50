"""Where a player's own files are kept, system by system."""

from __future__ import annotations

from pathlib import Path

import platformdirs

_APP = "perfrnn-live"


def controls() -> Path:
    """What was learned."""
    return platformdirs.user_config_path(_APP, appauthor=False) / "controls.toml"


def pads(model: Path) -> Path:
    """The pads kept with a model."""
    return platformdirs.user_data_path(_APP, appauthor=False) / "pads" / f"{model.name}.npz"


def library() -> Path:
    """The sessions."""
    return platformdirs.user_data_path(_APP, appauthor=False) / "sessions.db"
