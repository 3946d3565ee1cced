"""A file with faults in its form is looked at for faults in its meaning in the same run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ivr.dialog.lint import lint_files

PACK = Path(__file__).parents[3] / "dialogs" / "lending"
SOUND = {path.relative_to(PACK).as_posix(): path.read_bytes() for path in sorted(PACK.rglob("*.yaml"))}

FAULTY = """
flow: extra
trigger: {title: {en: get a letter, zh: 要一封信}, examples: {en: [a, b, c, d, send me a letter], zh: 信}}
slots:
  copies: {type: nomber, prompts: {ask: {en: How many?, zh: 几份？}}}
steps:
  - {id: first, say: {en: hello}}
  - {sey: {en: hi, zh: 好}}
  - {id: ask_copies, ask: copies}
  - {call: nope, next: nowhere}
  - {say: {en: "{{ bogus }}", zh: "{{ bogus }}"}}
  - {say: {en: "{{ ().__class__ }}", zh: 好}}
  - {id: last, handover: {queue: q9}}
  - {id: after, end: {}, next: last}
"""


def places(extra: Mapping[str, str | bytes]) -> list[tuple[str, int, str]]:
    files = SOUND | {name: text.encode() if isinstance(text, str) else text for name, text in extra.items()}
    return [(found.file, found.line, found.code) for found in lint_files(files) if found.severity == "error"]


def test_the_packs_have_no_errors() -> None:
    assert places({}) == []


def test_form_and_meaning_in_one_run_in_file_order() -> None:
    assert [(line, code) for _, line, code in places({"flows/extra.yaml": FAULTY})] == [
        (5, "E23"),
        (7, "E05"),
        (8, "E26"),
        (10, "E01"),
        (10, "E01"),
        (11, "E03"),
        (11, "E03"),
        (12, "E20"),
        (13, "E26"),
    ]


def test_what_only_follows_from_a_fault_is_not_reported() -> None:
    """A step, a slot and a whole flow that cannot be read are no "no such step" elsewhere."""
    for name in sorted(SOUND):
        if name.startswith("flows/"):
            broken = SOUND[name] + b"\n\t- oops: [\n"
            found = places({name: broken})
            assert {file for file, _, _ in found} == {name}, name


def test_a_faulty_key_of_hotline_yaml_hides_nothing() -> None:
    hotline = SOUND["hotline.yaml"].replace(b"schema: 1", b"schema: 7")
    assert b"schema: 7" in hotline
    found = places({"hotline.yaml": hotline, "flows/extra.yaml": "flow: extra\nsteps: [{run: nowhere}, {end: {}}]\n"})
    assert [(file, code) for file, _, code in found] == [("hotline.yaml", "E23"), ("flows/extra.yaml", "E01")]


def test_every_tab_of_an_indentation() -> None:
    text = "flow: x\nsteps:\n\t- {end: {}}\n  - {say: {en: a, zh: 好}}\n\t- {end: {}}\n"
    assert [(line, code) for _, line, code in places({"flows/x.yaml": text})] == [(3, "E24"), (5, "E24")]


def test_what_is_there_twice_is_reported_though_its_name_stands_in_an_unreadable_part() -> None:
    text = (
        "flow: extra\nsteps:\n  - {id: one, say: {en: a, zh: 好}}\n  - {id: one, say: {en: '{{ one() }}', zh: 好}}\n"
        "  - {id: three, goto: one}\n  - {end: {}}\n"
    )
    files = {**SOUND, "flows/extra.yaml": text.encode(), "flows/lost.yaml": b"one: [\n"}
    found = [each for each in lint_files(files) if each.file == "flows/extra.yaml" and each.severity == "error"]
    assert [(each.line, each.code) for each in found] == [(4, "E02"), (4, "E20"), (5, "E26")]
    assert found[2].hint == "did you mean `next`?"
