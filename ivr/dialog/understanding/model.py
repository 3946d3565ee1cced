"""Understanding: an n-best list in, readings with calibrated probabilities out.

understanding = train(spec, encoders)
understanding.read([Spoken("不对，是十五块", 0.9)], expectation) -> Understood(readings, candidates, in_scope)
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from ivr.dialog.events import Expectation, JsonValue, Reading, Spoken, Understood
from ivr.dialog.slots import Utterance
from ivr.dialog.text.clean import clean, script_language, words_only
from ivr.dialog.text.fillers import core
from ivr.dialog.text.phonetics import sound
from ivr.dialog.text.templates import expand
from ivr.dialog.understanding import answers, storage
from ivr.dialog.understanding.calibration import Vector
from ivr.dialog.understanding.commands import CommandTable
from ivr.dialog.understanding.intents import IntentModel, IntentReading, train_intents
from ivr.dialog.understanding.lexicon import Mender
from ivr.dialog.understanding.spec import Encoder, Encoders, UnderstandingSpec

VERSION = 6
"""Part of the cache key: raised whenever the same phrases would give another model."""
MAX_HYPOTHESES = 5
MAX_INTENT_HYPOTHESES = 2
"""An encoder takes milliseconds a text, and lower hypotheses hardly move the mean."""
MAX_TEXT = 1000
"""Characters of a hypothesis that are read."""
_EXACT, _EXACT_SOUND = 0.99, 0.95
_RANK = 0.92
"""How much each place down the n-best list takes off."""
_ANSWERED = 0.6
"""From this p on, an answer to the open question makes another intent unexpected."""


@dataclass(frozen=True)
class Understanding:
    """Everything learned from one hotline's phrases. Immutable; `read` is a pure function."""

    spec: UnderstandingSpec
    models: Mapping[str, IntentModel | None]
    """By language; None where no intent has examples."""
    encoders: Mapping[str, Encoder] = field(default_factory=dict)
    key: str = ""
    """Names what it was made of (`cache_key`)."""

    def __post_init__(self) -> None:
        spec = self.spec
        object.__setattr__(
            self, "_commands", {lang: CommandTable.build(lang, spec.commands, spec.spotted) for lang in spec.languages}
        )
        object.__setattr__(self, "_mender", Mender.build(spec.lexicon))
        exact = {language: _exact_phrases(spec, language) for language in spec.languages}
        object.__setattr__(self, "_exact", exact)

    _commands: Mapping[str, CommandTable] = field(init=False, repr=False, compare=False)
    _mender: Mender = field(init=False, repr=False, compare=False)
    _exact: Mapping[str, _Exact] = field(init=False, repr=False, compare=False)

    def read(self, hypotheses: Sequence[Spoken], expectation: Expectation) -> Understood:
        """All readings of an n-best list (best first), most probable first.

        Empty hypotheses are skipped; nothing said gives no reading. Readings the open question does not ask for are
        weighed by 0.5, noted in `detail["weighed"]`.
        """
        heard = [Spoken(_printable(one.text), one.confidence) for one in hypotheses[:MAX_HYPOTHESES]]
        heard = [Spoken(self._mender.mend(one.text), one.confidence) for one in heard if words_only(one.text)]
        if not heard:
            return Understood((), (), 0.0, expectation.language)
        default = expectation.language or self.spec.languages[0]
        language = script_language(heard[0].text, self.spec.languages, default)
        found: dict[tuple[str, str, str], Reading] = {}
        for rank, one in enumerate(heard):
            for reading in self._answers(one, rank, heard[0].confidence, expectation, default):
                place = (reading.kind, repr(reading.value), reading.slot)
                if place not in found or found[place].p < reading.p:
                    found[place] = reading
        intents = self._intents(heard, language, expectation)
        asked_else = (
            bool(expectation.asked)
            and expectation.mode == "ask"
            and answers.only_values(self._utterance(heard[0], expectation, default))
        )
        readings = [*found.values(), *_weighed(intents.readings, list(found.values()), expectation, asked_else)]
        readings.sort(key=lambda reading: (-reading.p, reading.kind, repr(reading.value), reading.slot))
        best = max((reading.p for reading in readings), default=0.0)
        readings.append(Reading("other", None, round(1 - best, 4), text=heard[0].text))
        return Understood(tuple(readings), intents.candidates, intents.in_scope, language)

    def to_bytes(self) -> bytes:
        """For a cache named by `key`. The encoders are not in it."""
        return storage.pack({"spec": self.spec.to_json(), "key": self.key}, self.models)

    @classmethod
    def from_bytes(cls, data: bytes, encoder: Encoders = None) -> Understanding:
        """What `to_bytes` gave. StaleModelError for damaged bytes, or when the encoders are not those of training."""
        head, models = storage.unpack(data)
        spec = UnderstandingSpec.from_json(head["spec"])
        if head["key"] != cache_key(spec, encoder):
            raise storage.StaleModelError(
                "this understanding was trained with other encoders or another version; train it again"
            )
        return cls(spec, models, by_language(spec, encoder), head["key"])

    # ----------------------------------------------------------------------------------------------------- answers

    def _answers(
        self, one: Spoken, rank: int, first_confidence: float, expectation: Expectation, default: str
    ) -> list[Reading]:
        utterance = self._utterance(one, expectation, default)
        language = utterance.language
        readings = answers.read_command(self._table(language), utterance.canonical.source, self.spec.languages)
        readings += answers.read_yes_no(utterance, expectation)
        readings += answers.read_slots(utterance, expectation, self._options(expectation, language))
        if expectation.mode == "choose" and expectation.choices:
            phrases = self._choice_phrases(expectation, language)
            readings += answers.read_choice(utterance, expectation.choices, phrases)
        if self.spec.anger:
            readings += answers.read_anger(one.text, language)
        certainty = _rank_weight(one, rank, first_confidence)
        return [
            replace(reading, p=round(reading.p * certainty * _ear(reading.kind, one.confidence), 4), text=one.text)
            for reading in readings
        ]

    def _utterance(self, one: Spoken, expectation: Expectation, default: str) -> Utterance:
        language = script_language(one.text, self.spec.languages, default)
        return Utterance.of(one.text, language, _now(expectation.now))

    def _table(self, language: str) -> CommandTable:
        return self._commands.get(language) or next(iter(self._commands.values()))

    def _options(self, expectation: Expectation, language: str) -> dict[str, list[tuple[JsonValue, Sequence[str]]]]:
        """Slot name -> its options in `language`, or in the fallback language where they have none in it."""
        found: dict[str, list[tuple[JsonValue, Sequence[str]]]] = {}
        for slot in expectation.slots:
            options = self.spec.options.get(f"{expectation.flow}.{slot.name}", self.spec.options.get(slot.name))
            if options:
                found[slot.name] = [(value, _in_language(phrases, language)) for value, phrases in options.items()]
        return found

    def _choice_phrases(self, expectation: Expectation, language: str) -> list[tuple[JsonValue, Sequence[str]]]:
        """The ways to name each thing that is offered: flows by title and examples, options by their phrases."""
        options = {
            str(value): (value, phrases)
            for by in self._options(expectation, language).values()
            for value, phrases in by
        }
        found: list[tuple[JsonValue, Sequence[str]]] = []
        for choice in expectation.choices:
            if choice in self.spec.intents or choice in self.spec.titles:
                found.append((choice, self._ways(choice, language)))
            elif choice in options:
                found.append(options[choice])
        return found

    def _ways(self, intent: str, language: str) -> list[str]:
        title = self.spec.titles.get(intent, {}).get(language)
        return [*([title] if title else []), *_in_language(self.spec.intents.get(intent, {}), language)]

    # ----------------------------------------------------------------------------------------------------- intents

    def _intents(self, heard: Sequence[Spoken], language: str, expectation: Expectation) -> _Intents:
        same = [one for one in heard if script_language(one.text, self.spec.languages, language) == language]
        same = same[:MAX_INTENT_HYPOTHESES]
        model = self.models.get(language)
        if model is None or not same:
            return _Intents([], (), 0.0)
        read = model.read([one.text for one in same], self.encoders.get(language))
        shares = np.array([max(one.confidence, 0.01) * _RANK**rank for rank, one in enumerate(same)])
        mean = _average(read, shares / shares.sum(), model.threshold)
        exact = self._exact_intent(same[0], language)
        allowed = None if expectation.intents is None else set(expectation.intents)
        readings = []
        for index, name in enumerate(mean.names):
            p, rule = float(mean.p[index]), "intent"
            if exact is not None:
                p, rule = (max(exact[1], p), "exact") if name == exact[0] else (p * (1 - exact[1]), "intent")
            if p < 0.02:
                continue
            detail: dict[str, JsonValue] = {
                "rule": rule,
                "conditional": round(float(mean.conditional[index]), 4),
                "in_scope": round(mean.in_scope, 4),
            }
            if allowed is not None and name not in allowed:
                p, detail["weighed"] = p * answers.UNEXPECTED, answers.UNEXPECTED
            p *= _ear("intent", same[0].confidence)
            readings.append(Reading("intent", name, round(p, 4), text=same[0].text, detail=detail))
        candidates = (exact[0],) if exact else mean.candidates
        candidates = tuple(name for name in candidates if allowed is None or name in allowed)
        return _Intents(readings, candidates, max(mean.in_scope, exact[1]) if exact else mean.in_scope)

    def _exact_intent(self, one: Spoken, language: str) -> tuple[str, float] | None:
        """The intent one of whose phrases this is, word for word or sound for sound."""
        phrases = self._exact[language]
        inner = core(one.text, language)
        if inner in phrases.words:
            return phrases.words[inner], _EXACT
        heard = sound(inner, language)
        if len(heard) >= 3 and heard in phrases.sounds:
            return phrases.sounds[heard], _EXACT_SOUND
        return None


@dataclass(frozen=True)
class _Exact:
    words: dict[str, str]
    sounds: dict[tuple[str, ...], str]


@dataclass(frozen=True)
class _Intents:
    readings: list[Reading]
    candidates: tuple[str, ...]
    in_scope: float


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text[:MAX_TEXT]).strip()


def _now(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return datetime(1970, 1, 1)


def _rank_weight(one: Spoken, rank: int, first_confidence: float) -> float:
    """1 for the best hypothesis; less for those the recogniser trusts less."""
    if rank == 0:
        return 1.0
    relative = one.confidence / first_confidence if first_confidence > 0 else 1.0
    return min(relative, 1.0) * float(_RANK**rank)


def _ear(kind: str, confidence: float) -> float:
    """What the recogniser's confidence leaves of p. Values hang on each sound; sentences bear some errors."""
    sure = min(max(confidence, 0.0), 1.0)
    floor = 0.5 if kind in ("fill", "correct") else 0.7
    return floor + (1 - floor) * sure


def _in_language(phrases: Mapping[str, Sequence[str]], language: str) -> Sequence[str]:
    return phrases.get(language) or next(iter(phrases.values()), ())


def _average(read: Sequence[IntentReading], shares: Vector, threshold: float) -> IntentReading:
    """The readings of several hypotheses as one, each by its share."""
    if len(read) == 1:
        return read[0]
    p = np.tensordot(shares, np.array([one.p for one in read]), axes=1)
    conditional = np.tensordot(shares, np.array([one.conditional for one in read]), axes=1)
    order = np.argsort(-conditional, kind="stable")
    names = read[0].names
    candidates = tuple(names[i] for rank, i in enumerate(order) if rank == 0 or conditional[i] >= threshold)
    in_scope = float(shares @ np.array([one.in_scope for one in read]))
    return IntentReading(names, p, conditional, in_scope, candidates)


def _weighed(
    intents: Sequence[Reading], others: Sequence[Reading], expectation: Expectation, values_only: bool
) -> list[Reading]:
    """Intents, weighed down where the open question was answered: what fills the asked slot is seldom a new wish. So
    are values of another kind and nothing else: days where an amount is asked for do not ask when we are open. A wish
    in its own words stays, but where they are all of an answer: "no thank you" to a yes-or-no question is a no."""
    answered = values_only or any(
        reading.p >= _ANSWERED
        and (
            (reading.kind == "fill" and reading.slot == expectation.asked and "error" not in reading.detail)
            or (reading.kind in ("yes", "no") and expectation.mode in ("confirm", "guess"))
            or reading.kind in ("choose", "correct")
        )
        for reading in others
    )
    if not answered:
        return list(intents)
    closed = expectation.mode == "choose" or (
        expectation.mode in ("confirm", "guess")
        and any(reading.kind in ("yes", "no") and reading.span == (0, len(reading.text)) for reading in others)
    )
    return [
        reading
        if reading.detail.get("rule") == "exact" and not closed
        else replace(
            reading,
            p=round(reading.p * answers.UNEXPECTED, 4),
            detail={**reading.detail, "weighed": answers.UNEXPECTED},
        )
        for reading in intents
    ]


# ---------------------------------------------------------------------------------------------------------- training


def train(spec: UnderstandingSpec, encoder: Encoders = None) -> Understanding:
    """Learn a hotline's phrases. Deterministic. TemplateError names a template that cannot be expanded."""
    encoders = by_language(spec, encoder)
    models = {
        language: train_intents(examples_of(spec, language), language, encoders.get(language))
        for language in spec.languages
    }
    return Understanding(spec, models, encoders, cache_key(spec, encoder))


def cache_key(spec: UnderstandingSpec, encoder: Encoders = None) -> str:
    """SHA-256 of all that training depends on: the same key, the same model."""
    names = sorted(f"{language}={one.name}" for language, one in by_language(spec, encoder).items())
    return hashlib.sha256(f"{VERSION}|{spec.digest()}|{'|'.join(names)}".encode()).hexdigest()


def by_language(spec: UnderstandingSpec, encoder: Encoders) -> dict[str, Encoder]:
    if encoder is None:
        return {}
    if isinstance(encoder, Mapping):
        return {language: encoder[language] for language in spec.languages if language in encoder}
    return dict.fromkeys(spec.languages, encoder)


def _templates(spec: UnderstandingSpec, language: str) -> list[tuple[str, str]]:
    """(intent, template) in the order of the files; titles are examples too."""
    found: list[tuple[str, str]] = []
    for intent in dict.fromkeys((*spec.intents, *spec.titles)):
        found += [(intent, template) for template in spec.intents.get(intent, {}).get(language, ())]
        title = spec.titles.get(intent, {}).get(language)
        if title and spec.intents.get(intent, {}).get(language):
            found.append((intent, title))
    return found


MAX_OF_TEMPLATE = 8
"""Phrases of one template that are learned from: more only say the same again. The rest is still matched word for
word."""


def examples_of(spec: UnderstandingSpec, language: str) -> list[tuple[str, str, int]]:
    """What the intents of `language` are learned from: (text, intent, number of its template)."""
    examples: list[tuple[str, str, int]] = []
    seen: set[tuple[str, str]] = set()
    for number, (intent, template) in enumerate(_templates(spec, language)):
        phrases = expand(template) if not _is_title(spec, intent, template, language) else [template]
        for phrase in _chosen(phrases):
            text = words_only(clean(phrase))
            if text and (intent, text) not in seen:
                seen.add((intent, text))
                examples.append((text, intent, number))
    return examples


def _chosen(phrases: list[str]) -> list[str]:
    """At most MAX_OF_TEMPLATE of them, by chance but always the same: every n-th would take the same alternative of
    each bracket."""
    if len(phrases) <= MAX_OF_TEMPLATE:
        return phrases
    return sorted(phrases, key=lambda phrase: hashlib.sha256(phrase.encode()).digest())[:MAX_OF_TEMPLATE]


def _is_title(spec: UnderstandingSpec, intent: str, template: str, language: str) -> bool:
    return template == spec.titles.get(intent, {}).get(language)


def _exact_phrases(spec: UnderstandingSpec, language: str) -> _Exact:
    words: dict[str, set[str]] = {}
    sounds: dict[tuple[str, ...], set[str]] = {}
    for intent, template in _templates(spec, language):
        phrases = [template] if _is_title(spec, intent, template, language) else expand(template)
        for phrase in phrases:
            inner = core(phrase, language)
            words.setdefault(inner, set()).add(intent)
            sounds.setdefault(sound(inner, language), set()).add(intent)
    return _Exact(
        {text: next(iter(found)) for text, found in words.items() if text and len(found) == 1},
        {key: next(iter(found)) for key, found in sounds.items() if key and len(found) == 1},
    )
