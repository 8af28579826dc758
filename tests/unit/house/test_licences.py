"""Licences of what images hold, by what is inside the wheels and by npm's lock. NOTICE names those
that ask for more than their text."""

from __future__ import annotations

import json
import re

import pytest

from deployment.sbom import NOTICE, PAGES_LOCK, bundled_licences, page_packages
from deployment.wheels import shipped_wheels

pytestmark = pytest.mark.unit

PERMISSIVE = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSD-3-Clause-Clear", "ISC", "MIT",
    "MIT-0", "PSF-2.0",
    # as older metadata says the same
    "3-Clause BSD License", "Apache License 2.0", "Apache License, Version 2.0",
    "Apache Software License", "BSD License", "ISC License (ISCL)", "MIT License",
    "Python Software Foundation License",
}  # fmt: skip
NAMED = {"MPL-2.0", "Mozilla Public License 2.0 (MPL 2.0)"}
"""By file: what is changed of them is given away under them. NOTICE names who has them."""
COPYLEFT_LIBRARIES = {
    "GPL-2.0-or-later",
    "GPL-3.0-or-later WITH GCC-exception-3.1",
    "LGPL-2.0-or-later",
    "LGPL-2.1-or-later",
    "LGPL-3.0-or-later",
    "LGPL-3.0-or-later OR GPL-2.0-or-later",
}
"""Of libraries inside wheels, each of which NOTICE names."""


def parts(licence: str) -> set[str]:
    return set(re.split(r" AND | OR |; ", licence))


def test_packages_that_run_ask_for_no_more_than_their_text_or_are_named() -> None:
    notice = NOTICE.read_text()
    unknown: dict[str, str] = {}
    for wheel in shipped_wheels().values():
        said = parts(wheel.licence)
        if not said <= PERMISSIVE | NAMED or (said & NAMED and wheel.name not in notice):
            unknown[wheel.name] = wheel.licence
    assert unknown == {}


def test_notice_names_each_library_inside_a_wheel_and_no_other() -> None:
    inside = {
        (wheel.name, library) for wheel in shipped_wheels().values() for library in wheel.libraries
    }
    named = bundled_licences(NOTICE.read_text())
    assert named.keys() == inside
    assert set(named.values()) <= PERMISSIVE | COPYLEFT_LIBRARIES


def test_x264_and_x265_are_where_the_page_says_and_nowhere_else() -> None:
    """Who gives an image away has to know of GPL code in it: docs/security.md tells what to do."""
    found = {
        (wheel.name, library)
        for wheel in shipped_wheels().values()
        for library in wheel.libraries
        if bundled_licences(NOTICE.read_text())[wheel.name, library] == "GPL-2.0-or-later"
    }
    assert found == {("av", "libx264"), ("av", "libx265")}


def test_pages_are_built_from_permissive_packages() -> None:
    packages = page_packages(json.loads(PAGES_LOCK.read_text()))
    assert packages
    assert {name: one["license"] for name, one in packages.items()
            if not parts(one["license"]) <= PERMISSIVE} == {}  # fmt: skip
