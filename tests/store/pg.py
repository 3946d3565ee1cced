"""A PostgreSQL server of the tests' own: a cluster in a temporary folder, on a socket beside it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

DEBIAN = Path("/usr/lib/postgresql")


def programs() -> Path | None:
    """Folder with `initdb` and `postgres`; None where the server is not installed."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(DEBIAN.glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


def _user() -> dict[str, int]:
    """PostgreSQL refuses to run as root: then it runs as `postgres`, or as nobody."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid}
    return {}


@dataclass
class Server:
    bin: Path
    folder: Path

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.bin / program), *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=self.folder, timeout=60, check=False, **_user(),
            extra_groups=[] if _user() else None,
        )  # type: ignore[call-overload]  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr or done.stdout}")

    def create(self) -> None:
        self._run("initdb", "-D", str(self.folder / "data"), "-U", "ivr", "-A", "trust", "-E", "UTF8", "--no-sync")

    def start(self) -> None:
        options = f"-c listen_addresses= -c unix_socket_directories={self.folder} -c fsync=off -c max_connections=60"
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-l", log, "-w", "-t", "50", "-o", options, "start")

    def stop(self) -> None:
        """At once, as if somebody had pulled the plug."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")

    def database(self, name: str) -> str:
        """URL of a new, empty database."""
        self._run("createdb", "-h", str(self.folder), "-U", "ivr", name)
        return f"postgresql+psycopg://ivr@/{name}?host={self.folder}"


@contextmanager
def server() -> Iterator[Server]:
    """Running. Raises RuntimeError with what its programs say."""
    folder = programs()
    assert folder is not None
    place = Path(mkdtemp(prefix="ivr-pg-", dir="/tmp"))  # the path of a socket may not be long
    owner = _user()
    if owner:
        os.chown(place, owner["user"], owner["group"])
    made = Server(folder, place)
    try:
        made.create()
        made.start()
        yield made
    finally:
        with suppress(RuntimeError, subprocess.TimeoutExpired):
            made.stop()
        shutil.rmtree(place, ignore_errors=True)
