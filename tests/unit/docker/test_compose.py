"""compose.yaml: what `docker compose config` cannot see, and that itself where there is one."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_settings import CliApp

from connectors.offline.speech_synthesis import OfflineSynthesizer
from connectors.offline.translation import OfflineTranslator
from ingest_gateway.settings import GatewaySettings
from schemas.languages import LANGUAGES

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


def gateway_options() -> dict[str, str]:
    given = (option.removeprefix("--") for option in SERVICES["gateway"]["command"])
    return {name: value for name, _, value in (option.partition("=") for option in given)}


def test_whoever_opens_the_page_may_speak() -> None:
    """Not over loopback: a container sees Docker's network."""
    found = CliApp.run(GatewaySettings, cli_args=SERVICES["gateway"]["command"])
    assert found.open_tokens
    assert found.public_url == "http://localhost:8080"


def test_the_gateway_knows_what_the_worker_pools_engines_can() -> None:
    """It has none of them in its image, so it is told."""
    translator, synthesizer = OfflineTranslator(), OfflineSynthesizer()
    can = [
        language
        for language in sorted(LANGUAGES)
        if translator.can_translate("en", language) and synthesizer.can_speak(language)
    ]
    if not can:
        pytest.skip("Apertium's pairs are not on this machine")
    assert gateway_options()["languages"] == f"en:{','.join(can)}"


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
