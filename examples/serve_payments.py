"""`make serve`: the payments hotline with its small bank, for your own phone. All flags of `ivr serve` may follow.

.venv/bin/python examples/serve_payments.py --sip 192.0.2.10:5060
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from aiohttp import web
from payments_backend import Bank

ROOT = Path(__file__).resolve().parent.parent


async def main() -> int:
    runner = web.AppRunner(Bank().app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    environment = {"PAYMENTS_API": f"http://127.0.0.1:{port}", **os.environ}
    command = [sys.executable, "-m", "ivr", "serve", "--hotline", str(ROOT / "dialogs/payments"), *sys.argv[1:]]
    process = await asyncio.create_subprocess_exec(*command, env=environment)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, process.terminate)
    try:
        return await process.wait()
    except asyncio.CancelledError:  # Ctrl-C reaches the service too: let it end its calls
        return await process.wait()
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except KeyboardInterrupt:
        sys.exit(130)
