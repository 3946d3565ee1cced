"""A hotline's own commands count at any moment: words of risk do not wait for a backend or stay in the wrong queue."""

from __future__ import annotations

from tests_talk import HOTLINE, Talk, program_of

from ivr.dialog import events as ev

OWN = (
    HOTLINE
    + """
  care: {skills: [care], hours: "24/7", timezone: Asia/Shanghai}
commands:
  risk: {inside: true, en: [suicide], zh: [自杀]}
  weather: {en: [how is the weather], zh: [天气怎么样]}
catch:
  command.risk: {handover: {queue: care, priority: high, reason: risk}}
  command.weather: {say: {en: Sunny., zh: 晴。}}
"""
)
ACTIONS = 'actions: {put: {http: POST, url: "http://b/", args: [], returns: {a: number}, idempotency: "{{ call.id }}"}}'
ACTING = "flow: main\nsteps: [{call: put, save: {a: '{{ result.a }}'}, commit: true}, {say: {en: 'A {{ a }}.'}}]"
QUEUED = "flow: main\nsteps: [{handover: {queue: default, reason: why}}]"


def talk(flow: str) -> Talk:
    return Talk(program_of({"main": flow, "actions.yaml": ACTIONS}, OWN))


class TestActing:
    def test_risk_goes_to_a_human_at_once(self) -> None:
        call = talk(ACTING).command("risk")
        handover = call.last(ev.Handover)
        assert (handover.queue, handover.priority, handover.reason) == ("care", "high", "risk")
        assert isinstance(call.commands[0], ev.StopPrompts)
        assert call.phase == "queued"

    def test_what_the_backend_answers_later_is_kept(self) -> None:
        call = talk(ACTING)
        action = call.action_id()
        call.command("risk").send(ev.ActionSucceeded(call.now, action, {"a": 7}))
        assert call.state is not None
        assert call.state.values == {"a": 7}
        assert call.phase == "queued"

    def test_a_word_does_not_end_the_wait(self) -> None:
        call = talk(ACTING)
        action = call.action_id()
        assert call.command("weather").said == ["Sunny."]
        assert call.phase == "acting"
        assert call.send(ev.ActionSucceeded(call.now, action, {"a": 7})).said == ["A seven."]

    def test_a_built_in_command_waits(self) -> None:
        assert talk(ACTING).command("repeat").commands == ()


class TestQueued:
    def test_risk_moves_to_the_other_queue(self) -> None:
        call = talk(QUEUED).command("risk")
        assert [type(command).__name__ for command in call.commands][:1] == ["LeaveQueue"]
        assert call.last(ev.Handover).queue == "care"
        assert call.queue("answered").phase == "bridged"

    def test_said_twice_he_keeps_his_place(self) -> None:
        call = talk(QUEUED).command("risk").command("risk")
        assert call.commands == ()
        assert call.phase == "queued"

    def test_a_word_keeps_the_place(self) -> None:
        call = talk(QUEUED).command("weather")
        assert call.said == ["Sunny."]
        assert call.phase == "queued"
        assert call.queue("answered").phase == "bridged"
