"""baresip, a real phone, calls the real service: recorded speech from its sound source, what it hears to a file."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ivr.audio.frame import Samples
from ivr.audio.resample import Resampler
from ivr.audio.wav import read_audio, read_channels
from tests.e2e.conftest import Served, digits, seconds, wait_for, yes
from tests.service.lab import likeness

pytestmark = [
    pytest.mark.models,
    pytest.mark.baresip,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("baresip") is None, reason="needs baresip (Debian: apt install baresip-core)"),
]
CALLER = "13900139000"
CONFIG = """
sip_listen 127.0.0.1:{port}
net_interface 127.0.0.1
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module sndfile.so
snd_path {folder}
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
audio_source aufile,{silence}
audio_player none,none
audio_alert aufile,{silence}
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
"""


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_8k(path: Path, samples: Samples) -> Path:
    """As the phone's sound card would give it."""
    down = Resampler(16_000, 8_000)
    soundfile.write(path, np.concatenate([down.process(samples), down.flush()]), 8_000, subtype="PCM_16")
    return path


class Bare:
    """The phone, steered by its control socket (netstrings of JSON)."""

    def __init__(self, control: socket.socket, folder: Path) -> None:
        self._control = control
        self._folder = folder
        self._clips = 0

    def do(self, command: str, params: str = "") -> None:
        text = f'{{"command":"{command}","params":"{params}"}}'
        self._control.sendall(f"{len(text)}:{text},".encode())

    def say(self, samples: Samples) -> None:
        """From now on the sound source is this clip, with silence after it."""
        self._clips += 1
        silence = np.zeros(16_000 * 40, dtype=np.int16)
        path = write_8k(self._folder / f"clip{self._clips}.wav", np.concatenate([samples, silence]))
        self.do("ausrc", f"aufile,{path}")


@contextmanager
def phone(folder: Path, account: str) -> Iterator[Bare]:
    port, control = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_STREAM)
    silence = write_8k(folder / "silence.wav", np.zeros(16_000 * 60, dtype=np.int16))
    text = CONFIG.format(port=port, control=control, silence=silence, folder=folder)
    (folder / "config").write_text(text)
    (folder / "accounts").write_text(account + "\n")
    (folder / "contacts").write_text("")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["baresip", "-f", str(folder)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def connect() -> socket.socket | None:
            try:
                return socket.create_connection(("127.0.0.1", control), timeout=5)
            except OSError:
                return None

        try:
            with wait_for(connect, (folder / "log").read_text(), 15) as connection:
                yield Bare(connection, folder)
        finally:
            process.terminate()
            process.wait(10)


def test_a_blocked_account_is_opened_by_voice(tmp_path: Path, served: Served) -> None:
    """Every answer is spoken, the card's digits too; the caller waits for each question as people do."""
    account = f"<sip:{CALLER}@{served.sip}>;regint=0;audio_codecs=PCMU/8000/1"
    with phone(tmp_path, account) as bare:
        bare.do("dial", f"sip:hotline@{served.sip}")
        for sound in (yes(), yes(), digits("1357"), yes()):
            served.state("listening", CALLER)
            bare.say(sound)
            wait_for(
                lambda: not any(c["state"] == "listening" and c["caller"] == CALLER for c in served.calls()), "an ear"
            )
        stored, report = served.stored(CALLER)
    talk = "\n".join(f"{turn.start_ms:6d} {turn.speaker}: {turn.text}" for turn in report.turns)
    assert report.dialog_outcome == "resolved", talk
    told = [turn for turn in report.turns if turn.speaker == "bot" and "Your account is open again" in turn.text]
    assert len(told) == 1, talk
    assert {turn.text.lower().strip(". ") for turn in report.turns if turn.speaker == "caller"} & {"yes", "yeah"}, talk

    caller, bot = read_channels(stored.folder / "recording.flac")
    answer = bot[told[0].start_ms * 16 : told[0].end_ms * 16]
    assert seconds(answer) > 1.0
    (dump,) = tmp_path.glob("dump-*-dec.wav")  # what the phone's decoder gave
    heard = read_audio(dump)
    assert likeness(heard, answer) > 0.8  # through G.711, the network and the phone's own jitter buffer
    assert likeness(caller, yes()) > 0.8
