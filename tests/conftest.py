"""What all tests share: a Hypothesis profile without deadlines, the real corpus where it lies, and skipping what needs
packages of the extra `train` where they are missing."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import train_extra

settings.register_profile("suite", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def own_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What commands keep for a player is kept apart from the player who runs the tests."""
    names = "XDG_DATA_HOME", "XDG_CONFIG_HOME"
    before = {name: os.environ.get(name) for name in names}
    os.environ.update({name: str(tmp_path_factory.mktemp(name)) for name in names})
    yield
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


@pytest.fixture(scope="session")
def maestro() -> Path:
    """The MAESTRO folder: $PERFRNN_MAESTRO, or beside the repository."""
    folder = Path(os.environ.get("PERFRNN_MAESTRO") or REPOSITORY.parent / "shared" / "maestro-v3.0.0")
    if not (folder / "maestro-v3.0.0.csv").exists():
        pytest.skip(f"no MAESTRO corpus at {folder} (set PERFRNN_MAESTRO)")
    return folder


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A file that imports a missing package of the extra `train` is skipped."""
    report = yield
    if report.failed and any(f"No module named '{name}'" in str(report.longrepr) for name in train_extra.MISSING):
        report.outcome = "skipped"
        report.longrepr = (str(collector.path), 0, f"Skipped: {train_extra.REASON}")
    return report
