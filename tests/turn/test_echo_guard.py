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
