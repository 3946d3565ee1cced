"""The loader: the example hotline as models, positions, and every problem of broken files at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.dialog.loader import Definition, load, load_with_problems, parse
from ivr.dialog.problems import Problems
from ivr.dialog.schema import AskStep, BranchStep, CallStep, HandoverStep, RouteStep, SayStep
from ivr.errors import DialogError, Problem

HARBOUR = Path(__file__).parent / "fixtures" / "harbour"

HOTLINE = b"hotline: h\nschema: 1\nlanguages: [en]\nentry: {inbound: main}\n"


def problems_of(**files: str | bytes) -> list[str]:
    """Problems of a hotline given as files (`flows__main` = flows/main.yaml), as text."""
    problems = Problems()
    named = {"hotline.yaml": HOTLINE} | {
        name.replace("__", "/") + ".yaml": text.encode() if isinstance(text, str) else text
        for name, text in files.items()
    }
    parse(named, "h", problems)
    return [str(problem) for problem in problems.sorted()]


@pytest.fixture(scope="module")
def harbour() -> Definition:
    return load(HARBOUR)


def test_the_example_loads_without_a_problem() -> None:
    definition, problems = load_with_problems(HARBOUR)
    assert problems == ()
    assert definition is not None
    assert sorted(definition.flows) == ["dispute", "fees", "survey", "ticket", "welcome"]
    assert sorted(definition.actions) == ["cards.dispute", "cards.find", "crm.profile", "ticket.create"]
    assert [test.test for test in definition.tests] == [
        "correction and digression",
        "three failures, queue closed, ticket",
    ]


def test_values_are_parsed(harbour: Definition) -> None:
    assert harbour.languages == ("zh", "en")
    assert harbour.hotline.entry.inbound == "welcome"
    assert harbour.hotline.defaults.limits.call_ms == 600_000
    assert harbour.hotline.defaults.listen is not None
    assert harbour.hotline.defaults.listen.end_silence_ms == 700
    assert harbour.actions["crm.profile"].timeout_ms == 800
    assert harbour.hotline.commands["agent"].dtmf == "0"
    assert harbour.hotline.commands["agent"].phrases["en"] == ("[speak to] (an agent|a [real] person)",)
    assert len(harbour.hotline.catch["noinput"].rungs) == 3
    assert len(harbour.hotline.catch["queue"].rungs) == 1
    dispute = harbour.flows["dispute"]
    assert dispute.rollout == 0.5
    assert dispute.interrupt == "confirm"
    assert dispute.slots["card_last4"].length == (4, 4)
    assert dispute.slots["txn_date"].range == ("-180d", "today")
    csat = harbour.flows["survey"].slots["csat"]
    assert [(option.value, option.dtmf, option.phrases["en"]) for option in csat.options] == [
        (5, "1", ("satisfied",)),
        (1, "2", ("dissatisfied",)),
    ]


def test_steps_by_verb(harbour: Definition) -> None:
    dispute = harbour.flows["dispute"]
    details = dispute.step("details")
    assert isinstance(details, AskStep)
    assert details.ask == ("card_last4", "txn_date", "amount")
    assert details.confirm is not None
    assert details.confirm.mode == "always"
    assert details.confirm.say is not None
    lookup = dispute.step("lookup")
    assert isinstance(lookup, CallStep)
    assert [(branch.condition, branch.to) for branch in lookup.next] == [("txn.found", "offer"), (None, "not_found")]
    human = dispute.step("human")
    assert isinstance(human, HandoverStep)
    assert human.handover.max_wait_ms == 180_000
    topic = harbour.flows["welcome"].step("topic")
    assert isinstance(topic, RouteStep)
    assert topic.route.guess is not None
    assert topic.route.guess.source == "{{ profile.guesses }}"
    assert isinstance(dispute.step("told"), SayStep)
    assert dispute.step("nowhere") is None


def test_steps_without_an_id_are_numbered(harbour: Definition) -> None:
    assert [step.id for step in harbour.flows["survey"].steps] == ["survey_step_1", "survey_step_2", "survey_step_3"]
    assert not harbour.flows["survey"].steps[0].written("id")


def test_positions(harbour: Definition) -> None:
    lookup = harbour.flows["dispute"].step("lookup")
    assert lookup is not None
    lines = (HARBOUR / "flows" / "dispute.yaml").read_text(encoding="utf-8").splitlines()
    at = lookup.at
    assert (at.file, lines[at.line - 1][at.column - 1 :]) == ("flows/dispute.yaml", "id: lookup")
    at = lookup.where("catch", "error.timeout", "next")
    assert lines[at.line - 1][at.column - 1 :].startswith("human}")
    at = lookup.where_key("catch")
    assert lines[at.line - 1][at.column - 1 :].startswith("catch:")
    assert isinstance(lookup, CallStep)
    assert lookup.filler is not None
    at = lookup.filler.texts["en"][0].at
    assert lines[at.line - 1][at.column - 1 :].startswith("One moment")


def test_a_step_with_only_next_is_a_branch() -> None:
    problems = Problems()
    flow = b"flow: main\nsteps: [{next: [{if: true, to: bye}, {to: bye}]}, {id: bye, end: {}}]\n"
    definition = parse({"hotline.yaml": HOTLINE, "flows/main.yaml": flow}, "h", problems)
    assert definition is not None
    step = definition.flows["main"].steps[0]
    assert isinstance(step, BranchStep)
    assert step.next[0].condition == "true"


def test_a_missing_folder(tmp_path: Path) -> None:
    definition, problems = load_with_problems(tmp_path / "no")
    assert definition is None
    assert [(problem.file, problem.line, problem.column, problem.code) for problem in problems] == [
        ("hotline.yaml", 1, 1, "E00")
    ]
    assert "does not exist" in problems[0].message


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DialogError, match=r"hotline.yaml:1:1 E00 no hotline.yaml in .*`ivr new PATH`"):
        load(tmp_path)


def test_a_wrong_ending_is_seen(tmp_path: Path) -> None:
    (tmp_path / "hotline.yml").write_bytes(HOTLINE)
    _, problems = load_with_problems(tmp_path)
    assert [str(problem) for problem in problems] == [
        f"hotline.yaml:1:1 E00 no hotline.yaml in {tmp_path} (rename `hotline.yml`?)",
        "hotline.yml:1:1 W04 hotline.yml is never read (did you mean `hotline.yaml`?)",
    ]


def test_files_that_are_never_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "hotline.yaml").write_bytes(HOTLINE)
    for name in ("flow", "recordings", "flows"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.yaml").write_bytes(b"flow: main\nsteps: [{end: {}}]\n")
    (tmp_path / "prompts.yaml").write_bytes(b"{}")
    _, problems = load_with_problems(tmp_path)
    assert [str(problem) for problem in problems] == [
        "flow/a.yaml:1:1 W04 flow/a.yaml is never read (did you mean `flows`?)",
        "prompts.yaml:1:1 W04 prompts.yaml is never read (move it into flows/, prompts/ or tests/)",
    ]


def test_all_problems_at_once_in_file_order() -> None:
    found = problems_of(
        hotline=HOTLINE + b"quues: {}\nanger: {on: 2.0}\n",
        flows__main="flow: main\nsteps:\n  - {sya: {en: hi}}\n  - {id: a, ask: x, repeat: 3}\n  - {call: b, wait: yes}",
        flows__other="flow: other\nrollout: 150%\n",
    )
    assert found == [
        "hotline.yaml:5:1 E19 unknown key `quues` in hotline.yaml (did you mean `queues`?)",
        "hotline.yaml:6:13 E23 `on` needs at most 1.0, not 2.0",
        "flows/main.yaml:3:5 E26 a step without a verb (did you mean `say`?)",
        "flows/main.yaml:4:21 E19 unknown key `repeat` in an `ask` step"
        " (known: ask, catch, confirm, id, if, listen, next, tags)",
        "flows/main.yaml:5:21 E23 `wait` needs true or false, not yes (write true or false, without quotes)",
        "flows/other.yaml:1:1 E26 `steps` is missing (add steps: ...)",
        "flows/other.yaml:2:10 E23 not a share: 150% (write 50% (0% to 100%))",
    ]


WRONG = """\

steps: [{say: {en: hi}, end: {}}]
2:9 E26 a step with `say` and `end` (one verb a step: split it)
steps: []
2:8 E23 `steps` needs 1 or more, not an empty list
steps: [{say: 5}]
2:15 E23 a prompt is {language: text} or the name of one in prompts/ (write {en: "...", zh: "..."})
steps: [{say: {en: 5}}]
2:20 E23 a prompt is a text, not 5 (put it in quotes)
steps: [{end: {outcome: resolvd}}]
2:25 E23 `outcome` cannot be resolvd (did you mean `resolved`?)
steps: [{end: {}, listen: {start_timeout: 5}}]
2:43 E23 a duration needs a unit: 5 (write 5ms or 5s)
steps: [{end: {}, catch: {noinpt: {end: {}}}}]
2:27 E01 no such event: noinpt (did you mean `noinput`?)
steps: [{end: {}, catch: {error.tmeout: {}}}]
2:27 E01 no such event: error.tmeout (did you mean `error.timeout`?)
steps: [{end: {}, catch: {anger: {next: a, run: b}}}]
2:34 E23 a handler with `next` and `run` (keep one of them)
slots: {x: {type: dgits}}, steps: [{ask: x}]
2:19 E23 no such slot type: dgits (did you mean `digits`?)
steps: [{end: {}, next: {to: a}}]
2:25 E23 `next` is a step's id or a list of {if, to} (write next: step or next: [{if: x, to: a}, {to: b}])
steps: [hello]
2:9 E23 a step is a map with one verb (verbs: say, ask, route, call, set, run, handover, end)
slots: {x: {type: choice}}, steps: [{ask: x}]
2:12 E26 a choice without options (write options: [{value: ..., en: [...], zh: [...]}])
slots: {x: {type: digits, length: [5, 4]}}, steps: [{ask: x}]
2:12 E23 `length` needs 1 to 64, the shorter first (write length: 4 or length: [4, 8])
"""
PAIRS = list(zip(WRONG.strip().splitlines()[::2], WRONG.strip().splitlines()[1::2], strict=True))


@pytest.mark.parametrize(("flow", "expected"), PAIRS)
def test_wrong_values(flow: str, expected: str) -> None:
    block = "flow: main\n" + flow.replace("}}, steps", "}}\nsteps")
    assert problems_of(flows__main=block) == [f"flows/main.yaml:{expected}"]


def test_a_flow_twice() -> None:
    flow = "flow: main\nsteps: [{end: {}}]"
    assert problems_of(flows__a=flow, flows__b=flow) == [
        "flows/b.yaml:1:7 E02 flow `main` twice (first at flows/a.yaml:1:1) (rename one of them)"
    ]


def test_prompt_files_with_and_without_the_outer_key() -> None:
    problems = Problems()
    files = {
        "hotline.yaml": HOTLINE,
        "prompts/a.yaml": b"prompts:\n  hello: {en: Hi}\n",
        "prompts/b.yaml": b"bye: {en: [Bye, So long]}\n",
    }
    definition = parse(files, "h", problems)
    assert definition is not None
    assert problems.sorted() == ()
    assert [variant.text for variant in definition.prompts["bye"].variants("en")] == ["Bye", "So long"]


def test_problems_sort_and_print() -> None:
    problem = Problem("flows/a.yaml", 3, 4, "E01", "error", "no such step", "did you mean `b`?", "docs/dialog.md#e01")
    assert str(problem) == "flows/a.yaml:3:4 E01 no such step (did you mean `b`?)"
    assert str(DialogError([problem])) == str(problem)
