"""The acts: what each does to the running system. They block; each returns when it is over, and the
system whole again as far as that can be seen from outside."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from benchmarks.chaos.jobs import frozen_pid, wait_until_noticed, wait_until_whole
from benchmarks.chaos.reshard import merge_shards, split_shard
from benchmarks.chaos.schedule import ActKind, PlannedAct, Touched
from benchmarks.chaos.settings import Form
from benchmarks.chaos.system import System
from local_stack.cloud.table_faults import TableFault
from local_stack.processes import ProcessError, frozen

T = TypeVar("T")
_BOTH = frozenset(Form)
_JOB = frozenset({Touched.JOB})
_GATEWAY = frozenset({Touched.GATEWAY})
_STREAM = frozenset({Touched.STREAM})
_TABLES = frozenset({Touched.TABLES})
_KILLS_ABOVE = 0.5


@dataclass(frozen=True, slots=True)
class Act:
    """``play`` is given the system and how the act was planned."""

    kind: ActKind
    play: Callable[[System, PlannedAct], None]
    forms: frozenset[Form] = _BOTH


def picked(choices: Sequence[T], pick: float) -> T:
    """One of several. ProcessError: there is none."""
    if not choices:
        raise ProcessError("there is nothing to choose from")
    return choices[min(int(pick * len(choices)), len(choices) - 1)]


def kill_worker(system: System, planned: PlannedAct) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(picked(system.job.worker_pids(), planned.pick), signal.SIGKILL)
    wait_until_noticed(system.job)
    wait_until_whole(system.job)


def freeze_worker(system: System, planned: PlannedAct) -> None:
    with frozen_pid(picked(system.job.worker_pids(), planned.pick)):
        time.sleep(planned.lasts_s)
    wait_until_whole(system.job)


def kill_server(role: str) -> Callable[[System, PlannedAct], None]:
    def kill(system: System, planned: PlannedAct) -> None:
        system.job.kill(picked(sorted(system.job.servers(role)), planned.pick))
        wait_until_noticed(system.job)
        wait_until_whole(system.job)

    return kill


def freeze_server(role: str) -> Callable[[System, PlannedAct], None]:
    def freeze(system: System, planned: PlannedAct) -> None:
        servers = system.job.servers(role)
        with frozen(servers[picked(sorted(servers), planned.pick)]):
            time.sleep(planned.lasts_s)
        wait_until_whole(system.job)

    return freeze


def run_second_job(system: System, planned: PlannedAct) -> None:
    system.job.run_second(planned.lasts_s)
    wait_until_whole(system.job)


def kill_gateway(system: System, _planned: PlannedAct) -> None:
    system.gateways.kill()


def freeze_gateway(system: System, planned: PlannedAct) -> None:
    system.gateways.freeze(planned.lasts_s)


def roll_gateway(system: System, planned: PlannedAct) -> None:
    system.gateways.roll(planned.lasts_s, kills=planned.pick > _KILLS_ABOVE)


def cut_clients(system: System, planned: PlannedAct) -> None:
    with system.gateways.without_clients():
        time.sleep(planned.lasts_s)


def freeze_cloud(system: System, planned: PlannedAct) -> None:
    with frozen(system.cloud.process):
        time.sleep(planned.lasts_s)


def split(system: System, planned: PlannedAct) -> None:
    split_shard(system.aws, planned.pick)


def merge(system: System, planned: PlannedAct) -> None:
    merge_shards(system.aws, planned.pick)


def fault_of_ledger(fault: TableFault) -> Callable[[System, PlannedAct], None]:
    def take_away(system: System, planned: PlannedAct) -> None:
        with system.ledger.on(fault):
            time.sleep(planned.lasts_s)

    return take_away


_CLUSTER = frozenset({Form.CLUSTER})
_EMBEDDED = frozenset({Form.EMBEDDED})
ACTS = (
    Act(ActKind("worker-killed", _JOB, takes_s=12.0), kill_worker),
    Act(ActKind("worker-frozen", _JOB, (1.0, 30.0), 3.0), freeze_worker),
    Act(ActKind("taskmanager-killed", _JOB, takes_s=18.0), kill_server("taskmanager"), _CLUSTER),
    # The longest are longer than Flink's heartbeats are waited for: it is given up, and comes back.
    Act(
        ActKind("taskmanager-frozen", _JOB, (1.0, 35.0), 15.0),
        freeze_server("taskmanager"),
        _CLUSTER,
    ),
    Act(ActKind("jobmanager-killed", _JOB, takes_s=25.0), kill_server("jobmanager"), _CLUSTER),
    Act(
        ActKind("jobmanager-frozen", _JOB, (1.0, 25.0), 15.0),
        freeze_server("jobmanager"),
        _CLUSTER,
    ),
    Act(ActKind("flink-killed", _JOB, takes_s=25.0), kill_server("flink"), _EMBEDDED),
    Act(ActKind("flink-frozen", _JOB, (1.0, 30.0), 5.0), freeze_server("flink"), _EMBEDDED),
    Act(ActKind("second-job", _JOB, (3.0, 20.0), 40.0), run_second_job),
    Act(ActKind("gateway-killed", _GATEWAY, takes_s=4.0), kill_gateway),
    Act(ActKind("gateway-frozen", _GATEWAY, (1.0, 25.0), 3.0), freeze_gateway),
    Act(ActKind("gateway-rolled", _GATEWAY, (2.0, 15.0), 12.0), roll_gateway),
    Act(ActKind("clients-cut", _GATEWAY, (1.0, 25.0), 3.0), cut_clients),
    # Not for longer: gateways keep what is not durable for 30 s, and that is another promise.
    Act(
        ActKind("cloud-frozen", _STREAM | _TABLES, (1.0, 20.0), 3.0, in_background=True),
        freeze_cloud,
    ),
    Act(ActKind("shard-split", _STREAM, takes_s=1.0), split),
    Act(ActKind("shards-merged", _STREAM, takes_s=1.0), merge),
    Act(
        ActKind("ledger-away", _TABLES, (1.0, 180.0), 2.0, in_background=True),
        fault_of_ledger(TableFault.AWAY),
    ),
    Act(
        ActKind("ledger-answers-lost", _TABLES, (1.0, 30.0), 2.0, in_background=True),
        fault_of_ledger(TableFault.ANSWERS_LOST),
    ),
)


def acts_of(form: Form, names: Sequence[str] = ()) -> tuple[Act, ...]:
    """The acts of a form, all or those named. ValueError: one of the names is none of them."""
    there = {act.kind.name: act for act in ACTS if form in act.forms}
    unknown = sorted(set(names) - there.keys())
    if unknown:
        raise ValueError(f"no such act: {', '.join(unknown)}; there are {', '.join(there)}")
    return tuple(act for name, act in there.items() if not names or name in names)


def kinds_of(form: Form, names: Sequence[str] = ()) -> tuple[ActKind, ...]:
    return tuple(act.kind for act in acts_of(form, names))
