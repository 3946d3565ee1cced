"""`ivr serve` in a process of its own with real engines, and the bank behind dialogs/payments. Started once for all."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ivr.audio.frame import SAMPLE_RATE, Samples
from ivr.audio.wav import read_audio
from ivr.errors import InputError
from ivr.models.verify import available
from ivr.replay.report import CallReport, report_of
from ivr.replay.runner import StoredCall, open_stored

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "audio_fixtures"
MODELS = ("vosk-en", "whisper-base")
START_S = 120.0


def clip(name: str, lead_ms: int = 200, tail_ms: int = 900) -> Samples:
    """A recording of a human voice, with silence of known length around it."""
    samples = read_audio(FIXTURES / name)
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 300)
    spoken = samples[max(0, loud[0] - 800) : loud[-1] + 1600]
    parts = (np.zeros(lead_ms * 16, np.int16), spoken, np.zeros(tail_ms * 16, np.int16))
    return np.concatenate(parts)


def digits(text: str) -> Samples:
    """A number as one speaker says it."""
    return np.concatenate([clip(f"en_digits_fsdd/{digit}_jackson_0.wav", 50, 100) for digit in text])


def yes() -> Samples:
    return clip("en_service_calls/dograh_yes.wav")


def wait_for(met: Callable[[], Any], what: str, seconds: float = 30.0) -> Any:
    """The first true result."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := met():
            return result
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")


@dataclass
class Served:
    """The running service, as the outside world sees it."""

    sip: str
    """HOST:PORT of its UDP socket."""
    http: str
    data: Path
    log: Path

    def calls(self) -> list[dict[str, str]]:
        """Caller and state of the calls in progress, as their journals on disk tell (half a second old at most)."""
        found = []
        for path in self.data.rglob("call.json"):
            try:
                stored = open_stored(path.parent)
            except InputError:
                continue  # it is being made at this moment
            states = [str(event.data["state"]) for event in stored.journal if event.kind == "state"]
            if not any(event.kind == "call.end" for event in stored.journal):
                found.append({"caller": str(stored.head["caller"]), "state": states[-1] if states else "speaking"})
        return found

    def state(self, name: str, caller: str, seconds: float = 40.0) -> None:
        """Wait until the call of this number is in this state."""
        wait_for(
            lambda: any(call["state"] == name and call["caller"] == caller for call in self.calls()),
            f"state {name} of the call of {caller}", seconds,
        )  # fmt: skip

    def stored(self, caller: str) -> tuple[StoredCall, CallReport]:
        """The finished call of this number."""

        def find() -> StoredCall | None:
            for path in self.data.rglob("call.json"):
                if json.loads(path.read_text(encoding="utf-8"))["caller"] == caller:
                    stored = open_stored(path.parent)
                    if any(event.kind == "call.end" for event in stored.journal):
                        return stored
            return None

        found = wait_for(find, f"the stored call of {caller}\n{self.log.read_text()[-3000:]}")
        time.sleep(0.5)  # the recording is closed right after
        return found, report_of(open_stored(found.folder).journal)


@pytest.fixture(scope="session")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The example backend, on a free port."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (tmp_path_factory.mktemp("bank") / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "examples/payments_backend.py"), "--port", str(port)], stdout=log, stderr=log
        )
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(lambda: _answers(f"{address}/health"), "the bank")
            yield address
        finally:
            process.terminate()
            process.wait(10)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, bank: str) -> Iterator[Served]:
    for model in MODELS:
        if not available(model):
            pytest.skip(f"needs the model {model}: ivr models fetch {model}")
    folder = tmp_path_factory.mktemp("served")
    config = folder / "ivr.toml"
    config.write_text(
        f'[service]\nhotline = "{ROOT / "dialogs/payments"}"\ndata = "{folder / "data"}"\n'
        "[sip]\nport = 0\n[http]\nport = 0\n[rtp]\nlow = 24000\nhigh = 24998\n"
        '[synthesis]\nvoices = {en = "pyttsx3", zh = "pyttsx3"}\n',
        encoding="utf-8",
    )
    log = folder / "serve.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "ivr", "serve", "--config", str(config)], cwd=folder,
            env={**os.environ, "PAYMENTS_API": bank}, stdout=subprocess.PIPE, stderr=errors, text=True,
        )  # fmt: skip
        try:
            yield _ready(process, folder / "data", log)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                code = process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
            finally:
                assert process.stdout is not None
                process.stdout.close()
            assert code == 0, log.read_text()[-3000:]
            assert "Traceback" not in log.read_text()


def _ready(process: subprocess.Popen[str], data: Path, log: Path) -> Served:
    """Read what the service tells of itself."""
    assert process.stdout is not None
    told = ""
    deadline = time.monotonic() + START_S
    while "stop " not in told:
        line = process.stdout.readline()
        assert line, f"ivr serve ended:\n{log.read_text()[-3000:]}"
        assert time.monotonic() < deadline, told
        told += line
    sip = re.search(r"call\s+sip:hotline@(\S+:\d+)\n", told)
    http = re.search(r"look\s+(http://[^/]+)", told)
    assert sip, told
    assert http, told
    return Served(sip.group(1), http.group(1), data, log)


def seconds(samples: Samples) -> float:
    return len(samples) / SAMPLE_RATE
