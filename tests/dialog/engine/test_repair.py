# ruff: noqa: E501 - hotlines in one line read best here
"""Repair (rules 5 to 11) on small hotlines and on the payments example."""

from __future__ import annotations

import pytest
from tests_talk import HOTLINE, Talk, example, program_of

from ivr.dialog import events as ev

FORM = """
flow: main
slots:
  size: {type: number, range: [1, 20], check: size != 13, prompts: {ask: {en: Which size?, zh: 几号？}, retry: {en: The size?, zh: 几号？}, help: {en: From one to twenty., zh: 一到二十。}, invalid: {en: Not that size., zh: 没有。}}}
  day: {type: date, prompts: {ask: {en: Which day?, zh: 哪天？}}}
  deliver: {type: yes_no, prompts: {ask: {en: Deliver it?, zh: 送货吗？}}}
steps:
  - {id: form, ask: [size, day], confirm: {say: {en: "{{ size }} on {{ day }}?", zh: "{{ size }}，{{ day }}？"}}}
  - {id: price, call: shop.price, with: {size: "{{ size }}"}, save: {price: "{{ result.price }}"}}
  - {id: deliver, ask: deliver}
  - {id: order, call: shop.order, with: {size: "{{ size }}"}, commit: true}
  - {id: more, ask: again}
  - {id: bye, say: {en: Bye., zh: 再见。}}
"""
AGAIN = "  again: {type: yes_no, prompts: {ask: {en: Again?, zh: 再来？}}}\nsteps:"
ACTIONS = """
actions:
  shop.price: {http: GET, url: "http://shop/{{ size }}", args: [size], returns: {price: number}}
  shop.order: {http: POST, url: "http://shop/", args: [size], returns: {number: digits}, idempotency: "{{ call.id }}"}
"""
ROUTE = """
flow: main
steps:
  - {id: topic, route: {prompts: {ask: {en: What?, zh: 什么？}, retry: {en: Again?, zh: 再说？}, help: {en: "Say {{ titles | join(' or ') }}.", zh: 请说。}}}}
"""


def flow(name: str, *, interrupt: str = "allow", dtmf: str = "", extra: str = "") -> str:
    key = f', dtmf: "{dtmf}"' if dtmf else ""
    return f"""
flow: {name}
interrupt: {interrupt}
trigger: {{title: {{en: {name} it, zh: {name}}}, examples: {{en: [{name}], zh: [{name}]}}{key}}}
slots: {{ok: {{type: yes_no, prompts: {{ask: {{en: "{name} now?", zh: "{name}？"}}}}}}}}
{extra}
steps: [{{id: ask, ask: ok}}, {{say: {{en: "{name} done.", zh: 好。}}}}, {{end: {{outcome: resolved}}}}]
"""


def form() -> Talk:
    return Talk(program_of({"main": FORM.replace("steps:", AGAIN, 1), "actions.yaml": ACTIONS}))


def routed(**flows: str) -> Talk:
    chosen = flows or {name: flow(name) for name in ("buy", "sell", "swap")}
    return Talk(program_of({"main": ROUTE, **chosen}))


class TestForm:
    def test_several_slots_in_one_breath(self) -> None:
        talk = form().fill(size=12, day="2026-11-25")
        assert talk.at == "main/form:confirm"
        assert talk.said[0].startswith("twelve on ")

    def test_another_slot_of_the_form_is_taken_and_the_asked_one_asked_again(self) -> None:
        talk = form().fill(day="2026-11-25")
        assert (talk.at, talk.said) == ("main/form", ["Which size?"])
        assert talk.slots() == {"day": "2026-11-25"}

    def test_a_bare_no_asks_which_part_is_wrong(self) -> None:
        talk = form().fill(size=12, day="2026-11-25").no()
        assert talk.said == ["Which part is wrong? Please say the right value."]
        talk.fill(size=14)
        assert talk.slots()["size"] == 14
        assert talk.at == "main/form:confirm"

    @pytest.mark.parametrize(
        ("words", "asked"), [("the size", "size"), ("日期不对", "day"), ("no the day is wrong", "day")]
    )
    def test_the_wrong_part_may_be_named(self, words: str, asked: str) -> None:
        """In answer to "which part", or with the no."""
        talk = form().fill(size=12, day="2026-11-25").no()
        talk.hear(ev.Reading("other", None, 0.9, text=words))
        assert "8 correct: part named" in talk.rules
        assert asked not in talk.slots()
        assert talk.at == "main/form"
        talk = form().fill(size=12, day="2026-11-25")
        talk.hear(ev.Reading("no", None, 0.95, text=words), ev.Reading("other", None, 0.05, text=words))
        assert asked not in talk.slots()

    @pytest.mark.parametrize("words", ["all of it", "the size and the day", ""])
    def test_words_that_name_no_part_or_two(self, words: str) -> None:
        talk = form().fill(size=12, day="2026-11-25").no()
        talk.hear(ev.Reading("other", None, 0.9, text=words))
        assert set(talk.slots()) == {"size", "day"}
        assert "9 fail: nomatch 1" in talk.rules

    def test_no_with_the_right_value_corrects(self) -> None:
        talk = form().fill(size=12, day="2026-11-25")
        talk.hear(ev.Reading("no", None, 0.95), ev.Reading("correct", 15, 0.95, "size", "no fifteen", (3, 10)))
        assert talk.slots()["size"] == 15
        assert talk.at == "main/form:confirm"
        assert "8 correct" in talk.rules

    def test_a_correction_later_goes_back_and_fetches_again(self) -> None:
        talk = form().fill(size=12, day="2026-11-25").yes().answer(price=3)
        assert talk.at == "main/deliver"
        talk.hear(ev.Reading("correct", 15, 0.95, "size", "no size fifteen"))
        assert talk.at == "main/form:confirm", "the form is read back again"
        assert "price" not in talk.state.values
        talk.yes()
        assert talk.last(ev.CallAction).args == {"size": 15}

    def test_behind_a_commit_it_is_too_late(self) -> None:
        talk = form().fill(size=12, day="2026-11-25").yes().answer(price=3).yes().answer(number="1")
        assert talk.at == "main/more"
        talk.hear(ev.Reading("correct", 15, 0.99, "size", "no fifteen"))
        assert talk.slots()["size"] == 12

    @pytest.mark.parametrize("value", [0, 21, 13])
    def test_out_of_range_and_failed_checks_are_invalid(self, value: int) -> None:
        talk = form().fill(size=value)
        assert (talk.at, talk.said) == ("main/form", ["Not that size."])
        assert "9 fail: invalid 1" in talk.rules

    def test_an_unsure_value_of_a_form_is_taken_because_it_is_read_back(self) -> None:
        talk = form().fill(0.6, size=12)
        assert talk.slots() == {"size": 12}

    def test_two_likely_values_are_offered(self) -> None:
        talk = form().hear(ev.Reading("fill", 14, 0.5, "size", "fourteen"), ev.Reading("fill", 4, 0.45, "size", "four"))
        assert (talk.at, talk.said) == ("main/form:choose", ["Do you mean fourteen, or four?"])
        assert talk.last(ev.Listen).expectation.choices == ("14", "4")
        talk.hear(ev.Reading("choose", 1, 0.95))
        assert talk.slots() == {"size": 4}

    def test_a_refused_value_is_not_offered_again(self) -> None:
        talk = Talk(
            program_of(
                {
                    "main": FORM.replace("ask: [size, day], confirm:", "ask: size, tags: [], catch: {}, confirm:")
                    .replace(
                        'confirm: {say: {en: "{{ size }} on {{ day }}?", zh: "{{ size }}，{{ day }}？"}}',
                        "confirm: auto",
                    )
                    .replace("steps:", AGAIN, 1),
                    "actions.yaml": ACTIONS,
                }
            )
        )
        talk.fill(0.6, size=12)
        assert (talk.at, talk.said) == ("main/form:confirm", ["twelve, is that right?"])
        talk.no()
        assert (talk.at, talk.said) == ("main/form", ["The size?"])
        talk.fill(0.9, size=12)
        assert talk.slots() == {}, "it has just been refused"


class TestLadder:
    def test_one_count_for_all_failures(self) -> None:
        talk = form().silence()
        assert talk.said == ["The size?"]
        talk.mumble()
        assert talk.said == ["From one to twenty."]
        talk.fill(size=99)
        assert talk.last(ev.Handover).reason == "no_match"

    def test_success_resets_the_count(self) -> None:
        talk = form().silence().mumble().fill(size=12)
        assert talk.at == "main/form"
        assert talk.silence().said == ["Sorry, I did not catch that.", "Which day?"]

    def test_a_rung_with_keys_only_becomes_a_menu(self) -> None:
        rungs = "catch: {nomatch: [{reprompt: retry}, {listen: {modes: [dtmf]}}]}\nsteps:"
        talk = Talk(
            program_of({"main": ROUTE.replace("steps:", rungs), "buy": flow("buy"), "sell": flow("sell", dtmf="7")})
        )
        talk.mumble().mumble()
        assert talk.said == ["To buy it, press one.", "To sell it, press seven."]
        listen = talk.last(ev.Listen)
        assert listen.settings.modes == ("dtmf",)
        assert dict(listen.expectation.keys) == {"1": "buy", "7": "sell"}
        assert talk.keys("7").at == "sell/ask"

    def test_set_may_answer_the_question(self) -> None:
        flow_ = "flow: main\nslots: {go: {type: yes_no, prompts: {ask: {en: Go?, zh: 走？}}}}\nsteps: [{ask: go, catch: {noinput: {set: {go: true}}}}, {say: {en: Going., zh: 走。}}]"
        talk = Talk(program_of({"main": flow_})).silence()
        assert talk.said == ["Going."]

    def test_failures_in_the_call_are_limited(self) -> None:
        limits = "hotline: demo\nschema: 1\nlanguages: [en]\nentry: {inbound: main}\ndefaults: {limits: {failures: 2}}\nqueues: {q: {skills: [], hours: 24/7, timezone: Asia/Shanghai}}\n"
        text = "flow: main\nslots: {a: {type: number, prompts: {ask: {en: A?}}}}\ncatch: {noinput: {reprompt: ask}}\nsteps: [{ask: a}]"
        talk = Talk(program_of({"main": text}, limits)).silence().silence()
        assert talk.last(ev.Handover).reason == "limit"

    def test_without_queues_the_last_rung_ends_the_call(self) -> None:
        bare = "hotline: demo\nschema: 1\nlanguages: [en]\nentry: {inbound: main}\n"
        text = "flow: main\nslots: {a: {type: number, prompts: {ask: {en: A?}}}}\nsteps: [{ask: a}]"
        talk = Talk(program_of({"main": text}, bare)).silence().silence().silence()
        assert talk.last(ev.End) == ev.End("failed", "no_input")
        assert talk.said == ["I am sorry, we have a technical problem. Please call again later."]


class TestRoute:
    def test_bands(self) -> None:
        assert routed().intent("buy", 0.9).at == "buy/ask"
        talk = routed().intent("buy", 0.7, candidates=("buy",))
        assert (talk.at, talk.said) == ("main/topic:confirm", ["You want to buy it, right?"])
        assert talk.yes().at == "buy/ask"
        assert routed().intent("buy", 0.7, candidates=("buy",), in_scope=0.1).said == ["Again?"]
        assert routed().intent("buy", 0.3, in_scope=0.2).said == ["Again?"]

    def test_a_or_b(self) -> None:
        both = (ev.Reading("intent", "buy", 0.5), ev.Reading("intent", "sell", 0.4))
        talk = routed().hear(*both, candidates=("buy", "sell"), in_scope=0.9)
        assert (talk.at, talk.said) == ("main/topic:choose", ["Do you mean buy it, or sell it?"])
        assert talk.keys("2").at == "sell/ask"

    def test_neither_of_the_two(self) -> None:
        both = (ev.Reading("intent", "buy", 0.5), ev.Reading("intent", "sell", 0.4))
        talk = routed().hear(*both, candidates=("buy", "sell"), in_scope=0.9).no()
        assert (talk.at, talk.said) == ("main/topic", ["What?"])

    def test_three_candidates_ask_for_more_and_then_for_one_of_two(self) -> None:
        three = [ev.Reading("intent", name, p) for name, p in (("buy", 0.3), ("sell", 0.3), ("swap", 0.2))]
        talk = routed().hear(*three, candidates=("buy", "sell", "swap"), in_scope=0.9)
        assert (talk.at, talk.said) == ("main/topic:more", ["Could you say a little more about that?"])
        talk.hear(*three, candidates=("buy", "sell", "swap"), in_scope=0.9)
        assert talk.at == "main/topic:choose"

    def test_a_refused_intent_is_not_asked_again(self) -> None:
        talk = routed().intent("buy", 0.7, candidates=("buy",)).no()
        assert talk.at == "main/topic"
        assert talk.intent("buy", 0.7, candidates=("buy",)).at == "main/topic"
        assert "9 fail: nomatch 1" in talk.rules


class TestDigression:
    def test_and_return(self) -> None:
        talk = routed().intent("buy").intent("sell")
        assert talk.at == "sell/ask"
        talk.yes()
        assert (talk.at, talk.said) == ("buy/ask", ["sell done.", "Back to where we were.", "buy now?"])

    def test_asking_for_what_waits_below_goes_back_there(self) -> None:
        talk = routed().intent("buy").intent("sell").intent("buy")
        assert talk.at == "buy/ask"
        assert len(talk.state.frames) == 2

    def test_interrupt_confirm(self) -> None:
        talk = routed(buy=flow("buy", interrupt="confirm"), sell=flow("sell")).intent("buy").intent("sell")
        assert (talk.at, talk.said) == ("buy/ask:confirm", ["Shall we leave this and sell it?"])
        assert talk.no().said == ["buy now?"]
        assert talk.intent("sell").yes().at == "sell/ask"

    def test_interrupt_deny(self) -> None:
        talk = routed(buy=flow("buy", interrupt="deny"), sell=flow("sell")).intent("buy").intent("sell")
        assert (talk.at, talk.said) == ("buy/ask", ["Let us finish this first.", "buy now?"])

    def test_depth_is_limited(self) -> None:
        names = ("buy", "sell", "swap", "lend", "rent")
        talk = routed(**{name: flow(name) for name in names})
        for name in names:
            talk.intent(name)
        assert talk.at == "lend/ask"
        assert talk.said == ["One thing at a time: let us finish this first.", "lend now?"]

    def test_the_outcome_of_a_digression_does_not_count(self) -> None:
        talk = routed().intent("buy").intent("sell").yes()
        assert talk.state.outcome == ""
        talk.yes()
        assert talk.last(ev.End).outcome == "resolved"

    def test_a_flow_switched_off_goes_to_a_human(self) -> None:
        flows = {name: flow(name) for name in ("buy", "sell")}
        talk = Talk(program_of({"main": ROUTE, **flows}), overlay={"off": ["buy"]})
        assert talk.intent("buy").last(ev.Handover).reason == "system_error"

    def test_rollout_opens_a_flow_for_a_share_of_the_callers(self) -> None:
        program = program_of({"main": ROUTE, "buy": flow("buy").replace("interrupt: allow", "rollout: 50%")})
        entered = sum(Talk(program, caller=str(n)).intent("buy").at == "buy/ask" for n in range(200))
        assert 70 < entered < 130
        again = sum(Talk(program, caller=str(n)).intent("buy").at == "buy/ask" for n in range(200))
        assert again == entered


class TestCommands:
    def test_repeat_is_slower_the_second_time(self) -> None:
        talk = routed()
        assert [talk.command("repeat").last(ev.Say).rate for _ in range(2)] == [1.0, 0.85]
        assert talk.said == ["What?"]

    def test_slower_stays(self) -> None:
        talk = routed().command("slower")
        assert talk.last(ev.Say).rate == 0.85
        assert talk.intent("buy").last(ev.Say).rate == 0.85

    def test_back_leaves_the_flow(self) -> None:
        talk = routed().intent("buy").intent("sell").command("back")
        assert (talk.at, talk.said) == ("buy/ask", ["All right.", "buy now?"])
        assert talk.command("back").at == "main/topic"
        assert talk.command("back").at == "main/topic"

    def test_wait_gives_a_minute(self) -> None:
        talk = routed().command("wait")
        assert talk.said == ["Take your time."]
        assert talk.last(ev.Listen).settings.start_timeout_ms == 60_000

    def test_help_is_no_failure(self) -> None:
        talk = routed().command("help")
        assert talk.said == ["Say buy it or sell it or swap it."]
        assert talk.state.failures == 0

    def test_start_over(self) -> None:
        talk = routed().intent("buy").intent("sell").command("start_over")
        assert (talk.at, talk.said) == ("main/topic", ["All right, from the beginning.", "What?"])

    def test_goodbye(self) -> None:
        talk = routed().command("goodbye")
        assert talk.last(ev.End).outcome == "abandoned"
        assert talk.said == ["Thank you for calling. Goodbye."]

    def test_language(self) -> None:
        talk = routed().command("language", language="zh")
        assert talk.said == ["好的，我们说中文。", "什么？"]
        assert talk.last(ev.Listen).expectation.language == "zh"
        assert talk.command("language").last(ev.Listen).expectation.language == "en"

    def test_an_agent_is_always_reached(self) -> None:
        talk = routed().intent("buy").command("agent")
        assert talk.last(ev.Handover).reason == "asked"
        assert talk.last(ev.Handover).queue == "default"

    def test_the_designer_may_catch_any(self) -> None:
        caught = ROUTE.replace(
            "steps:", "catch: {command.goodbye: {say: {en: Not yet., zh: 别走。}, reprompt: ask}}\nsteps:"
        )
        talk = Talk(program_of({"main": caught, "buy": flow("buy")})).command("goodbye")
        assert (talk.at, talk.said) == ("main/topic", ["Not yet.", "What?"])


class TestBandsOfCommandsAndValues:
    def test_a_likely_command_is_taken_when_nothing_is_likelier(self) -> None:
        assert routed().hear(ev.Reading("command", "agent", 0.7)).last(ev.Handover).reason == "asked"
        both = (ev.Reading("command", "goodbye", 0.7), ev.Reading("intent", "buy", 0.9))
        assert routed().hear(*both).at == "buy/ask"
        assert routed().hear(ev.Reading("command", "goodbye", 0.6)).at == "main/topic"

    def test_confirm_never_always_implicit(self) -> None:
        def one_slot(rule: str) -> Talk:
            slot = f"{{type: number, confirm: {rule}, prompts: {{ask: {{en: N?}}, confirm: {{en: '{{{{ n }}}}?'}}}}}}"
            return Talk(
                program_of(
                    {
                        "main": f"flow: main\nslots: {{n: {slot}}}\nsteps: [{{ask: n}}, {{say: {{en: 'So {{{{ n }}}}.'}}}}]"
                    }
                )
            )

        assert one_slot("never").fill(0.55, n=4).said == ["So four."]
        assert one_slot("auto").fill(0.55, n=4).said == ["four?"]
        assert one_slot("auto").fill(0.9, n=4).said == ["So four."]
        assert one_slot("always").fill(0.99, n=4).said == ["four?"]
        assert one_slot("implicit").fill(0.9, n=4).said == ["four.", "So four."]

    def test_no_fourteen_inside_the_confirm_of_a_slot(self) -> None:
        slot = "{type: number, confirm: always, prompts: {ask: {en: N?}, confirm: {en: '{{ n }}?'}}}"
        talk = Talk(
            program_of(
                {"main": f"flow: main\nslots: {{n: {slot}}}\nsteps: [{{ask: n}}, {{say: {{en: 'So {{{{ n }}}}.'}}}}]"}
            )
        )
        talk.fill(n=40)
        talk.hear(ev.Reading("no", None, 0.9), ev.Reading("fill", 14, 0.9, "n", "no fourteen", (3, 11)))
        assert talk.said == ["fourteen?"]
        assert talk.yes().said == ["So fourteen."]


class TestChoice:
    SLOT = "{type: choice, options: [{value: 5, en: [good]}, {value: 1, dtmf: '9', en: [bad]}], prompts: {ask: {en: How?}}}"

    def choice(self) -> Talk:
        text = f"flow: main\nslots: {{c: {self.SLOT}}}\ncatch: {{nomatch: {{listen: {{modes: [dtmf]}}}}}}\nsteps: [{{ask: c}}, {{say: {{en: 'So {{{{ c }}}}.'}}}}]"
        return Talk(program_of({"main": text}))

    def test_by_voice_and_key(self) -> None:
        assert self.choice().fill(c=5).said == ["So five."]
        assert self.choice().keys("9").said == ["So one."]
        assert self.choice().keys("1").said == ["So five."]
        assert self.choice().keys("7").last(ev.Listen).settings.modes == ("dtmf",)

    def test_as_a_menu(self) -> None:
        assert self.choice().mumble().said == ["For good, press one.", "For bad, press nine."]


def test_the_language_of_the_first_turn_is_kept() -> None:
    talk = routed().hear(ev.Reading("intent", "buy", 0.9), language="zh")
    assert talk.last(ev.Listen).expectation.language == "zh"
    assert talk.hear(ev.Reading("yes", None, 0.9), language="en").state.language == "zh"


def test_too_long_a_speech_is_a_failure() -> None:
    talk = routed().send(ev.MaxSpeech(9))
    assert talk.said == ["Again?"]
    assert talk.state.failures == 1


class TestKeys:
    def test_typed_ahead(self) -> None:
        talk = Talk(example(), language="en")
        talk.answer(vip=False, guesses=[{"intent": "dispute", "p": 0.8}])
        talk.keys("11")
        assert talk.at == "dispute/details"

    def test_digits_of_a_slot_and_the_agent_key(self) -> None:
        talk = (
            Talk(example(), language="en")
            .answer(vip=False, guesses=[{"intent": "dispute", "p": 0.8}])
            .keys("1")
            .keys("1")
        )
        assert talk.last(ev.Listen).expectation.key_length == (4, 4)
        talk.keys("4412")
        assert talk.slots()["card_last4"] == "4412"
        assert talk.keys("0").last(ev.Handover).reason == "asked"

    def test_a_wrong_number_of_digits_is_invalid(self) -> None:
        talk = (
            Talk(example(), language="en")
            .answer(vip=False, guesses=[{"intent": "dispute", "p": 0.8}])
            .keys("1")
            .keys("1")
        )
        assert talk.keys("44").said == ["I need four digits."]

    def test_money_and_dates_by_key(self) -> None:
        talk = (
            Talk(example(), language="en")
            .answer(vip=False, guesses=[{"intent": "dispute", "p": 0.8}])
            .keys("1")
            .keys("1")
        )
        talk.keys("4412").keys("1121").keys("15*5")
        assert talk.slots() == {"card_last4": "4412", "txn_date": "2026-11-21", "amount": 15.5}
        assert talk.at == "dispute/details:confirm"


class TestAnger:
    def test_once_a_call(self) -> None:
        furious = ev.Reading("anger", 0.95, 0.95, text="x", detail={"lexical": 0.95})
        talk = routed().hear(furious)
        assert talk.last(ev.Handover).priority == "high"
        assert talk.last(ev.Handover).reason == "anger"
        assert talk.state.raised.count("anger") == 1


class TestGivingUp:
    """ "Never mind, no refund": the flow is left where a no would only ask which part is wrong."""

    OPEN = """
flow: open
steps:
  - id: topic
    route: {prompts: {ask: {en: What is it?, zh: 请说。}, choose: {en: "{{ a }} or {{ b }}?", zh: "{{ a }}还是{{ b }}？"}, confirm: {en: "{{ title }}?", zh: "{{ title }}？"}}}
"""
    REFUND = """
flow: refund
trigger: {title: {en: get a refund, zh: 退款}, examples: {en: [refund], zh: [退款]}}
slots:
  amount: {type: number, prompts: {ask: {en: How much?, zh: 多少？}}}
  sure: {type: yes_no, prompts: {ask: {en: Are you sure?, zh: 确定吗？}}}
steps:
  - {id: form, ask: [amount], confirm: {say: {en: "{{ amount }}, right?", zh: "{{ amount }}，对吗？"}}}
  - {id: sure, ask: sure, next: [{if: sure, to: done}, {to: kept}]}
  - {id: done, say: {en: Refunded., zh: 已退。}, next: bye}
  - {id: kept, say: {en: Then not., zh: 那就不退。}}
  - {id: bye, end: {outcome: resolved}}
"""

    def talk(self) -> Talk:
        return Talk(program_of({"open": self.OPEN, "refund": self.REFUND}, HOTLINE.replace("main", "open")))

    def give_up(self, talk: Talk) -> Talk:
        return talk.hear(
            ev.Reading("command", "back", 0.95, text="never mind", detail={"gives_up": True}),
            ev.Reading("no", None, 0.9, text="never mind"),
        )

    def test_at_a_form_that_is_read_back(self) -> None:
        talk = self.give_up(self.talk().intent("refund").fill(amount=150))
        assert talk.at == "open/topic"
        assert talk.said == ["All right.", "What is it?"]

    def test_at_a_question_for_a_value(self) -> None:
        assert self.give_up(self.talk().intent("refund")).at == "open/topic"

    def test_a_yes_or_no_that_is_asked_for_is_a_no(self) -> None:
        talk = self.give_up(self.talk().intent("refund").fill(amount=150).yes())
        assert talk.said[0] == "Then not."

    def test_a_wish_that_is_asked_back_is_refused(self) -> None:
        talk = self.talk().intent("refund", 0.6, in_scope=0.9, candidates=("refund",))
        assert talk.at == "open/topic:confirm"
        talk = self.give_up(talk)
        assert (talk.at, talk.said) == ("open/topic", ["What is it?"])
