"""The ops overlay: entries, their ends, the file, its log."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest

from ivr.cli import main
from ivr.dialog.bundle import Bundle
from ivr.dialog.events import JsonValue
from ivr.errors import InputError
from ivr.service.live_overlay import LiveOverlay
from ivr.service.overlay import Entry, Overlay, OverlayFile, misfits

NOW = datetime.datetime.fromisoformat("2026-11-22T10:00:00+08:00")
HOUR = datetime.timedelta(hours=1)


def entry(kind: str, name: str = "", value: JsonValue = None, hours: float = 2) -> Entry:
    until = NOW + hours * HOUR
    return Entry(kind, name, value, NOW.isoformat(), until.isoformat(), "ann", "a test")  # type: ignore[arg-type]


def test_what_is_in_force_and_when_it_ends(tmp_path: Path) -> None:
    file = OverlayFile(tmp_path)
    assert file.in_force(NOW) == Overlay()
    file.put(entry("off", "fees", hours=1), NOW)
    file.put(entry("off", "survey", hours=3), NOW)
    file.put(entry("announcement", value={"en": "Delays."}), NOW)
    file.put(entry("threshold", value=0.05), NOW)
    file.put(entry("hours", "cards", "closed"), NOW)
    live = file.in_force(NOW)
    assert live.for_dialog() == {
        "off": ["fees", "survey"], "announcement": {"en": "Delays."}, "threshold_shift": 0.05,
    }  # fmt: skip
    assert live.hours() == {"cards": "closed"}
    assert file.in_force(NOW + HOUR).for_dialog()["off"] == ["survey"]
    assert file.in_force(NOW + 3 * HOUR) == Overlay()
    assert file.in_force(NOW - HOUR) == Overlay()


def test_setting_replaces_and_clearing_takes_away(tmp_path: Path) -> None:
    file = OverlayFile(tmp_path)
    for shift in (0.05, -0.1):
        file.put(entry("threshold", value=shift), NOW)
    file.put(entry("off", "fees"), NOW)
    file.put(entry("off", "survey"), NOW)
    assert file.in_force(NOW).for_dialog() == {"off": ["fees", "survey"], "threshold_shift": -0.1}
    assert file.clear("off", "fees", "bob", NOW) == 1
    assert file.clear("off", "fees", "bob", NOW) == 0
    assert file.clear("all", "", "bob", NOW) == 2
    assert file.in_force(NOW) == Overlay()
    lines = [json.loads(line) for line in (file.folder / "log.jsonl").read_text().splitlines()]
    assert [(line["action"], line["kind"], line["by"]) for line in lines] == [
        ("set", "threshold", "ann"), ("set", "threshold", "ann"), ("set", "off", "ann"), ("set", "off", "ann"),
        ("clear", "off", "bob"), ("clear", "threshold", "bob"), ("clear", "off", "bob"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name", "value", "reason"),
    [
        ("of", "fees", None, "'of' is none of off, announcement, hours, threshold"),
        ("off", "", None, "off takes the name of a flow or queue"),
        ("off", "fees", True, "off takes no value"),
        ("announcement", "x", {"en": "a"}, "announcement takes no name"),
        ("announcement", "", {}, "needs a text by language"),
        ("announcement", "", {"en": " "}, "needs a text by language"),
        ("announcement", "", {"en": "a" * 501}, "at most 500 characters"),
        ("announcement", "", {"en": "Hi {{ x }}"}, "said as it stands"),
        ("hours", "cards", 9, "hours are open, closed or like"),
        ("hours", "cards", "9 to 5", "hours: '9 to 5' is no span of time"),
        ("threshold", "", 0.5, "from -0.3 to 0.3, not 0.5"),
        ("threshold", "", True, "from -0.3 to 0.3, not True"),
        ("threshold", "", float("nan"), "from -0.3 to 0.3"),
    ],
)
def test_what_cannot_be_meant(kind: str, name: str, value: JsonValue, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        entry(kind, name, value)
    assert reason in str(caught.value)


def test_nothing_is_for_ever() -> None:
    with pytest.raises(InputError, match="more than 30 days: change the hotline"):
        entry("off", "fees", hours=24 * 31)
    with pytest.raises(InputError, match="needs its offset"):
        Entry("off", "fees", None, "2026-11-22T10:00", NOW.isoformat())


def test_what_the_hotline_does_not_know(bundle: Bundle) -> None:
    found = Overlay((entry("off", "fees"), entry("hours", "cards", "open"), entry("announcement", value={"zh": "好"})))
    assert misfits(found, bundle) == [
        "off: laboratory has no flow 'fees'", "hours: laboratory has no queue 'cards'", "announcement: no text in en",
    ]  # fmt: skip
    fits = Overlay(
        (entry("off", "nobody"), entry("hours", "default", "24/7"), entry("announcement", value={"en": "x"}))
    )
    assert misfits(fits, bundle) == []


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"entries": [{"kind": "of"}]}', '{"entries": [3]}', "\x00"])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    file = OverlayFile(tmp_path)
    file.folder.mkdir()
    file.path.write_text(text)
    with pytest.raises(InputError, match=r"overlay\.json: "):
        file.read()


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime.datetime:
        return self.now


def test_a_running_service_follows_it(tmp_path: Path, bundle: Bundle, caplog: pytest.LogCaptureFixture) -> None:
    clock, told = Clock(), []
    live = LiveOverlay(tmp_path, lambda: bundle, clock)
    live.on_change.append(lambda overlay: told.append(overlay.for_dialog()))
    live.refresh()
    assert told == []
    file = OverlayFile(tmp_path)
    file.put(entry("off", "nobody", hours=1), NOW)
    file.put(entry("threshold", value=0.1, hours=3), NOW)
    with caplog.at_level("INFO"):
        live.refresh()
        live.refresh()
        clock.now += HOUR
        live.refresh()
    assert told == [{"off": ["nobody"], "threshold_shift": 0.1}, {"threshold_shift": 0.1}]
    assert "off nobody until 2026-11-22T11:00:00+08:00, by ann (a test)" in caplog.text
    assert "overlay: off nobody is over" in caplog.text
    assert live.status()["failure"] == ""


def test_a_damaged_file_changes_nothing_but_the_time_does(
    tmp_path: Path, bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    live = LiveOverlay(tmp_path, lambda: bundle, clock)
    file = OverlayFile(tmp_path)
    file.put(entry("off", "nobody", hours=1), NOW)
    live.refresh()
    file.path.write_text("{")
    live.refresh()
    live.refresh()
    assert live.current.for_dialog() == {"off": ["nobody"]}
    assert "overlay.json: damaged" in str(live.status()["failure"])
    assert caplog.text.count("what was set before stays") == 1
    clock.now += 2 * HOUR
    live.refresh()
    assert live.current.for_dialog() == {}


def test_clearing_all_repairs_a_damaged_file_and_keeps_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = OverlayFile(tmp_path)
    file.folder.mkdir()
    file.path.write_text('{"entries": [{"kind": "off", "na')
    with pytest.raises(InputError, match="begin anew with `ivr overlay clear all`"):
        file.put(entry("off", "fees"), NOW)
    assert main(["overlay", "clear", "all", "--data", str(tmp_path)]) == 0
    (kept,) = file.folder.glob("overlay.damaged-*.json")
    assert f"kept as {kept}; nothing is set now" in capsys.readouterr().out
    assert kept.read_text() == '{"entries": [{"kind": "off", "na'
    assert file.read() == ()
    (line,) = [json.loads(line) for line in (file.folder / "log.jsonl").read_text().splitlines()]
    assert (line["action"], line["kept"]) == ("repair", kept.name)
    file.put(entry("off", "fees"), NOW)
    assert main(["overlay", "clear", "all", "--data", str(tmp_path)]) in (0, 1), "a good file is only cleared"
    assert list(file.folder.glob("overlay.damaged-*.json")) == [kept]
