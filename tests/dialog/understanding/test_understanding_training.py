"""Training: small data, determinism, storage, the encoder branch, noise."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from ivr.dialog.events import Expectation, Spoken
from ivr.dialog.text.templates import TemplateError
from ivr.dialog.understanding import Understanding, UnderstandingSpec, anger_score, cache_key, is_backchannel, train
from ivr.dialog.understanding.background import background
from ivr.dialog.understanding.calibration import auroc, conformal_threshold, expected_calibration_error, fit_logistic
from ivr.dialog.understanding.curve import curve
from ivr.dialog.understanding.intents import train_intents
from ivr.dialog.understanding.kernel import Ridge, radial
from ivr.dialog.understanding.noise import noised, sound_neighbours
from ivr.dialog.understanding.storage import StaleModelError

ROUTE = Expectation("f/s", "route", "en", "f")


class HashEncoder:
    """Sums a fixed vector for each word: texts that share words are alike."""

    name = "hash"

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.array([self._vector(text) for text in texts], dtype=np.float32).reshape(len(texts), 32)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)

    def _vector(self, text: str) -> NDArray[np.float64]:
        total = np.full(32, 0.1)
        for word in text.split():
            seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
            total += np.random.default_rng(seed).normal(size=32)
        return total


TOPICS = {
    "card": ["my card is lost", "i lost my bank card", "someone stole my card", "card is gone", "block the lost card"],
    "fees": [
        "what are the fees",
        "how much do you charge",
        "is there a fee",
        "tell me the charges",
        "cost of a transfer",
    ],
    "hours": [
        "when are you open",
        "what are your opening hours",
        "are you open on sunday",
        "closing time",
        "what time do you close",
    ],
    "limit": [
        "raise my limit",
        "change the daily limit",
        "my limit is too low",
        "increase spending limit",
        "set a higher limit",
    ],
}


def spec(topics: dict[str, list[str]]) -> UnderstandingSpec:
    return UnderstandingSpec(("en",), {name: {"en": tuple(texts)} for name, texts in topics.items()})


def test_no_intents() -> None:
    read = train(UnderstandingSpec(("zh", "en"))).read([Spoken("hello there", 1.0)], ROUTE)
    assert [one.kind for one in read.readings] == ["other"]
    assert (read.candidates, read.in_scope) == ((), 0.0)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_few_intents(count: int) -> None:
    topics = dict(list(TOPICS.items())[:count])
    understanding = train(spec(topics), HashEncoder())
    for name, texts in topics.items():
        read = understanding.read([Spoken(texts[0], 1.0)], ROUTE)
        assert (read.readings[0].value, read.readings[0].kind) == (name, "intent")
        assert read.readings[0].p > 0.9


def test_one_intent_with_one_example() -> None:
    understanding = train(spec({"card": ["my card is lost"]}))
    assert understanding.read([Spoken("my card is lost", 1.0)], ROUTE).readings[0].p > 0.9
    assert understanding.read([Spoken("do you like jazz", 1.0)], ROUTE).in_scope < 0.5


def test_scope_without_out_of_scope_examples() -> None:
    understanding = train(spec(TOPICS), HashEncoder())
    inside = [
        understanding.read([Spoken(t, 1.0)], ROUTE).in_scope
        for t in ("i think i lost my card", "open on sunday", "raise the limit")
    ]
    outside = [
        understanding.read([Spoken(text, 1.0)], ROUTE).in_scope for text in ("my uncle bakes bread", "zebra piano")
    ]
    assert min(inside) > max(outside)


def test_everyday_talk_is_told_by_what_it_is_about() -> None:
    """Not only by being far from the examples: what is near to talk of no hotline is less likely meant for this one."""
    said = [(text, intent) for intent, texts in TOPICS.items() for text in texts]
    examples = [(text, intent, number) for number, (text, intent) in enumerate(said)]
    encoder = HashEncoder()
    model = train_intents(examples, "en", encoder)
    assert model is not None
    assert model.dense is not None
    deaf = replace(model, dense=replace(model.dense, apart=model.dense.apart[:0]))
    weather = ["what is the weather going to be like on sunday"]
    assert model.read(weather, encoder)[0].in_scope < deaf.read(weather, encoder)[0].in_scope
    assert model.detector[-1] < 0


def test_training_is_deterministic_and_survives_storage() -> None:
    one, two = train(spec(TOPICS), HashEncoder()), train(spec(TOPICS), HashEncoder())
    assert one.to_bytes() == two.to_bytes()
    again = Understanding.from_bytes(one.to_bytes(), HashEncoder())
    for text in ("i lost my card", "what does it cost", "piano"):
        assert again.read([Spoken(text, 0.9)], ROUTE) == one.read([Spoken(text, 0.9)], ROUTE)
    assert again.to_bytes() == one.to_bytes()


def test_stale_and_damaged_bytes_are_refused() -> None:
    data = train(spec(TOPICS), HashEncoder()).to_bytes()
    with pytest.raises(StaleModelError, match=r"trained with other encoders or another version; train it again$"):
        Understanding.from_bytes(data)
    for broken in (b"", b"rubbish", data[:1000], data[:-200]):
        with pytest.raises(StaleModelError, match=r"^damaged trained understanding: "):
            Understanding.from_bytes(broken, HashEncoder())


def test_the_cache_key_follows_phrases_and_encoders() -> None:
    other = spec({**TOPICS, "fees": [*TOPICS["fees"], "price list"]})
    assert len({cache_key(spec(TOPICS)), cache_key(other), cache_key(spec(TOPICS), HashEncoder())}) == 3


def test_a_broken_template_is_named() -> None:
    with pytest.raises(TemplateError, match=r"^template '\(lost card': `\(` at 1 is not closed by `\)`$"):
        train(spec({"card": ["(lost card"]}))


def test_left_out_scores_are_those_of_a_classifier_trained_without() -> None:
    random = np.random.default_rng(3)
    points = random.normal(size=(12, 4))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    kernel, labels = radial(points @ points.T, 2.0), np.arange(12) % 3
    groups = [np.array([0, 3]), *(np.array([row]) for row in (1, 2, *range(4, 12)))]
    quick = Ridge.fit(kernel, labels, 3).left_out(kernel, groups, groups)
    for group in groups:
        rest = np.setdiff1d(np.arange(12), group)
        slow = Ridge.fit(kernel[np.ix_(rest, rest)], labels[rest], 3).scores(kernel[np.ix_(group, rest)])
        assert quick[group] == pytest.approx(slow)


def test_logistic_stays_at_its_prior_without_data_and_follows_data() -> None:
    prior = np.array([0.5, -1.0])
    assert fit_logistic(np.zeros((0, 1)), np.zeros(0), np.zeros(0), prior, 1.0) == pytest.approx(prior)
    x = np.linspace(-2, 2, 400)
    fitted = fit_logistic(x[:, None], (x > 0.5).astype(float), np.ones(400), np.zeros(2), 0.01)
    assert -fitted[0] / fitted[1] == pytest.approx(0.5, abs=0.05)


def test_measures() -> None:
    assert auroc(np.array([2.0, 3.0]), np.array([1.0, 2.0])) == 0.875
    assert expected_calibration_error(np.array([0.9, 0.9]), np.array([True, False])) == pytest.approx(0.4)
    p = np.linspace(0.01, 1.0, 100)
    assert (p >= conformal_threshold(p)).mean() == pytest.approx(0.9, abs=0.02)


def test_the_curve_finds_the_threshold_for_a_budget() -> None:
    understanding = train(spec(TOPICS), HashEncoder())
    turns = [(text, name) for name, texts in TOPICS.items() for text in texts] + [
        (text, "") for text in background("en")[:60]
    ]
    found = curve([understanding.read([Spoken(text, 1.0)], ROUTE) for text, _ in turns], [label for _, label in turns])
    assert (found.turns, found.outside, found.accuracy) == (80, 60, 1.0)
    assert found.accept_within(0.0) is not None
    assert found.auroc == 1.0


def test_noise_is_repeatable_and_of_its_rate() -> None:
    text = "please tell me whether the fee for the transfer to my new card was charged"
    lexicon = sound_neighbours([text, "far free fear form them to too two there their"])
    assert noised(text, "en", 0.3, lexicon, 1) == noised(text, "en", 0.3, lexicon, 1) != text
    assert noised(text, "en", 0.0, lexicon) == text
    heard = noised("我的卡被多扣了一笔手续费请帮我查一下", "zh", 0.3, {}, 1)
    assert heard != "我的卡被多扣了一笔手续费请帮我查一下"


@pytest.mark.parametrize(
    ("text", "language"),
    [("uh huh", "en"), ("Mm-hmm.", "en"), ("okay", "en"), ("嗯嗯", "zh"), ("哦", "zh"), ("嗯，对", "zh")],
)
def test_back_channels(text: str, language: str) -> None:
    assert is_backchannel(text, language)


@pytest.mark.parametrize(
    ("text", "language"), [("no", "en"), ("okay but why", "en"), ("", "en"), ("不对", "zh"), ("转人工", "zh")]
)
def test_turns_are_no_back_channels(text: str, language: str) -> None:
    assert not is_backchannel(text, language)


def test_anger_grows_with_words_failures_and_loudness() -> None:
    assert anger_score(0.0) < 0.05
    assert anger_score(0.65) < anger_score(0.65, failures=3) < anger_score(0.65, failures=3, loudness_dbfs=-10)
    assert anger_score(0.85) >= 0.7
    assert anger_score(0.0, failures=6, loudness_dbfs=0) < 0.5
