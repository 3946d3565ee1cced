"""Settings: what wins, what errors say, and that each is documented."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ivr.cli import main
from ivr.cli.config import BEGIN, END, markdown, toml
from ivr.config import Config, host_and_port, load_config, settings, variable
from ivr.errors import ConfigError

PAGE = Path(__file__).parents[1] / "docs" / "configuration.md"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "ivr.toml"
    path.write_text(text, encoding="utf-8")
    return path


# ------------------------------------------------------------------------------------------------------ what wins


def test_each_source_wins_over_the_one_before(tmp_path: Path) -> None:
    file = write(tmp_path, '[sip]\nport = 5070\nhost = "192.0.2.1"\n[rtp]\nlow = 17000\n')
    assert load_config(None, {}).sip.port == 5060
    assert load_config(file, {}).sip.port == 5070
    assert load_config(file, {"IVR_SIP_PORT": "5080"}).sip.port == 5080
    config = load_config(file, {"IVR_SIP_PORT": "5080"}, {"sip.port": 5090, "service.data": None})
    assert config.sip.port == 5090
    assert config.sip.host == "192.0.2.1"
    assert config.rtp.low == 17000
    assert config.service.data == "data"


def test_the_environment_gives_every_kind_of_single_value() -> None:
    config = load_config(
        None,
        {"IVR_SERVICE_RECORD": "false", "IVR_RTP_LOST_AFTER_S": "7.5", "IVR_CALL_DETECTOR": "energy",
         "IVR_SERVICE_HOTLINE": "there", "IVR_DESK_AGEING_S": "90", "IVR_UNKNOWN": "x"},
    )  # fmt: skip
    assert (config.service.record, config.rtp.lost_after_s, config.call.detector) == (False, 7.5, "energy")
    assert (config.service.hotline, config.desk.ageing_s) == ("there", 90.0)


def test_the_environment_is_the_process_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_HTTP_PORT", "8181")
    assert load_config().http.port == 8181


def test_tables_and_lists_come_from_the_file(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        '[sip]\nallow = ["10.0.0.0/8"]\nusers = {bob = "secret"}\n'
        '[recognition.passes]\nen = {stream = "vosk-en"}\n'
        '[[desk.agents]]\nname = "Ann"\nuri = "sip:ann@192.0.2.7"\nskills = {cards = 5}\n',
    )
    config = load_config(file, {})
    assert config.sip.allow == ("10.0.0.0/8",)
    assert config.recognition.passes == {"en": {"stream": "vosk-en"}}
    assert config.desk.agents[0].name == "Ann"


# ------------------------------------------------------------------------------------------------------ what is wrong


@pytest.mark.parametrize(
    ("text", "line", "complaint"),
    [
        ("[sip]\nprot = 5060\n", ":2", "sip.prot: no such setting"),
        ("[spi]\nport = 5060\n", ":1", "spi: no such setting"),
        ("[sip]\nport = 70000\n", ":2", "sip.port: Input should be less than or equal to 65535 (given: 70000)"),
        ('[sip]\nport = "many"\n', ":2", "sip.port: Input should be a valid integer, unable to parse string as an "
                                         "integer (given: 'many')"),
        ('[call]\ndetector = "e"\n', ":2", "call.detector: Input should be 'auto', 'hybrid', 'webrtc', 'silero' or "
                                           "'energy' (given: 'e')"),
        ("[call]\nonset_ms = 5\n", ":2", "call.onset_ms: Input should be greater than or equal to 20 (given: 5)"),
        ("[call]\nduck_db = 6\n", ":2", "call.duck_db: Input should be less than or equal to 0 (given: 6)"),
        ("[call]\n# sooner\nspeculate_ms = -1\n", ":3", "call.speculate_ms: Input should be greater than or equal to "
                                                        "40 (given: -1)"),
        ("[call]\nspeculate_ms = 300\n", ":2", "call.speculate_ms: 300 is longer than complete_ms (200): nothing could "
                                               "be worked out before a complete answer ends"),
        ("[call]\nincomplete_max_ms = 400\n", ":1", "call.likely_ms: 600 is longer than incomplete_max_ms (400): "
                                                    "a finished answer would be waited for longer than an unfinished "
                                                    "one"),
        ('[[desk.agents]]\nname = "A"\nuri = "sip:a@b"\n[[desk.agents]]\nname = "Ann"\n', ":4",
         "desk.agents.1.uri: Field required"),
        ("call.onset_ms = 5\n", ":1", "call.onset_ms: Input should be greater than or equal to 20 (given: 5)"),
        ('sip = "here"\n', ":1", "sip: Input should be a valid dictionary or instance of SipSection (given: 'here')"),
        ("[sip\nport = 1\n", "", "not TOML: Expected ']' at the end of a table declaration (at line 1, column 5)"),
    ],
)  # fmt: skip
def test_an_error_names_file_line_and_key(tmp_path: Path, text: str, line: str, complaint: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_config(file, {})
    assert str(caught.value) == f"{file}{line}: {complaint}"


def test_all_errors_are_told_at_once_each_with_its_source(tmp_path: Path) -> None:
    file = write(tmp_path, '[rtp]\nlow = "x"\n[http]\nport = 1\n')
    with pytest.raises(ConfigError) as caught:
        load_config(file, {"IVR_SIP_PORT": "70000"}, {"http.port": 99999})
    assert str(caught.value).splitlines() == [
        "environment variable IVR_SIP_PORT: sip.port: Input should be less than or equal to 65535 (given: '70000')",
        f"{file}:2: rtp.low: Input should be a valid integer, unable to parse string as an integer (given: 'x')",
        "command line: http.port: Input should be less than or equal to 65535 (given: 99999)",
    ]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: no such file"):
        load_config(tmp_path / "nowhere.toml", {})
    with pytest.raises(ConfigError, match=r"cannot be read: Is a directory"):
        load_config(tmp_path, {})
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"binary\.toml: not TOML"):
        load_config(binary, {})


def test_a_section_that_is_no_table_under_a_flag(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^sip: a table is needed, not str$"):
        load_config(write(tmp_path, 'sip = "here"\n'), {}, {"sip.port": 5060})


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0.0.0.0:5060", ("0.0.0.0", 5060)), (":0", ("127.0.0.1", 0)), ("[::1]:5060", ("::1", 5060)),
        ("pbx.example:5061", ("pbx.example", 5061)),
    ],
)  # fmt: skip
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert host_and_port(text, "--sip") == address


@pytest.mark.parametrize("text", ["", "host", "host:", "host:x", "host:65536", "5060"])
def test_wrong_addresses(text: str) -> None:
    with pytest.raises(ConfigError, match=rf"^--sip: {re.escape(repr(text))} is not HOST:PORT$"):
        host_and_port(text, "--sip")


# ------------------------------------------------------------------------------------------------ what is written of it


def test_every_setting_has_its_meaning() -> None:
    found = settings()
    assert len({key for key, *_ in found}) == len(found) > 60
    for key, kind, default, meaning in found:
        assert kind, key
        assert default, key
        assert meaning.endswith("."), f"{key}: {meaning!r}"
        assert len(meaning) > 10, key


def test_the_page_is_up_to_date() -> None:
    text = PAGE.read_text(encoding="utf-8")
    written = text[text.index(BEGIN) : text.index(END) + len(END)] + "\n"
    assert written == markdown(), "run: ivr config --markdown --update docs/configuration.md"


def test_the_page_shows_each_setting_and_its_example_is_valid(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    for key, *_ in settings():
        assert f"| `{key.partition('.')[2]}` |" in text, key
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert [agent.name for agent in load_config(write(tmp_path, example), {}).desk.agents] == ["Ann", "Li"]
    with pytest.raises(ConfigError) as caught:
        load_config(None, {"IVR_SIP_PORT": "70000"})
    assert str(caught.value) in text


def test_printed_settings_can_be_read_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path, '[service]\nhotline = "a \\"b\\" 支付"\n[[desk.agents]]\nname = "Ann"\nuri = "sip:a@b"\n')
    assert main(["config", "--config", str(file)]) == 0
    printed = capsys.readouterr().out
    assert tomllib.loads(printed)["service"]["hotline"] == 'a "b" 支付'
    again = load_config(write(tmp_path, printed), {})
    assert again.service.hotline == 'a "b" 支付'
    assert again.desk.agents[0].uri == "sip:a@b"
    assert "\n".join(toml(again)) + "\n" == printed


def test_passwords_are_not_printed() -> None:
    config = Config.model_validate({"sip": {"users": {"bob": "hunter2"}}, "desk": {"password": "hunter2"}})
    printed = "\n".join(toml(config))
    assert "hunter2" not in printed
    assert 'users = {"bob" = "***"}' in printed


def test_the_verb_and_a_wrong_file(tmp_path: Path) -> None:
    file = write(tmp_path, "[sip]\nprot = 1\n")
    done = subprocess.run(
        [sys.executable, "-m", "ivr", "config", "--config", str(file)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"ivr config: {file}:2: sip.prot: no such setting\n"


def test_the_reference_is_written_into_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    assert main(["config", "--markdown", "--update", str(page)]) == 0
    assert page.read_text(encoding="utf-8") == f"before\n{markdown()}after\n"
    page.write_text("no place\n", encoding="utf-8")
    assert main(["config", "--markdown", "--update", str(page)]) == 1
    assert "has no place for the reference" in capsys.readouterr().err
    assert main(["config", "--markdown"]) == 0
    assert capsys.readouterr().out == markdown()


def test_names_of_variables() -> None:
    assert variable("rtp.lost_after_s") == "IVR_RTP_LOST_AFTER_S"
