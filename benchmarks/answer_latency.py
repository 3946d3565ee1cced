"""How long callers wait for an answer, and how fast the bot yields: real calls by SIP and RTP, with recorded speech.

    python benchmarks/answer_latency.py [--calls 8] [--at-once 1] [--keep DIR] [--json FILE]

Starts `ivr serve` with the payments hotline and its default recognisers and voices, and the small bank of examples/.
Telephones in this process call it: most answer each question when it has been asked, every second one also interrupts.
All figures are read off stereo recordings by `ivr.replay.measure`: the caller's end of speech -> the bot's first sound,
and the caller's onset while the bot speaks -> the bot lowered by 12 dB or silent. They are the telephone's recordings:
what a caller lives through, network and jitter buffers of both sides included. The service's own are measured too; in
them what is secret is silenced, so some answers seem to come late and some interruptions are not seen.
Answers are also told apart by what the service knew at the end of the turn: a complete value, an open answer, ...
Interruptions by what the journal has beside the recording: `lowered` by barge-in; into a prompt that `must_be_heard`
("I will connect you to an agent"), which nothing lowers, so that the figure is when it ended by itself; or `not_heard`
as speech while it played.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from null_calls import load

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "examples"))

from calls import YES, clip, digits_en
from demo import bank, configuration, hotline, prompts_ready

from ivr.audio.frame import to_samples
from ivr.call.events import CallEvent
from ivr.call.journal import loads
from ivr.errors import IvrError
from ivr.replay.measure import Measurement, Span, figures, measure_file, summarise
from ivr.service.phone import Phone, PhoneLine
from ivr.service.recorder import JOURNAL, RECORDING
from ivr.transport.sip.call import CallFailed

CALLER = "12025550143"
_CLOCKS_APART_MS = 150
"""At most so far the telephone's recording and the service's journal are apart."""
SPEAKERS = ("jackson", "george", "lucas")
OPEN = ("en_sentences/goforward.wav", "en_sentences/librivox_0880.wav")
"""Sentences that answer no question: the bot listens to the end of an open answer, and asks again."""


async def polite(line: PhoneLine, number: int) -> None:
    """Hears every question out: yes, yes, a number, yes, yes; one open sentence in between."""
    yes, said = clip(YES), digits_en("1357", SPEAKERS[number % len(SPEAKERS)])
    for sound in (clip(OPEN[number % len(OPEN)]), yes, yes, said, yes, yes):
        if line.over or not await line.wait_quiet(900, timeout_s=12.0):
            return  # hold music: the bot asks no more
        await line.say(sound)


async def impatient(line: PhoneLine, number: int) -> None:
    """Speaks into the second prompt and into each that follows, a little later each time."""
    yes = clip(YES)
    await line.wait_quiet(600)
    await line.say(yes)
    for index in range(5):
        if line.over or not await line.wait_speech():
            return
        await line.pause(500 + 250 * ((index + number) % 4))
        await line.say(clip(OPEN[index % len(OPEN)]) if index % 2 else yes)
        await line.pause(300)


async def one_call(phone: Phone, address: str, number: int, folder: Path) -> None:
    """Place one call; a caller who is not answered in time hangs up."""
    act = impatient if number % 2 else polite
    record = folder / f"phone-{number}.wav"
    try:
        line = await phone.call(f"sip:hotline@{address}", caller=CALLER, record=record)
    except CallFailed as error:
        print(f"call {number}: {error}", file=sys.stderr)
        return
    try:
        async with asyncio.timeout(120):
            await act(line, number)
            await line.pause(2500)
    except TimeoutError:
        print(f"call {number}: took too long", file=sys.stderr)
    finally:
        await line.hang_up()
        record.rename(folder / f"phone-{line.call.info.call_id}.wav")


async def place_all(options: argparse.Namespace, folder: Path) -> None:
    """All calls, so many at once."""
    async with bank() as bank_port:
        config = configuration("sip:nobody@127.0.0.1:9", folder, bank_port)
        async with hotline(config, folder, bank_port) as (address, http):
            await prompts_ready(http, 600)
            phone = Phone(ports=(20000, 20998))
            await phone.start()
            places = asyncio.Semaphore(options.at_once)

            async def place(number: int) -> None:
                async with places:
                    await one_call(phone, address, number, folder)

            await asyncio.gather(*(place(number) for number in range(options.calls)))
            await phone.stop()


# -- figures -----------------------------------------------------------------------------------------------------------


def measured(paths: Iterable[Path]) -> list[tuple[Path, Measurement]]:
    found = []
    for path in sorted(paths):
        try:
            found.append((path, measure_file(path)))
        except IvrError as error:
            print(error, file=sys.stderr)
    return found


def kind_of(answered: Span, journal: Path) -> str:
    """What the service took the turn for whose answer this is; empty if it can't be told."""
    kind, slack = "", to_samples(_CLOCKS_APART_MS)
    with journal.open(encoding="utf-8") as lines:
        for event in loads(lines, str(journal)):
            if event.at > answered.end + slack:
                break
            if event.kind == "turn.end" and event.at > answered.start - slack:
                kind = str(event.data["completeness"])
    return kind


def yield_kind(interrupted: Span, events: Sequence[CallEvent]) -> str:
    """Why the bot's voice went down after an onset: barge-in, or the prompt was over."""
    slack = to_samples(_CLOCKS_APART_MS)
    must_hear = False
    for event in events:
        if event.at > interrupted.end + slack:
            break
        if event.kind == "prompt.start" and event.at <= interrupted.start + slack:
            must_hear = not event.data["barge_in"]
        elif event.kind in ("barge_in.duck", "barge_in.stop") and event.at >= interrupted.start - slack:
            return "lowered"
    return "must_be_heard" if must_hear else "not_heard"


def report(folder: Path) -> dict[str, object]:
    """All figures of a run. The telephone's recordings are whole; in the service's, what is secret is silenced."""
    phones = measured(folder.glob("phone-*.wav"))
    by_kind: dict[str, list[int]] = {}
    yields: dict[str, list[int]] = {}
    for path, measurement in phones:
        journal = next(folder.glob(f"calls/*/{path.stem.removeprefix('phone-')}/{JOURNAL}"))
        for span in measurement.answers:
            by_kind.setdefault(kind_of(span, journal) or "unknown", []).append(span.ms)
        with journal.open(encoding="utf-8") as lines:
            events = list(loads(lines, str(journal)))
        for span in measurement.barge_ins:
            yields.setdefault(yield_kind(span, events), []).append(span.ms)
    summary = summarise(m for _, m in phones).to_json()
    kinds = {kind: figures(times).to_json() for kind, times in sorted(by_kind.items())}
    yielded = {kind: figures(times).to_json() for kind, times in sorted(yields.items())}
    service = summarise(m for _, m in measured(folder.glob(f"calls/*/*/{RECORDING}"))).to_json()
    return {
        "calls": len(phones), **summary, "answer_ms_by_completeness": kinds, "barge_in_ms_by_cause": yielded,
        "service_recordings": service,
    }  # fmt: skip


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=8)
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep recordings and journals there (empty folder)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the result there too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        before = load()
        asyncio.run(place_all(options, folder))
        result = {"when": time.strftime("%Y-%m-%d"), "at_once": options.at_once, "before": before, "after": load()}
        result |= report(folder)
    for name, value in result.items():
        print(f"{name:26} {value if isinstance(value, (str, int)) else json.dumps(value)}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
