"""`ivr import`: knowledge bases in three formats, and everything that stands against them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.cli import main
from ivr.cli.import_kb import consents_before_route
from ivr.dialog import knowledge
from ivr.dialog.bundle import build
from ivr.dialog.lint import lint_folder
from ivr.dialog.lint.prompts import MAX_SECONDS, seconds
from ivr.dialog.loader import load
from ivr.dialog.testing.runner import run_tests
from ivr.errors import InputError

LANGUAGES = ("en", "zh")
SENTENCES_EN = ["Yes, gift wrapping costs nine yuan.", "Choose it in the basket."]
EN = [
    "Do you offer gift wrapping?",
    "can you wrap it as a present",
    "what about gift paper",
    "wrap [it] nicely please",
    "ribbon and bow",
]
ZH = ["有礼品包装吗？", "(能|可以)包装成礼物吗", "我想要礼品盒", "送人的要包一下", "礼物包装怎么弄"]
ANSWER = {"en": " ".join(SENTENCES_EN), "zh": "有的，礼品包装九元。在购物车里勾选。"}

MARKDOWN = f"""# Questions

## gift_wrap
### en
**Q:** {EN[0]}
{"".join(f"- {one}" + chr(10) for one in EN[1:])}
**A:** Yes, **gift wrapping** costs nine yuan.
Choose it in the [basket](https://shop.example).
### zh
{ZH[0]}
{"".join(f"* {one}" + chr(10) for one in ZH[1:])}
{ANSWER["zh"]}
"""
ENTRY = {
    "id": "gift_wrap",
    "question": {"en": EN[0], "zh": ZH[0]},
    "answer": ANSWER,
    "variants": {"en": EN[1:], "zh": ZH[1:]},
}
JSON = json.dumps([ENTRY], ensure_ascii=False)
WIDE = (
    "id,Question (en),answer_en,variants.en,question_zh,answer_zh,variants_zh,owner\n"
    f'gift_wrap,{EN[0]},"{ANSWER["en"]}",{"|".join(EN[1:])},{ZH[0]},{ANSWER["zh"]},{"|".join(ZH[1:])},shop\n'
)
LONG = (
    "id;lang;question;answer;variants\n"
    f'gift_wrap;en;{EN[0]};"{ANSWER["en"]}";"{chr(10).join(EN[1:])}"\n'
    f"gift_wrap;zh;{ZH[0]};{ANSWER['zh']};{'|'.join(ZH[1:])}\n"
)


TABS = "id\tquestion_en\tanswer_en\tvariants_en\tquestion_zh\tanswer_zh\tvariants_zh\n" + "\t".join(
    ("gift_wrap", EN[0], ANSWER["en"], "|".join(EN[1:]), ZH[0], ANSWER["zh"], "|".join(ZH[1:]))
)


@pytest.mark.parametrize(
    ("kind", "text"), [("markdown", MARKDOWN), ("json", JSON), ("csv", WIDE), ("csv", LONG), ("csv", TABS)]
)
def test_all_formats_say_the_same(kind: knowledge.Format, text: str) -> None:
    (entry,) = knowledge.read("kb", text, kind, LANGUAGES)
    assert entry.id == "gift_wrap"
    assert entry.phrases == {"en": tuple(EN), "zh": tuple(ZH)}
    assert entry.answer["zh"] == ANSWER["zh"]
    assert entry.answer["en"].startswith("Yes, gift wrapping costs nine yuan.")
    assert "*" not in entry.answer["en"]
    assert "http" not in entry.answer["en"]
    assert entry.title == {"en": "ask do you offer gift wrapping", "zh": "问有礼品包装吗"}


def test_an_id_is_made_of_the_question_where_there_is_none() -> None:
    (entry,) = knowledge.read("kb", json.dumps([{**ENTRY, "id": ""}]), "json", LANGUAGES)
    assert entry.id == "do_you_offer_gift_wrapping"


def test_one_language_needs_no_names() -> None:
    plain = [{"question": EN[0], "answer": "Yes.", "variants": EN[1:], "title": "wrap presents"}]
    (entry,) = knowledge.read("kb", json.dumps({"entries": plain}), "json", ("en",))
    assert entry.title == {"en": "wrap presents"}
    text = "## Wrapping?\nDo you wrap?\n" + "".join(f"- {one}\n" for one in EN[1:]) + "Yes.\n"
    (entry,) = knowledge.read("kb", text, "markdown", ("en",))
    assert (entry.id, entry.answer) == ("wrapping", {"en": "Yes."})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer": {"en": "Yes."}}, "kb.json:1: no answer in zh"),
        ({"question": {"zh": ZH[0]}}, "kb.json:1: no question in en"),
        ({"variants": {"en": EN[1:3], "zh": ZH[1:]}}, "kb.json:1: 3 phrases in en, 5 are needed: add 2 variants"),
        ({"answer": {**ANSWER, "fr": "Oui."}}, "kb.json:1: answer in fr; the hotline speaks en, zh"),
        (
            {"answer": "Yes."},
            "kb.json:1: answer in no language; the hotline speaks en, zh\nkb.json:1: no answer in en, zh",
        ),
        ({"answer": {"en": "{{ call.id }}", "zh": "好"}}, "kb.json:1: the answer holds {{ or {%: no templates here"),
        ({"answer": {"en": 7, "zh": "好"}}, "kb.json:1: answer in en is no text: 7\nkb.json:1: no answer in en"),
    ],
)  # fmt: skip
def test_what_an_entry_lacks(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as raised:
        knowledge.read("kb.json", json.dumps([{**ENTRY, **change}]), "json", LANGUAGES)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("json", "{", "kb: no JSON: Expecting property name"),
        ("json", '{"a": 1}', "kb: a list of entries is expected"),
        ("json", "[1]", "kb:1: an entry is an object with question and answer, not 1"),
        ("json", "[]", "kb: no entry found"),
        ("markdown", "# only a title\n", "kb: no entry found"),
        ("csv", "a,b\n1,2\n", "kb:1: no column `question_en`; the columns are a, b"),
        ("csv", 'question_en,answer_en\n"x', "kb:2: no CSV: unexpected end of data"),
        ("json", json.dumps([ENTRY, ENTRY]), "kb:2: the id `gift_wrap` is taken by an entry before"),
    ],
)
def test_what_a_file_lacks(kind: knowledge.Format, text: str, message: str) -> None:
    with pytest.raises(InputError) as raised:
        knowledge.read("kb", text, kind, LANGUAGES)
    assert str(raised.value).startswith(message)


@settings(max_examples=60)
@given(st.text(max_size=300), st.sampled_from(["csv", "json", "markdown"]))
def test_any_text_is_read_or_refused(text: str, kind: knowledge.Format) -> None:
    try:
        entries = knowledge.read("kb", text, kind, ("en",))
    except InputError:
        return
    assert entries


def test_a_long_answer_is_said_in_parts() -> None:
    answer = {
        "en": "We deliver to every address in the country within three days. Large things need a week, and you "
        "choose the day yourself. The driver calls half an hour before. If nobody is at home we try again on the next "
        "working day. After that it waits at the depot.",
        "zh": "全国三天之内送达。大件需要一个星期，日期由您自己选。司机提前半小时打电话。"
        "家里没人的话，下一个工作日再送。之后放在站点等您来取。",
    }
    parts = knowledge.parts(answer)
    assert len(parts) >= 2
    assert all(set(part) == {"en", "zh"} and all(part.values()) for part in parts)
    assert all(seconds(text) <= MAX_SECONDS for part in parts for text in part.values())
    assert " ".join(part["en"] for part in parts) == answer["en"]
    assert "".join(part["zh"] for part in parts) == answer["zh"]


# --------------------------------------------------------------------------------------------------- the command line


@pytest.fixture
def hotline(tmp_path: Path) -> Path:
    assert main(["new", str(tmp_path / "line")]) == 0
    return tmp_path / "line"


@pytest.fixture
def kb(tmp_path: Path) -> Path:
    file = tmp_path / "kb.md"
    file.write_text(MARKDOWN, encoding="utf-8")
    return file


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_flows_are_written_clean_and_tested(hotline: Path, kb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = lint_folder(hotline)
    assert main(["import", str(kb), str(hotline)]) == 0
    assert lint_folder(hotline) == before
    assert (
        (hotline / "flows/faq_gift_wrap.yaml")
        .read_text(encoding="utf-8")
        .startswith("# Written by `ivr import` from kb.md")
    )
    results = [result for result in run_tests(build(hotline)) if result.name.startswith("faq")]
    assert [result.name for result in results] == ["faq_gift_wrap (en)", "faq_gift_wrap (zh)"]
    assert [result.mismatches for result in results] == [[], []]
    assert main(["fmt", "--check", str(hotline / "flows/faq_gift_wrap.yaml"), str(hotline / "tests/faq.yaml")]) == 0
    assert "1 flow written" in capsys.readouterr().out


def test_nothing_is_overwritten(hotline: Path, kb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["import", str(kb), str(hotline)])
    before = _files(hotline)
    assert main(["import", str(kb), str(hotline)]) == 1
    error = capsys.readouterr().err
    assert f"{hotline}/flows/faq_gift_wrap.yaml exists; --update replaces what an import wrote" in error
    assert _files(hotline) == before


def test_update_replaces_only_what_an_import_wrote(hotline: Path, kb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["import", str(kb), str(hotline)])
    kb.write_text(MARKDOWN.replace("nine yuan", "eight yuan"), encoding="utf-8")
    assert main(["import", str(kb), str(hotline), "--update"]) == 0
    flow = hotline / "flows" / "faq_gift_wrap.yaml"
    assert "eight yuan" in flow.read_text(encoding="utf-8")
    flow.write_text("# mine now\n" + flow.read_text(encoding="utf-8"), encoding="utf-8")
    assert main(["import", str(kb), str(hotline), "--update"]) == 1
    assert f"{flow} exists; it is not an import's" in capsys.readouterr().err


def test_entries_that_are_gone_are_named(hotline: Path, kb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["import", str(kb), str(hotline)])
    kb.write_text(MARKDOWN.replace("## gift_wrap", "## wrapping"), encoding="utf-8")
    (hotline / "tests/faq.yaml").unlink()
    capsys.readouterr()
    assert main(["import", str(kb), str(hotline), "--update", "--warnings"]) == 0
    assert "flows/faq_gift_wrap.yaml is no longer in kb.md" in capsys.readouterr().out


def test_a_flow_of_that_name_in_another_file(hotline: Path, kb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["import", str(kb), str(hotline)])
    (hotline / "flows/faq_gift_wrap.yaml").rename(hotline / "flows/other.yaml")
    (hotline / "tests/faq.yaml").unlink()
    assert main(["import", str(kb), str(hotline)]) == 1
    assert f"{hotline}/flows/other.yaml holds a flow `faq_gift_wrap`" in capsys.readouterr().err


def test_what_the_lint_would_find_is_not_written(hotline: Path, kb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kb.write_text(MARKDOWN.replace(EN[2], "speak to a person"), encoding="utf-8")  # a command of the hotline
    before = _files(hotline)
    assert main(["import", str(kb), str(hotline), "--warnings"]) == 1
    out = capsys.readouterr().out
    assert "E14 `speak to a person` is an example of `faq_gift_wrap` and the command `agent`" in out
    assert "nothing written: the lint would find 1 more; change kb.md" in out
    assert _files(hotline) == before


def test_dry_run_writes_nothing(hotline: Path, kb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = _files(hotline)
    assert main(["import", str(kb), str(hotline), "--dry-run", "--prefix", "q_"]) == 0
    assert _files(hotline) == before
    assert "1 flow would be written" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda file: file.with_suffix(".txt"), "csv, json or markdown? Give --format"),
        (lambda file: file.with_name("none.md"), "No such file"),
        (lambda file: file.write_bytes(b"\xff\xfe") and file, "not UTF-8 (byte 0); save it as UTF-8"),
    ],
)
def test_files_that_cannot_be_read(
    hotline: Path, kb: Path, make: Callable[[Path], Path], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", str(make(kb)), str(hotline)]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("", 0),
        ("  - {id: go, ask: sure}\n", 1),
        ("  - {id: go, run: move}\n", None),
        ("  - {id: go, ask: name}\n", None),
    ],
)
def test_where_the_open_question_stands(hotline: Path, before: str, expected: int | None) -> None:
    file = hotline / "flows" / "welcome.yaml"
    slots = (
        "slots:\n  sure: {type: yes_no, prompts: {ask: {en: Go?, zh: 好吗？}}}\n"
        "  name: {type: text, prompts: {ask: {en: Name?, zh: 姓名？}}}\n"
    )
    text = file.read_text(encoding="utf-8").replace("steps:\n", f"{slots}steps:\n{before}", 1)
    file.write_text(text, encoding="utf-8")
    assert consents_before_route(load(hotline)) == expected


def test_the_help_tells_the_formats(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["import", "--help"])
    out = capsys.readouterr().out
    for word in ("question_en", '"question": {"en"', "## returns", "--update", "--dry-run"):
        assert word in out
