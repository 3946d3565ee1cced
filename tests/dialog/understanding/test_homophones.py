"""Chinese characters heard as others of the same sound are put right by the hotline's phrases for the encoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ivr.dialog.text.phonetics import pinyin_keys
from ivr.dialog.understanding import Understanding, UnderstandingSpec, train
from ivr.dialog.understanding.background import common_words
from ivr.dialog.understanding.homophones import Homophones

PHRASES = ("我要挂失银行卡", "银行卡丢了", "帮我查一下余额", "账户余额还有多少", "转账没有到账", "这笔转账不是我做的")
HOMOPHONES = Homophones.fit(PHRASES)


@pytest.mark.parametrize(
    ("heard", "mended"),
    [
        ("我要挂师", "我要挂失"), ("我的银杭卡不见了", "我的银行卡不见了"), ("于额多少", "余额多少"),
        ("我的 app 里转帐没有到帐", "我的 app 里转账没有到账"),
        # both characters of a word: the words around it settle it
        ("帮我查一下鱼鹅还有多少", "帮我查一下余额还有多少"),
    ],
)  # fmt: skip
def test_mended(heard: str, mended: str) -> None:
    assert HOMOPHONES.mend(heard) == mended


@pytest.mark.parametrize(
    "text",
    [*PHRASES, "今天天气真好", "我想听音乐", "hello 123", "", "我",
     "我要帐"],  # stands alone: no pair would become known
)  # fmt: skip
def test_left_as_it_is(text: str) -> None:
    assert HOMOPHONES.mend(text) == text


def test_a_character_the_phrases_have_must_fit_neither_neighbour() -> None:
    known = Homophones.fit(("是的", "四月", "好的"))
    assert known.mend("四的") == "四的"  # one pair does not pay for a character that is known
    assert known.mend("市的") == "是的"


@given(st.text("我要挂失师银卡余额于转账帐a1 ", max_size=20))
def test_what_is_mended_sounds_the_same_and_stays_mended(text: str) -> None:
    once = HOMOPHONES.mend(text)
    assert len(once) == len(text)
    assert all(a == b or pinyin_keys(a) == pinyin_keys(b) for a, b in zip(once, text, strict=True))
    assert HOMOPHONES.mend(once) == once


class Characters:
    """An encoder that sees which characters a text has, and remembers what it was given."""

    name = "characters"

    def __init__(self) -> None:
        self.read: list[str] = []

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.read += texts
        vectors = np.zeros((len(texts), 256), dtype=np.float32)
        for row, text in enumerate(texts):
            for char in text:
                vectors[row, ord(char) % 256] += 1
        return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))


def spec(language: str) -> UnderstandingSpec:
    intents = {"lost": PHRASES[:2], "balance": PHRASES[2:4], "transfer": PHRASES[4:]}
    return UnderstandingSpec((language,), {name: {language: texts} for name, texts in intents.items()})


def test_the_encoder_reads_what_is_mended_also_from_the_cache() -> None:
    encoder = Characters()
    trained = train(spec("zh"), encoder)
    kept = Understanding.from_bytes(trained.to_bytes(), encoder)
    for understanding in (trained, kept):
        encoder.read.clear()
        model = understanding.models["zh"]
        assert model is not None
        (right,), (heard,) = (model.read([text], encoder) for text in ("我要挂失卡", "我要卦失卡"))
        assert encoder.read == ["我要挂失卡", "我要挂失卡"]
        assert right.names[int(heard.p.argmax())] == "lost"


def test_other_languages_are_not_mended() -> None:
    model = train(spec("en"), Characters()).models["en"]
    assert model is not None and model.dense is not None and model.dense.homophones is None


def test_common_words_mend_what_no_phrase_has() -> None:
    words = common_words("zh")
    assert len(words) > 1000
    assert all(len(word) > 1 for word in words)
    assert common_words("en") == ()
    wide = Homophones.fit(PHRASES, words)
    assert wide.mend("为沈么转账没有到账") == "为什么转账没有到账"
    assert HOMOPHONES.mend("为沈么转账没有到账") == "为沈么转账没有到账"
    for word in words:
        assert wide.mend(word) == word
