from __future__ import annotations

from ivr.turn.echo import EchoGuard


def test_an_echo_is_known_for_what_it_was_from_before_its_line_was_known() -> None:
    """Ours comes back 60 ms late, 20 dB lower; the same line with somebody louder than that is no echo."""
    ours = [-20.0 - 15.0 * (index * 7 % 5) / 4 for index in range(60)]
    alone, with_caller = EchoGuard(), EchoGuard()
    for index, sent in enumerate(ours):
        heard = ours[index - 3] - 20.0 if index >= 3 else -66.0
        alone.update(heard, sent)
        with_caller.update(-24.0 if 40 <= index < 50 else heard, sent)
        if index == 39:
            assert alone.only_echo
            assert with_caller.only_echo
    assert alone.loss_db is not None
    assert abs(alone.loss_db - 20.0) < 1.0
    assert not with_caller.only_echo


def prompt(seconds: float) -> list[float]:
    """Levels of a voice, block by block."""
    return [-20.0 - 15.0 * (index * 7 % 5) / 4 for index in range(round(seconds * 50))]


def feed(guard: EchoGuard, heard: list[float], sent: list[float]) -> list[bool]:
    return [guard.update(*levels) for levels in zip(heard, sent, strict=True)]


def test_a_prompt_that_stops_for_a_caller_who_then_stops_is_no_echo() -> None:
    """We fall silent because he speaks, and 300 ms later so does he: that both fall proves nothing."""
    guard = EchoGuard()
    for _ in range(3):
        feed(guard, [-66.0] * 60 + [-34.0] * 35 + [-66.0] * 55, [-20.0] * 60 + [-20.0] * 20 + [-90.0] * 70)
    assert guard.loss_db is None
    assert not any(feed(guard, [-66.0] * 50 + [-30.0] * 10, [-20.0] * 60))


def test_an_echo_that_comes_no_more_is_forgotten() -> None:
    ours = prompt(1.2)
    guard = EchoGuard()
    feed(guard, [-66.0] * 3 + [level - 15.0 for level in ours[:-3]], ours)
    assert guard.loss_db is not None
    feed(guard, [-66.0] * 60, ours)
    assert guard.loss_db is None


def test_an_echo_is_kept_while_a_caller_speaks_over_it() -> None:
    ours = prompt(2.0)
    echo = [-66.0] * 3 + [level - 15.0 for level in ours[:-3]]
    guard = EchoGuard()
    feed(guard, echo, ours)
    feed(guard, [-22.0 + index % 3 for index in range(100)], ours)
    assert guard.loss_db is not None
    assert abs(guard.loss_db - 15.0) < 3.0
