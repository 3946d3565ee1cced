"""Install what the benchmarks compare with, each into an environment of its own under benchmarks/.peers.

    python benchmarks/peers/install.py [NAME...]

The environments are not part of the project: nothing of `ivr` imports them, and git does not see them.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent / ".peers"
PEERS = {"pipecat": ("pipecat-ai[silero]", "vosk")}
"""Name -> packages, always the latest: the result says which version it was."""


def python_of(name: str) -> Path:
    """The interpreter of a peer's environment."""
    return ROOT / name / "bin" / "python"


def install(name: str) -> None:
    """Make the environment if it is not there, and bring its packages up to date."""
    ROOT.mkdir(exist_ok=True)
    (ROOT / ".gitignore").write_text("*\n", encoding="utf-8")
    if not python_of(name).exists():
        venv.create(ROOT / name, with_pip=True)
    elif not _has_pip(name):
        subprocess.run([python_of(name), "-m", "ensurepip", "--default-pip"], check=True)
    subprocess.run([python_of(name), "-m", "pip", "install", "--upgrade", "--quiet", *PEERS[name]], check=True)


def _has_pip(name: str) -> bool:
    return subprocess.run([python_of(name), "-m", "pip", "--version"], capture_output=True).returncode == 0


def main() -> None:
    """Command line."""
    names = sys.argv[1:] or list(PEERS)
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        raise SystemExit(f"unknown: {', '.join(unknown)}; known: {', '.join(PEERS)}")
    for name in names:
        install(name)
        print(f"{name}: {python_of(name)}")


if __name__ == "__main__":
    main()
