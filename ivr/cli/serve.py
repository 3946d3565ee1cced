"""`ivr serve`: answer the hotline."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ivr.app.live import Service


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "serve",
        help="answer calls by SIP",
        description="Answer calls by SIP and lead them through a hotline. Settings come from the flags, then the "
        "environment (IVR_SIP_PORT=...), then the file; see docs/configuration.md.",
    )
    parser.add_argument("--hotline", metavar="DIR", help="the hotline's folder (default dialogs/payments)")
    parser.add_argument("--bundles", metavar="DIR", help="follow the active bundle of this folder instead")
    parser.add_argument("--sip", metavar="HOST:PORT", help="where SIP is answered (default 127.0.0.1:5060)")
    parser.add_argument("--http", metavar="HOST:PORT", help="health, metrics, console (default 127.0.0.1:8080)")
    parser.add_argument("--data", metavar="DIR", help="recordings, journals, database (default data)")
    parser.add_argument("--config", metavar="FILE", help="settings (TOML)")
    parser.add_argument("--log", default="info", choices=("debug", "info", "warning", "error"), help="what is logged")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from ivr.config import host_and_port, load_config
    from ivr.telemetry.logs import set_up

    flags: dict[str, object] = {f"service.{name}": getattr(args, name) for name in ("hotline", "data", "bundles")}
    for name in ("sip", "http"):
        text = getattr(args, name)
        if text:
            flags[f"{name}.host"], flags[f"{name}.port"] = host_and_port(text, f"--{name}")
    config = load_config(Path(args.config) if args.config else None, flags=flags)
    set_up(config.telemetry.logs, args.log, config.store.node)
    from ivr.app.live import Service
    from ivr.app.offline import build_bundle, served_bundles

    if config.service.bundles:
        served = served_bundles(Path(config.service.bundles))
        service = Service(config, served.bundle, served)
    else:
        service = Service(config, build_bundle(Path(config.service.hotline)))
    return asyncio.run(_serve(service))


async def _serve(service: Service) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await service.start(lambda text: print(f"{text} ...", file=sys.stderr, flush=True))
    _tell(service)
    preparing = asyncio.create_task(service.prepare())
    await stop.wait()
    preparing.cancel()
    print("stopping: calls in progress may end", file=sys.stderr, flush=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: sys.exit(130))  # a second signal means it
    await service.stop()
    return 0


def _tell(service: Service) -> None:
    hotline = service.bundle.definition.hotline.hotline
    print(f"\n{hotline} is answering.", flush=True)
    web_host, web_port = service.http_address
    if service.config.browser.enabled:
        print(f"  open   http://{_reachable(web_host)}:{web_port}/  to call it, or chat, from a browser", flush=True)
    for name, (host, port) in service.sip.addresses.items():
        transport = "" if name == "UDP" else f";transport={name.lower()}"
        print(f"  call   sip:hotline@{host}:{port}{transport}", flush=True)
    print(f"  look   http://{web_host}:{web_port}/  (/readyz, /metrics)", flush=True)
    if service.setup_path:
        print(
            f"  admin  http://{web_host}:{web_port}{service.setup_path}  sets up the first one; works once", flush=True
        )
    print(f"  files  {service.data.resolve()}", flush=True)
    print("  stop   Ctrl-C\n", flush=True)


def _reachable(host: str) -> str:
    """An address that a browser on this machine can open, for one that stands for all."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
