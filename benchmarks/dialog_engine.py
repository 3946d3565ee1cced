"""The dialog engine without recognition: time of a step, simulated text calls a second, designers' tests a second.

    python benchmarks/dialog_engine.py [--calls 10000]

Understanding is read once for each sentence and place, so that the engine itself is measured; the first line shows
what one reading costs beside it.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from pathlib import Path

from ivr.dialog import events as ev
from ivr.dialog.bundle import Bundle, build
from ivr.dialog.codec import dumps, loads
from ivr.dialog.engine import DialogState
from ivr.dialog.expressions import ExpressionError, compile_template
from ivr.dialog.testing.backend import GivenBackend
from ivr.dialog.testing.runner import run_tests
from ivr.dialog.testing.simulator import START, CachedReader, Simulator

PAYMENTS = Path(__file__).parents[1] / "dialogs" / "payments"
GIVEN: dict[str, ev.JsonValue] = {
    "customer.profile": {"known": True, "vip": False, "guesses": [{"intent": "dispute", "p": 0.8}]},
    "charge.find": {"found": True, "merchant": "M", "id": "X"},
    "charge.dispute": {"number": "1"},
    "survey.save": {"ok": True},
}
WORDS = ("好", "对", "一百五十块 前天", "不对，是九十九块", "手续费多少", "对", "要", "满意")


class Timed:
    """A bundle whose steps are timed."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.seconds: list[float] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self.bundle, name)

    def step(self, state: DialogState | None, event: ev.DialogEvent) -> object:
        began = time.perf_counter()
        result = self.bundle.step(state, event)
        self.seconds.append(time.perf_counter() - began)
        return result


def call(bundle: Bundle, number: int, reader: CachedReader) -> Simulator:
    context = ev.CallContext(f"c{number}", str(13700137000 + number), "", "zh", START)
    simulator = Simulator(bundle, context, GivenBackend(GIVEN), reader=reader)
    simulator.start()
    for word in WORDS:
        simulator.speak(ev.Spoken(word, 1.0))
    assert simulator.ended is not None, simulator.step
    assert simulator.outcome == "resolved"
    return simulator


PARTS = (
    "{{", "}}", "{%", "%}", "x", "call", "call.from", "''", "1", "[", "]", "(", ")", ".", "|", "money", "join",
    "default(0)", "__class__", "self", "if", "else", "not", "and", "==", "*", "**", "+", "/", "0", "9" * 40, "range",
    "for", "in", "lipsum", "x.y", "cycler", "{", "}", ":", ",", "~", "is defined", "is none", "'a'*", "%s", "\\",
    "\x00", "好", "import", "namespace",
)  # fmt: skip
NAMES: dict[str, ev.JsonValue] = {"x": {"y": [1, 2, "a" * 2000]}, "call": {"from": "13800138000"}}


def random_templates(count: int, seed: int = 7) -> tuple[float, int]:
    """Templates put together at random: (longest time for one in ms of CPU, how many were refused). What comes out must
    be JSON data; anything raised but ExpressionError ends the benchmark."""
    drawn, longest, refused = random.Random(seed), 0.0, 0
    for _ in range(count):
        text = " ".join(drawn.choices(PARTS, k=drawn.randint(1, 40)))
        text = f"{{{{ {text} }}}}" if drawn.random() < 0.7 else text
        spent = []
        for spaces in ("", " "):  # twice, for a cold cache or the collector is no hang; the second is compiled anew
            began = time.process_time()
            try:
                json.dumps(compile_template(text + spaces).evaluate(NAMES))
            except ExpressionError:
                refused += not spaces
            spent.append(time.process_time() - began)
        longest = max(longest, min(spent) * 1e3)
    return longest, refused


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures")
    args = parser.parse_args()
    bundle = build(PAYMENTS)
    reader = CachedReader(bundle)
    call(bundle, 0, reader)

    timed = Timed(bundle)
    for number in range(200):
        call(timed, number, reader)  # type: ignore[arg-type]
    steps = sorted(timed.seconds)
    kept: dict[str, float] = {
        "step median ms": statistics.median(steps) * 1e3, "step p99 ms": steps[len(steps) * 99 // 100] * 1e3,
    }  # fmt: skip
    print(f"one step            median {statistics.median(steps) * 1e3:.3f} ms   "
          f"p99 {steps[len(steps) * 99 // 100] * 1e3:.3f} ms   of {len(steps):,}")  # fmt: skip

    began = time.process_time()
    for number in range(args.calls):
        call(bundle, number, reader)
    spent = time.process_time() - began
    turns = args.calls * len(WORDS)
    kept |= {"calls": args.calls, "calls per CPU s": args.calls / spent, "turns per CPU s": turns / spent}
    print(f"text calls          {args.calls / spent:,.0f} calls/s   {turns / spent:,.0f} turns/s   on one core")

    began, cpu = time.perf_counter(), time.process_time()
    results = run_tests(bundle)
    spent, cpu = time.perf_counter() - began, time.process_time() - cpu
    tested = sum(result.turns for result in results)
    kept |= {"ivr test turns per s": tested / spent, "ivr test turns per CPU s": tested / cpu}
    print(f"ivr test            {tested / spent:,.0f} turns/s, {tested / cpu:,.0f} per CPU second, "
          f"with understanding   {tested} turns")  # fmt: skip

    longest, refused = random_templates(10_000)
    kept |= {"templates longest ms": longest, "templates refused": refused}
    print(
        f"random templates    10,000   refused {refused:,}   longest {longest:.2f} ms of CPU   none escaped or crashed"
    )

    state = call(bundle, 1, reader).state
    text = dumps(state)
    began = time.perf_counter()
    for _ in range(200):
        loads(DialogState, text)
    print(f"state               {len(text.encode()):,} bytes of JSON   read back in "
          f"{(time.perf_counter() - began) / 200 * 1e3:.2f} ms")  # fmt: skip
    if args.json:
        args.json.write_text(json.dumps({name: round(value, 3) for name, value in kept.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
