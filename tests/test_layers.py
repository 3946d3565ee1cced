"""Imports go downwards only, siblings stay apart, and the pure packages touch no clock, thread, socket or engine."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "ivr"

LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "__init__"}),
    frozenset({"audio"}),
    frozenset({"dialog", "turn", "acd"}),
    frozenset({"call"}),
    frozenset(
        {
            "asr",
            "tts",
            "transport",
            "store",
            "telemetry",
            "models",
            "backend",
            "nlu_encoder",
            "end_of_turn",
            "call.driver",
        }
    ),
    frozenset({"desk"}),
    frozenset({"webhook"}),
    frozenset({"config"}),
    frozenset({"service"}),
    frozenset({"replay"}),
    frozenset({"console"}),
    frozenset({"app"}),
    frozenset({"cli"}),
    frozenset({"__main__"}),
)
"""From the lowest up. A module may import what lies in a lower layer, or in its own package."""

SHARED = frozenset({"transport.base", "models"})
"""Contracts and look-ups that siblings of their layer may import."""

PURE = ("audio", "dialog", "turn", "acd", "call")
SHELLS_IN_PURE = frozenset({"call/driver.py", "audio/wav.py", "audio/vad.py"})
"""The driver is asyncio; sound files and detectors wrap libraries (no clock, no thread all the same)."""

FORBIDDEN = frozenset(
    {"asyncio", "socket", "threading", "time", "random", "uuid", "secrets", "subprocess", "multiprocessing"}
    | {"aiohttp", "vosk", "faster_whisper", "ctranslate2", "onnxruntime", "pyttsx3", "sqlalchemy", "concurrent"}
)


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def layer_of(module: str) -> int:
    parts = module.split(".")
    for length in (len(parts), 2, 1):
        name = ".".join(parts[:length])
        for index, layer in enumerate(LAYERS):
            if name in layer:
                return index
    raise AssertionError(f"ivr.{module} has no layer: put it into LAYERS")


def imports(path: Path) -> Iterator[str]:
    """Dotted names imported anywhere in the file, but for those under `if TYPE_CHECKING`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names if alias.name != "__version__")


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    module = name_of(path)
    here = layer_of(module)
    package = module.split(".")[0]
    for imported in imports(path):
        if not imported.startswith("ivr."):
            continue
        target = imported.removeprefix("ivr.")
        if target.split(".")[0] == package and layer_of(target) <= here:
            continue
        shared = any(target == name or target.startswith(f"{name}.") for name in SHARED)
        limit = here if shared else here - 1
        assert layer_of(target) <= limit, f"ivr.{module} imports ivr.{target}, which is not below it"


@pytest.mark.parametrize(
    "path", [p for p in modules() if p.relative_to(PACKAGE).parts[0] in PURE], ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_pure_packages_touch_nothing_outside(path: Path) -> None:
    if str(path.relative_to(PACKAGE)) in SHELLS_IN_PURE:
        return
    used = {name.split(".")[0] for name in imports(path)}
    assert not used & FORBIDDEN, f"{path.name} imports {sorted(used & FORBIDDEN)}"
    text = path.read_text(encoding="utf-8")
    for clock in ("datetime.now(", "date.today(", "utcnow(", "perf_counter("):
        assert clock not in text, f"{path.name} reads a clock: {clock}"


def test_no_module_is_overlong() -> None:
    long = {str(p.relative_to(ROOT)): n for p in modules() if (n := len(p.read_text("utf-8").splitlines())) > 600}
    assert long == {}
