"""YAML traps, hostile files, and random bytes: problems with positions, never a traceback, never a hang."""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivr.cli import main
from ivr.dialog.lint import lint_files, lint_folder
from ivr.dialog.problems import Problems
from ivr.dialog.source import MAX_BYTES, MAX_DEPTH, Position, YamlList, YamlMap, locate, read_yaml

HARBOUR = Path(__file__).parent / "fixtures" / "harbour"


def read(raw: str | bytes) -> tuple[Any, list[str]]:
    problems = Problems()
    data = read_yaml(raw.encode() if isinstance(raw, str) else raw, "f.yaml", problems)
    return data, [str(problem).removeprefix("f.yaml:") for problem in problems.sorted()]


def test_words_mean_what_yaml_1_2_says() -> None:
    data, problems = read(
        "a: yes\nb: 08:00\nc: 2026-11-21\nd: true\ne: 12\nf: -1.5e3\ng: ~\nh:\ni: 'on'\nj: 1e400\nk: 0x10"
    )
    assert problems == []
    assert data == {
        "a": "yes",
        "b": "08:00",
        "c": "2026-11-21",
        "d": True,
        "e": 12,
        "f": -1500.0,
        "g": None,
        "h": None,
        "i": "on",
        "j": "1e400",
        "k": "0x10",
    }


def test_positions_count_characters() -> None:
    data, _ = read("# 你好\na: {中: 好, b: [x, '你', z]}\n")
    assert isinstance(data, YamlMap)
    inner = data["a"]
    assert (inner.at.line, inner.at.column) == (2, 4)
    assert inner.key_at["b"] == Position("f.yaml", 2, 11)
    assert isinstance(inner["b"], YamlList)
    assert inner["b"].item_at == [Position("f.yaml", 2, 15), Position("f.yaml", 2, 18), Position("f.yaml", 2, 23)]
    assert locate(data, ("a", "union", "b", 1), Position("", 0, 0)).column == 18
    assert locate(data, ("a", "b", "[key]"), Position("", 0, 0)).column == 11


@pytest.mark.parametrize(
    ("text", "expected", "hint"),
    [
        ("on: 1", "1:1 E24 the key `on` means true, false or null to YAML tools", "the key for events is `catch`"),
        (
            "a: {Yes: 1}",
            "1:5 E24 the key `Yes` means true, false or null to YAML tools",
            'write "Yes" if you mean the word',
        ),
        (
            "a: 1\nno: 2",
            "2:1 E24 the key `no` means true, false or null to YAML tools",
            'write "no" if you mean the word',
        ),
        ("off: 2", "1:1 E24 the key `off` means true, false or null to YAML tools", 'write "off" if you mean the word'),
        ("a: 1\na: 2", "2:1 E24 key `a` twice (first on line 1)", "keep one"),
        ("a:\n\tb: 1", "2:1 E24 a tab in the indentation", "YAML indents by spaces: set the editor to spaces"),
        (
            "a: {en: 20,000 yuan}",
            "1:12 E24 an unquoted comma in {} makes `000 yuan` a key",
            'put the text of `en` in quotes: "20, 000 yuan"',
        ),
        (
            "a: {x: [1], y}",
            "1:13 E24 an unquoted comma in {} makes `y` a key",
            "write `y: value`, or quote the text before it",
        ),
        ("a: say: it", "1:7 E24 a second `: ` in an unquoted text", 'put the whole text in quotes: "..."'),
        (
            "a: {b: 1",
            "2:1 E24 expected `,` or the end of the {} or [] that opens on line 1",
            "quote texts that hold , : {} [] or #",
        ),
        ("a: @x", "1:4 E24 an unquoted text cannot begin with @", "put the text in quotes"),
        ("a: &x 1\nb: 2", "1:4 E24 an anchor (&x)", "leave it out"),
        (
            "a: !!python/object:os.system x",
            "1:4 E24 a tag (tag:yaml.org,2002:python/object:os.system)",
            "leave it out, or quote the text",
        ),
        ("a: !foo x", "1:4 E24 a tag (!foo)", "leave it out, or quote the text"),
        ("a: 1\n---\nb: 2", "2:1 E24 a second document in one file", "drop the `---`"),
        ("? [a, b]\n: 1", "1:3 E24 a key that is no word", "quote texts that begin with { or ["),
        ("a: 1\n<<: {b: 2}", "2:1 E24 a merge key (<<)", "write the keys out"),
        ("a: \x00", "1:4 E00 the file has an invisible character U+0000", "delete it; is it a text file at all?"),
        (
            "a: 1\u2028b: 2",
            "1:5 E00 the file has an invisible character U+2028",
            "delete it; is it a text file at all?",
        ),
    ],
)
def test_traps(text: str, expected: str, hint: str) -> None:
    assert read(text)[1] == [f"{expected} ({hint})"]


def test_the_rest_of_a_file_with_traps_is_read() -> None:
    data, problems = read("a: {en: 20,000 yuan, zh: 两万}\nb: *x\nc: 3\non: 4")
    assert data == {"a": {"en": "20, 000 yuan", "zh": "两万"}, "c": 3, "on": 4}
    assert [problem.split()[0] for problem in problems] == ["1:12", "2:4", "4:1"]


def test_anger_on_is_no_trap() -> None:
    assert read("anger: {on: 0.7}") == ({"anger": {"on": 0.7}}, [])


def test_encodings() -> None:
    text = "a: 中文"
    assert read(text.encode("utf-8-sig")) == ({"a": "中文"}, [])
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        assert read(text.encode(encoding))[1] == [
            "1:1 E00 the file is not UTF-8 but UTF-16 or UTF-32 (save it as UTF-8)"
        ]
    assert read("x: 1\na: 中文".encode("gbk"))[1] == [
        "2:4 E00 the file is not UTF-8: byte 0xd6 cannot stand here (it reads as GBK/GB18030: save it as UTF-8)"
    ]
    assert read(b"a: \xff\xff")[1][0].startswith("1:4 E00 the file is not UTF-8: byte 0xff")


def test_alias_bombs_end_at_once() -> None:
    levels = ["a0: &a0 [lol, lol, lol]"] + [
        f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 9) + "]" for n in range(1, 30)
    ]
    started = time.process_time()
    data, problems = read("\n".join(levels))
    assert time.process_time() - started < 1
    assert data["a29"] == []
    assert {problem.split()[1] for problem in problems} == {"E24"}
    assert read("a: &a [*a]")[0] == {"a": []}


def test_deep_nesting_ends_at_once() -> None:
    for text in (
        "[" * 100_000,
        "{a: " * 100_000,
        "- " * 100_000,
        "? " * 100_000,
        "\n".join(" " * n + "a:" for n in range(900)),
    ):
        started = time.process_time()
        _, problems = read(text)
        assert time.process_time() - started < 2
        assert len(problems) == 1
        assert f"nested deeper than {MAX_DEPTH} levels" in problems[0] or "E24" in problems[0]


def test_ten_megabytes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "hotline.yaml").write_bytes(b"a: " + b"x" * 10_000_000)
    started = time.process_time()
    (problem,) = lint_folder(tmp_path)
    assert time.process_time() - started < 1
    assert str(problem).startswith(f"hotline.yaml:1:1 E00 the file has more than {MAX_BYTES:,} bytes")


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "hotline.yaml").mkdir()
    (tmp_path / "flows").mkdir()
    os.mkfifo(tmp_path / "flows" / "pipe.yaml")
    (tmp_path / "flows" / "gone.yaml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "flows" / "loop").symlink_to(tmp_path)
    assert [str(problem) for problem in lint_folder(tmp_path)] == [
        "hotline.yaml:1:1 E00 hotline.yaml is no file (a folder, pipe or device cannot be read)",
        "flows/pipe.yaml:1:1 E00 flows/pipe.yaml is no file (a folder, pipe or device cannot be read)",
    ]


def test_names_of_files_that_are_no_unicode(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hotline.yaml").write_bytes(b"hotline: h")
    (tmp_path / "flows").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path / "flows") + b"/\xff.yaml")).write_bytes(b"a")
    assert main(["lint", str(tmp_path)]) == 1
    assert "flows/\\udcff.yaml:1:1 E23" in capsys.readouterr().out


@pytest.mark.parametrize(
    "raw", [b"", b"\n", b"# only a comment", b"- a", b"text", b"5", b"null", b"{}", b"[]", b"\xef\xbb\xbf"]
)
def test_files_without_anything(raw: bytes) -> None:
    for name in ("hotline.yaml", "flows/main.yaml", "actions.yaml", "prompts/a.yaml", "tests/a.yaml"):
        files = {"hotline.yaml": b"hotline: h\nschema: 1\nlanguages: [en]\nentry: {inbound: main}\n", name: raw}
        problems = lint_files(files)
        assert (
            any(problem.code in {"E00", "E23", "E26"} and problem.file == name for problem in problems) or raw == b"{}"
        )


# ---------------------------------------------------------------------------------------------------------- fuzz

WORDS = [
    *(
        "flow",
        "steps",
        "say",
        "ask",
        "route",
        "call",
        "set",
        "run",
        "handover",
        "end",
        "next",
        "if",
        "to",
        "id",
        "catch",
    ),
    *(
        "slots",
        "type",
        "choice",
        "options",
        "value",
        "prompts",
        "en",
        "zh",
        "trigger",
        "examples",
        "title",
        "listen",
        "args",
    ),
    *(
        "guess",
        "from",
        "min",
        "with",
        "save",
        "range",
        "length",
        "check",
        "noinput",
        "queue",
        "reason",
        "confirm",
        "dtmf",
    ),
    *(
        "hotline",
        "schema",
        "languages",
        "entry",
        "inbound",
        "commands",
        "queues",
        "hours",
        "skills",
        "timezone",
        "defaults",
    ),
    *(
        "tests",
        "test",
        "given",
        "turns",
        "user",
        "expect",
        "actions",
        "http",
        "url",
        "returns",
        "python",
        "rollout",
        "intents",
    ),
]
TEXTS = st.one_of(
    st.sampled_from(WORDS), st.sampled_from(["main", "{{ x }}", "{{ x", "5s", "50%", "", "你好", "[a|b", "yes_no"])
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=5)),
    max_leaves=25,
)


def write(data: Any) -> bytes:
    """As JSON, which is YAML."""
    return json.dumps(data, ensure_ascii=False).encode()


def assert_only_problems(files: dict[str, bytes]) -> None:
    for problem in lint_files(files):
        assert problem.line >= 1, problem
        assert problem.column >= 1, problem
        assert problem.message


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from(WORDS), TREES, max_size=6),
    st.dictionaries(st.sampled_from(WORDS), TREES, max_size=6),
)
def test_random_yaml_gives_problems_only(one: Any, two: Any) -> None:
    base = {"hotline": "h", "schema": 1, "languages": ["en"], "entry": {"inbound": "main"}}
    flow = {"flow": "main", "steps": [{"end": {}}]}
    assert_only_problems(
        {"hotline.yaml": write(base | one), "flows/a.yaml": write(flow | two), "tests/a.yaml": write(one)}
    )
    assert_only_problems({"hotline.yaml": write(base), "actions.yaml": write(two), "prompts/a.yaml": write(one)})


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_random_bytes_give_problems_only(raw: bytes) -> None:
    assert_only_problems({"hotline.yaml": raw, "flows/a.yaml": raw, "actions.yaml": raw, "tests/a.yaml": raw})


def test_random_edits_of_a_real_hotline_give_problems_only() -> None:
    """Bytes changed, dropped, doubled; lines swapped; values replaced by other types."""
    choose = random.Random(7)
    files = {path.relative_to(HARBOUR).as_posix(): path.read_bytes() for path in sorted(HARBOUR.rglob("*.yaml"))}
    pieces = [
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b"\t",
        b"*a",
        b"&a",
        b"null",
        b"5",
        b"{{",
        b"%}",
        b'"',
        b"\n",
        b"  ",
        b"\xff",
        b"true",
    ]
    for _ in range(400):
        broken = dict(files)
        name = choose.choice(sorted(files))
        raw = bytearray(broken[name])
        for _ in range(choose.randint(1, 4)):
            at = choose.randrange(len(raw))
            raw[at : at + choose.choice((0, 1, 5, 20))] = choose.choice(pieces)
        broken[name] = bytes(raw)
        assert_only_problems(broken)


def _replaced(data: Any, choose: random.Random) -> Any:
    """The data with about one value in forty replaced, dropped or renamed."""
    strange = [
        None,
        True,
        0,
        -1,
        1e9,
        "",
        "x",
        "{{ y }}",
        "{{",
        [],
        {},
        ["a"],
        {"en": "hi"},
        "agent",
        "dispute",
        "5s",
        "on",
    ]
    if choose.random() < 0.025:
        return choose.choice(strange)
    if isinstance(data, dict):
        kept = [(key, value) for key, value in data.items() if choose.random() > 0.01]
        return {
            key if choose.random() > 0.01 else choose.choice(WORDS): _replaced(value, choose) for key, value in kept
        }
    if isinstance(data, list):
        return [_replaced(value, choose) for value in data if choose.random() > 0.01]
    return data


def test_random_values_in_a_real_hotline_give_problems_only() -> None:
    """Most of the models still load then, so the checks of the lint see strange definitions."""
    choose = random.Random(11)
    real = {
        path.relative_to(HARBOUR).as_posix(): read_yaml(path.read_bytes(), path.name, Problems())
        for path in sorted(HARBOUR.rglob("*.yaml"))
    }
    for _ in range(150):
        changed = choose.choice(sorted(real))
        assert_only_problems(
            {name: write(_replaced(data, choose) if name == changed else data) for name, data in real.items()}
        )
