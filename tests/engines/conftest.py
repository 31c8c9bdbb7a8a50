"""Torch on one thread; a tiny model and the shipped one as folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfrnn_live.engines.card import DEFAULT_MODEL, find_model
from tests import train_extra

one_thread = pytest.fixture(scope="package", autouse=True)(train_extra.one_thread)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model folder, exported. Not to be written to."""
    if train_extra.MISSING:
        pytest.skip(train_extra.REASON)
    from perfrnn_live.engines.lstm.export import export
    from perfrnn_live.engines.lstm.weights import save_network
    from tests import networks

    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_network(folder, networks.tiny_network(), {"data": "none"})
    export(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_fp32(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in full precision."""
    from tests import networks

    return networks.save_fp32(tiny_model, tmp_path_factory.mktemp("fp32"))


@pytest.fixture(scope="session")
def shipped() -> Path:
    """The folder of the model that plays unless another is asked for."""
    return find_model(DEFAULT_MODEL)
