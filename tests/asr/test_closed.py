"""Closed questions without models: what settles one, and whom to believe when two passes differ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ivr.asr.base import Hypothesis, RecogniserSpec, RecognitionRequest, Transcript, Word
from ivr.asr.closed import answers, closed_order, digits_in, settled
from ivr.asr.config import LanguagePasses, RecognitionConfig
from ivr.asr.constrained import is_loop, is_too_fast, last_cue, with_corrections
from ivr.asr.local import LocalRecognition
from ivr.asr.two_pass import join
from ivr.audio.frame import SAMPLE_RATE

DIGITS = RecognitionRequest("en", ("one", "two"), expects="digits", length=(4, 4))
ORDER = replace(DIGITS, length=(3, 16))
YES_NO = RecognitionRequest("en", ("yes", "no", "that's right"), expects="yes_no")
CHOICE = RecognitionRequest("en", ("nine", "twelve", "for"), expects="choice")


def heard(text: str, sure: float = 1.0, language: str = "en") -> Transcript:
    return Transcript((Hypothesis(text, sure),) if text else (), language, "vosk", True)


@pytest.mark.parametrize(
    ("request_", "text", "sure", "expected"),
    [
        (DIGITS, "four four one two", 1.0, True),
        (DIGITS, "four double one two", 1.0, True),
        (DIGITS, "four four one two", 0.89, False),
        (DIGITS, "four four one", 1.0, False),
        (DIGITS, "four [unk] one two two", 1.0, False),
        (DIGITS, "agent", 1.0, False),
        (DIGITS, "", 1.0, False),
        (YES_NO, "yes", 0.9, True),
        (YES_NO, "that's right", 0.95, True),
        (YES_NO, "yes no right", 1.0, False),
        (YES_NO, "[unk]", 1.0, False),
        (CHOICE, "nine", 1.0, False),
    ],
)
def test_what_settles_a_closed_question(request_: RecognitionRequest, text: str, sure: float, expected: bool) -> None:
    assert settled(heard(text, sure), request_) is expected


def test_one_or_two_digits_are_an_answer_but_settle_nothing() -> None:
    short = RecognitionRequest("en", ("one",), expects="digits", length=(1, 4))
    assert answers("seven", short)
    assert not settled(heard("seven"), short)
    assert not settled(heard("seven eight nine"), short)
    assert settled(heard("seven eight nine"), replace(short, length=(3, 3)))


@pytest.mark.parametrize(
    ("text", "language", "digits"),
    [
        ("four seven, no, four eight", "en", "48"),
        ("1,354,698", "en", "1354698"),
        ("double oh seven", "en", "007"),
        ("四四幺二", "zh", "4412"),
        ("四四一二，不对，四四一三", "zh", "4413"),
        ("hello", "en", ""),
    ],
)
def test_digits_in_a_text(text: str, language: str, digits: str) -> None:
    assert digits_in(text, language) == digits


def texts(first: Hypothesis, second: Hypothesis, request: RecognitionRequest) -> list[str]:
    return [reading.text for reading in closed_order((first,), (second,), request)]


@pytest.mark.parametrize(
    ("request_", "first", "second", "expected"),
    [
        (DIGITS, ("one two three", 1.0), ("1 2 3 4", 0.7), ["1 2 3 4", "one two three"]),
        (DIGITS, ("one two three four", 1.0), ("1 2 4", 0.7), ["one two three four", "1 2 4"]),
        (DIGITS, ("one two three nine", 1.0), ("1 2 3 4", 0.7), ["1 2 3 4", "one two three nine"]),
        (DIGITS, ("one two three four", 1.0), ("I do not have it", 0.8), ["I do not have it", "one two three four"]),
        (ORDER, ("one two three four", 1.0), ("1 2 4", 0.7), ["one two three four", "1 2 4"]),
        (ORDER, ("one two four", 1.0), ("1 2 3 4", 0.7), ["1 2 3 4", "one two four"]),
        (DIGITS, ("one [unk]", 1.0), ("Speak to an agent.", 0.8), ["Speak to an agent."]),
        (CHOICE, ("nine", 1.0), ("Hey.", 0.4), ["nine", "Hey."]),
        (CHOICE, ("nine", 1.0), ("nineteen", 0.7), ["nineteen", "nine"]),
        (CHOICE, ("for", 1.0), ("4", 0.8), ["for", "4"]),
        (CHOICE, ("nine", 0.5), ("wine", 0.5), ["nine", "wine"]),
        (CHOICE, ("nine twelve", 1.0), ("line", 0.3), ["line", "nine twelve"]),
    ],
)
def test_whom_to_believe(
    request_: RecognitionRequest, first: tuple[str, float], second: tuple[str, float], expected: list[str]
) -> None:
    assert texts(Hypothesis(*first), Hypothesis(*second), request_) == expected


def test_what_both_heard_is_one_reading_as_sure_as_the_surer() -> None:
    joined = join(heard("twelve", 1.0), heard("12", 0.6), CHOICE)
    assert [(one.text, one.confidence) for one in joined.hypotheses] == [("twelve", 1.0)]
    joined = join(heard("one two three four", 0.95), heard("1 2 3 4", 0.7), DIGITS)
    assert [(one.text, one.confidence) for one in joined.hypotheses] == [("1 2 3 4", 0.95)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("五三补对五九", "五三不对五九"),
        ("9-3 部队0-9", "9-3 不对0-9"),
        ("四四不对四三", "四四不对四三"),
        ("绝对一二", "绝对一二"),
    ],
)
def test_what_sounds_like_no_among_digits(text: str, expected: str) -> None:
    assert with_corrections(text) == expected


def test_digits_take_their_time() -> None:
    assert is_too_fast(6, 0.8)
    assert not is_too_fast(11, 2.2)


@pytest.mark.parametrize(
    ("text", "loop"),
    [
        ("2-3-4-4-4-4-4-4-", True),
        ("七五四,七五四,七五四,七五四,七五四", True),
        ("4 4 1 2", False),
        ("8 8 8 8", False),
        ("8 8 8 8 8 8 8 8", True),
    ],
)
def test_loops_of_digits(text: str, loop: bool) -> None:
    assert is_loop(text) is loop


@pytest.mark.parametrize(
    ("said", "expected"),
    [("one two three four", ["one two three four"]), ("one two", ["1 2 3 4", "one two"])],
)
def test_the_final_pass_runs_where_the_grammar_does_not_settle_it(said: str, expected: list[str]) -> None:
    engines = {
        "first": RecogniserSpec("scripted", {"script": [said]}, ("en",)),
        "second": RecogniserSpec("scripted", {"script": ["1 2 3 4"]}, ("en",)),
    }
    config = RecognitionConfig(engines, {"en": LanguagePasses("first", "second")})
    got: list[Transcript] = []
    local = LocalRecognition(config, lambda _, found: got.append(found), lambda _, reason: pytest.fail(reason))
    handle = local.open(DIGITS)
    handle.feed(np.zeros(SAMPLE_RATE, dtype=np.int16))
    handle.finish()
    final = [found for found in got if found.final]
    assert [[one.text for one in found.hypotheses] for found in final] == [expected]


@pytest.mark.parametrize(
    ("grammar", "free", "digits"),
    [
        ("know four seven nine four eight", "No, 47, not 48.", "47"),
        ("four eight know four seven", "4-8-0, 4-7", "47"),
        ("four eight nine four seven", "48947", "48947"),
    ],
)
def test_who_heard_a_correction_is_believed(grammar: str, free: str, digits: str) -> None:
    request = replace(DIGITS, length=(2, 8))
    ordered = closed_order((Hypothesis(grammar, 0.95),), (Hypothesis(free, 0.75),), request)
    assert digits_in(ordered[0].text, "en", (2, 8)) == digits


def test_the_last_word_that_takes_digits_back_is_found_with_its_time() -> None:
    words = tuple(Word(char, 100 * at, 100 * at + 100, 0.9) for at, char in enumerate("四包不对势四齐"))
    assert last_cue(Hypothesis("四包不对势四齐", 0.6, words), "zh") == ("四包不对", 400)
    said = tuple(Word(word, 300 * at, 300 * at + 300, 0.9) for at, word in enumerate(("48,", "no,", "4", "7")))
    assert last_cue(Hypothesis("48, no, 4 7", 0.6, said), "en") == ("48, no", 600)
    assert last_cue(Hypothesis("四八不对", 0.6, words[:4]), "zh") is None, "nothing follows"
    assert last_cue(Hypothesis("四包不对势四齐", 0.6), "zh") is None, "no times"
    assert last_cue(Hypothesis("四包不对后面齐", 0.6, words), "zh") is None, "a part"


def test_where_the_second_pass_hears_nothing_something_unknown_is_nothing() -> None:
    silent = Transcript((), "en", "whisper", True)
    assert join(heard("[unk]", 1.0), silent, YES_NO).hypotheses == ()
    assert join(heard("yes", 1.0), silent, YES_NO).text == "yes"
