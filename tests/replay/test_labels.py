"""What callers meant, read off real journals: calls of the payments line, held in memory."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from ivr.dialog.bundle import Bundle, build
from ivr.replay.labels import OpenTurn, open_questions, turns_of
from ivr.replay.runner import open_stored
from tests.fakes.stored import store_call

PAYMENTS = Path(__file__).resolve().parents[2] / "dialogs/payments"
INTENTS = {
    "that payment there": {"dispute": 0.7},
    "it is about my payments": {"dispute": 0.48, "transfer": 0.47},
    "the thing with the bank": {"blocked": 0.4, "fees": 0.35, "transfer": 0.33},
    "I was charged twice": {"dispute": 0.96},
    "my card was stolen": {"lost_card": 0.96},
    "no I mean my card was stolen": {"lost_card": 0.96},
    "what are your opening hours": {"opening_hours": 0.96},
    "mumble": {"fees": 0.1},
}
_numbers = itertools.count()


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return build(PAYMENTS)


@pytest.fixture
def talk(bundle: Bundle, tmp_path: Path):
    def hold(*said: str, language: str = "en") -> list[OpenTurn]:
        folder = store_call(bundle, ["yes", *said], tmp_path / f"call-{next(_numbers)}", language, INTENTS)
        return turns_of(folder.name, open_stored(folder).journal, open_questions(bundle))

    return hold


def _told(turn: OpenTurn) -> tuple[str, str, list[str], str]:
    return turn.did, turn.meant, turn.refused, turn.evidence


def test_routes_of_a_hotline(bundle: Bundle) -> None:
    assert open_questions(bundle) == {"welcome/topic"}


def test_a_yes_to_the_question_back(talk) -> None:
    (turn,) = talk("that payment there", "yes")
    assert _told(turn) == ("confirm", "dispute", [], "confirmed")
    assert (turn.spoken[0].text, turn.step, turn.language) == ("that payment there", "welcome/topic", "en")
    assert turn.right("dispute") is True
    assert turn.right("fees") is False


def test_a_no_tells_what_was_not_meant(talk) -> None:
    (turn,) = talk("that payment there", "no")
    assert _told(turn) == ("confirm", "", ["dispute"], "denied")
    assert turn.right("dispute") is False
    assert turn.right("fees") is None


def test_after_a_no_the_wish_is_told_by_what_comes_of_the_next_turn(talk) -> None:
    first, second = talk("that payment there", "no", "my card was stolen", "four four one two")
    assert _told(first) == ("confirm", "lost_card", ["dispute"], "denied")
    assert _told(second) == ("accept", "lost_card", [], "went on")


def test_a_no_with_what_was_meant(talk) -> None:
    (turn,) = talk("that payment there", "no I mean my card was stolen")
    assert _told(turn) == ("confirm", "lost_card", ["dispute"], "said instead")


def test_a_choice_of_two(talk) -> None:
    (turn,) = talk("it is about my payments", "the second one")
    assert _told(turn) == ("choose", "transfer", [], "chosen")


def test_neither_of_two(talk) -> None:
    (turn,) = talk("it is about my payments", "no")
    assert _told(turn) == ("choose", "", ["dispute", "transfer"], "denied")


def test_what_is_said_more_tells_of_what_was_said_before(talk) -> None:
    first, second = talk("the thing with the bank", "that payment there", "yes")
    assert (first.did, first.meant) == ("more", "dispute")
    assert (second.did, second.meant) == ("confirm", "dispute")


def test_a_flow_that_gets_its_answer_was_meant(talk) -> None:
    (turn,) = talk("I was charged twice", "fifteen yuan")
    assert _told(turn) == ("accept", "dispute", [], "went on")


def test_leaving_a_flow_for_another_at_its_first_question(talk) -> None:
    (turn,) = talk("I was charged twice", "no I mean my card was stolen", "yes")
    assert _told(turn) == ("accept", "lost_card", ["dispute"], "said instead")


def test_going_back_at_once(talk) -> None:
    (turn,) = talk("I was charged twice", "go back")
    assert _told(turn) == ("accept", "", ["dispute"], "left")


def test_an_answer_that_was_heard_out(talk) -> None:
    (turn,) = talk("what are your opening hours", "yes")
    assert _told(turn) == ("accept", "opening_hours", [], "went on")


@pytest.mark.parametrize("said", [("I was charged twice",), ("mumble", "mumble"), ("I was charged twice", "agent")])
def test_where_nothing_tells_there_is_no_label(talk, said: tuple[str, ...]) -> None:
    for turn in talk(*said):
        assert (turn.meant, turn.refused, turn.evidence) == ("", [], "")


def test_commands_are_no_turns_to_calibrate_with(talk) -> None:
    assert talk("repeat") == []


def test_masked_turns_are_left_out(bundle: Bundle, tmp_path: Path) -> None:
    folder = store_call(bundle, ["yes", "my card was stolen"], tmp_path / "masked", "en", INTENTS)
    journal = folder / "journal.jsonl"
    masked = journal.read_text(encoding="utf-8").replace("my card was stolen", "•• •••• ••• ••••••")
    journal.write_text(masked, encoding="utf-8")
    assert turns_of("masked", open_stored(folder).journal, open_questions(bundle)) == []


def test_any_cut_of_a_journal_is_read(bundle: Bundle, tmp_path: Path) -> None:
    """A node that was killed leaves what it had written."""
    folder = store_call(bundle, ["yes", "that payment there", "yes", "fifteen yuan"], tmp_path / "cut", "en", INTENTS)
    journal, routes = open_stored(folder).journal, open_questions(bundle)
    labels = [len(turns_of("cut", journal[:size], routes)) for size in range(len(journal) + 1)]
    assert labels == sorted(labels)
    assert labels[-1] == 1
