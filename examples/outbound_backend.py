"""The clinic behind dialogs/outbound: who is to be called and why, appointments, ratings, the do-not-call list.

    python examples/outbound_backend.py [--host 127.0.0.1] [--port 8094] [--fault PATH=MODE]

`GET /state` shows what calls have changed. Faults: see backend_base.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from aiohttp import web
from backend_base import Backend, Route, days_ago, json_body, national, serve

Json: TypeAlias = dict[str, Any]

WHAT = {"check-up": {"en": "a check-up", "zh": "牙齿检查"}, "cleaning": {"en": "a cleaning", "zh": "洗牙"}}
FIRST, LAST = dt.time(8, 0), dt.time(19, 0)


@dataclass
class Job:
    """A call that the clinic wants to make."""

    id: str
    kind: str
    """reminder or rating."""
    phone: str
    name: str
    birthday: str
    what: str = "check-up"
    day: str = ""
    at: str = "09:30"
    state: str = "open"
    machine: bool = False
    """The dialler's detection of answering machines has heard one."""


def jobs() -> list[Job]:
    return [
        Job("J1", "reminder", "12025550143", "Sam Carter", "1985-05-03", day=days_ago(-2)),
        Job("J2", "reminder", "13800138000", "李娜", "1990-03-12", "cleaning", days_ago(-1), "14:00"),
        Job("J3", "rating", "12025550144", "Ann Bell", "1978-06-02", day=days_ago(1)),
        Job("J4", "rating", "13900139000", "王伟", "1985-05-03", day=days_ago(1)),
        Job("J5", "reminder", "12025550145", "Kim Reed", "1969-01-20", day=days_ago(-3), machine=True),
    ]


class Clinic(Backend):
    def __init__(self, faults: dict[str, str] | None = None) -> None:
        super().__init__(faults)
        self.jobs = {job.id: job for job in jobs()}
        self.barred: set[str] = set()
        self.taken = {(days_ago(-4), "15:00")}
        self.ratings: list[Json] = []
        self.reports: list[Json] = []

    def routes(self) -> Sequence[Route]:
        return [
            ("GET", "/jobs", self.find_job),
            ("POST", "/patients/check", self.check_patient),
            ("GET", "/visits/{job}", self.visit),
            ("POST", "/visits/{job}/confirm", self.confirm),
            ("POST", "/visits/{job}/cancel", self.cancel),
            ("POST", "/visits/{job}/move", self.move),
            ("GET", "/openings", self.opening),
            ("POST", "/ratings", self.rate),
            ("POST", "/do-not-call", self.bar),
            ("POST", "/reports", self.report),
            ("GET", "/state", self.state),
        ]

    async def find_job(self, request: web.Request) -> Json:
        phone = national(request.query["phone"])
        job = next((job for job in self.jobs.values() if job.phone == phone), None)
        if job is None:
            return {"found": False, "id": "", "kind": "", "name": "", "machine": False, "barred": phone in self.barred}
        found = {"id": job.id, "kind": job.kind, "name": job.name, "machine": job.machine}
        return {"found": True, **found, "barred": phone in self.barred}

    async def check_patient(self, request: web.Request) -> Json:
        body = await json_body(request)
        return {"ok": self.jobs[str(body["job"])].birthday == str(body["birthday"])}

    async def visit(self, request: web.Request) -> Json:
        job = self._job(request)
        words = WHAT[job.what]
        return {"what": words.get(request.query.get("lang", ""), words["en"]), "day": job.day, "at": job.at}

    async def confirm(self, request: web.Request) -> Json:
        self._job(request).state = "confirmed"
        return {"ok": True}

    async def cancel(self, request: web.Request) -> Json:
        self._job(request).state = "cancelled"
        return {"ok": True}

    async def move(self, request: web.Request) -> Json:
        job, body = self._job(request), await json_body(request)
        wanted = (str(body["day"]), str(body["at"]))
        if wanted in self.taken:
            return {"ok": False}
        self.taken.add(wanted)
        job.day, job.at, job.state = *wanted, "moved"
        return {"ok": True}

    async def opening(self, request: web.Request) -> Json:
        """The first free half hour from the time wanted on, that day."""
        wanted = dt.date.fromisoformat(request.query["day"])
        start = dt.datetime.combine(wanted, max(dt.time.fromisoformat(request.query["at"]), FIRST))
        steps = (start + dt.timedelta(minutes=30 * step) for step in range(24))
        times = [f"{step:%H:%M}" for step in steps if step.date() == wanted and step.time() < LAST]
        free = [at for at in times if (wanted.isoformat(), at) not in self.taken]
        found = bool(free) and wanted.isoweekday() != 7
        return {"found": found, "day": wanted.isoformat(), "at": free[0] if free else "00:00"}

    async def rate(self, request: web.Request) -> Json:
        body = await json_body(request)
        if not 1 <= int(body["stars"]) <= 5:
            raise ValueError("stars go from 1 to 5")
        self.ratings.append(body)
        return {"ok": True}

    async def bar(self, request: web.Request) -> Json:
        self.barred.add(national(str((await json_body(request))["phone"])))
        return {"ok": True}

    async def report(self, request: web.Request) -> Json:
        body = await json_body(request)
        if not body.get("verdict"):
            raise ValueError("a report needs a verdict")
        self.reports.append(body)
        return {"ok": True}

    async def state(self, request: web.Request) -> Json:
        states = {job.id: job.state for job in self.jobs.values()}
        return {"jobs": states, "barred": sorted(self.barred), "ratings": self.ratings, "reports": self.reports}

    def _job(self, request: web.Request) -> Job:
        return self.jobs[request.match_info["job"]]


if __name__ == "__main__":
    serve(Clinic, "The clinic behind dialogs/outbound.", 8094)
