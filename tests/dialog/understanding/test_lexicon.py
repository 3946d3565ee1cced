"""Names of products, as recognisers mishear them, are mended before anything is understood."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.cli import main
from ivr.dialog.understanding.lexicon import Mender
from ivr.dialog.understanding.spec import Term

MENDER = Mender.build((
    Term("WireLess Router X2"), Term("花呗", ("花背",)), Term("余额宝"), Term("FreshVac", ("fresh back",)),
    Term("iRobot S9"), Term("Yu'ebao", ("you a bow",)), Term("PIN", ("pen",)),
))  # fmt: skip


@pytest.mark.parametrize(
    ("heard", "mended"),
    [
        ("my wire less router x two is broken", "my WireLess Router X2 is broken"),
        ("wireless router ex to", "WireLess Router X2"), ("the wire-less router X 2", "the WireLess Router X2"),
        ("我的wireless router x2坏了", "我的WireLess Router X2坏了"),
        ("the FRESH  back is loud", "the FreshVac is loud"), ("my fresh vac stops", "my FreshVac stops"),
        ("an i robot s nine", "an iRobot S9"), ("the i-robot s9", "the iRobot S9"),
        ("我的you a bow呢", "我的Yu'ebao呢"), ("my pen is wrong", "my PIN is wrong"),
        ("花被怎么还", "花呗怎么还"), ("画 呗怎么还", "花呗怎么还"), ("与鹅宝的收益", "余额宝的收益"),
    ],
)  # fmt: skip
def test_mended(heard: str, mended: str) -> None:
    assert MENDER.mend(heard) == mended


@pytest.mark.parametrize(
    "text",
    ["fresh vacation", "two people and a router", "my router is wireless", "it is painful", "happiness", "open it",
     "花是红的", "我要 转账", "carry on", "", "我"],
)  # fmt: skip
def test_left_as_it_is(text: str) -> None:
    assert MENDER.mend(text) == text


@given(st.text("abcdefx 29-花呗宝余额'.", max_size=40))
def test_what_is_mended_stays_mended(text: str) -> None:
    once = MENDER.mend(text)
    assert MENDER.mend(once) == once


HOTLINE = """hotline: shop
schema: 1
languages: [en, zh]
entry: {inbound: ask}
lexicon:
  - {term: Wireless Router X2, boost: 4}
  - {term: 诺瓦, sounds_like: [诺娃], boost: 4}
queues: {default: {skills: [general], hours: "24/7", timezone: Asia/Shanghai}}
catch: {queue: {end: {}}}
"""
FLOW = """flow: ask
slots:
  product:
    type: choice
    options:
      - {value: router, en: [Wireless Router X2], zh: [路由器]}
      - {value: vacuum, en: [vacuum cleaner], zh: [诺瓦]}
    prompts:
      ask: {en: Which product?, zh: 哪个产品？}
      retry: {en: Which one?, zh: 哪一个？}
      help: {en: A router or a vacuum cleaner?, zh: 路由器还是诺瓦？}
      choose: {en: "{{ a }} or {{ b }}?", zh: "{{ a }}还是{{ b }}？"}
steps:
  - {id: which, ask: product}
  - {end: {outcome: resolved}}
"""


@pytest.mark.parametrize(
    ("heard", "language", "value"),
    [
        ("it is the wire less router x two", "en", "router"), ("wireless router ex to", "en", "router"),
        ("是诺娃坏了", "zh", "vacuum"), ("我的落瓦不动了", "zh", "vacuum"),
    ],
)  # fmt: skip
def test_ivr_understand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], heard: str, language: str,
    value: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("IVR_CACHE", str(tmp_path / "cache"))
    (tmp_path / "flows").mkdir()
    (tmp_path / "hotline.yaml").write_text(HOTLINE, encoding="utf-8")
    (tmp_path / "flows/ask.yaml").write_text(FLOW, encoding="utf-8")
    assert main(["understand", "--sparse", "--hotline", str(tmp_path), "--lang", language, "--json", heard]) == 0
    readings = json.loads(capsys.readouterr().out)["readings"]
    assert (readings[0]["kind"], readings[0]["value"]) == ("fill", value)
