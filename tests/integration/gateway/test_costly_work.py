"""What costs something is done for nobody who may not have it done: on functions, reading who
listens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.gateway.conftest import RunningHandlers, in_memory, running

if TYPE_CHECKING:
    from connectors.interfaces.session_tables import ConnectionRow

pytestmark = pytest.mark.integration


async def test_a_stranger_has_no_listeners_read() -> None:
    async with running(in_memory(), RunningHandlers) as host, host.http() as http:
        speaker, session_id = await host.speaker()
        listener = await host.listener(session_id)
        connections, reads = host.tables.connections, list[str]()

        async def counted(asked: str, now_ms: int) -> tuple[ConnectionRow, ...]:
            reads.append(asked)
            return await connections(asked, now_ms)

        host.tables.connections = counted  # type: ignore[method-assign]
        path, pause = f"/sessions/{session_id}", {"status": "paused"}
        assert (await http.patch(path, json=pause)).status_code == 401
        eve = {"authorization": f"Bearer {host.token('eve')}"}
        assert (await http.patch(path, json=pause, headers=eve)).status_code == 403
        assert (await http.delete(path, headers=eve)).status_code == 403
        guest, other = await host.connect(), await host.connect(host.token("eve"))
        for action in ("endSession", "pauseBroadcast", "changeLanguage"):
            await guest.ask(action, "error", sessionId=session_id, targetLanguage="ca")
        join = {"sessionId": session_id, "streamId": "e", "nextSequence": 0}
        assert (await other.ask("joinAsSpeaker", "error", **join))["code"] == "FORBIDDEN"
        assert reads == []
        ada = {"authorization": f"Bearer {host.token()}"}
        assert (await http.patch(path, json=pause, headers=ada)).status_code == 200
        assert reads == [session_id]
        for client in (speaker, listener):
            await client.expect("broadcastState", state="paused")
