"""The rule of tests/conftest.py, on a run of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

SKIPS = """
import pytest

def test_fine(): pass

@pytest.mark.skipif(True, reason="needs SIPp (Debian: apt install sip-tester)")
def test_program(): pass

@pytest.mark.skipif(True, reason="tomllib came with Python 3.11")
def test_version(): pass

def test_inside():
    pytest.skip("model vosk-en is not here: ivr models fetch vosk-en")

@pytest.mark.xfail(reason="known", strict=True)
def test_known(): assert False
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    pytester.makeconftest((Path(__file__).parent / "conftest.py").read_text(encoding="utf-8"))
    pytester.makepyfile(test_skips=SKIPS, test_module="import pytest\npytest.importorskip('no_such_module')\n")
    return pytester


def test_skips_fail_where_nothing_may_be_skipped(run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_TEST_NO_SKIP", "1")
    result = run.runpytest_subprocess("-p", "no:cacheprovider", "--continue-on-collection-errors")
    output = result.stdout.str()
    for reason in ("needs SIPp (Debian: apt install sip-tester)", "model vosk-en is not here", "no_such_module"):
        assert reason in output
    assert output.count("skipped, and IVR_TEST_NO_SKIP forbids that") >= 3
    assert result.ret != 0
    outcomes = result.parseoutcomes()
    assert outcomes.get("skipped") == 1
    assert outcomes.get("xfailed") == 1
    assert outcomes.get("failed", 0) + outcomes.get("errors", 0) == 3


def test_skips_are_skips_elsewhere(run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IVR_TEST_NO_SKIP", raising=False)
    result = run.runpytest_subprocess("-p", "no:cacheprovider")
    assert result.parseoutcomes() == {"passed": 1, "skipped": 4, "xfailed": 1}
    assert result.ret == 0
