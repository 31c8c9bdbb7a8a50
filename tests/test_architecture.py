"""Who may import whom, who may ask the time, and how long a module may be."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "perfrnn_live"
MODULES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}

# Each layer and the layers it may know, its own left out. `cli` may know everything.
MAY_KNOW = {
    "music": {"errors"},
    "engines": {"errors", "music"},
    "sampling": {"errors", "music", "engines"},
    "sound": {"errors", "music"},
    "player": {"errors", "music", "sound"},
    "live": {"errors", "music", "engines", "sampling", "player"},
    "library": {"errors", "music", "player", "live", "sound"},
    "stage": {"errors", "music", "engines", "sampling", "player", "live", "sound", "library"},
    "training": {"errors", "music", "engines"},
    "evaluation": {"errors", "music", "engines", "sampling", "training"},
}
PACKAGES = {
    "music": {"numpy"},
    "engines": {"numpy", "onnxruntime", "torch", "safetensors", "onnx"},
    "sampling": {"numpy"},
    "player": {"numpy", "rtmidi", "supriya_midi", "jack"},
    "sound": {"numpy", "miniaudio"},
    "live": {"numpy"},
    "library": set(),
    "stage": {"numpy", "rich", "platformdirs", "link", "pythonosc", "websockets", "segno"},
    "training": {"numpy", "torch", "rich", "platformdirs"},
    "evaluation": {"numpy", "rich"},
}
MAY_ASK_THE_TIME = {
    "player/clock.py",
    "player/drivers/rtmidi.py",  # lets a driver's thread out before a port is closed
    "stage/osc.py",  # time tags are by the wall's clock
    "training/loop.py",  # its budget is in minutes
    "training/plain.py",
}


def imports(source: ast.AST) -> Iterator[str]:
    """Every module imported anywhere in a file, inside functions too."""
    for node in ast.walk(source):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, "imports are absolute"
            yield node.module
            if node.module.startswith("perfrnn_live"):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported(name: str) -> set[str]:
    return set(imports(ast.parse(MODULES[name].read_text(encoding="utf-8"))))


def layer(name: str) -> str:
    return name.split("/")[0].removesuffix(".py")


@pytest.mark.parametrize("name", [name for name in MODULES if layer(name) in MAY_KNOW])
def test_imports_point_inwards(name: str) -> None:
    own = {module.split(".")[1] for module in imported(name) if module.startswith("perfrnn_live.")} - {"__version__"}
    assert own <= MAY_KNOW[layer(name)] | {layer(name), "files"}
    foreign = {module.split(".")[0] for module in imported(name)} - sys.stdlib_module_names - {"perfrnn_live"}
    assert foreign <= PACKAGES[layer(name)]


def test_errors_know_nobody() -> None:
    assert not imported("errors.py")


def test_files_know_errors_alone() -> None:
    assert {module for module in imported("files.py") if module.startswith("perfrnn_live.")} <= {
        "perfrnn_live.errors",
        "perfrnn_live.errors.CannotWrite",
    }


def test_playing_loads_neither_torch_nor_anything_of_training() -> None:
    code = "import sys, perfrnn_live.stage.play, perfrnn_live.player.process, perfrnn_live.stage.screen\n"
    code += "print(*sys.modules)"
    loaded = set(
        subprocess.run(
            [sys.executable, "-c", code], cwd=PACKAGE.parent, check=True, capture_output=True, text=True
        ).stdout.split()
    )
    assert "perfrnn_live.stage.session" in loaded
    assert not {"torch", "onnx", "safetensors", "perfrnn_live.training", "perfrnn_live.evaluation"} & loaded


LSTM = "perfrnn_live.engines.lstm"


@pytest.mark.parametrize("name", [name for name in MODULES if not name.startswith("engines/lstm/")])
def test_who_plays_need_not_know_which_engine(name: str) -> None:
    """An engine's state is its own: only the registry and the commands for training know the LSTM."""
    knows = any(module.startswith(LSTM) for module in imported(name))
    assert not knows or name in {"engines/registry.py", "cli/teaching.py"} or layer(name) == "training"


@pytest.mark.parametrize("name", MODULES)
def test_comparing_values_never_raises(name: str) -> None:
    """Arrays compare element by element, and what that gives is neither true nor false: what holds them is compared by
    identity (`eq=False`)."""
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        decorators = {ast.unparse(each) for each in node.decorator_list} if isinstance(node, ast.ClassDef) else set()
        if any(each.startswith("dataclass") and "eq=False" not in each for each in decorators):
            assert isinstance(node, ast.ClassDef)
            fields = [ast.unparse(each.annotation) for each in node.body if isinstance(each, ast.AnnAssign)]
            assert not [each for each in fields if re.search("NDArray|Array|Logits|Asked|Tensor", each)], node.name


def test_only_the_clock_asks_the_time() -> None:
    assert {name for name in MODULES if "time" in imported(name)} == MAY_ASK_THE_TIME


def test_no_pickle_is_read_from_a_file() -> None:
    """Pickles go through the pipe to our own process alone."""
    known = {"pickle", "marshal", "shelve", "dill", "cloudpickle"}
    assert {name for name in MODULES if known & imported(name)} == {"player/link.py", "player/process.py"}
    for name, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Call) and called in ("np.load", "torch.load"):
                options = {each.arg: ast.unparse(each.value) for each in node.keywords}
                assert options.get("allow_pickle", "False") == "False", name
                assert called != "torch.load" or options.get("weights_only") == "True", name


def test_two_modules_listen_on_the_network() -> None:
    """Both only when they are asked to, and on this machine's own address unless another is given."""
    listening = {"socket", "socketserver", "http.server", "websockets.asyncio.server"}
    assert {name for name in MODULES if listening & imported(name)} == {"stage/osc.py", "stage/page/server.py"}


def test_folders_on_windows_are_not_named_twice() -> None:
    for name, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("platformdirs."):
                assert "appauthor=False" in ast.unparse(node), f"{name}: the folder would be perfrnn-live/perfrnn-live"


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_one_reading(name: str) -> None:
    text = MODULES[name].read_text(encoding="utf-8")
    assert text.count("\n") <= 310, "about 300 lines: this is asking to be two ideas"
    assert ast.get_docstring(ast.parse(text)), "a module says what it is"
