"""``python -m tests.kvs_server FOLDER``: the service in a process of its own, until SIGTERM.

One line of JSON says where it is: ``control`` and ``tokens`` (URLs), ``ca_file``.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

from tests.kvs_server.server import kvs_server


async def serve(folder: Path) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with kvs_server(folder) as server:
        where = {
            "control": server.settings.endpoint_url,
            "tokens": server.token_settings.endpoint_url,
            "ca_file": str(server.ca_file),
        }
        sys.stdout.write(json.dumps(where) + "\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
