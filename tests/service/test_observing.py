"""The figures of a whole service, and the dashboard and the guide that name them."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from ivr.config import load_config
from ivr.dialog.bundle import Bundle
from ivr.service.desk import ServiceDesk
from ivr.service.hotline import CallRecord, Hotline
from ivr.service.observing import HELP, Observing
from ivr.transport.rtp.leg import RtpSettings
from ivr.transport.rtp.ports import PortRange
from ivr.transport.sip.config import SipConfig
from ivr.transport.sip.endpoint import SipEndpoint

ROOT = Path(__file__).parents[2]
_NAME = re.compile(r"\bivr_[a-z_0-9]+\b")


async def _on_call(call: object) -> None: ...


def text_of(bundle: Bundle, data: Path) -> str:
    async def main() -> str:
        sip = SipEndpoint(SipConfig(port=0), _on_call)
        config = load_config(None, {})
        desk = ServiceDesk(config, bundle, sip, PortRange("127.0.0.1", 27000, 27998), RtpSettings(), data)
        hotline = cast("Hotline", SimpleNamespace(on_begin=[]))
        observing = Observing(config, hotline, desk, lambda: dict.fromkeys(HELP, 1.0), lambda: "")
        await desk.start()
        try:
            record = CallRecord("c1", "100", "8001", "2026-11-22T12:00:00+08:00", "lab", "b", "", "resolved", "", 9_000)
            desk.calls.ended(record)
            driver: Any = SimpleNamespace(listeners=[])
            hotline.on_begin[0](driver, record)
            assert len(driver.listeners) == 1
            return observing.metrics.text().decode()
        finally:
            await desk.stop()
            await observing.close()

    return asyncio.run(main())


def test_every_metric_of_the_dashboard_exists(tmp_path: Path, bundle: Bundle) -> None:
    text = text_of(bundle, tmp_path)
    kinds = dict(re.findall(r"^# TYPE (ivr_\w+) (\w+)$", text, re.M))
    known = set(kinds) | {f"{name}{end}" for name, kind in kinds.items() if kind == "histogram" for end in ("_bucket",)}
    known.add("ivr_queue_service_level")  # none before anybody came
    dashboard = json.loads((ROOT / "docs" / "grafana" / "ivr.json").read_text(encoding="utf-8"))
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    named = {name for panel in panels for target in panel["targets"] for name in _NAME.findall(target["expr"])}
    assert named <= known, sorted(named - known)
    assert len(panels) >= 15
    assert {f"ivr_{name}" for name in HELP} <= set(kinds)
    assert 'ivr_calls_ended_total{outcome="resolved"} 1.0' in text
    assert all(re.search(rf"^# HELP {name} \S", text, re.M) for name in kinds)
    documented = set(_NAME.findall((ROOT / "docs" / "operations.md").read_text(encoding="utf-8")))
    assert documented <= known, sorted(documented - known)


def test_the_panels_do_not_overlap() -> None:
    dashboard = json.loads((ROOT / "docs" / "grafana" / "ivr.json").read_text(encoding="utf-8"))
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
