"""`ivr user`: who may sign in to the console."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ivr.errors import InputError

if TYPE_CHECKING:
    from ivr.store.users import Users

ROLES = ("admin", "ops", "agent", "designer")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("user", help="who may sign in to the console")
    parser.set_defaults(run=run)
    verbs = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--data", metavar="DIR", help="the service's data folder (default data)")
    shared.add_argument("--config", metavar="FILE", help="settings (TOML)")
    secret = argparse.ArgumentParser(add_help=False)
    secret.add_argument(
        "--password-stdin", action="store_true", help="read the password from standard input instead of inviting"
    )
    verb = verbs.add_parser("add", parents=[shared, secret], help="add a user, and print where to set the password")
    verb.add_argument("name")
    verb.add_argument("--role", choices=ROLES, default="agent", help="what the user may see and do (agent)")
    verbs.add_parser("list", parents=[shared], help="all users")
    verb = verbs.add_parser("passwd", parents=[shared, secret], help="set a new password; ends the user's sessions")
    verb.add_argument("name")
    verb = verbs.add_parser("remove", parents=[shared], help="remove a user and end the sessions")
    verb.add_argument("name")


def run(args: argparse.Namespace) -> int:
    from ivr.config import load_config

    config = load_config(Path(args.config) if args.config else None, flags={"service.data": args.data})
    data = Path(config.service.data).resolve()
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    from ivr.service.desk import database_url

    asyncio.run(_run(args, data, f"http://{config.http.host}:{config.http.port}", database_url(config, data)))
    return 0


async def _run(args: argparse.Namespace, data: Path, address: str, url: str) -> None:
    from ivr.store.store import Store
    from ivr.store.users import Users

    store = Store(url, data / "spool", node="command line")
    await store.open()
    try:
        line = await _ACTIONS[args.action](args, Users(store), address)
        if args.action != "list":
            await store.audit("command line", f"user.{args.action}", "user", args.name)
        print(line)
    finally:
        await store.close()


async def _add(args: argparse.Namespace, users: Users, address: str) -> str:
    from ivr.console.context import INVITED_FOR
    from ivr.console.passwords import hash_password

    if args.password_stdin:
        password = _password(args)
        await users.add(args.name, args.role, hash_password(password))
        return f"{args.name} ({args.role}) may sign in now"
    await users.add(args.name, args.role)
    token = await users.invite(args.name, args.role, INVITED_FOR)
    return f"{args.name} ({args.role}) sets a password at {address}/setup/{token} (works once, for 7 days)"


async def _list(args: argparse.Namespace, users: Users, address: str) -> str:
    rows = await users.list()
    lines = [
        f"{row.name:24} {row.role:10} {'' if row.password_hash else 'no password yet, '}"
        f"{f'last login {row.last_login_at:%Y-%m-%d %H:%M} UTC' if row.last_login_at else 'never signed in'}"
        for row in rows
    ]
    return "\n".join(lines) or "no users yet: `ivr user add NAME --role admin`"


async def _passwd(args: argparse.Namespace, users: Users, address: str) -> str:
    from ivr.console.passwords import hash_password

    if await users.get(args.name) is None:
        raise InputError(f"no user has the name {args.name[:40]!r}")
    await users.set_password(args.name, hash_password(_password(args)))
    return f"the password of {args.name} is changed; all sessions are ended"


async def _remove(args: argparse.Namespace, users: Users, address: str) -> str:
    await users.remove(args.name)
    return f"{args.name} is removed"


def _password(args: argparse.Namespace) -> str:
    """Asked for twice at a terminal. Raises InputError."""
    from ivr.console.passwords import check_password

    if args.password_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = getpass.getpass("new password: ")
        if password != getpass.getpass("once more: "):
            raise InputError("the two passwords are not the same")
    check_password(password, args.name)
    return password


_ACTIONS = {"add": _add, "list": _list, "passwd": _passwd, "remove": _remove}
