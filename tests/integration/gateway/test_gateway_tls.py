"""``--tls-cert`` and ``--tls-key``: https answers, and the client speaks over wss."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
import sys
import wave
from pathlib import Path

import aiohttp
import pytest

from connectors.amazon.clients import AwsClients
from schemas.values import AudioChunk
from tests.integration.gateway.test_gateway_process import records

pytestmark = pytest.mark.integration


async def run(*command: str, **environment: str) -> str:
    """What it prints; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **environment},
    )
    try:
        async with asyncio.timeout(30):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, output.decode()
    return output.decode()


async def test_a_talk_over_tls(aws_clients: AwsClients, tmp_path: Path) -> None:
    key, cert, talk = tmp_path / "key.pem", tmp_path / "cert.pem", tmp_path / "talk.wav"
    await run(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-days", "1", "-subj", "/CN=gateway", "-addext", "subjectAltName=IP:127.0.0.1"),
        *("-keyout", str(key), "-out", str(cert)),
    )
    pcm = bytes(range(256)) * 125  # 1 s
    with wave.open(str(talk), "wb") as output:
        output.setnchannels(1)
        output.setsampwidth(2)
        output.setframerate(16_000)
        output.writeframes(pcm)
    settings = aws_clients.settings
    gateway = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ingest_gateway", "--port=0", f"--stage={settings.stage}"),
        "--trust-loopback",
        *(f"--aws-endpoint={settings.endpoint_url}", f"--tls-cert={cert}", f"--tls-key={key}"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert gateway.stdout is not None
        async with asyncio.timeout(30):
            line = (await gateway.stdout.readline()).decode()
        ready = re.fullmatch(r"gateway ready: (https://127\.0\.0\.1:\d+)\n", line)
        assert ready is not None, line
        url = ready[1]
        trusted = ssl.create_default_context(cafile=cert)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{url}/healthz", ssl=trusted) as answer:
                assert answer.status == 200
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await session.get(f"{url}/healthz")  # nobody vouches for it
        # OpenSSL's own variable makes the client trust it, as an operator would.
        said = await run(
            *(sys.executable, "-m", "ingest_gateway.client", "speak", str(talk), f"--url={url}"),
            SSL_CERT_FILE=str(cert),
        )
        assert "acknowledged 1.0 s" in said
    finally:
        if gateway.returncode is None:
            gateway.kill()
        await gateway.wait()
    chunks = [one for one in await records(aws_clients) if isinstance(one, AudioChunk)]
    assert b"".join(one.pcm for one in sorted(chunks, key=lambda one: one.sequence)) == pcm
