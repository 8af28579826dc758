"""Two network namespaces with a cable between them, for as long as a test lasts."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

_TIMEOUT_S = 20


@dataclass(frozen=True, slots=True)
class Namespaces:
    """Names and addresses of two machines of one network."""

    machine: str
    phone: str
    machine_address: str = "10.213.7.1"
    phone_address: str = "10.213.7.2"


class NotPermittedError(Exception):
    pass


def inside(namespace: str, *command: str) -> list[str]:
    """The command that runs there."""
    return ["ip", "netns", "exec", namespace, *command]


@contextmanager
def two_namespaces() -> Generator[Namespaces]:
    """Raises NotPermittedError where this user may make none."""
    names = Namespaces(f"lt-machine-{os.getpid()}", f"lt-phone-{os.getpid()}")
    cables = (f"ltm{os.getpid()}"[:15], f"ltp{os.getpid()}"[:15])
    made: list[str] = []
    try:
        for name in (names.machine, names.phone):
            _run("netns", "add", name)
            made.append(name)
        _run("link", "add", cables[0], "netns", names.machine, "type", "veth", "peer", "name",
             cables[1], "netns", names.phone)  # fmt: skip
        ends = (
            (names.machine, cables[0], names.machine_address),
            (names.phone, cables[1], names.phone_address),
        )
        for name, cable, address in ends:
            _run("-n", name, "address", "add", f"{address}/24", "dev", cable)
            _run("-n", name, "link", "set", cable, "up")
            _run("-n", name, "link", "set", "lo", "up")
        yield names
    finally:
        for name in made:
            subprocess.run(["ip", "netns", "delete", name], check=False, timeout=_TIMEOUT_S)


def _run(*arguments: str) -> None:
    try:
        subprocess.run(
            ["ip", *arguments], check=True, capture_output=True, text=True, timeout=_TIMEOUT_S
        )
    except FileNotFoundError:
        raise NotPermittedError("there is no program ip: apt-get install iproute2") from None
    except subprocess.CalledProcessError as error:
        raise NotPermittedError(f"ip {' '.join(arguments)}: {error.stderr.strip()}") from None
