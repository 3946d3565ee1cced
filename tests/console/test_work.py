"""What people do with the console: calls, floor, desk, tickets, users; by page and by API."""

from __future__ import annotations

import base64
import csv
import io
from pathlib import Path

from aiohttp import WSMsgType
from jsonschema import Draft202012Validator

from ivr.call.events import CallEvent
from ivr.call.states import CallState
from ivr.console.api.tickets import cell
from ivr.console.app import ROUTES
from ivr.console.i18n import translator
from ivr.console.render import plain
from ivr.console.timeline import timeline_of
from ivr.store.tickets import NewTicket
from tests.console.lab import HOSTILE, Lab, live, open_console, recorded, until


@live
async def test_a_live_call_is_told(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        olga = await lab.user("olga", "ops")
        call = lab.call("call-1")
        async with olga.client.ws_connect("/api/events?topics=calls") as socket:
            first = await socket.receive_json(timeout=5)
            assert first["type"] == "calls"
            assert first["calls"][0] | {"lines": []} == {
                "id": "call-1", "caller": "13800138000", "called": "4000", "state": "listening", "duration_ms": 61_000,
                "agent": "", "partial": "", "lines": [],
            }  # fmt: skip
            assert [line["text"] for line in first["calls"][0]["lines"]] == [
                "How can I help you?",
                "my card was stolen",
            ]
            call.session.state = CallState.HEARING
            call.tell("in.PartialTranscript", utterance=3, text="yes it")
            told = await socket.receive_json(timeout=5)
            assert (told["type"], told["since"], told["call"]["lines"]) == ("call", 2, [])
            assert (told["call"]["partial"], told["call"]["state"]) == ("yes it", "hearing")
            call.session.said.append(("caller", "yes it was"))
            call.tell("turn.commit", utterance=3)
            told = await socket.receive_json(timeout=5)
            assert (told["since"], told["call"]["partial"]) == (2, "")
            assert told["call"]["lines"] == [{"speaker": "caller", "text": "yes it was"}]
            call.session.said[2] = ("caller", "yes it was and")
            call.tell("turn.commit", utterance=3)
            told = await socket.receive_json(timeout=5)
            assert (told["since"], len(told["call"]["lines"])) == (2, 1), "a turn that goes on replaces the old one"
            lab.running.clear()
            assert await socket.receive_json(timeout=5) == {"type": "ended", "id": "call-1"}


@live
async def test_who_is_too_slow_is_cut_off(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        async with lab.console.hub.watch(frozenset({"calls"})) as watcher:
            for n in range(300):
                watcher.put(str(n))
            assert watcher.queue.qsize() <= 200
        olga = await lab.user("olga", "ops")
        async with olga.client.ws_connect("/api/events?topics=calls,floor") as socket:
            await socket.receive_json(timeout=5)
            await socket.receive_json(timeout=5)
            lab.console.hub.dismiss()
            closed = await socket.receive(timeout=5)
            assert (closed.type, closed.data) == (WSMsgType.CLOSE, 4408)


@live
async def test_the_floor_and_the_desk(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        ann, olga = await lab.user("ann", "agent"), await lab.user("olga", "ops")
        call = lab.call("call-1")
        await lab.row("call-1")
        lab.hand_over(call)
        await lab.answered(call)
        floor = await olga.json("/api/floor")
        assert [(c["call_id"], c["state"], c["reason"], c["agent"]) for c in floor["callers"]] == [
            ("call-1", "talking", "no_match", "ann")
        ]
        assert {a["name"]: a["state"] for a in floor["agents"]} == {"ann": "busy", "ben": "offline"}
        assert {q["name"]: q["answered"] for q in floor["queues"]} == {"cards": 1, "default": 0}
        desk = await ann.json("/api/desk")
        assert desk["packet"]["summary"] == "card stolen, block it"
        assert desk["packet"]["slots"][0]["alternatives"] == ["6222 8008"]
        assert (await ann.form("/desk/notes?next=/desk", call_id="call-1", notes="sent a new card",
                               disposition="resolved")).headers["Location"] == "/desk?saved=1"  # fmt: skip
        row = await lab.store.call("call-1")
        assert row is not None
        assert (row.agent, row.queue, row.data["notes"]) == ("ann", "cards", "sent a new card")
        lab.phone.calls[0].hang_up()
        await until(lambda: lab.desk.floor.roster.agents["ann"].state.value == "wrap_up", "wrap-up")
        lab.desk.forget("call-1")
        text = await ann.text("/desk")
        assert "wrap_up" in text
        assert "card stolen, block it" in text, "the packet stays through the wrap-up"
        assert "sent a new card" in text
        await ann.send("POST", "/api/agents/ann/state", {"state": "available"})
        assert lab.desk.floor.roster.agents["ann"].state.value == "available"


@live
async def test_agents_states(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        ann, olga = await lab.user("ann", "agent"), await lab.user("olga", "ops")

        async def change(browser: object, agent: str, **data: str) -> tuple[int, str]:
            answer = await browser.send("POST", f"/api/agents/{agent}/state", data)  # type: ignore[attr-defined]
            return answer.status, (await answer.json()).get("error", "")

        assert await change(ann, "ann", state="paused", reason="lunch") == (200, "")
        assert lab.desk.floor.roster.agents["ann"].reason == "lunch"
        assert await change(ann, "ann", state="paused") == (400, "a pause needs a reason")
        assert await change(ann, "ben", state="available") == (403, "agents change their own state only")
        assert await change(olga, "ben", state="available") == (200, "")
        assert lab.desk.floor.roster.agents["ben"].state.value == "available"
        assert await change(olga, "ben", state="offline") == (200, "")
        assert await change(olga, "zoe", state="available") == (400, "no such agent: 'zoe'")
        status, error = await change(olga, "ben", state="asleep")
        assert (status, error) == (400, "state: Input should be 'available', 'paused' or 'offline'")
        noted = {(row.actor, row.action, row.subject) for row in await lab.store.audit_log(kind="agent")}
        assert noted == {
            ("ann", "agent.paused", "ann"), ("olga", "agent.available", "ben"), ("olga", "agent.offline", "ben"),
        }  # fmt: skip


@live
async def test_the_call_page(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        dora = await lab.user("dora", "designer")
        await lab.row("a/b@c#1", **recorded(tmp_path / "calls" / "1"))
        base = "/api/calls/a%2Fb%40c%231"
        line = await dora.json(f"{base}/timeline")
        assert line["voice"] == [{"start_ms": 1000, "end_ms": 1600, "text": "", "kind": ""}]
        assert line["answers"] == [{"start_ms": 1600, "end_ms": 2020, "text": "420 ms", "kind": ""}]
        assert line["barge_ins"][0] | {"kind": ""} == {"start_ms": 1020, "end_ms": 1400, "text": "380 ms", "kind": ""}
        assert [s["kind"] for s in line["states"]] == ["speaking", "hearing"]
        assert line["slots"] == [{"at_ms": 2000, "name": "card", "value": HOSTILE, "p": 0.88}]
        assert [t["speaker"] for t in line["turns"]] == ["bot", "caller", "bot", "caller"]
        assert (line["duration_ms"], line["outcome"]) == (3000, "completed")
        peaks = await dora.json(f"{base}/peaks")
        caller, bot = base64.b64decode(peaks["caller"]), base64.b64decode(peaks["bot"])
        assert (peaks["block_ms"], len(caller)) == (20, 150)
        assert (caller[10], bot[10]) == (0, 9000 >> 7)
        assert (caller[140], bot[140]) == (9000 >> 7, 0)
        whole = await dora.get(f"{base}/recording")
        sound = await whole.read()
        assert whole.headers["Content-Type"] == "audio/flac"
        part = await dora.get(f"{base}/recording", headers={"Range": "bytes=100-199"})
        assert (part.status, await part.read()) == (206, sound[100:200])
        assert part.headers["Content-Range"] == f"bytes 100-199/{len(sound)}"
        assert [row.subject for row in await lab.store.audit_log(action="recording.heard")] == ["a/b@c#1"]
        assert "It is blocked." in await dora.text("/calls/a%2Fb%40c%231")


@live
async def test_files_outside_are_never_shown(tmp_path: Path) -> None:
    data, outside = tmp_path / "data", tmp_path / "outside"
    async with open_console(data) as lab:
        dora = await lab.user("dora", "designer")
        await lab.row("call-1", **recorded(outside))
        for what, path in (("journal", "timeline"), ("recording", "recording"), ("recording", "peaks")):
            answer = await dora.get(f"/api/calls/call-1/{path}")
            assert (answer.status, (await answer.json())["error"]) == (404, f"this call has no {what}")
        assert (await dora.get("/api/calls/none")).status == 404
        assert "this call has no journal" in await dora.text("/calls/call-1")


@live
async def test_damaged_files(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        dora = await lab.user("dora", "designer")
        files = recorded(tmp_path / "calls" / "1")
        await lab.row("call-1", **files)
        spoil(files)
        assert "journal.jsonl:1: not a journal line" in await dora.text("/calls/call-1")
        answer = await dora.get("/api/calls/call-1/peaks")
        assert answer.status == 404
        assert "recording.flac: cannot be read" in (await answer.json())["error"]


def spoil(files: dict[str, str]) -> None:
    Path(files["journal"]).write_text('rubbish\n{"at": 1}\n')
    Path(files["recording"]).write_bytes(b"fLaC" + b"\0" * 100)


@live
async def test_search_and_whose_calls(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        for n in range(3):
            lab.clock.jump(hours=1)
            await lab.row(f"call-{n}", f"1380000{n}", agent="ann" if n == 1 else "ben")
        ann, olga = await lab.user("ann", "agent"), await lab.user("olga", "ops")
        await lab.store.call_ended("call-2", "failed", "backend", language="zh")

        async def ids(browser: object, query: str) -> list[str]:
            found = await browser.json(f"/api/calls?{query}")  # type: ignore[attr-defined]
            return [call["id"] for call in found["calls"]]

        assert await ids(olga, "") == ["call-2", "call-1", "call-0"]
        assert await ids(olga, "text=13800001") == ["call-1"]
        assert await ids(olga, "text=%25") == [], "a percent sign is a percent sign"
        assert await ids(olga, "outcome=failed&language=zh") == ["call-2"]
        assert await ids(olga, "since=2026-11-23T13:30:00%2B00:00&until=2026-11-23T14:30:00%2B00:00") == ["call-1"]
        assert await ids(olga, "limit=1&offset=1") == ["call-1"]
        assert await ids(ann, "agent=ben") == ["call-1"]
        assert (await (await ann.get("/api/calls/call-2")).json())["error"].startswith("agents see the calls")
        assert (await ann.get("/calls/call-2")).status == 403
        bad = await olga.get("/api/calls?since=yesterday")
        assert (await bad.json())["error"] == (
            "since: a time like 2026-11-22 or 2026-11-22T09:30 is needed, not 'yesterday'"
        )
        assert (await olga.get("/api/calls?limit=501")).status == 400


@live
async def test_tickets(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        ann = await lab.user("ann", "agent")
        made = await ann.form(
            "/tickets/new", topic="call back", priority="high", caller="100", due_at="2026-11-24T09:00"
        )
        page = made.headers["Location"]
        number = page.removeprefix("/tickets/")
        assert "call back" in await ann.text(page)
        await ann.form(page, state="assigned", was_state="open", assignee="ann", was_assignee="", note="tried once")
        ticket = await ann.json(f"/api/tickets/{number}")
        assert (ticket["state"], ticket["assignee"], ticket["priority"], ticket["phone"]) == (
            "assigned", "ann", "high", "100",
        )  # fmt: skip
        assert [event["kind"] for event in ticket["history"]] == ["created", "changed", "note"]
        # Another one closed it meanwhile: a form that shows the old state and leaves it alone does not re-open it.
        await ann.send("PATCH", f"/api/tickets/{number}", {"state": "done"})
        await ann.form(page, state="assigned", was_state="assigned", note="by the way")
        assert (await ann.json(f"/api/tickets/{number}"))["state"] == "done"
        await ann.send("PATCH", f"/api/tickets/{number}", {"due_at": None})
        assert (await ann.json(f"/api/tickets/{number}"))["due_at"] is None
        for change, error in (
            ({"state": "lost"}, "state: Input should be 'open', 'assigned', 'waiting' or 'done'"),
            ({"assignee": None}, "assignee: cannot be null"),
            ({"caller": "x"}, "caller: Extra inputs are not permitted"),
        ):  # fmt: skip
            answer = await ann.send("PATCH", f"/api/tickets/{number}", change)
            assert (answer.status, (await answer.json())["error"]) == (400, error)
        assert (await ann.get("/tickets/000")).status == 404
        assert (await ann.json("/api/tickets?state=open,done&text=call"))["tickets"][0]["number"] == number
        assert (await ann.get("/api/tickets?state=lost")).status == 400


@live
async def test_exports(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        ann = await lab.user("ann", "agent")
        await lab.console.tickets.create(NewTicket(topic="=cmd|' /C calc'!A0", phone="+86 10 5555 0199"))
        fields = {"amount": -5, "kind": "@card", "paid": True}
        await lab.console.tickets.create(NewTicket(topic='卡丢了, "help"\nplease', fields=fields))
        text = await ann.text("/api/tickets.csv")
        rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
        assert {row["topic"] for row in rows} == {"'=cmd|' /C calc'!A0", '卡丢了, "help"\nplease'}
        assert {row["phone"] for row in rows} == {"+86 10 5555 0199", ""}
        own = {tuple(row[f"fields.{name}"] for name in ("amount", "kind", "paid")) for row in rows}
        assert own == {("", "", ""), ("-5", "'@card", "true")}
        assert len((await ann.json("/api/tickets.json"))["tickets"]) == 2


def test_cells_are_no_formulas() -> None:
    given = ("=1", "+1+1", "-1", "@x", "\t=1", " =1", "＝1", "a=1", None, "+86 (10) 5-5", -1)
    assert [cell(text) for text in given] == [
        "'=1", "'+1+1", "'-1", "'@x", "'\t=1", "' =1", "'＝1", "a=1", "", "+86 (10) 5-5", "-1",
    ]  # fmt: skip


@live
async def test_users(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        adam = await lab.user("adam", "admin")
        invited = await adam.send("POST", "/api/users", {"name": "ann", "role": "agent"})
        path = (await invited.json())["path"]
        assert invited.status == 201
        lab.clock.jump(days=6)
        assert (await lab.stranger().get(path)).status == 200
        lab.clock.jump(days=1)
        assert (await lab.stranger().get(path)).status == 400, "seven days"
        await lab.sign_in(adam, "adam")
        removed = await adam.send("DELETE", "/api/users/adam")
        assert (await removed.json())["error"] == "you cannot remove yourself"
        other = await adam.send("POST", "/api/users", {"name": "ann", "role": "ops"})
        assert (await other.json())["error"].startswith("'ann' has the role agent")
        assert (await adam.send("DELETE", "/api/users/ann")).status == 200
        assert (await adam.send("DELETE", "/api/users/ann")).status == 400
        assert [user["name"] for user in (await adam.json("/api/users"))["users"]] == ["adam"]


@live
async def test_the_description_is_whole(tmp_path: Path) -> None:
    async with open_console(tmp_path) as lab:
        dora = await lab.user("dora", "designer")
        document = await dora.json("/api/openapi.json")
        offered = {(route.path, route.method.lower()) for route in ROUTES if route.kind != "page"}
        assert {(path, verb) for path, verbs in document["paths"].items() for verb in verbs} == offered
        for schema in document["components"]["schemas"].values():
            Draft202012Validator.check_schema(schema)
        await answers_keep_to_it(lab, document)


NOT_JSON = {
    "/api/openapi.json", "/api/events", "/api/calls/{id}/sound", "/api/desk/phone", "/api/chat",
    "/api/calls/{id}/assist",
}  # fmt: skip
"""Sockets, and what there is only while somebody reads along."""


async def answers_keep_to_it(lab: Lab, document: dict[str, object]) -> None:
    """What the API says is what its description says."""
    adam = await lab.user("adam", "admin")
    await lab.row("call-1", **recorded(lab.console.data / "calls" / "1"))
    lab.hand_over(call := lab.call("call-1"))
    await lab.answered(call)
    number = await lab.console.tickets.create(NewTicket(topic="x"))
    paths: dict[str, dict[str, dict[str, dict[str, dict[str, object]]]]] = document["paths"]  # type: ignore[assignment]
    for path, verbs in paths.items():
        if "get" not in verbs or path in NOT_JSON:
            continue
        content: dict[str, dict[str, object]] = verbs["get"]["responses"]["2XX"]["content"]  # type: ignore[assignment]
        if "application/json" not in content:
            continue
        schema = {**content["application/json"]["schema"], "components": document["components"]}  # type: ignore[dict-item]
        answer = await adam.json(path.format(id="call-1", number=number, name="ann"))
        assert not [error.message for error in Draft202012Validator(schema).iter_errors(answer)], path


def test_the_time_line_begins_with_the_first_prompt() -> None:
    """The journal has changes of state only."""
    line = timeline_of(
        [
            CallEvent(16_000, "state", {"state": "listening"}),
            CallEvent(32_000, "call.end", {"outcome": "lost", "cause": ""}),
        ]
    )
    assert [(s.kind, s.start_ms, s.end_ms) for s in line.states] == [("speaking", 0, 1000), ("listening", 1000, 2000)]
    assert timeline_of([]).states == []


def test_values_are_shown_to_people() -> None:
    assert plain(True, translator("en")) == "yes"
    assert plain([False, "a", None, {"city": 1}], translator("zh")) == "否, a, , city: 1"
