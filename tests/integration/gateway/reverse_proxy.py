"""nginx in front of a gateway, by the configuration that docker/ has."""

from __future__ import annotations

import asyncio
import shutil
import socket
import string
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]
TEMPLATE = ROOT / "docker" / "proxy" / "gateway.conf.template"
EXTRACTED = ROOT / ".cache" / "nginx" / "usr" / "sbin" / "nginx"
_MAIN = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/gateway.conf;
}}
"""


def nginx() -> str | None:
    """The program; None: ``make proxy`` was not run."""
    return str(EXTRACTED) if EXTRACTED.exists() else shutil.which("nginx")


@asynccontextmanager
async def proxy_in_front(gateway_port: int, folder: Path) -> AsyncIterator[tuple[int, Path]]:
    """(port, certificate)"""
    program = nginx()
    assert program is not None
    key, certificate = folder / "key.pem", folder / "cert.pem"
    await _run(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-days", "1", "-subj", "/CN=proxy"),
        *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
    )
    port = _free_port()
    filled = string.Template(TEMPLATE.read_text()).safe_substitute(
        PROXY_LISTEN=f"127.0.0.1:{port}",
        PROXY_CERTIFICATE=certificate,
        PROXY_CERTIFICATE_KEY=key,
        PROXY_GATEWAY=f"127.0.0.1:{gateway_port}",
    )
    (folder / "gateway.conf").write_text(filled)
    main = folder / "nginx.conf"
    main.write_text(_MAIN.format(folder=folder))
    process = await asyncio.create_subprocess_exec(program, "-c", str(main), "-p", str(folder))
    try:
        await _until_open(port, process)
        yield port, certificate
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    assert await process.wait() == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _until_open(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(30):
        while True:
            assert process.returncode is None, "nginx ended"
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return
