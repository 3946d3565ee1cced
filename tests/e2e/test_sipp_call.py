"""SIPp calls the real service: recorded speech on its RTP stream, keys by SIP INFO, answers heard and given."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from ivr.audio.g711 import encode_ulaw
from ivr.audio.levels import rms_dbfs
from ivr.audio.resample import Resampler
from ivr.audio.wav import read_channels
from tests.e2e.conftest import Served, seconds, yes

pytestmark = [
    pytest.mark.models,
    pytest.mark.sipp,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("sipp") is None, reason="needs SIPp (Debian: apt install sip-tester)"),
]
SCENARIO = Path(__file__).parent / "caller.xml"
CALLER = "12025550143"

INFO = """  <send retrans="500">
    <![CDATA[
      INFO [next_url] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport
      From: <sip:[caller]@[local_ip]:[local_port]>;tag=[pid]SIPpTag00[call_number]
      To: <sip:hotline@[remote_ip]:[remote_port]>[peer_tag_param]
      Call-ID: [call_id]
      CSeq: {cseq} INFO
      Max-Forwards: 70
      Content-Type: application/dtmf-relay
      Content-Length: [len]

      Signal={key}
      Duration=160
    ]]>
  </send>
  <recv response="200"/>
"""


def scenario(tmp_path: Path, steps: list[str | int | Path]) -> Path:
    """SIPp cannot listen, so its caller acts by the clock: a number is a pause (ms), text keys, a path sound."""
    lines, cseq = [], 2
    for step in steps:
        if isinstance(step, int):
            lines.append(f'  <pause milliseconds="{step}"/>\n')
        elif isinstance(step, Path):
            lines.append(f'  <nop><action><exec rtp_stream="{step},1,0"/></action></nop>\n')
        else:
            for key in step:
                lines.append(INFO.format(cseq=cseq, key=key))
                cseq += 1
    text = SCENARIO.read_text(encoding="utf-8").replace("STEPS\n", "".join(lines)).replace("[caller]", CALLER)
    path = tmp_path / "scenario.xml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_blocked_account_is_opened(tmp_path: Path, served: Served) -> None:
    sound = yes()
    said = tmp_path / "yes.ul"
    down = Resampler(16_000, 8_000)
    said.write_bytes(bytes(encode_ulaw(np.concatenate([down.process(sound), down.flush()]))))
    spoken = int(seconds(sound) * 1000)
    path = scenario(tmp_path, [7500, "1", 4500, said, spoken + 4000, "1357", 8000, said])
    done = subprocess.run(
        ["sipp", "-sf", str(path), "-i", "127.0.0.1", "-m", "1", "-nostdin", "-timeout", "120", "-timeout_error",
         "-trace_err", "-error_file", str(tmp_path / "errors"), served.sip],
        cwd=tmp_path, capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip
    stored, report = served.stored(CALLER)
    talk = "\n".join(f"{turn.start_ms:6d} {turn.speaker}: {turn.text}" for turn in report.turns)
    assert done.returncode == 0, f"{talk}\n{done.stdout[-1500:]}{done.stderr[-500:]}"
    assert report.dialog_outcome == "resolved", talk

    heard = [turn.text.lower() for turn in report.turns if turn.speaker == "caller"]
    assert sum(text.strip(". ") in {"yes", "yeah"} for text in heard) == 2, talk
    answers = [turn for turn in report.turns if turn.speaker == "bot" and "Your account is open again" in turn.text]
    assert len(answers) == 1, talk
    assert not re.search(r"1\D*3\D*5\D*7", " ".join(heard)), "the card's digits are masked"

    caller, bot = read_channels(stored.folder / "recording.flac")
    start, end = answers[0].start_ms * 16, answers[0].end_ms * 16
    assert rms_dbfs(bot[start:end]) > -35
    assert rms_dbfs(caller[start:end]) < -50
