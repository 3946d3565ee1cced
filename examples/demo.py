"""`make demo`: real SIP calls with recorded speech against the payments hotline, judged by what was recorded.

Starts a small bank (payments_backend.py), `ivr serve`, and a phone for the human agent, places the calls of calls.py,
shows what each side heard and said, where the stereo recordings are, and the latencies measured on them. Exit status 0
only if every call ended as it should.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import numpy as np
from aiohttp import web
from calls import CALLS, DemoCall, clip
from payments_backend import Bank
from rich.console import Console
from rich.table import Table

from ivr.audio.wav import read_channels
from ivr.call.journal import loads
from ivr.replay.measure import measure_file, summarise
from ivr.replay.report import CallReport, report_of
from ivr.service.phone import Phone, PhoneLine

ROOT = Path(__file__).resolve().parent.parent
HUMAN = "en_prompts_allison/vm-dialout.wav"
"""What the human agent says: "please wait while I connect your call"."""
console = Console(highlight=False)


def configuration(agent_uri: str, data: Path, bank_port: int) -> str:
    return f"""
[service]
hotline = "{ROOT / "dialogs/payments"}"
data = "{data}"
languages = {{ "8001" = "zh" }}
[sip]
port = 0
[http]
port = 0
[rtp]
low = 17000
high = 17998
[[desk.agents]]
name = "ann"
uri = "{agent_uri}"
"""


@asynccontextmanager
async def bank() -> AsyncIterator[int]:
    runner = web.AppRunner(Bank().app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


@asynccontextmanager
async def hotline(config: str, data: Path, bank_port: int) -> AsyncIterator[tuple[str, str]]:
    """`ivr serve` in a process of its own; its SIP address and its HTTP address."""
    path = data / "demo.toml"
    path.write_text(config, encoding="utf-8")
    environment = {**os.environ, "PAYMENTS_API": f"http://127.0.0.1:{bank_port}"}
    with (data / "serve.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ivr", "serve", "--config", str(path), env=environment,
            stdout=asyncio.subprocess.PIPE, stderr=log,
        )  # fmt: skip
        assert process.stdout is not None
        text = ""
        try:
            async with asyncio.timeout(180):
                while "files" not in text:
                    line = await process.stdout.readline()
                    if not line:
                        raise SystemExit(f"ivr serve ended; see {data / 'serve.log'}")
                    text += line.decode()
            yield _found(r"call\s+sip:hotline@(\S+:\d+)", text), _found(r"look\s+(http://[^/]+)", text)
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
                try:
                    await asyncio.wait_for(process.wait(), 20)
                except TimeoutError:
                    process.kill()
                    await process.wait()


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, text
    return match.group(1)


async def prompts_ready(address: str, timeout_s: float) -> None:
    """Wait until the fixed prompts are rendered, as an operator would before the first call."""
    async with aiohttp.ClientSession() as session:
        with console.status("rendering prompts (once; they are kept) ..."):
            for _ in range(int(timeout_s)):
                async with session.get(f"{address}/metrics") as response:
                    figures = dict(re.findall(r"^(ivr_\w+) (\S+)$", await response.text(), re.MULTILINE))
                if float(figures["ivr_prompts_left"]) == 0:
                    return
                await asyncio.sleep(1)


async def place(call: DemoCall, phone: Phone, agent: Phone, address: str, data: Path) -> list[str]:
    """Make one call; what was wrong with it."""
    console.rule(f"[bold]{call.title}")
    human = asyncio.create_task(_human(agent, data)) if call.answered_by_human else None
    line = await phone.call(f"sip:{call.number}@{address}", caller=call.caller, record=data / f"{call.name}-phone.wav")
    try:
        async with asyncio.timeout(150):
            await call.act(line)
            if not call.answered_by_human:
                await line.wait_over(20)
    except TimeoutError:
        console.print("[red]the call took too long")
    await line.hang_up()
    agent_line = await human if human else None
    folder = await _folder_of(line.call.info.call_id, data)
    return judge(call, folder, line, agent_line)


async def _human(agent: Phone, data: Path) -> PhoneLine | None:
    """The agent picks up after a second, greets, listens."""
    try:
        line = await agent.answer(timeout_s=140, after_ms=1000, record=data / "agent-phone.wav")
    except TimeoutError:
        return None
    await line.pause(500)
    await line.say(clip(HUMAN))
    await line.wait_over(40)
    await line.hang_up()
    return line


async def _folder_of(call_id: str, data: Path) -> Path:
    """Where the service keeps this call; waits until the journal says that it has ended."""
    for _ in range(100):
        for path in (data / "calls").rglob("call.json"):
            if json.loads(path.read_text(encoding="utf-8"))["id"].startswith(call_id):
                journal = path.parent / "journal.jsonl"
                if journal.exists() and '"kind":"call.end"' in journal.read_text(encoding="utf-8"):
                    await asyncio.sleep(0.5)  # the recording is closed right after
                    return path.parent
        await asyncio.sleep(0.2)
    raise SystemExit(f"no journal of call {call_id} in {data}")


def judge(call: DemoCall, folder: Path, line: PhoneLine, agent: PhoneLine | None) -> list[str]:
    """Show the call; what was wrong with it."""
    with (folder / "journal.jsonl").open(encoding="utf-8") as lines:
        report = report_of(loads(lines))
    show(report, folder)
    said = " ".join(turn.text for turn in report.turns if turn.speaker == "bot")
    wrong = [f"the bot did not say {words!r}" for words in call.must_hear if words not in said]
    if report.outcome != call.outcome:
        wrong.append(f"the outcome is {report.outcome}, not {call.outcome}")
    if call.barge_in and not report.latency.barge_in_ms:
        wrong.append("no prompt was cut")
    if call.answered_by_human:
        wrong += _both_heard(line, agent)
    console.print("[green]as it should be" if not wrong else f"[red]wrong: {'; '.join(wrong)}")
    return [f"{call.name}: {what}" for what in wrong]


def _both_heard(line: PhoneLine, agent: PhoneLine | None) -> list[str]:
    if agent is None:
        return ["no human was called"]
    wrong = []
    if correlation(np.concatenate(line.heard), clip(HUMAN)) < 0.6:
        wrong.append("the caller did not hear the human")
    if correlation(np.concatenate(agent.heard), clip("en_sentences/goforward.wav")) < 0.6:
        wrong.append("the human did not hear the caller")
    return wrong


def correlation(heard: np.ndarray, sent: np.ndarray) -> float:
    """Best normalised cross-correlation of what was sent with what was heard."""
    a, b = heard.astype(np.float64), sent.astype(np.float64)
    size = 1 << (len(a) + len(b)).bit_length()
    product = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)[: len(a)]
    energy = np.cumsum(np.concatenate(([0.0], a**2)))
    window = energy[np.minimum(np.arange(len(a)) + len(b), len(a))] - energy[:-1]
    return float((product / np.sqrt(np.maximum(window, 1.0) * np.sum(b**2))).max())


def show(report: CallReport, folder: Path) -> None:
    for turn in report.turns:
        colour, sure = ("cyan", "") if turn.speaker == "bot" else ("yellow", f"  [dim]{turn.confidence:.2f}[/]")
        console.print(f" {turn.start_ms / 1000:6.2f}  [{colour}]{turn.speaker:>6}[/]  {turn.text}{sure}")
    reason = f" ({report.handover_reason})" if report.handover_reason else ""
    console.print(f" [dim]{report.outcome}{reason}; recording {folder / 'recording.flac'}")


def latencies(data: Path) -> None:
    """What the callers felt, measured on the recordings."""
    files = sorted((data / "calls").rglob("recording.flac"))
    summary = summarise(measure_file(path) for path in files)
    table = Table("measured on the stereo recordings", "n", "median ms", "p95 ms")
    for name, figures in (
        ("caller's end of speech to the answer", summary.answers),
        ("caller's onset to the prompt lowered or silent", summary.barge_ins),
    ):
        table.add_row(name, str(figures.n), str(figures.median), str(figures.p95))
    console.print(table)
    seconds = sum(len(read_channels(path)[0]) for path in files) / 16_000
    console.print(f"[dim]{len(files)} recordings, {seconds:.0f} s, in {data / 'calls'}")


async def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="where recordings go (default: a new folder below the system's)")
    parser.add_argument("--only", help="one call by its name")
    args = parser.parse_args()
    data = (args.data or Path(tempfile.mkdtemp(prefix="ivr-demo-"))).resolve()
    data.mkdir(parents=True, exist_ok=True)
    agent, phone = Phone(ports=(21000, 21998)), Phone()
    await agent.start()
    await phone.start()
    wrong: list[str] = []
    try:
        async with bank() as port, hotline(configuration(agent.uri, data, port), data, port) as (sip, http):
            await prompts_ready(http, 600)
            for call in CALLS:
                if args.only in (None, call.name):
                    wrong += await place(call, phone, agent, sip, data)
    finally:
        await phone.stop()
        await agent.stop()
    latencies(data)
    for what in wrong:
        console.print(f"[red]{what}")
    console.print("[bold red]the demonstration failed" if wrong else "[bold green]all calls ended as they should")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
