"""The kit's example on embedded Flink: its clock, its worker pool, its calls beside the bundles."""

from __future__ import annotations

import itertools
import shutil
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from local_stack.flink import JOB_SERVER_JAR, FlinkSettings
from local_stack.job import LiveJob
from local_stack.plain_job import PlainJob
from local_stack.ports import free_ports
from local_stack.processes import Processes

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not JOB_SERVER_JAR.exists(), reason="no job server: make setup"),
    pytest.mark.skipif(shutil.which("java") is None, reason="no Java"),
]

SLOW_S = 3.0
"""The job asks every 2 s."""
TIMEOUT_S = 240.0


@dataclass
class Site:
    """A web server that answers after ``delay_s``."""

    delay_s: float
    asked: int = 0
    together: int = 0
    most_together: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self) -> None:
        with self.lock:
            self.asked += 1
            self.together += 1
            self.most_together = max(self.most_together, self.together)
        time.sleep(self.delay_s)
        with self.lock:
            self.together -= 1


def serve(site: Site) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            site.answer()
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002 (the base's)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@dataclass
class Watch:
    job: LiveJob
    file: Path
    quick: Site
    slow: Site
    names: dict[str, str]
    """``quick``, ``slow`` and ``down``, by host and port."""

    def reports(self) -> dict[str, list[tuple[int, str]]]:
        """Time and status, by site."""
        found: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for line in self.file.read_text().splitlines() if self.file.exists() else ():
            at_ms, site, status = line.split()
            found[self.names[site]].append((int(at_ms), status))
        return found

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        give_up_at_s = time.monotonic() + TIMEOUT_S
        while not condition():
            assert time.monotonic() < give_up_at_s, f"not in time: {what}"
            time.sleep(0.1)

    def counters(self) -> dict[str, int]:
        """What the step has counted, as Flink shows it, summed over its instances."""
        rest = self.job.rest
        job_id = self.job.job_id()
        found: dict[str, int] = defaultdict(int)
        for vertex in rest.get(f"/jobs/{job_id}")["vertices"]:
            path = f"/jobs/{job_id}/vertices/{vertex['id']}/metrics"
            ids = [each["id"] for each in rest.get(path) if "ask_site" in each["id"]]
            for each in rest.get(f"{path}?get={','.join(ids)}") if ids else ():
                if each["value"].isdecimal():  # the others are distributions
                    name = each["id"].rpartition("ask_site")[2].strip("._")
                    found[name] += int(each["value"])
        return found


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    folder = tmp_path_factory.mktemp("site-watch")
    sites = {"quick": Site(0.0), "slow": Site(SLOW_S)}
    servers = {name: serve(site) for name, site in sites.items()}
    *ports, closed = free_ports(7)
    names = {f"127.0.0.1:{server.server_port}": name for name, server in servers.items()}
    names[f"127.0.0.1:{closed}"] = "down"
    reports = folder / "reports"
    plain = PlainJob("beam_flink_kit.examples.site_watch", (str(reports), ",".join(names)))
    with Processes(folder / "logs") as processes:
        job = LiveJob(processes, FlinkSettings(folder / "flink", *ports), plain)
        job.start_servers()
        job.submit()
        job.wait_until_running()
        yield Watch(job, reports, sites["quick"], sites["slow"], names)
        job.cancel()
    for server in servers.values():
        server.shutdown()
        server.server_close()


def test_a_slow_site_delays_no_other_and_is_asked_once_at_a_time(watch: Watch) -> None:
    watch.wait_for(lambda: len(watch.reports()["slow"]) >= 3, "three reports of the slow one")
    found = watch.reports()
    assert {status for _, status in found["quick"] + found["slow"]} == {"204"}
    assert {status for _, status in found["down"]} == {"ConnectionRefusedError"}
    # Asked at 0, 4, 8 s, and the others twice as often; a round may be under way.
    assert len(found["quick"]) >= 2 * len(found["slow"]) - 1
    assert abs(len(found["quick"]) - len(found["down"])) <= 1
    assert watch.slow.most_together == 1


def test_the_clock_ticks_as_often_as_it_is_told_to(watch: Watch) -> None:
    """A site is due every 20 ticks of 100 ms. Ticks of a busy machine come late and then at once:
    the last six reports count, once they are as far apart as an idle machine has them."""

    def is_in_time() -> bool:
        times_ms = [at_ms for at_ms, _ in watch.reports()["quick"]][-6:]
        spaces_ms = [after - before for before, after in itertools.pairwise(times_ms)]
        return len(spaces_ms) == 5 and abs(statistics.median(spaces_ms) - 2_000) <= 300

    watch.wait_for(is_in_time, "six reports of the quick one, 2 s apart")


def test_what_the_step_counts_shows_in_flink(watch: Watch) -> None:
    watch.wait_for(lambda: watch.counters()["done"] >= 3, "counts in Flink's REST interface")
    counted = watch.counters()
    assert counted["begun"] >= counted["done"] + counted["failed"]
    assert counted["failed"] >= 1
    assert counted["repeated"] >= 1, "of the slow site, asked while it was still answering"


def test_a_killed_worker_is_replaced_and_the_watch_goes_on(watch: Watch) -> None:
    path = f"/jobs/{watch.job.job_id()}/checkpoints"
    watch.wait_for(lambda: watch.job.rest.get(path)["counts"]["completed"] > 0, "a checkpoint")
    killed_at_ms = time.time() * 1000
    assert watch.job.kill_workers()
    watch.wait_for(
        lambda: any(at_ms > killed_at_ms + 1_000 for at_ms, _ in watch.reports()["slow"]),
        "a report of the slow site by the next worker",
    )
    assert {status for _, status in watch.reports()["quick"]} == {"204"}
    assert watch.job.rest.get(path)["latest"]["restored"] is not None
