"""Who hears whom, to the sample."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.audio.frame import FRAME_SAMPLES, SILENCE, AudioFrame, Samples
from ivr.desk.conference import HEARD_BY_CALLER, HEARS, Conference, Role
from ivr.transport.base import Digit

CALLER, BOT = 1, 2
"""Levels by which voices are told apart: each is a power of two, so a sum says who is in it."""


class Leg:
    """Says one level for ever, and keeps what it hears."""

    def __init__(self, level: int) -> None:
        self.level = level
        self.heard: list[Samples] = []

    def read(self) -> AudioFrame:
        return AudioFrame(np.full(FRAME_SAMPLES, self.level, dtype=np.int16))

    def write(self, frame: AudioFrame) -> None:
        self.heard.append(frame.samples)

    def take_digits(self) -> list[Digit]:
        return []

    def send_digits(self, digits: str) -> None: ...


def frame(level: int) -> AudioFrame:
    return AudioFrame(np.full(FRAME_SAMPLES, level, dtype=np.int16))


def talk(conference: Conference, hide_caller: bool = False, hide_bot: bool = False) -> int:
    """The level that the caller hears."""
    heard = conference.exchange(frame(CALLER), frame(BOT), hide_caller=hide_caller, hide_bot=hide_bot).samples
    assert len(set(heard.tolist())) == 1
    return int(heard[0])


def last(leg: Leg) -> int:
    assert len(set(leg.heard[-1].tolist())) == 1
    return int(leg.heard[-1][0])


def test_agent_and_caller_hear_each_other_and_the_bot() -> None:
    conference, ann = Conference(), Leg(4)
    conference.add("ann", ann, Role.AGENT)
    assert talk(conference) == BOT + 4
    assert last(ann) == CALLER + BOT


def test_nobody_is_there() -> None:
    assert talk(Conference()) == BOT


@pytest.mark.parametrize(
    ("role", "caller_hears", "agent_hears", "supervisor_hears"),
    [
        (Role.LISTEN, BOT + 4, CALLER + BOT, CALLER + BOT + 4),
        (Role.WHISPER, BOT + 4, CALLER + BOT + 8, CALLER + BOT + 4),
        (Role.BARGE, BOT + 4 + 8, CALLER + BOT + 8, CALLER + BOT + 4),
    ],
)
def test_supervisors(role: Role, caller_hears: int, agent_hears: int, supervisor_hears: int) -> None:
    conference, ann, olga = Conference(), Leg(4), Leg(8)
    conference.add("ann", ann, Role.AGENT)
    conference.add("olga", olga, role)
    assert talk(conference) == caller_hears
    assert (last(ann), last(olga)) == (agent_hears, supervisor_hears)


def test_a_consultation_is_between_the_two() -> None:
    conference, ann, ben = Conference(np.full(1000, 100, dtype=np.int16)), Leg(4), Leg(8)
    conference.add("ann", ann, Role.AGENT)
    conference.add("ben", ben, Role.CONSULTED)
    conference.on_hold = True
    assert talk(conference) == 50 + BOT, "music at half its level"
    assert (last(ann), last(ben)) == (BOT + 8, 4)


def test_muted_and_hidden() -> None:
    conference, ann, olga = Conference(), Leg(4), Leg(8)
    conference.add("ann", ann, Role.AGENT).muted = True
    conference.add("olga", olga, Role.LISTEN)
    assert talk(conference, hide_caller=True) == BOT, "the caller hears the bot all the same"
    assert last(ann) == last(olga) == BOT
    talk(conference, hide_bot=True)
    assert last(ann) == last(olga) == CALLER


def test_loud_voices_are_limited_not_wrapped() -> None:
    conference = Conference()
    conference.add("ann", Leg(30_000), Role.AGENT)
    conference.add("ben", Leg(30_000), Role.AGENT)
    assert talk(conference) == 32_767
    conference.add("ann", Leg(-30_000), Role.AGENT)
    conference.add("ben", Leg(-30_000), Role.AGENT)
    assert talk(conference) == -32_768


def test_music_goes_round_without_a_gap() -> None:
    music = np.arange(0, 700 * 2, 2, dtype=np.int16)
    conference = Conference(music)
    conference.add("ann", Leg(4), Role.AGENT)
    conference.on_hold = True
    heard = np.concatenate([conference.exchange(frame(CALLER), AudioFrame(SILENCE)).samples for _ in range(5)])
    assert heard.tolist() == [index % 700 for index in range(5 * FRAME_SAMPLES)]


def test_taps_hear_both_sides() -> None:
    conference, told = Conference(), []
    conference.add("ann", Leg(4), Role.AGENT)
    conference.add("olga", Leg(8), Role.WHISPER)
    conference.taps.append(lambda caller, humans: told.append((int(caller[0]), int(humans[0]))))
    talk(conference)
    conference.on_hold = True
    talk(conference)
    assert told == [(CALLER, 4), (0, 0)]


@given(
    roles=st.lists(st.sampled_from(list(Role)), min_size=0, max_size=8),
    muted=st.sets(st.integers(0, 7)),
    held=st.booleans(),
)
def test_any_room(roles: list[Role], muted: set[int], held: bool) -> None:
    """For any people in any roles: nobody hears himself, listeners are heard by nobody, and sums are exact."""
    conference = Conference()
    legs = [Leg(1 << (index + 4)) for index in range(len(roles))]
    for index, (leg, role) in enumerate(zip(legs, roles, strict=True)):
        conference.add(str(index), leg, role).muted = index in muted
    conference.on_hold = held
    caller_hears = talk(conference)
    speaking = {i for i, role in enumerate(roles) if role is not Role.LISTEN and i not in muted}
    wanted = sum(legs[i].level for i in speaking if roles[i] in HEARD_BY_CALLER)
    assert caller_hears == BOT + (0 if held else wanted)
    for index, role in enumerate(roles):
        heard = last(legs[index])
        others = sum(legs[i].level for i in speaking if i != index and roles[i] in HEARS[role])
        assert heard >> 4 << 4 == others
        assert bool(heard & CALLER) == (role is not Role.CONSULTED and not held)


def test_the_table_says_what_it_should() -> None:
    for listener, speaker in itertools.product(Role, Role):
        if speaker is Role.LISTEN:
            assert speaker not in HEARS[listener]
    assert Role.WHISPER not in HEARS[Role.LISTEN]
    assert Role.WHISPER not in HEARD_BY_CALLER
