"""The Python packages that images hold, and what lies inside their wheels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, cast

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from email.message import Message

PROJECT = "live-speech-translation"
EXTRAS = ("local",)
"""With the neural engines, which a worker of this machine runs; images have none."""
_HASHES = re.compile(r"(-[0-9a-f]{8})+$")


@dataclass(frozen=True, slots=True)
class Wheel:
    """``licence`` as its metadata says it, ``needs`` names of other ones, ``libraries`` the names
    of shared libraries that were put into it when it was built (auditwheel's folder)."""

    name: str
    version: str
    licence: str
    needs: tuple[str, ...]
    libraries: tuple[str, ...]


def shipped_wheels() -> dict[str, Wheel]:
    """By name: what the project needs where it runs, and all that these need. Its own is not one of
    them. PackageNotFoundError: one is not installed."""
    found: dict[str, Wheel] = {}
    asked = list(direct_needs(PROJECT, EXTRAS).items())
    while asked:
        name, extras = asked.pop()
        needs = direct_needs(name, extras)
        known = found.get(name)
        if known is None:
            found[name] = _wheel(name, tuple(needs))
        elif needs.keys() <= set(known.needs):
            continue
        else:  # asked for again, with more of its extras
            found[name] = _wheel(name, tuple(sorted({*known.needs, *needs})))
        asked += needs.items()
    return dict(sorted(found.items()))


def direct_needs(name: str, extras: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Names with the extras that are wanted of them, on this machine."""
    found: dict[str, tuple[str, ...]] = {}
    for line in metadata.requires(name) or ():
        one = Requirement(line)
        wanted = ("", *extras)
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in wanted):
            key = canonicalize_name(one.name)
            found[key] = tuple(sorted({*found.get(key, ()), *one.extras}))
    return found


def _wheel(name: str, needs: tuple[str, ...]) -> Wheel:
    distribution = metadata.distribution(name)
    libraries = {
        _HASHES.sub("", file.name.partition(".so")[0])
        for file in distribution.files or ()
        if file.parts[0].endswith(".libs") and ".so" in file.name
    }
    return Wheel(
        name, distribution.version, _licence(distribution), needs, tuple(sorted(libraries))
    )


def _licence(distribution: metadata.Distribution) -> str:
    """The expression, or else the classifiers, or else the first line of the old field."""
    said = cast("Message", distribution.metadata)
    expression = said.get("License-Expression")
    if expression:
        return expression
    classifiers = [one for one in said.get_all("Classifier") or () if one.startswith("License ::")]
    names = [one.rpartition(" :: ")[2] for one in classifiers]
    return "; ".join(names) or (said.get("License") or "").strip().partition("\n")[0]
