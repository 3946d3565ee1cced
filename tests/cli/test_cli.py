"""`ivr` itself: which verbs there are, and what a verb costs before it begins."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ivr.cli import main


@pytest.mark.parametrize("given", [["--help"], []])
def test_all_verbs_are_listed(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(given)
    said = capsys.readouterr()
    if given:
        for verb in ("serve", "lint", "import", "understand", "replay"):
            assert verb in said.out
    else:
        assert "VERB" in said.err


def test_a_verb_that_does_not_exist_names_those_that_do(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["lnt", "x"])
    assert "'lint'" in capsys.readouterr().err


def test_a_verb_loads_no_other() -> None:
    """The engines take a second to import: a designer who lints does not wait for them."""
    code = (
        "import sys; from ivr.cli import main; main(['lint', 'nowhere']); "
        "print([name for name in sys.modules if name.startswith(('ivr.asr', 'ivr.tts', 'onnxruntime', 'soundfile'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
