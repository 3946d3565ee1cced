"""JSON Schema, the reference, and the documentation: in step with the models, and useful in a real editor's server."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from ivr.cli import main
from ivr.cli.new import starter_files
from ivr.dialog.jsonschema import KINDS, schemas, schemas_for
from ivr.dialog.lint import CODES, lint_files
from ivr.dialog.loader import Definition, load
from ivr.dialog.problems import Problems
from ivr.dialog.reference import markdown
from ivr.dialog.source import read_yaml

HARBOUR = Path(__file__).parent / "fixtures" / "harbour"
PAGE = Path(__file__).parents[2] / "docs" / "dialog.md"


@pytest.fixture(scope="module")
def harbour() -> Definition:
    return load(HARBOUR)


@pytest.fixture(scope="module")
def named(harbour: Definition) -> dict[str, Any]:
    return schemas_for(harbour)


def kind_of(path: str) -> str:
    head = path.split("/")[0].removesuffix(".yaml")
    return {"flows": "flow"}.get(head, head)


def errors(schema: dict[str, Any], text: str) -> list[str]:
    data = read_yaml(text.encode(), "f.yaml", Problems())
    return [error.message for error in Draft202012Validator(schema).iter_errors(data)]


@pytest.mark.parametrize("kind", KINDS)
def test_schemas_are_valid_2020_12(kind: str, named: dict[str, Any]) -> None:
    for schema in (schemas()[kind], named[kind]):
        Draft202012Validator.check_schema(schema)
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert len(json.dumps(schema)) < 40_000


def test_good_hotlines_fit(named: dict[str, Any]) -> None:
    plain = schemas()
    for path in HARBOUR.rglob("*.yaml"):
        kind = kind_of(path.relative_to(HARBOUR).as_posix())
        text = path.read_text(encoding="utf-8")
        assert errors(plain[kind], text) == [], path
        assert errors(named[kind], text) == [], path
    for name, text in starter_files().items():
        assert errors(plain[kind_of(name)], text) == [], name


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("flow", "flow: a\nsteps: [{sya: {en: hi}}]"),
        ("flow", "flow: a\nsteps: [{say: {en: hi}, wait: true}]"),
        ("flow", "flow: a\nsteps: []"),
        ("flow", "flow: a\nsteps: [{end: {}}]\nrollout: lots"),
        ("flow", "flow: a\nslots: {x: {type: dgits}}\nsteps: [{ask: x}]"),
        ("flow", "flow: a\nsteps: [{end: {}, listen: {start_timeout: 5}}]"),
        ("flow", "flow: a\nsteps: [{end: {}, catch: {noinpt: {}}}]"),
        ("hotline", "hotline: a\nschema: 2\nlanguages: [en]\nentry: {}"),
        ("actions", "actions: {a.b: {http: FETCH, url: x, returns: {}}}"),
        ("tests", "tests: [{test: a, turns: [{usr: hi}]}]"),
        ("prompts", "prompts: {a: {English: hi}}"),
    ],
)
def test_bad_files_do_not(kind: str, text: str) -> None:
    assert errors(schemas()[kind], text)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("flow", "flow: a\nsteps: [{run: ticket}]", "flow: a\nsteps: [{run: tickt}]"),
        ("flow", "flow: a\nsteps: [{ask: amount}]", "flow: a\nsteps: [{ask: amout}]"),
        ("flow", "flow: a\nsteps: [{call: cards.find}]", "flow: a\nsteps: [{call: cards.fnd}]"),
        ("flow", "flow: a\nsteps: [{next: lookup}]", "flow: a\nsteps: [{next: lokup}]"),
        ("flow", "flow: a\nsteps: [{next: [{to: lookup}]}]", "flow: a\nsteps: [{next: [{to: lokup}]}]"),
        ("flow", "flow: a\nsteps: [{route: {intents: [fees]}}]", "flow: a\nsteps: [{route: {intents: [survey]}}]"),
        (
            "flow",
            "flow: a\nsteps: [{handover: {queue: cards, reason: x}}]",
            "flow: a\nsteps: [{handover: {queue: card, reason: x}}]",
        ),
        ("flow", "flow: a\nsteps: [{say: {en: hi}}]", "flow: a\nsteps: [{say: hi}]"),
        (
            "tests",
            "tests: [{test: a, given: {queues: {cards: open}}, turns: [{user: b}]}]",
            "tests: [{test: a, given: {queues: {card: open}}, turns: [{user: b}]}]",
        ),
    ],
)
def test_the_hotlines_own_names_are_known(named: dict[str, Any], kind: str, good: str, bad: str) -> None:
    assert errors(named[kind], good) == []
    assert errors(named[kind], bad)
    assert errors(schemas()[kind], bad) == []


def test_schema_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", str(HARBOUR), "-o", str(tmp_path)]) == 0
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"settings.json", *(f"{kind}.schema.json" for kind in KINDS)}
    mapping = json.loads((tmp_path / "settings.json").read_text())["yaml.schemas"]
    assert mapping[(tmp_path / "flow.schema.json").as_uri()] == "harbour/flows/**/*.yaml"
    capsys.readouterr()
    assert main(["schema", "--kind", "actions"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "ivr actions file"
    assert main(["schema", str(tmp_path / "none")]) == 1
    assert "does not exist" in capsys.readouterr().err


# --------------------------------------------------------------------------------------------------- documentation


def test_the_reference_in_the_page_is_up_to_date() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert markdown().strip() in page, "run: ivr schema --markdown --update docs/dialog.md"


def test_every_key_is_documented_with_its_meaning() -> None:
    reference = markdown()
    for kind, schema in schemas().items():
        for name, model in {**schema["$defs"], kind: schema}.items():
            for key, value in model.get("properties", {}).items():
                if name == "Catch":
                    continue
                described = value.get("description") or schema["$defs"].get(
                    value.get("$ref", "").rsplit("/", 1)[-1], {}
                )
                assert described, f"{name}.{key} has no description"
                assert re.search(rf"^\| `{re.escape(key)}`\*? \| [^|]+ \| [^|]* \| \S", reference, re.MULTILINE), (
                    f"{name}.{key}"
                )


def test_every_event_and_code_is_documented() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for code in CODES:
        assert f'<a id="{code.lower()}"></a>**{code}**' in page


def test_the_examples_of_the_page_are_yaml_of_the_language() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 5
    for block in blocks:
        problems = Problems()
        assert read_yaml(block.encode(), "page", problems) is not None
        assert problems.sorted() == ()
    files = starter_files() | {"flows/hours.yaml": blocks[0]}
    found = lint_files({name: text.encode() for name, text in files.items()})
    assert [problem.code for problem in found] == ["W25"]
    files["tests/hours.yaml"] = blocks[4]
    found = lint_files({name: text.encode() for name, text in files.items()})
    assert [problem.message for problem in found] == ["no test of flow `hours` in zh"]
    assert yaml.safe_load(blocks[1])
