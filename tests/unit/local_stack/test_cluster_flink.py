from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from local_stack.cluster.flink import FLINK_HOME, ClusterSettings, java_options
from local_stack.cluster.stack import ClusterStackSettings
from local_stack.processes import ProcessError

pytestmark = pytest.mark.unit

SETTINGS = ClusterSettings(Path("/somewhere"), 8081, 2181, 50000)


def entries(text: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in text.splitlines())


def test_everything_listens_on_the_loopback_only() -> None:
    flink = entries(SETTINGS.configuration(""))
    addresses = {key: value for key, value in flink.items() if key.endswith(("host", "address"))}
    assert set(addresses) == {
        "rest.address",
        "rest.bind-address",
        "jobmanager.rpc.address",
        "jobmanager.bind-host",
        "taskmanager.host",
        "taskmanager.bind-host",
    }
    assert set(addresses.values()) == {"127.0.0.1"}
    assert "clientPortAddress=127.0.0.1\n" in SETTINGS.zookeeper_configuration()
    assert all(SETTINGS.pool_address(number).startswith("127.") for number in range(2))


def test_a_jobmanager_finds_everything_of_the_last_one_in_one_directory() -> None:
    flink = entries(SETTINGS.configuration(""))
    assert flink["high-availability.type"] == "zookeeper"
    assert flink["high-availability.zookeeper.quorum"] == "127.0.0.1:2181"
    kept = ("high-availability.storageDir", "state.checkpoints.dir", "state.savepoints.dir")
    assert all(flink[key].startswith("file:///somewhere/") for key in kept)
    assert "dataDir=/somewhere/zookeeper\n" in SETTINGS.zookeeper_configuration()


def test_an_application_s_jar_is_of_this_cluster() -> None:
    assert entries(SETTINGS.configuration(""))["user.artifacts.base-dir"] == "/somewhere/artifacts"


def test_one_name_leads_each_taskmanager_to_the_pool_beside_it() -> None:
    first, second = SETTINGS.hosts(0), SETTINGS.hosts(1)
    assert SETTINGS.pool == "worker-pool:50000"
    assert "127.0.0.2 worker-pool\n" in first
    assert "127.0.0.3 worker-pool\n" in second
    assert first.splitlines()[0].startswith("127.0.0.1 localhost ")


def test_one_taskmanager_alone_has_room_for_the_job() -> None:
    assert SETTINGS.slots >= ClusterStackSettings(Path("/somewhere")).parallelism


def test_what_the_managed_service_decides_is_decided_as_there() -> None:
    ours = entries(SETTINGS.configuration(""))
    managed = entries(replace(SETTINGS, is_managed=True).configuration(""))
    assert ours["execution.buffer-timeout.interval"] == "0 ms"
    assert "execution.buffer-timeout.interval" not in managed
    assert managed["state.backend.type"] == "rocksdb"
    assert managed["state.backend.incremental"] == "true"


def test_zookeeper_allows_the_session_that_flink_asks_for() -> None:
    tick_ms = int(entries(SETTINGS.zookeeper_configuration().replace("=", ": "))["tickTime"])
    assert 2 * tick_ms <= SETTINGS.zookeeper_session_ms <= 20 * tick_ms


def test_what_flink_opens_of_java_is_taken_from_its_own_configuration() -> None:
    shipped = "env:\n  java:\n    opts:\n      all: --add-exports=a=b --add-opens=c=d\nother: 1\n"
    assert java_options(shipped) == "--add-exports=a=b --add-opens=c=d"
    options = entries(SETTINGS.configuration(java_options(shipped)))["env.java.opts.all"]
    assert options.startswith("--add-exports=a=b --add-opens=c=d -XX:")


def test_another_layout_of_that_configuration_is_refused() -> None:
    with pytest.raises(ProcessError, match="another version"):
        java_options("env.java.opts: nothing\n")


def test_flink_has_an_environment_of_its_own() -> None:
    assert ".venv" not in FLINK_HOME.parts
    assert "flink-venv" in FLINK_HOME.parts
