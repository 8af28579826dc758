"""Consent limits what is sent; who still sends authenticated media is heard. In virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest
from aioice.stun import TransactionTimeout

from ingest_gateway.webrtc.consent import SILENT_S, Consent

pytestmark = pytest.mark.unit

RunVirtual = Callable[[Coroutine[Any, Any, Any]], Any]


class Connection:
    """Of aioice's: one nominated pair, whose other side answers while ``answers``."""

    def __init__(self) -> None:
        self.answers = True
        self.closed_at_s: float | None = None
        self.sent: list[bytes] = []
        self.remote_password = "secret"
        self._nominated = {1: SimpleNamespace(protocol=self, remote_addr=("192.0.2.1", 1))}
        self._query_consent_task: Any = None

    def build_request(self, _pair: object, *, nominate: bool) -> object:
        return object()

    async def request(self, *_: object, **__: object) -> None:
        if not self.answers:
            raise TransactionTimeout

    async def close(self) -> None:
        self.closed_at_s = asyncio.get_running_loop().time()

    async def sendto(self, data: bytes, component: int) -> None:
        self.sent.append(data)


def kept(monkeypatch: pytest.MonkeyPatch) -> tuple[Connection, Consent]:
    connection = Connection()
    consent = Consent(asyncio.get_running_loop().time)
    monkeypatch.setattr("ingest_gateway.webrtc.consent.connections_of", lambda _: [connection])
    consent.keep(object())  # type: ignore[arg-type]
    return connection, consent


def test_media_keeps_a_talk_whose_sender_answers_no_checks(
    run_virtual: RunVirtual, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        connection, consent = kept(monkeypatch)
        connection.answers = False
        checks = asyncio.create_task(connection.query_consent())  # type: ignore[attr-defined]
        for _ in range(120):
            consent.packet_came()
            await asyncio.sleep(1)
        assert connection.closed_at_s is None
        await connection.sendto(b"report", 1)
        assert connection.sent == []  # it has not consented to that
        connection.answers = True
        await asyncio.sleep(7)
        await connection.sendto(b"report", 1)
        assert connection.sent == [b"report"]
        checks.cancel()

    run_virtual(story())


def test_who_neither_consents_nor_sends_is_gone_after_half_a_minute(
    run_virtual: RunVirtual, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        connection, consent = kept(monkeypatch)
        consent.packet_came()
        connection.answers = False
        await connection.query_consent()  # type: ignore[attr-defined]
        assert connection.closed_at_s == pytest.approx(SILENT_S, abs=7)
        assert not consent.may_send

    run_virtual(story())
