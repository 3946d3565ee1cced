"""A knowledge base of questions and answers -> flows that answer them, and tests that ask.

    CSV       one row an entry: `id`, `question_en`, `answer_en`, `variants_en` (parted by `|` or line ends) and
              `title_en`, the same for each language; or one row an entry and language, with a column `lang`
    JSON      [{"id": ..., "question": {"en": ...}, "answer": {...}, "variants": {"en": [...]}, "title": {...}}]
    Markdown  `## id` begins an entry, `### en` a language; in it the first line is the question, list items are
              variants, `Title: ...` is the title, the rest the answer

Variants may be templates of the dialog language (`[x]` optional, `(a|b)` either); questions are plain text.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ivr.dialog.fmt import format_text
from ivr.dialog.lint.phrases import MIN_EXAMPLES
from ivr.dialog.lint.prompts import MAX_SECONDS, seconds
from ivr.dialog.text.clean import words_only
from ivr.errors import InputError

Format: TypeAlias = Literal["csv", "json", "markdown"]
FORMATS: Mapping[str, Format] = {
    ".csv": "csv", ".tsv": "csv", ".json": "json", ".md": "markdown", ".markdown": "markdown",
}  # fmt: skip
FIELDS = ("question", "answer", "variants", "title")
MAX_ENTRIES = 2_000
MARK = "# Written by `ivr import` from "
"""First line of every file that is written, up to the knowledge base's name."""

_TITLES = {"en": "ask {question}", "zh": "问{question}"}
_YES = {"en": "yes", "zh": "好的"}
_SLUG_WORDS = 5
_SENTENCE = re.compile(r"[^。！？!?.；;]*(?:[。！？；;]|[!?.]+(?=\s|$)|[!?.]|$)\s*")
_CLAUSE = re.compile(r"[^，,、：:]*(?:[，,、：:]\s*|$)")


@dataclass(frozen=True, slots=True)
class Entry:
    """One question with its answer; all texts by language."""

    id: str
    title: Mapping[str, str]
    phrases: Mapping[str, tuple[str, ...]]
    """The question first, as templates."""
    answer: Mapping[str, str]

    def question(self, language: str) -> str:
        return self.phrases[language][0]


@dataclass(slots=True)
class _Raw:
    """An entry as read: field -> language -> text or list of texts; "" is the language of files that name none."""

    line: int
    id: str
    fields: dict[str, dict[str, Any]]


def read(name: str, text: str, kind: Format, languages: Sequence[str]) -> tuple[Entry, ...]:
    """The entries of a knowledge base. Raises InputError with everything wrong, a line each: `name:line: reason`."""
    wrong: list[str] = []
    if kind == "csv":
        raws = list(_read_csv(name, text, languages))
    elif kind == "json":
        raws = list(_read_json(name, text, wrong))
    else:
        raws = list(_read_markdown(text, languages))
    if not raws and not wrong:
        wrong.append(f"{name}: no entry found")
    if len(raws) > MAX_ENTRIES:
        raise InputError(f"{name}: {len(raws):,} entries; at most {MAX_ENTRIES:,} can be imported at once")
    entries: dict[str, Entry] = {}
    for number, raw in enumerate(raws, 1):
        reasons: list[str] = []
        entry = _entry(raw, number, languages, reasons)
        if entry.id in entries:
            reasons.append(f"the id `{entry.id}` is taken by an entry before")
        entries.setdefault(entry.id, entry)
        wrong += [f"{name}:{raw.line}: {reason}" for reason in reasons]
    if wrong:
        raise InputError("\n".join(wrong))
    return tuple(entries.values())


# ---------------------------------------------------------------------------------------------------------- formats


def _read_csv(name: str, text: str, languages: Sequence[str]) -> Iterator[_Raw]:
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    rows = csv.DictReader(io.StringIO(text), delimiter=delimiter, strict=True)
    try:
        columns = [_column(column) for column in rows.fieldnames or ()]
        rows.fieldnames = columns
        if not any(column.split(".")[0] == "question" for column in columns):
            raise InputError(f"{name}:1: no column `question_{languages[0]}`; the columns are {', '.join(columns)}")
        raws = [_row(row, rows.line_num) for row in rows if any(row.values())]
    except csv.Error as error:
        raise InputError(f"{name}:{rows.reader.line_num}: no CSV: {error}") from error
    yield from _merged(raws) if "lang" in columns else raws


def _column(name: str | None) -> str:
    """`Question (en)`, `question_en`, `question.en` -> `question.en`."""
    parts = re.split(r"[\s_.:()\[\]-]+", (name or "").strip().lower(), maxsplit=1)
    rest = re.sub(r"[()\[\]\s]", "", parts[1]) if len(parts) > 1 else ""
    field = {"language": "lang", "variant": "variants", "questions": "question"}.get(parts[0], parts[0])
    return f"{field}.{_language(rest)}" if rest and field in FIELDS else field


def _language(text: str) -> str:
    """`zh_tw` -> `zh-TW`."""
    head, _, region = text.replace("_", "-").partition("-")
    return f"{head}-{region.upper()}" if region else head


def _row(row: Mapping[str, str | None], line: int) -> _Raw:
    fields: dict[str, dict[str, Any]] = {}
    for column, value in row.items():
        field, _, language = (column or "").partition(".")
        if field in FIELDS and isinstance(value, str) and value.strip():
            said: Any = re.split(r"\s*[\n|]\s*(?![^(]*\))", value.strip()) if field == "variants" else value
            fields.setdefault(field, {})[language or (row.get("lang") or "").strip()] = said
    return _Raw(line, (row.get("id") or "").strip(), fields)


def _merged(raws: Iterable[_Raw]) -> list[_Raw]:
    """One row a language -> one entry, by id."""
    found: dict[str, _Raw] = {}
    for raw in raws:
        first = found.setdefault(raw.id, raw)
        for field, said in raw.fields.items():
            first.fields.setdefault(field, {}).update(said)
    return list(found.values())


def _read_json(name: str, text: str, wrong: list[str]) -> Iterator[_Raw]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}: no JSON: {error}") from error
    listed = data.get("entries") if isinstance(data, dict) else data
    if not isinstance(listed, list):
        raise InputError(f"{name}: a list of entries is expected, or {{'entries': [...]}}")
    for number, item in enumerate(listed, 1):
        if not isinstance(item, dict):
            wrong.append(f"{name}:{number}: an entry is an object with question and answer, not {item!r:.40}")
            continue
        fields = {
            field: item[field] if isinstance(item[field], dict) else {"": item[field]}
            for field in FIELDS
            if item.get(field)
        }
        yield _Raw(number, str(item.get("id") or ""), fields)


def _read_markdown(text: str, languages: Sequence[str]) -> Iterator[_Raw]:
    raw: _Raw | None = None
    language = languages[0] if len(languages) == 1 else ""
    for number, line in enumerate(text.splitlines(), 1):
        heading = re.match(r"(#{1,3})\s+(.*?)\s*#*$", line)
        if heading and len(heading[1]) == 3 and raw:
            language = _language(heading[2].strip().lower())
        elif heading:
            if raw:
                yield raw
            raw = _Raw(number, heading[2].strip(), {}) if len(heading[1]) == 2 else None
            language = languages[0] if len(languages) == 1 else ""
        elif raw and line.strip():
            _markdown_line(raw.fields, language, line.strip())
    if raw:
        yield raw


def _markdown_line(fields: dict[str, dict[str, Any]], language: str, line: str) -> None:
    item = re.match(r"[-*+]\s+(.*)", line)
    title = re.match(r"title\s*[:：]\s*(.*)", line, re.IGNORECASE)
    if item:
        fields.setdefault("variants", {}).setdefault(language, []).append(item[1])
    elif title:
        fields.setdefault("title", {})[language] = title[1]
    elif language not in fields.setdefault("question", {}):
        fields["question"][language] = re.sub(r"^\**(?:q|问)\**\s*[:：]\**\s*", "", line, flags=re.IGNORECASE)
    else:
        answer = fields.setdefault("answer", {})
        more = re.sub(r"^\**(?:a|答)\**\s*[:：]\**\s*", "", line, flags=re.IGNORECASE)
        answer[language] = f"{answer[language]} {more}" if language in answer else more


# ---------------------------------------------------------------------------------------------------------- entries


def _entry(raw: _Raw, number: int, languages: Sequence[str], wrong: list[str]) -> Entry:
    said = {field: _by_language(field, raw, languages, wrong) for field in FIELDS}
    phrases: dict[str, tuple[str, ...]] = {}
    for language in languages:
        question = _plain_text(said["question"].get(language, ""))
        variants = said["variants"].get(language, [])
        listed = [variants] if isinstance(variants, str) else variants
        texts = [re.sub(r"[\[\](){}|]", " ", question), *(str(one) for one in listed)]
        phrases[language] = tuple(dict.fromkeys(" ".join(text.split()) for text in texts if words_only(text)))
        if question and len(phrases[language]) < MIN_EXAMPLES:
            have, more = len(phrases[language]), MIN_EXAMPLES - len(phrases[language])
            wrong.append(f"{have} phrases in {language}, {MIN_EXAMPLES} are needed: add {more} variants")
    answer = {language: _plain_text(said["answer"].get(language, "")) for language in languages}
    for field, texts_of in (("question", said["question"]), ("answer", answer)):
        missing = [language for language in languages if not texts_of.get(language)]
        if missing:
            wrong.append(f"no {field} in {', '.join(missing)}")
    if any("{{" in text or "{%" in text for text in answer.values()):
        wrong.append("the answer holds {{ or {%: no templates here")
    title = {
        language: _plain_text(said["title"].get(language, "")) or _title(said["question"].get(language, ""), language)
        for language in languages
    }
    name = _slug(raw.id) or _slug(_plain_text(said["question"].get("en", ""))) or f"entry_{number}"
    return Entry(name, title, phrases, answer)


def _by_language(field: str, raw: _Raw, languages: Sequence[str], wrong: list[str]) -> dict[str, Any]:
    """A field's texts; what names no language is in the only one."""
    given = dict(raw.fields.get(field, {}))
    if "" in given and len(languages) == 1:
        given.setdefault(languages[0], given.pop(""))
    unknown = sorted(language or "no language" for language in given if language not in languages)
    if unknown:
        wrong.append(f"{field} in {', '.join(unknown)}; the hotline speaks {', '.join(languages)}")
    texts = {language: text for language, text in given.items() if language in languages}
    for language, text in texts.items():
        listed = isinstance(text, list) and all(isinstance(one, str) for one in text)
        if not isinstance(text, str) and not (field == "variants" and listed):
            wrong.append(f"{field} in {language} is no text: {text!r:.40}")
            texts[language] = ""
    return texts


def _plain_text(text: str) -> str:
    """Without Markdown and HTML, on one line: what can be said."""
    text = re.sub(r"<[^>]{1,200}>", " ", text)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"(\*\*|__|`)", "", text)
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _title(question: str, language: str) -> str:
    bare = _plain_text(question).rstrip("?？。.!！ ")
    key = language.split("-")[0]
    if key == "en" and bare[:1].isupper() and not bare.startswith(("I ", "I'")):
        bare = bare[0].lower() + bare[1:]
    return _TITLES.get(key, "{question}").format(question=bare)


def _slug(text: str) -> str:
    words = re.sub(r"[^a-z0-9]+", " ", text.lower()).split()
    name = "_".join(words[:_SLUG_WORDS])
    return name if not name[:1].isdigit() else f"n_{name}"


# ---------------------------------------------------------------------------------------------------------- writing


def flow_text(entry: Entry, name: str, source: str) -> str:
    """flows/<name>.yaml: says the answer, sentence by sentence where it is long."""
    lines = [
        f"{MARK}{source}: change it there, then `ivr import --update`.",
        f"flow: {name}",
        "tags: [faq]",
        "trigger:",
    ]
    lines += [f"  title: {_map(entry.title)}", "  examples:"]
    for language, phrases in entry.phrases.items():
        lines += [f"    {language}:", *(f"      - {_quoted(phrase)}" for phrase in phrases)]
    lines.append("steps:")
    lines += [f"  - say: {_map(part)}" for part in parts(entry.answer)]
    lines.append(f"  - end: {{outcome: resolved, cause: {name}}}")
    return format_text("\n".join(lines).encode(), f"flows/{name}.yaml")


def tests_text(entries: Mapping[str, Entry], source: str, consents: int = 0) -> str:
    """A test of each flow in each language: the caller says yes so many times, then asks."""
    lines = [f"{MARK}{source}: change it there, then `ivr import --update`.", "tests:"]
    for name, entry in entries.items():
        for language in entry.answer:
            says = _quoted(_beginning(parts(entry.answer)[0][language]))
            yes = _quoted(_YES.get(language.split("-")[0], "yes"))
            lines += [
                f"  - test: {name} ({language})",
                "    tags: [faq]",
                f"    given: {{lang: {language}}}",
                "    turns:",
            ]
            lines += [f"      - {{user: {yes}}}"] * consents
            lines += [f"      - {{user: {_quoted(entry.question(language))}, intent: {name}, says: {says}}}"]
            lines += ["    expect: {outcome: resolved}"]
    return format_text("\n".join(lines).encode(), "tests/faq.yaml")


def parts(answer: Mapping[str, str]) -> list[dict[str, str]]:
    """The answer as prompts that are short enough, the same number in every language where sentences allow it."""
    wanted = max(1, *(-(-seconds(text) // (0.8 * MAX_SECONDS)) for text in answer.values()))
    pieces = {language: _pieces(text, int(wanted)) for language, text in answer.items()}
    count = min(int(wanted), *(len(found) for found in pieces.values()))
    grouped = {language: _grouped(found, count, language) for language, found in pieces.items()}
    return [{language: found[at] for language, found in grouped.items()} for at in range(count)]


def _pieces(text: str, wanted: int) -> list[str]:
    """Sentences; clauses where there are too few of them."""
    sentences = [found.strip() for found in _SENTENCE.findall(text) if found.strip()]
    if len(sentences) >= wanted:
        return sentences
    return [clause.strip() for one in sentences for clause in _CLAUSE.findall(one) if clause.strip()] or [text]


def _grouped(pieces: Sequence[str], count: int, language: str) -> list[str]:
    """Neighbours joined into `count` groups of about the same length, none empty."""
    total = sum(seconds(piece) for piece in pieces) or 1.0
    groups: list[list[str]] = [[]]
    said = 0.0
    for at, piece in enumerate(pieces):
        must = len(pieces) - at <= count - len(groups)
        may = len(groups) < count and said >= total * len(groups) / count
        if groups[-1] and (must or may):
            groups.append([])
        groups[-1].append(piece)
        said += seconds(piece)
    return [("" if language.startswith("zh") else " ").join(group) for group in groups]


def _beginning(text: str) -> str:
    """Enough of a prompt to know it by."""
    return text[:12] if re.search(r"[㐀-鿿]", text) else " ".join(text.split()[:5])


def _map(texts: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{language}: {_quoted(text)}" for language, text in texts.items()) + "}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
