"""Rules of the language on flows of their own: what no other module here asks for."""

from __future__ import annotations

import pytest
from tests_talk import HOTLINE, Talk, program_of

from ivr.dialog import events as ev

FORM = """
flow: main
resume: {en: "Now, back to your booking.", zh: 回到预订。}
slots:
  people: {type: number, range: [1, 20], prompts: {ask: {en: How many?, zh: 几位？}}}
  day: {type: date, prompts: {ask: {en: Which day?, zh: 哪天？}}}
  ok: {type: yes_no, prompts: {ask: {en: Book it?, zh: 订吗？}}}
steps:
  - {id: form, ask: [people, day]}
  - {id: ok, ask: ok}
  - {say: {en: Done., zh: 好了。}}
"""
HOURS = """
flow: hours
trigger: {title: {en: hear our hours, zh: 问时间}, examples: {en: [opening hours], zh: [几点开门]}}
steps: [{say: {en: From nine to five., zh: 九点到五点。}}, {end: {outcome: resolved}}]
"""
LONG = """
flow: long
trigger: {title: {en: change a dish, zh: 换菜}, examples: {en: [change a dish], zh: [换菜]}}
slots:
  dish: {type: number, prompts: {ask: {en: Which dish?, zh: 哪个菜？}}}
steps: [{id: dish, ask: dish}, {id: inner, run: inner}, {end: {}}]
"""
ACTIONS = 'actions: {put: {http: POST, url: "http://b/", args: [], returns: {a: number}, idempotency: "{{ call.id }}"}}'
INNER = """
flow: inner
slots: {spicy: {type: yes_no, prompts: {ask: {en: Spicy?, zh: 辣吗？}}}}
steps: [{id: spicy, ask: spicy}]
"""


def booking(hotline: str = HOTLINE) -> Talk:
    return Talk(program_of({"main": FORM, "hours": HOURS, "long": LONG, "inner": INNER}, hotline))


class TestDigression:
    def test_the_flows_own_resume_prompt_and_the_slots_kept(self) -> None:
        talk = booking().fill(people=4).intent("hours")
        assert talk.said == ["From nine to five.", "Now, back to your booking.", "Which day?"]
        assert talk.slots() == {"people": 4}

    def test_back_goes_out_of_each_flow_in_turn(self) -> None:
        talk = booking().fill(people=4).intent("long").fill(dish=3)
        assert talk.at == "inner/spicy"
        assert talk.command("back").at == "long/dish", "the step that ran it asks again, not the run itself"
        assert talk.command("back").at == "main/form"
        assert talk.slots() == {"people": 4}

    def test_back_out_of_a_flow_that_only_ran_another(self) -> None:
        shell = LONG.replace("{id: dish, ask: dish}, ", "")
        talk = Talk(program_of({"main": FORM, "long": shell, "inner": INNER})).intent("long")
        assert talk.at == "inner/spicy"
        assert talk.command("back").at == "main/form"

    def test_back_behind_a_commit_does_not_do_it_twice(self) -> None:
        text = LONG.replace(
            "{id: inner,", "{id: do, call: put, save: {a: '{{ result.a }}'}, commit: true}, {id: inner,"
        )
        talk = Talk(program_of({"main": FORM, "long": text, "inner": INNER, "actions.yaml": ACTIONS}))
        talk.intent("long").fill(dish=3).answer(a=1)
        assert talk.command("back").at == "inner/spicy"

    def test_inside_another_language(self) -> None:
        talk = booking().fill(people=4).command("language", language="zh")
        assert talk.at == "main/form"
        assert talk.said[-1] == "哪天？"
        assert talk.slots() == {"people": 4}
        assert talk.intent("hours").said == ["九点到五点。", "回到预订。", "哪天？"]


class TestLadder:
    TEXT = """
flow: main
slots:
  n: {type: number, range: [1, 5], prompts: {ask: {en: N?}, retry: {en: "N, please?"}, help: {en: One to five.}}}
catch:
  noinput: [{reprompt: retry}, {reprompt: help, listen: {start_timeout: 9s}}, {say: {en: Silent three times.}, end: {}}]
  nomatch: [{reprompt: retry}, {reprompt: help, listen: {max_speech: 4s}}, {say: {en: Unclear three times.}, end: {}}]
  invalid: [{reprompt: retry}, {reprompt: help}, {say: {en: Wrong three times.}, end: {}}]
steps: [{ask: n, listen: {start_timeout: 3s}}]
"""

    def talk(self) -> Talk:
        return Talk(program_of({"main": self.TEXT}))

    def test_listen_of_the_rung_from_then_on(self) -> None:
        talk = self.talk()
        assert talk.last(ev.Listen).settings.start_timeout_ms == 3000
        assert talk.silence().last(ev.Listen).settings.start_timeout_ms == 3000
        listen = talk.silence().last(ev.Listen).settings
        assert (listen.start_timeout_ms, listen.end_silence_ms) == (9000, 700), "merged key by key"

    @pytest.mark.parametrize(("last", "said"), [("silence", "Silent"), ("mumble", "Unclear"), ("wrong", "Wrong")])
    def test_the_event_picks_the_words_and_the_one_count_the_rung(self, last: str, said: str) -> None:
        talk = self.talk().mumble().silence()
        {"silence": talk.silence, "mumble": talk.mumble, "wrong": lambda: talk.fill(n=9)}[last]()
        assert talk.said[0].startswith(said)
        assert talk.phase == "ended"

    def test_a_new_visit_counts_anew_and_the_call_goes_on_counting(self) -> None:
        talk = booking().silence().fill(people=4).silence()
        assert "9 fail: noinput 1" in talk.rules
        assert talk.state is not None
        assert talk.state.failures == 2


class TestHotword:
    def test_is_passed_on_to_the_ears(self) -> None:
        text = "flow: main\nslots: {a: {type: yes_no, prompts: {ask: {en: A?}}}}\nsteps: [{ask: a, listen: {barge_in_type: hotword, hotwords: [stop it]}}]"  # noqa: E501
        settings = Talk(program_of({"main": text})).last(ev.Listen).settings
        assert (settings.barge_in_type, settings.hotwords) == ("hotword", ("stop it",))


class TestLimits:
    def test_turns_and_what_comes_after(self) -> None:
        hotline = HOTLINE + "defaults: {limits: {turns: 3}}\n"
        talk = booking(hotline)
        for _ in range(3):
            talk.command("repeat")
        assert talk.command("repeat").last(ev.Handover).reason == "limit"


class TestWait:
    def test_a_minute_once_then_as_before(self) -> None:
        talk = booking().command("wait")
        assert talk.last(ev.Listen).settings.start_timeout_ms == 60_000
        assert talk.fill(people=4).last(ev.Listen).settings.start_timeout_ms == 5000


class TestTypeAhead:
    def test_keys_while_the_backend_works_are_joined(self) -> None:
        text = "flow: main\nslots: {n: {type: digits, length: 4, prompts: {ask: {en: N?}}}}\nsteps: [{call: put, save: {a: '{{ result.a }}'}, commit: true}, {ask: n}, {say: {en: 'So {{ n | digits }}.'}}]"  # noqa: E501
        talk = Talk(program_of({"main": text, "actions.yaml": ACTIONS})).keys("44").keys("12").answer(a=1)
        assert talk.said[-1] == "So four four one two."
