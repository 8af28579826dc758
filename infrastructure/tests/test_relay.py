"""An event reaches the worker as the bus would post it, and a refusal is not taken for success."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError

import pytest
import session_relay

pytestmark = pytest.mark.integration

EVENT = {
    "source": "session-management.http-api",
    "detail-type": "Session Status Change",
    "detail": {"sessionId": "brave-lion-7", "eventType": "SESSION_CREATED"},
}


class Worker(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.status = 202
        self.seen: list[tuple[str, str | None, object]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/session-events"


class Asked(BaseHTTPRequestHandler):
    server: Worker

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.seen.append((self.path, self.headers["x-events-key"], body))
        self.send_response(self.server.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its base's name
        """Quiet."""


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    with Worker() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("WORKER_URL", server.url)
        monkeypatch.setenv("KEY_SECRET", "the-secret")
        monkeypatch.setattr(session_relay, "events_key", {"the-secret": "a-key"}.__getitem__)
        yield server
        server.shutdown()
        thread.join()


def test_the_worker_gets_the_whole_event_with_the_key(worker: Worker) -> None:
    session_relay.handler(EVENT, None)
    assert worker.seen == [("/session-events", "a-key", EVENT)]


@pytest.mark.parametrize("status", [403, 500, 503])
def test_an_event_that_was_not_taken_is_told_again_by_the_bus(worker: Worker, status: int) -> None:
    worker.status = status
    with pytest.raises(HTTPError):
        session_relay.handler(EVENT, None)
