"""`ivr import KB DIR`: questions and answers of a knowledge base become flows of a hotline.

Each entry becomes flows/faq_<id>.yaml, a flow with a trigger that says the answer, and a test in every language in
tests/faq.yaml. The knowledge base stays the source: change it there and import again with --update.

CSV (comma, semicolon or tab), one row an entry, for a hotline in English and Mandarin:
  id,question_en,answer_en,variants_en,question_zh,answer_zh,variants_zh
  Variants are parted by `|` or line ends. Or one row an entry and language: id,lang,question,answer,variants
JSON, a list:
  {"id": "returns", "question": {"en": "...", "zh": "..."}, "answer": {...}, "variants": {"en": ["..."], "zh": ["..."]}}
Markdown:
  ## returns            an entry
  ### en                a language: the question on the first line, variants as a list, the answer
  How long can I return something?
  - what is the return period
  You can return it for thirty days.

Question and variants together are at least five phrases a language; variants may be templates: [x] optional, (a|b)
either. A `title` (by language) is what the bot reads back: "You want to <title>, right?". Long answers are said
sentence by sentence. Nothing is written when a file or a flow of that name exists, or when the lint would find more
than it does now.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ivr.errors import ConfigError, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ivr.dialog.loader import Definition
    from ivr.errors import Problem


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    layout = argparse.RawDescriptionHelpFormatter
    parser = subparsers.add_parser(
        "import", help="make flows of a knowledge base's questions", description=__doc__, formatter_class=layout
    )
    parser.add_argument("kb", type=Path, metavar="KB", help="the knowledge base: .csv, .tsv, .json or .md")
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder with hotline.yaml")
    parser.add_argument("--format", choices=("csv", "json", "markdown"), help="where the file's name does not tell")
    parser.add_argument("--prefix", default="faq_", metavar="NAME", help="begins the names of the flows (faq_)")
    parser.add_argument("--update", action="store_true", help="replace what an import has written before")
    parser.add_argument("--no-tests", action="store_true", help="write no tests (the lint asks for them: W25)")
    parser.add_argument("--warnings", action="store_true", help="write in spite of warnings of the lint")
    parser.add_argument("--dry-run", action="store_true", help="write nothing, say what would be written")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit 1 when something stands against it; then nothing is written."""
    from ivr.dialog import knowledge
    from ivr.dialog.loader import load

    definition = load(args.folder)
    kind = args.format or knowledge.FORMATS.get(args.kb.suffix.lower())
    if kind is None:
        raise ConfigError(f"{args.kb}: csv, json or markdown? Give --format")
    entries = knowledge.read(args.kb.name, _text_of(args.kb), kind, definition.languages)
    named = {f"{args.prefix}{entry.id}": entry for entry in entries}
    files = {f"flows/{name}.yaml": knowledge.flow_text(entry, name, args.kb.name) for name, entry in named.items()}
    consents = None if args.no_tests else consents_before_route(definition)
    if consents is not None:
        test_file = f"tests/{args.prefix.strip('_') or args.kb.stem}.yaml"
        files[test_file] = knowledge.tests_text(named, args.kb.name, consents)
    _refuse_to_overwrite(definition, files, set(named), update=args.update)
    added = [found for found in new_problems(definition, files) if found.code != "W25" or consents is not None]
    if any(problem.severity == "error" or not args.warnings for problem in added):
        print("\n".join(f"{args.folder}/{problem}" for problem in added))
        print(f"nothing written: the lint would find {len(added)} more; change {args.kb.name}")
        return 1
    _write(args.folder, files, dry_run=args.dry_run)
    _left_behind(definition, files, args.kb.name, args.prefix)
    if consents is None and not args.no_tests:
        print("no tests written: calls do not begin with an open question; write them in tests/")
    flows = "1 flow" if len(named) == 1 else f"{len(named)} flows"
    print(f"{flows} {'would be ' if args.dry_run else ''}written; next: ivr test {args.folder}")
    return 0


def consents_before_route(definition: Definition) -> int | None:
    """How many yes/no questions come before the open question calls begin with; None when something else does."""
    from ivr.dialog.schema import AskStep, RouteStep, RunStep

    entry = definition.flows.get(definition.hotline.entry.inbound or "")
    consents = 0
    for step in entry.steps if entry else ():
        if isinstance(step, RouteStep):
            return None if step.route.intents else consents
        if isinstance(step, RunStep):
            return None
        if isinstance(step, AskStep):
            slots = [entry.slots.get(name) for name in step.ask] if entry else []
            if any(slot is None or slot.type != "yes_no" for slot in slots):
                return None
            consents += len(slots)
    return None


def new_problems(definition: Definition, files: Mapping[str, str]) -> list[Problem]:
    """What the lint finds with the new files and did not find without them, wherever it stands."""
    from ivr.dialog.lint import lint_files

    before = {(found.file, found.code, found.message) for found in lint_files(dict(definition.files))}
    after = lint_files(dict(definition.files) | {name: text.encode() for name, text in files.items()})
    return [found for found in after if (found.file, found.code, found.message) not in before]


def _text_of(path: Path) -> str:
    from ivr.dialog.source import MAX_BYTES

    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    if len(raw) > 10 * MAX_BYTES:
        raise InputError(f"{path}: larger than {10 * MAX_BYTES:,} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from error


def _refuse_to_overwrite(definition: Definition, files: Mapping[str, str], flows: set[str], *, update: bool) -> None:
    from ivr.dialog.knowledge import MARK

    taken = []
    for name in files:
        old = definition.files.get(name)
        if old is not None and not (update and old.startswith(MARK.encode())):
            hint = "it is not an import's" if update else "--update replaces what an import wrote"
            taken.append(f"{definition.folder}/{name} exists; {hint}")
    for flow in sorted(flows & set(definition.flows)):
        place = definition.flows[flow].at.file
        if place not in files:
            taken.append(f"{definition.folder}/{place} holds a flow `{flow}`; change the entry's id or give --prefix")
    if taken:
        raise ConfigError("nothing written\n" + "\n".join(taken))


def _write(folder: Path, files: Mapping[str, str], *, dry_run: bool) -> None:
    for name, text in files.items():
        target = folder / name
        if not dry_run:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="\n")
        print(target)


def _left_behind(definition: Definition, files: Mapping[str, str], kb: str, prefix: str) -> None:
    """Flows an earlier import wrote from this knowledge base, of entries that are gone."""
    from ivr.dialog.knowledge import MARK

    mark = f"{MARK}{kb}:".encode()
    for name, raw in sorted(definition.files.items()):
        if name.startswith(f"flows/{prefix}") and name not in files and raw.startswith(mark):
            print(f"{definition.folder}/{name} is no longer in {kb}: delete it if it is not wanted")
