"""compose.yaml: what `docker compose config` cannot see, and that itself where there is one."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.unit

DOCKER = Path(__file__).parents[3] / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def test_every_service_that_is_named_is_there() -> None:
    named = {
        name
        for service in SERVICES.values()
        for name in [
            *service.get("depends_on", []),
            service.get("network_mode", "service:gateway").removeprefix("service:"),
        ]
    }
    assert named <= set(SERVICES)


def test_every_image_has_its_dockerfile() -> None:
    built = {
        service["image"]: service["build"]["dockerfile"]
        for service in SERVICES.values()
        if "build" in service
    }
    assert {service["image"] for service in SERVICES.values()} == set(built)
    assert all((DOCKER.parent / dockerfile).exists() for dockerfile in built.values())


def test_ports_are_open_to_this_machine_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 3
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_each_taskmanager_has_a_worker_pool_in_its_network() -> None:
    taskmanagers = {name for name in SERVICES if name.startswith("taskmanager")}
    beside = {
        service["network_mode"].removeprefix("service:")
        for service in SERVICES.values()
        if service["image"] == "live-translation-worker-pool"
    }
    assert beside == taskmanagers
    assert len(taskmanagers) == 2


def test_one_taskmanager_alone_has_room_for_the_job() -> None:
    flink = yaml.safe_load(SERVICES["jobmanager"]["environment"]["FLINK_PROPERTIES"])
    assert flink["taskmanager.numberOfTaskSlots"] >= flink["parallelism.default"]
    assert flink["high-availability.storageDir"].startswith("file:///flink-state/")
    assert flink["state.checkpoints.dir"].startswith("file:///flink-state/")


def test_docker_compose_understands_it() -> None:
    environment = {"FLINK_VERSION": "1", "PATH": "/usr/local/bin:/usr/bin:/bin"}
    command = ["docker", "compose", "-f", "compose.yaml"]
    try:
        subprocess.run([*command, "version"], cwd=DOCKER, env=environment, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("there is no docker compose on this machine")
    subprocess.run([*command, "config", "--quiet"], cwd=DOCKER, env=environment, check=True)
