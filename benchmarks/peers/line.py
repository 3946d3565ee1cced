"""One recorded line through a peer in real time, and what the peer said to it on the same clock."""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from peers.install import python_of

from ivr.audio.frame import SAMPLE_RATE, Samples
from ivr.models.manifest import models_root
from ivr.models.verify import available


@dataclass(frozen=True, slots=True)
class PeerLine:
    """Both sides at 16 kHz, equally long."""

    caller: Samples
    bot: Samples
    version: str
    note: str
    """How late its frames were at worst: a figure taken on a busy machine says so."""
    texts: tuple[str, ...] = ()


def pipecat_line(line: Samples, voice: Samples, *, recogniser: str = "vosk-en") -> PeerLine | None:
    """The line through pipecat's pipeline with its defaults; after each turn it says `voice`. None if it is missing."""
    if not python_of("pipecat").exists():
        return None
    with tempfile.TemporaryDirectory() as folder:
        files = {name: str(Path(folder) / f"{name}.npy") for name in ("line", "prompt", "out")}
        np.save(files["line"], line)
        np.save(files["prompt"], voice)
        model = str(models_root() / recogniser) if recogniser and available(recogniser) else ""
        task: dict[str, Any] = {"rate": SAMPLE_RATE, "model": model, **files}
        script = Path(__file__).parent / "pipecat_turns.py"
        done = subprocess.run(
            [python_of("pipecat"), script], input=json.dumps(task) + "\n", capture_output=True, text=True,
            timeout=len(line) / SAMPLE_RATE + 300, check=False,
        )  # fmt: skip
        if done.returncode or not done.stdout.strip():
            raise SystemExit(f"pipecat failed: {done.stderr[-2000:]}")
        said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        bot = np.load(files["out"])
    note = f"{said['turns']} turns, frames fed up to {said['late_ms']:.0f} ms late; {said['recogniser']}"
    return PeerLine(line, bot[: len(line)], said["version"], note, tuple(said["texts"]))
