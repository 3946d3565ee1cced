# ruff: noqa: E501 - the YAML is kept as a designer writes it
"""How long the lint of a 200-flow hotline takes, and its build. Run: python benchmarks/lint.py [FLOWS] [--no-build]

The hotline is generated: every flow has a trigger with ten examples a language, a form of three slots, two backend
calls, branches, a hand-over and a test in two languages, about three times the size of a flow of the examples.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ivr.dialog.bundle import build as build_bundle
from ivr.dialog.lint import lint
from ivr.dialog.loader import parse
from ivr.dialog.problems import Problems
from ivr.nlu_encoder import load_encoders

HOTLINE = """hotline: large
schema: 1
languages: [en, zh]
entry: {inbound: flow_0}
commands: {agent: {en: ["[speak to] a person"], zh: ["[我要]转人工"], dtmf: "0"}}
queues: {front: {skills: [general], hours: "24/7", timezone: Asia/Shanghai}}
catch:
  noinput: [{reprompt: retry}, {handover: {queue: front, reason: no_input}}]
  nomatch: [{reprompt: retry}, {handover: {queue: front, reason: no_match}}]
  queue: {end: {outcome: abandoned}}
  error: {handover: {queue: front, reason: system_error}}
"""
FLOW = """flow: flow_N
trigger:
  title: {en: do thing N, zh: 办第N件事}
  examples:
    en: [please do W, "[I want to] handle W now", the W has come, "W (please|now)", my W is wrong, help with W, number of the W, where is W, change W, W]
    zh: [请问H, "[我要]办理H", H出错了, "查(一下|个)H", H怎么办, 修改H, 我的H, H在哪里, 取消H, H]
slots:
  number_N: {type: digits, length: [4, 8], sensitive: true, prompts: {ask: {en: "Which number?", zh: 号码是多少？}, retry: {en: "The number, please.", zh: 请说号码。}}}
  day_N: {type: date, range: [-30d, today], prompts: {ask: {en: "Which day?", zh: 哪一天？}, retry: {en: "The day, please.", zh: 请说日期。}}}
  sum_N: {type: money, currency: CNY, range: [1, 5000], prompts: {ask: {en: "How much?", zh: 多少钱？}, retry: {en: "The sum, please.", zh: 请说金额。}}}
steps:
  - id: form
    ask: [number_N, day_N, sum_N]
    confirm: {say: {en: "{{ number_N | digits }}, {{ day_N | date }}, {{ sum_N | money }}. Right?", zh: "{{ number_N | digits }}，{{ day_N | date }}，{{ sum_N | money }}，对吗？"}}
  - {id: find, call: backend.find, with: {number: "{{ number_N }}", day: "{{ day_N }}"}, save: {found_N: "{{ result }}"}, filler: {en: "One moment.", zh: 请稍等。}, next: [{if: "found_N.ok and sum_N > 10", to: book}, {to: none}]}
  - {id: none, say: {en: "I found nothing.", zh: 没有查到。}, next: human}
  - {id: book, call: backend.book, with: {number: "{{ number_N }}"}, save: {ticket_N: "{{ result.ticket }}"}, commit: true}
  - {id: told, say: {en: "Done, number {{ ticket_N | digits }}.", zh: "好了，编号{{ ticket_N | digits }}。"}}
  - {id: bye, end: {outcome: resolved}}
  - {id: human, handover: {queue: front, reason: not_found, share: [day_N]}}
"""
ACTIONS = """actions:
  backend.find: {http: GET, url: "${BACKEND}/find", args: [number, day], timeout: 4s, returns: {ok: bool}}
  backend.book: {http: POST, url: "${BACKEND}/book", args: [number], idempotency: "{{ call.id }}", timeout: 1s, returns: {ticket: digits}}
"""
TESTS = """tests:
  - {test: en N, given: {lang: en, actions: {backend.find: {ok: true}}}, turns: [{user: please do W, step: flow_N/form}, {dtmf: "12345678"}]}
  - {test: zh N, given: {lang: zh}, turns: [{user: 请问H, step: flow_N/form, intent: flow_N}, {silence: 6s}]}
"""
WORDS = [
    "parcel",
    "refund",
    "letter",
    "invoice",
    "ticket",
    "garden",
    "window",
    "camera",
    "policy",
    "seat",
    "lesson",
    "doctor",
    "coupon",
    "engine",
    "battery",
]
HAN = [
    "包裹",
    "退款",
    "信件",
    "发票",
    "车票",
    "花园",
    "窗户",
    "相机",
    "保单",
    "座位",
    "课程",
    "医生",
    "优惠券",
    "发动机",
    "电池",
]


def generate(flows: int) -> dict[str, bytes]:
    """Files of a hotline with so many flows."""
    files = {"hotline.yaml": HOTLINE, "actions.yaml": ACTIONS}
    for number in range(flows):
        word = f"{WORDS[number % 15]} {WORDS[number // 15 % 15]}" if number >= 15 else WORDS[number]
        han = HAN[number % 15] + (HAN[number // 15 % 15] if number >= 15 else "")
        for name, text in ((f"flows/{number:03}.yaml", FLOW), (f"tests/{number:03}.yaml", TESTS)):
            files[name] = text.replace("W", word).replace("H", han).replace("N", str(number))
    return {name: text.encode() for name, text in files.items()}


def measure(flows: int, *, build: bool) -> dict[str, float]:
    files = generate(flows)
    measured = {"flows": flows, "kB": sum(map(len, files.values())) / 1000}
    rounds = [_lint(files) for _ in range(5)]
    measured["first load and lint CPU s"] = rounds[0]["load and lint CPU s"]  # with dictionaries read and caches filled
    measured |= min(rounds, key=lambda round: round["load and lint CPU s"])
    measured["`ivr lint`, whole process s"] = min(_process(files) for _ in range(3))
    if build:
        measured |= _build(files)
    return measured


def _lint(files: dict[str, bytes]) -> dict[str, float]:
    problems = Problems()
    started, cpu = time.perf_counter(), time.process_time()
    definition = parse(files, "", problems)
    loaded = time.perf_counter()
    assert definition is not None
    lint(definition, problems)
    ended = time.perf_counter()
    return {
        "problems": len(problems),
        "load s": loaded - started,
        "lint s": ended - loaded,
        "load and lint s": ended - started,
        "load and lint CPU s": time.process_time() - cpu,
    }


def _process(files: dict[str, bytes]) -> float:
    """What a designer waits for, from the shell to the last line."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        started = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", "ivr", "lint", folder], check=False, stdout=subprocess.DEVNULL)
        assert done.returncode == 0
        return time.perf_counter() - started


def _build(files: dict[str, bytes]) -> dict[str, float]:
    """Everything `ivr build` does but for the tests: lint, compile, train each language; nothing from a cache."""
    encoders = load_encoders(("en", "zh"), threads=2)
    with tempfile.TemporaryDirectory() as folder:
        for name, raw in files.items():
            path = Path(folder, "hotline", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)
        started, cpu = time.perf_counter(), time.process_time()
        build_bundle(Path(folder, "hotline"), encoders, Path(folder, "cache"))
        return {
            "encoders": len(encoders),
            "build s": time.perf_counter() - started,
            "build CPU s": time.process_time() - cpu,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("flows", type=int, nargs="?", default=200)
    parser.add_argument("--no-build", dest="build", action="store_false", help="the lint alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures")
    args = parser.parse_args()
    measured = measure(args.flows, build=args.build)
    for name, value in measured.items():
        print(f"{name:32} {value:8.2f}")
    if args.json:
        args.json.write_text(json.dumps({name: round(value, 3) for name, value in measured.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
