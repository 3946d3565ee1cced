"""The floor, case by case: who is offered what and when, and what callers are told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ivr.acd.agents import AgentState
from ivr.acd.commands import Command, Connect, GiveUp, Offer, Tell, Withdraw
from ivr.acd.config import AgentConfig, FloorConfig, Overflow, QueueConfig, parse_priority, parse_skills
from ivr.acd.elsewhere import Other
from ivr.acd.floor import Floor
from ivr.acd.hours import OpeningHours
from ivr.acd.waiting import Arrival
from ivr.errors import ConfigError


def floor(*agents: AgentConfig, now: float = 0.0, signed_in: bool = True, **queue: object) -> Floor:
    made = Floor(FloorConfig((QueueConfig("cards", **queue),), agents), now)  # type: ignore[arg-type]
    for agent in agents if signed_in else ():
        made.sign_in(agent.name, now)
    return made


def agent(name: str, **settings: object) -> AgentConfig:
    return AgentConfig(name, **settings)  # type: ignore[arg-type]


def offers(commands: list[Command]) -> list[tuple[str, str]]:
    return [(command.call_id, command.agent) for command in commands if isinstance(command, Offer)]


def run(target: Floor, until: float) -> list[Command]:
    """Let the time pass, waking up where the floor asks for it."""
    commands: list[Command] = []
    while (at := target.next_at()) is not None and at <= until:
        commands += target.tick(max(at, 0.0))
    return commands + target.tick(until)


def test_a_call_from_offer_to_wrap_up() -> None:
    hall = floor(agent("ann"), ring_s=20, wrap_up_s=10)
    assert hall.enter(Arrival("c1", "cards"), 1.0) == [Offer("c1", "ann", "cards", 20), Tell("c1", 1, 0)]
    assert hall.accept("c1", "ann", 4.0) == [Connect("c1", "ann", 3.0)]
    assert hall.roster.agent("ann").state is AgentState.BUSY
    assert hall.finish("c1", 64.0) == []
    assert hall.roster.agent("ann").state is AgentState.WRAP_UP
    assert hall.next_at() == 10.0  # the line moved: whoever waits is told
    hall.tick(74.0)
    assert hall.roster.agent("ann").state is AgentState.AVAILABLE
    assert hall.calls == {}
    figures = hall.figures["cards"]
    assert (figures.offered, figures.answered, figures.asa_s, figures.aht_s) == (1, 1, 3.0, 70.0)
    assert figures.service_level == 1.0
    assert hall.roster.agent("ann").occupancy(74.0) == pytest.approx(70 / 74)


def test_no_answer_goes_to_the_next_agent() -> None:
    hall = floor(agent("ann", no_answer_delay_s=30), agent("ben"), ring_s=20)
    assert offers(hall.enter(Arrival("c1", "cards"), 0.0)) == [("c1", "ann")]
    commands = run(hall, 20.0)
    assert Withdraw("c1", "ann", "no answer") in commands
    assert offers(commands) == [("c1", "ben")]
    ann = hall.roster.agent("ann")
    assert (ann.state, ann.reason, ann.until) == (AgentState.PAUSED, "no_answer", 50.0)
    hall.accept("c1", "ben", 25.0)
    run(hall, 50.0)
    assert ann.state is AgentState.AVAILABLE


def test_an_answer_that_comes_too_late_is_withdrawn() -> None:
    hall = floor(agent("ann"), ring_s=20)
    hall.enter(Arrival("c1", "cards"), 0.0)
    run(hall, 20.0)
    assert hall.accept("c1", "ann", 20.5) == [Withdraw("c1", "ann", "the call is no longer here")]


@pytest.mark.parametrize(("kind", "delay"), [("rejected", 11.0), ("busy", 12.0), ("failed", 12.0), ("no_answer", 13.0)])
def test_who_refuses_rests(kind: str, delay: float) -> None:
    hall = floor(agent("ann", reject_delay_s=11, busy_delay_s=12, no_answer_delay_s=13))
    hall.enter(Arrival("c1", "cards"), 0.0)
    assert hall.refuse("c1", "ann", kind, 5.0) == []  # type: ignore[arg-type]
    assert hall.position("c1") == 1
    assert offers(run(hall, 5.0 + delay)) == [("c1", "ann")]


def test_too_many_missed_calls_pause_for_good() -> None:
    hall = floor(agent("ann", max_no_answer=2, no_answer_delay_s=1), ring_s=5, leave_when_empty=False)
    hall.enter(Arrival("c1", "cards", max_wait_s=500), 0.0)
    run(hall, 60.0)
    ann = hall.roster.agent("ann")
    assert (ann.state, ann.reason, ann.until) == (AgentState.PAUSED, "2 calls unanswered", None)
    assert offers(hall.resume("ann", 61.0)) == [("c1", "ann")]


def test_priority_and_ageing() -> None:
    config = FloorConfig((QueueConfig("cards"),), (agent("ann"),), ageing_s=60)
    hall = Floor(config, 0.0)
    hall.sign_in("ann", 0.0)
    hall.enter(Arrival("busy", "cards"), 0.0)
    hall.accept("busy", "ann", 0.0)
    hall.enter(Arrival("normal", "cards"), 10.0)
    hall.enter(Arrival("high-soon", "cards", priority=1), 60.0)
    hall.enter(Arrival("high-late", "cards", priority=1), 80.0)
    hall.finish("busy", 90.0)
    served = []
    for moment in (101.0, 201.0, 301.0):
        found = offers(run(hall, moment))
        call_id = found[0][0]
        served.append(call_id)
        hall.accept(call_id, "ann", moment)
        hall.finish(call_id, moment + 50)
    # one level is worth a minute: it overtakes who came 50 s before, not who came 70 s before
    assert served == ["high-soon", "normal", "high-late"]


def test_ring_all_first_one_wins() -> None:
    hall = floor(agent("ann"), agent("ben"), agent("cy"), strategy="ring_all")
    assert offers(hall.enter(Arrival("c1", "cards"), 0.0)) == [("c1", "ann"), ("c1", "ben"), ("c1", "cy")]
    assert hall.refuse("c1", "cy", "rejected", 1.0) == []
    assert hall.accept("c1", "ben", 2.0) == [
        Withdraw("c1", "ann", "another agent has answered"),
        Connect("c1", "ben", 2.0),
    ]
    assert hall.roster.agent("ann").state is AgentState.AVAILABLE
    assert hall.roster.agent("ann").idle_since == 0.0  # ringing for nothing costs no turn


def test_strategies_differ() -> None:
    skilled = (agent("ann", skills={"vip": 1}), agent("ben", skills={"vip": 9}), agent("cy", skills={"vip": 5}))

    def sequence(strategy: str) -> list[str]:
        hall = floor(*skilled, strategy=strategy, wrap_up_s=0)
        names = []
        for number, talk in enumerate((30.0, 5.0, 10.0, 3.0)):
            start = number * 100.0
            name = offers(hall.enter(Arrival(f"c{number}", "cards", skills=("vip",)), start))[0][1]
            names.append(name)
            hall.accept(f"c{number}", name, start)
            hall.finish(f"c{number}", start + talk)
        return names

    assert sequence("linear") == ["ann", "ann", "ann", "ann"]
    assert sequence("longest_idle") == ["ann", "ben", "cy", "ann"]
    assert sequence("round_robin") == ["ann", "ben", "cy", "ann"]
    assert sequence("skill_best") == ["ben", "ben", "ben", "ben"]


def test_longest_idle_counts_from_the_end_of_the_last_call() -> None:
    hall = floor(agent("ann"), agent("ben"), wrap_up_s=0)
    for call_id, name, start in (("c1", "ann", 0.0), ("c2", "ben", 1.0)):
        assert offers(hall.enter(Arrival(call_id, "cards"), start)) == [(call_id, name)]
        hall.accept(call_id, name, start)
    hall.finish("c2", 50.0)
    hall.finish("c1", 100.0)
    assert offers(hall.enter(Arrival("c3", "cards"), 101.0)) == [("c3", "ben")]


def test_skills_and_levels() -> None:
    hall = floor(agent("ann", skills={"lang:zh": 2}), agent("ben", skills={"lang:zh": 5}))
    assert offers(hall.enter(Arrival("c1", "cards", skills=("lang:zh>=3",)), 0.0)) == [("c1", "ben")]
    assert offers(hall.enter(Arrival("c2", "cards", skills=("lang:zh",)), 0.0)) == [("c2", "ann")]
    nobody = hall.enter(Arrival("c3", "cards", skills=("lang:fr",)), 0.0)
    assert nobody == [GiveUp("c3", "closed", "queue cards")]


def test_an_agent_for_everything_comes_after_those_who_know() -> None:
    hall = floor(agent("any", skills={"*": 10}), agent("ben", skills={"lang:zh": 1}), strategy="skill_best")
    assert offers(hall.enter(Arrival("c1", "cards", skills=("lang:zh",)), 0.0)) == [("c1", "ben")]
    assert offers(hall.enter(Arrival("c2", "cards", skills=("lang:zh", "gold>=9")), 0.0)) == [("c2", "any")]


def test_tiers_open_with_time() -> None:
    hall = floor(agent("first", queues={"cards": 1}), agent("second", queues={"cards": 2}), tier_after_s=30)
    hall.enter(Arrival("c1", "cards"), 0.0)
    hall.accept("c1", "first", 0.0)
    assert offers(hall.enter(Arrival("c2", "cards"), 10.0)) == []
    assert hall.next_at() is not None
    assert offers(run(hall, 39.0)) == []
    assert offers(run(hall, 40.0)) == [("c2", "second")]


def test_overflow_to_another_queue_and_fewer_skills() -> None:
    cards = QueueConfig(
        "cards",
        overflow=(Overflow(20, queues=("default",)), Overflow(40, drop_skills=("gold",))),
    )
    config = FloorConfig(
        (cards, QueueConfig("default")),
        (agent("carl", queues={"cards": 1}, skills={"gold": 1}), agent("dora", queues={"default": 1})),
    )
    hall = Floor(config, 0.0)
    hall.sign_in("carl", 0.0)
    hall.sign_in("dora", 0.0)
    hall.pause("carl", "lunch", 0.0)
    assert offers(hall.enter(Arrival("plain", "cards"), 0.0)) == []
    assert offers(run(hall, 20.0)) == [("plain", "dora")]
    hall.accept("plain", "dora", 20.0)
    hall.finish("plain", 30.0)
    assert offers(hall.enter(Arrival("gold", "cards", skills=("gold",)), 30.0)) == []
    assert offers(run(hall, 69.0)) == []
    assert offers(run(hall, 70.0)) == [("gold", "dora")]


def test_closed_full_and_empty() -> None:
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()
    hours = OpeningHours("Mo-Fr 09:00-18:00")
    hall = floor(agent("ann"), now=noon, hours=hours, max_waiting=1)
    hall.pause("ann", "lunch", noon)
    assert hall.status("cards", noon).open
    assert hall.enter(Arrival("c1", "cards"), noon) == [Tell("c1", 1, 3600)]
    assert hall.enter(Arrival("c2", "cards"), noon) == [GiveUp("c2", "full", "queue cards")]
    assert hall.enter(Arrival("c3", "cards"), noon + 7 * 3600) == [GiveUp("c3", "closed", "queue cards")]
    empty = floor(agent("ann"), signed_in=False)
    assert empty.enter(Arrival("c1", "cards"), 0.0) == [GiveUp("c1", "closed", "queue cards")]
    assert not empty.status("cards", 0.0).open
    patient = floor(agent("ann"), signed_in=False, join_empty=True)
    assert patient.enter(Arrival("c1", "cards"), 0.0) == [Tell("c1", 1, 3600)]
    assert offers(patient.sign_in("ann", 5.0)) == [("c1", "ann")]


def test_the_last_agent_leaves() -> None:
    hall = floor(agent("ann"), wrap_up_s=5)
    hall.enter(Arrival("c1", "cards"), 0.0)
    hall.accept("c1", "ann", 0.0)
    hall.enter(Arrival("c2", "cards"), 1.0)
    assert hall.sign_out("ann", 2.0) == []  # she ends her call first
    hall.finish("c1", 10.0)
    assert GiveUp("c2", "closed", "waited 14 s in queue cards") in run(hall, 15.0)


def test_closing_time_sends_waiting_callers_away_if_asked() -> None:
    five = datetime(2026, 11, 20, 17, 59, tzinfo=UTC).timestamp()
    hours = OpeningHours("Mo-Fr 09:00-18:00")
    for leave, expected in ((True, [GiveUp("c1", "closed", "waited 60 s in queue cards")]), (False, [])):
        hall = floor(agent("ann"), now=five, hours=hours, leave_when_closed=leave)
        hall.pause("ann", "lunch", five)
        hall.enter(Arrival("c1", "cards"), five)
        assert [command for command in run(hall, five + 60) if isinstance(command, GiveUp)] == expected


def test_longest_wait() -> None:
    hall = floor(agent("ann"))
    hall.pause("ann", "lunch", 0.0)
    hall.enter(Arrival("c1", "cards", max_wait_s=30), 0.0)
    assert GiveUp("c1", "timeout", "waited 30 s in queue cards") in run(hall, 30.0)
    assert hall.figures["cards"].given_up == {"timeout": 1}
    assert hall.calls == {}


def test_a_phone_that_rings_at_the_end_may_ring_on_a_little() -> None:
    hall = floor(agent("ann", no_answer_delay_s=0), ring_s=20)
    hall.pause("ann", "lunch", 0.0)
    hall.enter(Arrival("c1", "cards", max_wait_s=30), 0.0)
    hall.resume("ann", 28.0)
    assert [c for c in run(hall, 39.9) if isinstance(c, GiveUp)] == []
    assert run(hall, 40.0) == [
        Withdraw("c1", "ann", "given up: timeout"),
        GiveUp("c1", "timeout", "waited 40 s in queue cards"),
    ]


def test_a_place_is_kept_after_a_dropped_line() -> None:
    hall = floor(agent("ann"), keep_place_s=60)
    hall.pause("ann", "lunch", 0.0)
    hall.enter(Arrival("c1", "cards", caller="100"), 0.0)
    hall.enter(Arrival("c2", "cards", caller="200"), 1.0)
    hall.leave("c1", 2.0, keep_place=True)
    assert hall.position("c2") == 1
    hall.enter(Arrival("c3", "cards", caller="100"), 50.0)
    assert (hall.position("c3"), hall.position("c2")) == (1, 2)
    hall.leave("c3", 51.0, keep_place=True)
    run(hall, 112.0)
    hall.enter(Arrival("c4", "cards", caller="100"), 112.0)
    assert hall.position("c4") == 2


def test_withheld_numbers_keep_no_place() -> None:
    hall = floor(agent("ann"))
    hall.pause("ann", "lunch", 0.0)
    hall.enter(Arrival("c1", "cards"), 0.0)
    hall.enter(Arrival("c2", "cards"), 1.0)
    hall.leave("c1", 2.0, keep_place=True)
    hall.enter(Arrival("c3", "cards"), 3.0)
    assert hall.position("c3") == 2


def test_position_and_wait_are_told_on_change() -> None:
    hall = floor(agent("ann"), expected_handle_s=100, wrap_up_s=0)
    hall.enter(Arrival("c1", "cards"), 0.0)
    hall.accept("c1", "ann", 0.0)
    assert hall.enter(Arrival("c2", "cards"), 1.0) == [Tell("c2", 1, 100)]
    assert hall.enter(Arrival("c3", "cards"), 1.0) == [Tell("c3", 2, 200)]
    run(hall, 30.0)
    hall.finish("c1", 100.0)
    hall.accept("c2", "ann", 101.0)
    assert Tell("c3", 1, 100) in run(hall, 110.0)
    assert run(hall, 200.0) == [GiveUp("c3", "timeout", "waited 180 s in queue cards")]


def test_caller_hangs_up_at_each_point() -> None:
    hall = floor(agent("ann"), wrap_up_s=7)
    hall.enter(Arrival("c1", "cards"), 0.0)
    assert hall.leave("c1", 1.0) == [Withdraw("c1", "ann", "the caller has left")]
    assert hall.roster.agent("ann").state is AgentState.AVAILABLE
    hall.enter(Arrival("c2", "cards"), 2.0)
    hall.accept("c2", "ann", 3.0)
    assert hall.leave("c2", 4.0) == [Withdraw("c2", "ann", "the caller has left")]
    assert hall.roster.agent("ann").state is AgentState.WRAP_UP
    assert hall.leave("c2", 5.0) == []
    assert hall.finish("c2", 5.0) == []
    assert hall.figures["cards"].abandoned == 1


def test_pause_while_ringing_and_in_a_call() -> None:
    hall = floor(agent("ann"), agent("ben"), wrap_up_s=5)
    hall.enter(Arrival("c1", "cards"), 0.0)
    commands = hall.pause("ann", "fire drill", 1.0)
    assert commands == [Withdraw("c1", "ann", "the agent has stepped back"), Offer("c1", "ben", "cards", 20.0)]
    hall.accept("c1", "ben", 2.0)
    hall.pause("ben", "lunch", 3.0)
    assert hall.roster.agent("ben").state is AgentState.BUSY
    hall.finish("c1", 10.0)
    run(hall, 15.0)
    assert (hall.roster.agent("ben").state, hall.roster.agent("ben").reason) == (AgentState.PAUSED, "lunch")


def test_transfer_holds_the_offer_and_the_wait() -> None:
    hall = floor(agent("ann"), ring_s=20, transfer_hold_s=90)
    hall.enter(Arrival("c1", "cards", max_wait_s=30), 0.0)
    assert hall.transferring("c1", "ann", 1.0)
    assert [c for c in run(hall, 35.0) if not isinstance(c, Tell)] == []  # neither ring time nor longest wait
    assert hall.transferred("c1", "ann", 36.0) == [Connect("c1", "ann", 36.0)]
    assert hall.calls == {}
    run(hall, 125.0)
    assert hall.roster.agent("ann").state is AgentState.WRAP_UP
    run(hall, 126.0)
    assert hall.roster.agent("ann").state is AgentState.AVAILABLE


def test_transfer_refused_rings_instead() -> None:
    hall = floor(agent("ann"), ring_s=20)
    hall.enter(Arrival("c1", "cards"), 0.0)
    hall.transferring("c1", "ann", 1.0)
    assert hall.transfer_refused("c1", "ann", 5.0)
    assert Withdraw("c1", "ann", "no answer") in run(hall, 25.0)
    assert not hall.transfer_refused("c1", "ann", 26.0)
    assert not hall.transferring("c1", "ann", 26.0)


def test_a_transfer_that_fails_by_itself_leaves_a_bounded_wait() -> None:
    hall = floor(agent("ann"), ring_s=20, leave_when_empty=False)
    hall.enter(Arrival("c1", "cards", max_wait_s=30), 0.0)
    assert hall.transferring("c1", "ann", 1.0)
    hall.sign_out("ann", 1.0)
    hall.refuse("c1", "ann", "failed", 2.0)
    assert [c for c in run(hall, 31.0) if isinstance(c, GiveUp)] == [
        GiveUp("c1", "timeout", "waited 30 s in queue cards")
    ]


def test_time_that_runs_backwards_is_held() -> None:
    hall = floor(agent("ann"), now=100.0)
    hall.enter(Arrival("c1", "cards"), 100.0)
    assert hall.accept("c1", "ann", 50.0) == [Connect("c1", "ann", 0.0)]


def test_new_skills_count_at_once() -> None:
    hall = floor(agent("ann"), join_empty=True)
    assert hall.enter(Arrival("c1", "cards", skills=("lang:zh",)), 0.0) == [Tell("c1", 1, 3600)]
    assert offers(hall.put_agent(agent("ann", skills={"lang:zh": 1}), 1.0)) == [("c1", "ann")]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FloorConfig((QueueConfig("a"), QueueConfig("a"))), "two queues are called 'a'"),
        (lambda: FloorConfig((), (agent("x"), agent("x"))), "two agents are called 'x'"),
        (
            lambda: FloorConfig((QueueConfig("a", strategy="best"),)),  # type: ignore[arg-type]
            "queue 'a': no such strategy 'best' (one of longest_idle, ring_all, round_robin, skill_best, linear)",
        ),
        (lambda: FloorConfig((QueueConfig("a", ring_s=0),)), "queue 'a': ring_s must be more than 0, not 0"),
        (
            lambda: FloorConfig((QueueConfig("a", overflow=(Overflow(5, queues=("b",)),)),)),
            "queue 'a': overflow to 'b', which is no queue (queues: a)",
        ),
        (
            lambda: FloorConfig((QueueConfig("a"),), (agent("x", queues={"b": 1}),)),
            "agent 'x': 'b' is no queue (queues: a)",
        ),
        (
            lambda: FloorConfig((), (agent("x", skills={"s": 11}),)),
            "agent 'x': level of 's' must be from 1 to 10, not 11",
        ),
        (lambda: FloorConfig((), ageing_s=0), "ageing_s must be more than 0, not 0"),
        (lambda: floor().enter(Arrival("c", "loans"), 0.0), "no such queue: 'loans' (queues: cards)"),
        (lambda: floor().sign_in("zoe", 0.0), "no such agent: 'zoe'"),
        (
            lambda: parse_skills(("a b",)),
            "not a skill: 'a b' (write `cards` or `lang:zh >= 3`, levels are 1 to 10)",
        ),
        (
            lambda: parse_priority("top"),
            "not a priority: 'top' (one of low, normal, high, urgent, or a number from -10 to 10)",
        ),
    ],
)
def test_bad_settings(make: object, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make()  # type: ignore[operator]
    assert str(caught.value) == message


def test_priorities_and_skills_are_read() -> None:
    assert [parse_priority(text) for text in ("normal", "High", "2.5", -1)] == [0.0, 1.0, 2.5, -1.0]
    assert parse_skills(("cards", "lang:zh >= 3", "cards>=2")) == {("cards", 2), ("lang:zh", 3)}


def test_an_agent_another_node_has() -> None:
    hall = floor(agent("ann"), agent("ben"), wrap_up_s=0)
    assert offers(hall.enter(Arrival("c1", "cards"), 0.0)) == [("c1", "ann")]
    lapsed = hall.take_away("ann", 1.0)
    assert lapsed == [Withdraw("c1", "ann", "another node has the agent"), Offer("c1", "ben", "cards", 20.0)]
    ann = hall.roster.agent("ann")
    assert (ann.state, ann.missed) == (AgentState.ELSEWHERE, 0)
    assert hall.take_away("ben", 1.5)[0] == Withdraw("c1", "ben", "another node has the agent")
    assert hall.position("c1") == 1  # both are away: the caller waits on, with the old place
    assert hall.status("cards", 2.0).agents == 2
    assert offers(hall.give_back("ann", 3.0, idle_since=2.5)) == [("c1", "ann")]
    hall.accept("c1", "ann", 4.0)
    assert hall.take_away("ann", 5.0) == []  # in a call nothing changes
    assert ann.state is AgentState.BUSY


def test_those_who_wait_elsewhere_count() -> None:
    hall = floor(agent("ann"), expected_handle_s=100, max_waiting=3)
    hall.enter(Arrival("c1", "cards"), 0.0)
    hall.accept("c1", "ann", 0.0)
    hall.set_others([Other("x", "cards", frozenset(), 5.0), Other("y", "cards", frozenset(), 50.0)], 6.0)
    assert hall.status("cards", 6.0).waiting == 2
    assert hall.enter(Arrival("c2", "cards"), 10.0) == [Tell("c2", 2, 200)]
    assert hall.enter(Arrival("c3", "cards"), 11.0) == [GiveUp("c3", "full", "queue cards")]
    hall.set_others([], 12.0)
    assert hall.position("c2") == 1
    assert hall.expected_wait_s("cards", frozenset(), 20.0) == 200.0


def test_news_of_a_lost_line_may_come_after_the_caller() -> None:
    hall = floor(agent("ann"))
    hall.pause("ann", "lunch", 0.0)
    for number, caller in enumerate(("100", "200", "300")):
        hall.enter(Arrival(f"c{number}", "cards", caller=caller), 10.0 * number)
    assert hall.position("c2") == 3
    hall.keep_place("300", "cards", -5.0, 30.0)
    assert [hall.position(f"c{n}") for n in range(3)] == [2, 3, 1]
    assert hall.place_of("300", "cards") is None  # taken up, not kept a second time
    assert offers(hall.resume("ann", 31.0)) == [("c2", "ann")]


def test_the_clock_jumps() -> None:
    """Back: held, nothing is due twice. Forward: all that is due happens once, in order."""
    hall = floor(agent("ann"), ring_s=20, wrap_up_s=10)
    hall.enter(Arrival("c1", "cards", max_wait_s=100), 1000.0)
    assert hall.tick(10.0) == []
    hall.accept("c1", "ann", 5.0)
    hall.enter(Arrival("c2", "cards", max_wait_s=100), 4.0)
    assert hall.calls["c2"].entered_at == 1000.0
    assert [c for c in hall.tick(90_000.0) if isinstance(c, GiveUp)] == [
        GiveUp("c2", "timeout", "waited 89000 s in queue cards")
    ]
    hall.finish("c1", 3.0)
    assert hall.roster.agent("ann").state is AgentState.WRAP_UP
    run(hall, 90_010.0)
    assert hall.roster.agent("ann").state is AgentState.AVAILABLE
