"""The gateways of a chaos run: one that is killed and frozen, two while one replaces the other."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from beam_flink_kit.loops import LiveLoop
from benchmarks.crowd import GATEWAY_OPTIONS
from local_stack.ports import LOOPBACK, free_ports
from local_stack.processes import Processes, Running, frozen
from local_stack.proxies import FirstAnswerProxy, TcpProxy
from local_stack.stack import start_gateway


@dataclass(frozen=True, slots=True)
class _Gateway:
    process: Running
    port: int

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"


class Gateways:
    """``url`` is where clients are, ``notify_url`` where the job posts, whatever gateway runs."""

    def __init__(self, processes: Processes, aws_endpoint: str, stage: str, keys: Path) -> None:
        self._processes = processes
        self._aws_endpoint = aws_endpoint
        self._stage = stage
        self._options = (f"--token-key={keys}", *GATEWAY_OPTIONS)
        self._loop = LiveLoop()
        (port,) = free_ports(1)
        self._clients = TcpProxy(self._loop, port, 0)
        self._notify = FirstAnswerProxy(self._loop)
        self.url = f"http://{LOOPBACK}:{port}"
        self._current = self._start(*free_ports(1))

    @property
    def process(self) -> Running:
        """The current one."""
        return self._current.process

    @property
    def notify_url(self) -> str:
        return self._notify.url

    def start(self) -> None:
        self._notify.start()
        self._clients.start()
        self._wait(self._current)
        self._lead_to(self._current)

    def stop(self) -> None:
        self._clients.stop()
        self._notify.stop()
        self._loop.stop()

    def kill(self) -> None:
        """``kill -9``, and another one on the same port at once, as a supervisor would."""
        self._processes.kill(self._current.process)
        self._current = self._start(self._current.port)
        self._wait(self._current)

    def freeze(self, lasts_s: float) -> None:
        with frozen(self._current.process):
            time.sleep(lasts_s)

    def roll(self, lasts_s: float, *, kills: bool) -> None:
        """Another gateway takes new connections while the old one keeps its own for ``lasts_s``;
        then that is told to end, or killed."""
        old, new = self._current, self._start(*free_ports(1))
        self._wait(new)
        self._current = new
        self._lead_to(new, old)
        time.sleep(lasts_s)
        if kills:
            self._processes.kill(old.process)
        else:
            self._processes.stop(old.process)
        self._lead_to(new)

    @contextmanager
    def without_clients(self) -> Generator[int]:
        """No client has a connection until the block is left; how many had one."""
        broken = self._clients.cut()
        try:
            yield broken
        finally:
            self._clients.mend()

    def _start(self, port: int) -> _Gateway:
        process = start_gateway(
            self._processes, port, self._aws_endpoint, self._stage, self._options
        )
        return _Gateway(process, port)

    def _wait(self, gateway: _Gateway) -> None:
        gateway.process.wait_for_port(gateway.port)

    def _lead_to(self, *gateways: _Gateway) -> None:
        """Clients to the first of them; the job's posts to whichever holds the connection."""
        self._clients.target_port = gateways[0].port
        self._notify.urls = tuple(gateway.url for gateway in gateways)
