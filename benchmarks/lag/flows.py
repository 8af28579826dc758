"""Both flows with everything they need on this machine, and what a listener got from each."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.baseline.batches import shards_by_bytes, shards_for
from benchmarks.lag.collector import Note, read_notes
from benchmarks.lag.counted_recognition import RECOGNISED_OPTION, Request, read_requests
from benchmarks.lag.service_profiles import PROFILE_OPTION
from benchmarks.lag.stand_in_stores import STORES_OPTION
from benchmarks.lag.talkers import SOURCE_LANGUAGE, Session, Spoken, Talkers
from benchmarks.talks import write_talk
from connectors.amazon.clients import AwsSettings
from local_stack.cloud.local_cloud import LocalCloud, start_local_cloud, use_local_credentials
from local_stack.flink import ROOT
from local_stack.ports import LOOPBACK, free_ports
from local_stack.processes import POLL_S, ProcessError, Processes
from local_stack.stack import LocalStack, StackSettings

BASELINE, JOB = "baseline", "job"
EACH_UTTERANCE = "--release=append"
"""Of the job, beside a flow that translates each piece once. What it costs to wait for sentences,
and what it gives, is what ``make score`` tells."""
_WARM_UP = Session("warm-up", write_talk(999, 6.0), ("es",), source_language="ca")
"""In a language of its own: so its audio is told from what is measured."""
_RECOGNISED = "recognised.jsonl"
_QUIET_S = 10.0
"""Longer than a window and the slowest services together: after that nothing more will come."""
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class FlowSettings:
    """``directory`` takes logs and notes. ``job_options`` go to ``pipelines.main`` as they are.
    ``stand_in_stores``: in place of the local cloud's ledger and clip store, in both flows."""

    directory: Path
    profile: str
    parallelism: int = 1
    job_options: tuple[str, ...] = ()
    stand_in_stores: bool = False

    @property
    def store_options(self) -> tuple[str, ...]:
        return (STORES_OPTION,) if self.stand_in_stores else ()


@dataclass(frozen=True, slots=True)
class FlowOutcome:
    """What was spoken, and what came of it in one flow; ``report`` is the flow's own, if any.
    ``requests``: what its recogniser was sent."""

    flow: str
    spoken: tuple[Spoken, ...]
    notes: tuple[Note, ...]
    report: Mapping[str, float]
    requests: tuple[Request, ...] = ()


def hear_baseline(
    settings: FlowSettings, sessions: Sequence[Session], say: Callable[[str], None]
) -> tuple[FlowOutcome, ...]:
    directory = settings.directory / BASELINE
    with _collector(directory) as collector, Processes(directory / "logs") as processes:
        use_local_credentials()
        (port,) = free_ports(1)
        cloud = start_local_cloud(processes, port)
        cloud.process.wait_for_port(cloud.port)
        aws = cloud.create_resources(settings.profile, shards=shards_for(len(sessions)))
        with _window_flow(settings, directory, cloud, collector):
            spoken = _speak(aws, sessions, [collector], say)
    return (_outcome_of(BASELINE, directory, spoken),)


def job_shards(talks: int, *, together: bool = False) -> int:
    """Of the stream that the job reads, alone or ``together`` with the window flow."""
    return shards_for(talks) if together else shards_by_bytes(talks)


def hear_job(
    settings: FlowSettings, sessions: Sequence[Session], say: Callable[[str], None]
) -> tuple[FlowOutcome, ...]:
    directory = settings.directory / JOB
    with (
        _collector(directory) as collector,
        LocalStack(_stack(settings, collector, job_shards(len(sessions))), say=say) as stack,
    ):
        spoken = _speak(stack.aws, sessions, [collector], say)
    return (_outcome_of(JOB, directory, spoken),)


def hear_both(
    settings: FlowSettings, sessions: Sequence[Session], say: Callable[[str], None]
) -> tuple[FlowOutcome, ...]:
    """Both at once, of the same stream: for few talks that are long."""
    theirs, ours = settings.directory / BASELINE, settings.directory / JOB
    shared_shards = job_shards(len(sessions), together=True)
    with (
        _collector(theirs) as their_collector,
        _collector(ours) as our_collector,
        LocalStack(_stack(settings, our_collector, shared_shards), say=say) as stack,
        _window_flow(settings, theirs, stack.cloud, their_collector),
    ):
        spoken = _speak(stack.aws, sessions, [their_collector, our_collector], say)
    return _outcome_of(BASELINE, theirs, spoken), _outcome_of(JOB, ours, spoken)


@dataclass(frozen=True, slots=True)
class _Collector:
    url: str
    notes: Path


@contextmanager
def _collector(directory: Path) -> Generator[_Collector]:
    directory.mkdir(parents=True, exist_ok=True)
    (port,) = free_ports(1)
    notes = directory / "notes.jsonl"
    with Processes(directory / "collector") as processes:
        running = processes.start(
            "collector",
            [
                sys.executable,
                "-m",
                "benchmarks.lag.collector",
                f"--port={port}",
                f"--notes={notes}",
            ],
            cwd=ROOT,
        )
        running.wait_for_port(port)
        yield _Collector(f"http://{LOOPBACK}:{port}", notes)


@contextmanager
def _window_flow(
    settings: FlowSettings, directory: Path, cloud: LocalCloud, collector: _Collector
) -> Generator[None]:
    ready, report = directory / "ready", directory / "report.json"
    ready.unlink(missing_ok=True)
    with Processes(directory / "flow") as processes:
        running = processes.start(
            "window-flow",
            [
                sys.executable,
                "-m",
                "benchmarks.baseline.process",
                f"--aws-endpoint={cloud.endpoint}",
                f"--stage={settings.profile}",
                f"--notify-endpoint={collector.url}",
                f"--profile={settings.profile}",
                f"--ready={ready}",
                f"--report={report}",
                f"--recognised={directory / _RECOGNISED}",
                *settings.store_options,
            ],
            cwd=ROOT,
        )
        running.wait_until(ready.exists, "it read", _PATIENCE_S)
        yield


def _stack(settings: FlowSettings, collector: _Collector, shards: int) -> StackSettings:
    return StackSettings(
        settings.directory / JOB / "stack",
        stage=settings.profile,
        shards=shards,
        notifier="gateway",
        parallelism=settings.parallelism,
        submission="benchmarks.lag.profiled_job",
        job_options=(
            f"{PROFILE_OPTION}{settings.profile}",
            f"--notify_endpoint={collector.url}",
            f"{RECOGNISED_OPTION}{settings.directory / JOB / _RECOGNISED}",
            *settings.store_options,
            EACH_UTTERANCE,
            *settings.job_options,
        ),
    )


def _speak(
    aws: AwsSettings,
    sessions: Sequence[Session],
    collectors: Sequence[_Collector],
    say: Callable[[str], None],
) -> tuple[Spoken, ...]:
    """A short talk first, so that nothing starts cold; then all of them, until nothing comes."""

    async def speak(these: Sequence[Session]) -> tuple[Spoken, ...]:
        talkers = Talkers(aws)
        try:
            await talkers.prepare(these)
            return await talkers.speak(these)
        finally:
            await talkers.close()

    asyncio.run(speak([_WARM_UP]))
    for one in collectors:
        _wait_for_a_clip(one)
    say(f"{len(sessions)} talks of {sessions[0].talk.duration_s:.0f} s")
    spoken = asyncio.run(speak(sessions))
    for one in collectors:
        _wait_until_quiet(one)
    return spoken


def _wait_for_a_clip(collector: _Collector) -> None:
    give_up_at_s = time.monotonic() + _PATIENCE_S
    while not _size(collector):
        if time.monotonic() > give_up_at_s:
            raise ProcessError(
                f"the warm-up talk was not heard in {_PATIENCE_S:.0f} s:"
                f" see the logs below {collector.notes.parent}"
            )
        time.sleep(POLL_S)


def _wait_until_quiet(collector: _Collector) -> None:
    """Until nothing has come for some seconds, or patience is over."""
    give_up_at_s = time.monotonic() + _PATIENCE_S
    size, grew_at_s = _size(collector), time.monotonic()
    while time.monotonic() < min(grew_at_s + _QUIET_S, give_up_at_s):
        time.sleep(POLL_S)
        if _size(collector) != size:
            size, grew_at_s = _size(collector), time.monotonic()


def _size(collector: _Collector) -> int:
    return collector.notes.stat().st_size if collector.notes.exists() else 0


def _outcome_of(flow: str, directory: Path, spoken: tuple[Spoken, ...]) -> FlowOutcome:
    report = directory / "report.json"
    return FlowOutcome(
        flow,
        spoken,
        read_notes(directory / "notes.jsonl"),
        json.loads(report.read_text()) if report.exists() else {},
        read_requests(directory / _RECOGNISED, SOURCE_LANGUAGE),
    )
