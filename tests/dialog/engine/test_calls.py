# ruff: noqa: E501 - hotlines in one line read best here
"""Running, backend calls, hand-over, returns and the end (rules 1, 13 to 15); state as a value."""

from __future__ import annotations

import pytest
from tests_talk import HOTLINE, Talk, example, program_of

from ivr.dialog import events as ev
from ivr.dialog.codec import decode, decode_event, dumps, encode, loads
from ivr.dialog.engine import DialogState
from ivr.errors import InputError

ACTIONS = """
actions:
  get: {http: GET, url: "http://b/{{ x }}", args: [x], timeout: 2s, returns: {a: number}}
  put: {http: POST, url: "http://b/", args: [x], returns: {a: number}, idempotency: "{{ call.id }}-{{ x }}"}
"""
ASK = "{type: number, prompts: {ask: {en: N?, zh: N？}}}"


def talk(flow: str, hotline: str = HOTLINE, **more: str) -> Talk:
    return Talk(program_of({"main": flow, "actions.yaml": ACTIONS, **more}, hotline))


class TestRun:
    def test_a_loop_that_never_listens_is_cut(self) -> None:
        call = talk("flow: main\nsteps: [{id: a, set: {x: 1}, next: b}, {id: b, set: {x: 2}, next: a}]")
        assert call.last(ev.Handover).reason == "system_error"
        assert "1 run: 100 silent steps" in call.rules

    def test_skipped_steps_and_branches(self) -> None:
        flow = "flow: main\nsteps: [{id: s, set: {x: 1}}, {id: no, if: x > 1, say: {en: 'No.'}}, {id: b, next: [{if: x == 1, to: y}, {to: z}]}, {id: z, say: {en: Z.}}, {id: y, say: {en: Y.}}]"
        call = talk(flow.replace("'No.'", '"No."'))
        assert call.said == ["Y."]
        assert call.last(ev.End) == ev.End("resolved", "")

    def test_run_with_arguments_and_result(self) -> None:
        main = "flow: main\nsteps: [{run: sub, with: {who: Ann}, save: {n: '{{ result.n }}'}}, {say: {en: 'Got {{ n }}.'}}]"
        sub = f"flow: sub\nargs: {{who: text}}\nslots: {{n: {ASK}}}\nsteps: [{{say: {{en: 'Hi {{{{ who }}}}.'}}}}, {{ask: n}}]"
        call = talk(main, sub=sub)
        assert call.said == ["Hi Ann.", "N?"]
        assert call.fill(n=7).said == ["Got seven."]

    def test_a_missing_value_is_an_error_and_goes_to_a_human(self) -> None:
        call = talk("flow: main\nsteps: [{say: {en: 'Hello {{ nobody }}.'}}, {say: {en: Next.}}]")
        assert call.last(ev.Handover).reason == "system_error"
        assert any("`nobody` has no value" in str(d.detail.get("detail")) for d in call.decisions)

    def test_an_error_may_be_caught_on_the_spot(self) -> None:
        flow = "flow: main\nsteps: [{say: {en: 'Hello {{ nobody }}.'}, catch: {error.expr: {say: {en: Hello.}}}}, {say: {en: Next.}}]"
        assert talk(flow).said == ["Hello.", "Next."]

    def test_an_announcement_of_the_overlay(self) -> None:
        program = program_of({"main": "flow: main\nsteps: [{say: {en: Hi.}}]"})
        assert Talk(program, overlay={"announcement": {"en": "We are moving."}}).said[0] == "We are moving."

    def test_variants_are_chosen_by_call_and_the_same_again(self) -> None:
        program = program_of({"main": "flow: main\nsteps: [{say: {en: [One., Two., Three.]}}]"})
        assert Talk(program).said == Talk(program).said

    def test_slots_of_the_call_are_seen_by_all_flows(self) -> None:
        main = f"flow: main\nslots: {{n: {ASK[:-1]}, scope: call}}}}\nsteps: [{{ask: n}}, {{run: sub}}]"
        call = talk(main, sub="flow: sub\nsteps: [{say: {en: 'It is {{ n }}.'}}]")
        assert call.fill(n=3).said == ["It is three."]

    def test_outbound_calls_enter_their_own_flow(self) -> None:
        hotline = HOTLINE.replace("{inbound: main}", "{inbound: main, outbound: out}")
        program = program_of(
            {"main": "flow: main\nsteps: [{say: {en: In.}}]", "out": "flow: out\nsteps: [{say: {en: Out.}}]"}, hotline
        )
        from tests_talk import Programmed

        from ivr.dialog.engine import step

        context = ev.CallContext("c", "1", "2", "", "2026-11-22T10:00:00+08:00", "outbound")
        commands = step(Programmed(program), None, ev.CallStarted(0, context)).commands
        assert [c.text for c in commands if isinstance(c, ev.Say)] == ["Out."]


class TestActions:
    WAIT = "flow: main\nsteps: [{id: c, call: put, with: {x: '1'}, save: {a: '{{ result.a }}'}, filler: {en: Wait.}}, {say: {en: 'A {{ a }}.'}}]"

    def test_result_is_saved(self) -> None:
        call = talk(self.WAIT)
        action = call.last(ev.CallAction)
        assert (action.name, action.args, action.idempotency_key) == ("put", {"x": "1"}, "call-1-1")
        assert action.filler is not None
        assert call.phase == "acting"
        assert call.answer(a=5).said == ["A five."]

    def test_filler_lets_the_caller_say_a_command(self) -> None:
        call = talk(self.WAIT)
        assert call.last(ev.Listen).expectation.mode == "command", "from the first moment on"
        assert call.last(ev.Listen).settings.barge_in_type == "hotword"
        call.send(ev.FillerDue(1200, call.action_id()))
        assert call.said == ["Wait."]
        assert call.phase == "acting"
        assert call.fill(x=1).commands == ()
        assert call.command("agent").last(ev.Handover).reason == "asked"

    @pytest.mark.parametrize("kind", ["timeout", "http", "data"])
    def test_failures_go_to_a_human(self, kind: str) -> None:
        handed = talk(self.WAIT).failure(kind).last(ev.Handover)
        assert handed.reason == "system_error"
        assert handed.tried == (f"put {kind} x1",)

    def test_a_caught_failure_goes_on(self) -> None:
        flow = self.WAIT.replace("filler:", "catch: {error.timeout: {next: sorry}}, filler:").replace("]}", "]}", 1)
        flow = flow.rstrip("]") + ", {id: sorry, say: {en: Sorry.}}]"
        assert talk(flow).failure("timeout").said == ["Sorry."]
        assert talk(flow).failure("http").last(ev.Handover).reason == "system_error"

    def test_a_result_of_the_wrong_shape_is_error_data(self) -> None:
        call = talk(self.WAIT).answer(b=1)
        assert "error: error.data" in call.rules
        assert call.last(ev.Handover).reason == "system_error"

    def test_background_call_is_awaited_where_it_is_read(self) -> None:
        flow = "flow: main\nsteps: [{call: get, with: {x: '1'}, save: {a: '{{ result.a }}'}, wait: false}, {say: {en: Hi.}}, {say: {en: 'A {{ a }}.'}}]"
        call = talk(flow)
        assert (call.said, call.phase) == (["Hi."], "acting")
        assert call.answer(a=2).said == ["A two."]

    def test_background_failure_is_a_missing_value(self) -> None:
        flow = "flow: main\nsteps: [{call: get, with: {x: '1'}, save: {a: '{{ result.a }}'}, wait: false}, {say: {en: \"A {{ a | default('none') }}.\"}}]"
        assert talk(flow).failure("timeout").said == ["A none."]

    def test_an_event_that_needs_a_result_is_kept_for_later(self) -> None:
        slot = "{type: number, prompts: {ask: {en: N?}, retry: {en: 'Of {{ a }}, N?'}}}"
        flow = f"flow: main\nslots: {{n: {slot}}}\nsteps: [{{call: get, with: {{x: '1'}}, save: {{a: '{{{{ result.a }}}}'}}, wait: false}}, {{ask: n}}]"
        call = talk(flow).silence()
        assert (call.phase, call.said) == ("acting", [])
        assert call.answer(a=4).said == ["Of four, N?"]
        assert call.state.failures == 1

    def test_an_answer_nobody_waits_for(self) -> None:
        call = talk(self.WAIT)
        assert call.send(ev.ActionSucceeded(1, "a99", {})).rules == ["ignored: nobody waits for this action"]


class TestHandover:
    FLOW = "flow: main\nsteps: [{id: h, handover: {queue: default, reason: why, skills: ['lang:{{ call.lang }}'], max_wait: 2m}}]"

    def test_packet_and_answer(self) -> None:
        call = talk(self.FLOW)
        handover = call.last(ev.Handover)
        assert (handover.queue, handover.reason, handover.skills, handover.max_wait_ms) == (
            "default",
            "why",
            ("lang:en",),
            120_000,
        )
        assert call.said == ["I will connect you to an agent. One moment."]
        assert call.phase == "queued"
        assert call.queue("answered").phase == "bridged"
        assert call.queue("left").last(ev.End).outcome == "handed_over"

    def test_next_follows_when_the_human_has_left(self) -> None:
        call = talk(
            self.FLOW.replace("reason: why", "reason: why").replace("}]", ", next: t}, {id: t, say: {en: Bye.}}]")
        )
        assert call.queue("answered").queue("left").said == ["Bye."]

    def test_nobody_there_and_nothing_caught(self) -> None:
        call = talk(self.FLOW).queue("closed")
        assert call.said == ["I am sorry, no agent is free now. Please call again later."]
        assert call.phase == "ended"

    def test_place_in_the_queue_at_most_every_30_s(self) -> None:
        call = talk(self.FLOW)
        assert call.queue("position", position=4, expected_wait_s=170).said == [
            "You are number four in line. We will be with you in about three minutes."
        ]
        assert call.queue("position", position=3, expected_wait_s=100).said == []
        call.now += 30_000
        assert call.queue("position", position=1, expected_wait_s=30).said == ["You are next in line."]
        assert call.phase == "queued"

    def test_the_caller_may_leave_the_queue(self) -> None:
        call = talk(self.FLOW).command("goodbye")
        assert [type(c).__name__ for c in call.commands] == ["LeaveQueue", "Say", "End"]

    def test_back_in_the_queue_of_a_flow_that_asked_nothing_tells_the_place(self) -> None:
        call = talk(self.FLOW).command("back")
        assert call.said == ["I will connect you to an agent. One moment."], "the place is not known yet"
        call.queue("position", position=3, expected_wait_s=100).command("back")
        assert call.said == ["You are number three in line. We will be with you in about two minutes."]
        assert call.phase == "queued"
        assert not any(isinstance(c, ev.LeaveQueue | ev.Handover) for c in call.commands)
        assert call.queue("answered").phase == "bridged"

    def test_back_in_the_queue_goes_to_the_question_that_led_there(self) -> None:
        call = talk(
            "flow: main\nslots: {n: {type: number, prompts: {ask: {en: How many?, zh: 几个？}}}}\n"
            "steps: [{id: n, ask: n, catch: {command.agent: {handover: {queue: default, reason: asked}}}}, {end: {}}]"
        )
        call.command("agent").command("back")
        assert call.at == "main/n"
        assert call.said == ["How many?"]
        assert call.last(ev.LeaveQueue).reason == "back"

    def test_hanging_up_in_the_queue(self) -> None:
        assert talk(self.FLOW).send(ev.CallerHungUp(9)).last(ev.End).outcome == "abandoned"

    def test_sensitive_slots_are_marked_and_masked(self) -> None:
        call = (
            Talk(example(), language="en")
            .answer(vip=False, guesses=[{"intent": "dispute", "p": 0.8}])
            .keys("1")
            .keys("1")
        )
        call.fill(card_last4="4412").command("agent")
        handover = call.last(ev.Handover)
        assert [(s.name, s.value, s.sensitive) for s in handover.slots if s.name == "card_last4"] == [
            ("card_last4", "4412", True)
        ]
        assert "4412" not in handover.summary
        assert "card_last4: " in handover.summary
        assert handover.summary.endswith("“agent”"), "the caller's last words; all others are in the transcript"
        assert all("4412" not in dumps(decision) for decision in call.decisions)

    def test_keys_are_no_last_words(self) -> None:
        call = Talk(example(), language="en").answer(vip=False, guesses=[{"intent": "dispute", "p": 0.8}])
        assert "keys" not in call.keys("1").command("agent").last(ev.Handover).summary

    def test_the_prompt_with_a_secret_has_a_masked_twin(self) -> None:
        call = (
            Talk(example(), language="en")
            .answer(vip=False, guesses=[{"intent": "dispute", "p": 0.8}])
            .keys("1")
            .keys("1")
        )
        call.fill(card_last4="4412", txn_date="2026-11-21").fill(amount=15)
        said = call.last(ev.Say)
        assert "four four one two" in said.text
        assert "four" not in said.masked
        assert "fifteen yuan" in said.masked


class TestEnd:
    def test_hangup_handler_runs_without_prompts(self) -> None:
        main = f"flow: main\ncatch: {{hangup: {{run: after}}}}\nslots: {{n: {ASK}}}\nsteps: [{{ask: n}}]"
        after = "flow: after\nsteps: [{say: {en: Gone?}}, {call: put, with: {x: '1'}}, {end: {outcome: ticket}}]"
        call = talk(main, after=after).send(ev.CallerHungUp(5))
        assert call.said == []
        assert call.last(ev.CallAction).name == "put"
        assert call.answer(a=1).last(ev.End).outcome == "ticket"

    def test_limit_of_the_call(self) -> None:
        main = f"flow: main\nslots: {{n: {ASK}}}\nsteps: [{{ask: n}}]"
        assert talk(main).send(ev.LimitReached(600_000, "call")).last(ev.Handover).reason == "limit"

    def test_a_lost_engine_goes_to_a_human(self) -> None:
        main = f"flow: main\nslots: {{n: {ASK}}}\nsteps: [{{ask: n}}]"
        assert talk(main).send(ev.EngineLost(5, "recogniser")).last(ev.Handover).reason == "system_error"

    def test_turns_are_limited_twice(self) -> None:
        hotline = HOTLINE + "defaults: {limits: {turns: 3, failures: 99}}\n"
        main = f"flow: main\nslots: {{n: {ASK}}}\ncatch: {{noinput: {{reprompt: ask}}, limit: {{reprompt: ask}}}}\nsteps: [{{ask: n}}]"
        call = talk(main, hotline)
        for _ in range(6):
            assert call.silence().phase == "listening"
        assert call.silence().last(ev.Handover).reason == "system_error"

    def test_after_the_end_nothing_happens(self) -> None:
        call = talk("flow: main\nsteps: [{say: {en: Hi.}}]")
        assert call.send(ev.NoInput(9)).commands == ()

    def test_done_runs_once(self) -> None:
        call = Talk(example(), language="en").answer(vip=False, guesses=[]).keys("1").intent("fees")
        assert call.at == "survey/survey_step_1"
        assert call.keys("1").last(ev.End).outcome == "resolved"

    def test_an_unknown_entry_goes_to_a_human(self) -> None:
        program = program_of(
            {"main": "flow: main\nsteps: [{say: {en: Hi.}}]"}, HOTLINE.replace("inbound: main", "inbound: gone")
        )
        assert Talk(program).last(ev.Handover).reason == "system_error"


class TestCodec:
    def test_events_and_states_survive_json(self) -> None:
        call = Talk(example(), language="en").silence()
        assert loads(DialogState, dumps(call.state)) == call.state
        event = ev.Heard(5, (ev.Spoken("hi", 0.5),), ev.Understood((ev.Reading("fill", [1, {"a": None}], 0.5, "x"),)))
        assert decode_event(encode(event)) == event

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            ({"type": "Nonsense"}, "unknown type 'Nonsense'"),
            ({"at_ms": 1}, "an object with a `type` is needed"),
            ({"type": "NoInput", "at_ms": "x"}, "NoInput.at_ms: int is needed, not str"),
            ({"type": "NoInput", "at_ms": 1, "b": 2}, "NoInput: unknown field 'b'"),
            ({"type": "QueueEvent", "at_ms": 1, "kind": "x"}, "QueueEvent.kind: 'x' is none of 'closed'"),
        ],
    )
    def test_what_is_wrong_is_named(self, data: dict[str, ev.JsonValue], message: str) -> None:
        with pytest.raises(InputError) as caught:
            decode_event(data)
        assert message in str(caught.value)

    def test_missing_fields_are_named(self) -> None:
        with pytest.raises(InputError, match="Spoken"):
            decode(ev.Spoken, {"text": "x"})
