"""`ivr user` on a data folder."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from ivr.cli import main


def test_a_users_life(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def ivr(*args: str, typed: str = "") -> tuple[int, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code = main(["user", *args, "--data", str(tmp_path / "data")])
        said = capsys.readouterr()
        return code, (said.out + said.err).strip()

    assert ivr("list") == (0, "no users yet: `ivr user add NAME --role admin`")
    code, said = ivr("add", "ann")
    assert code == 0
    pattern = r"ann \(agent\) sets a password at http://127\.0\.0\.1:8080/setup/[\w-]{43} \(works once, for 7 days\)"
    assert re.fullmatch(pattern, said)
    assert ivr("add", "ann") == (1, "ivr user: a user 'ann' exists already")
    assert ivr("add", "bob", "--role", "admin", "--password-stdin", typed="short\n") == (
        1, "ivr user: a password has 10 to 200 characters, not 5",
    )  # fmt: skip
    assert ivr("add", "bob", "--role", "admin", "--password-stdin", typed="correct horse battery\n") == (
        0, "bob (admin) may sign in now",
    )  # fmt: skip
    assert ivr("passwd", "ann", "--password-stdin", typed="another one altogether\n") == (
        0, "the password of ann is changed; all sessions are ended",
    )  # fmt: skip
    assert ivr("passwd", "zoe", "--password-stdin", typed="x") == (1, "ivr user: no user has the name 'zoe'")
    listed = ivr("list")[1].splitlines()
    assert [line.split() for line in listed] == [
        ["ann", "agent", "never", "signed", "in"], ["bob", "admin", "never", "signed", "in"],
    ]  # fmt: skip
    assert ivr("remove", "bob") == (1, "ivr user: 'bob' is the last admin: add another one first")
    assert ivr("remove", "ann") == (0, "ann is removed")
