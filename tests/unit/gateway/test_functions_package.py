"""What functions import is in their package: without codecs, servers and speech engines."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
HANDLERS = ("lambda_authorizer", "lambda_http", "lambda_sweeper", "lambda_websocket")
HEAVY = {"aiortc", "apache_beam", "av", "numpy", "pocketsphinx", "uvicorn", "uvloop", "websockets"}
IMPORT = """
import importlib, sys
importlib.import_module("ingest_gateway.hosts.aws." + sys.argv[1])
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_imports_no_codec_and_no_server(handler: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", IMPORT, handler],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    imported = set(told.stdout.split())
    assert {"ingest_gateway", "aiobotocore", "fastavro"} <= imported
    assert not imported & HEAVY


def test_the_package_holds_none_of_it() -> None:
    text = (ROOT / "infrastructure" / "lambda-requirements.in").read_text()
    wanted = set(re.findall(r"^[a-z][\w-]*", text, re.MULTILINE))
    assert {"aiobotocore", "fastavro", "litestar"} <= wanted
    assert not wanted & HEAVY
