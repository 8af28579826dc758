"""Base images are pinned by what a registry answers, or nothing is written."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from deployment.pin_images import MEDIA_TYPES, main, pinned

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
DIGESTS = {
    "library/python:3.11-slim": "sha256:" + "1" * 64,
    "observers/collector:v1": "sha256:" + "2" * 64,
}
TOKEN = "for this repository"
DOCKERFILE = "FROM python:3.11-slim AS base\nRUN true\n\nFROM observers/collector:v1\n"


class Registry(BaseHTTPRequestHandler):
    """A registry of the OCI distribution protocol: the anonymous token is asked for first."""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        at = urlsplit(self.path)
        query = parse_qs(at.query)
        assert (at.path, query["service"]) == ("/token", ["the registry"])
        body = b'{"token": "%s"}' % f"{TOKEN} {query['scope'][0]}".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self) -> None:
        found = re.fullmatch(r"/v2/(.+)/manifests/(.+)", self.path)
        assert found is not None
        scope = f"repository:{found[1]}:pull"
        digest = DIGESTS.get(f"{found[1]}:{found[2]}")
        if self.headers.get("authorization") != f"Bearer {TOKEN} {scope}":
            self.send_response(401)
            realm = f"http://{self.headers['host']}/token"
            challenge = f'Bearer realm="{realm}",service="the registry",scope="{scope}"'
            self.send_header("www-authenticate", challenge)
        elif digest is None:
            self.send_response(404)
        else:
            assert self.headers["accept"].split(", ") == list(MEDIA_TYPES)
            self.send_response(200)
            self.send_header("docker-content-digest", digest)
        self.send_header("content-length", "0")
        self.end_headers()


@pytest.fixture
def registry() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    serving.join()


def test_each_tag_gets_the_digest_that_the_registry_has(registry: str, tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text(DOCKERFILE)
    assert main(registry, [file]) == 0
    official, other = DIGESTS.values()
    once = file.read_text()
    assert once.splitlines() == [
        f"FROM python:3.11-slim@{official} AS base",
        "RUN true",
        "",
        f"FROM observers/collector:v1@{other}",
    ]
    assert main(registry, [file]) == 0, "what is pinned is pinned anew"
    assert file.read_text() == once


def test_nothing_is_written_where_one_image_is_not_there(
    registry: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "a", tmp_path / "b"]
    files[0].write_text(DOCKERFILE)
    files[1].write_text("FROM python:2\n")
    assert main(registry, files) == 1
    assert "the registry has no python:2: 404" in capsys.readouterr().err
    assert files[0].read_text() == DOCKERFILE


def test_nothing_is_written_where_no_registry_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text(DOCKERFILE)
    assert main("http://127.0.0.1:1", [file]) == 1
    assert "nothing was changed: no registry answers for python" in capsys.readouterr().err
    assert main("", [file]) == 2
    assert file.read_text() == DOCKERFILE


def test_a_tag_from_versions_toml_says_which_version_was_asked_for() -> None:
    def digest(image: str, tag: str) -> str:
        return f"sha256:{(tag + image).encode().hex().ljust(64, '0')[:64]}"

    text = "ARG FLINK_VERSION\nFROM flink:${FLINK_VERSION}-java17\n"
    once = pinned(text, {"flink": "9.1"}, digest)
    first, comment, line = once.splitlines()
    assert (first, comment) == ("ARG FLINK_VERSION", "# pinned: flink:9.1-java17")
    assert line == "FROM flink:${FLINK_VERSION}-java17@" + digest("flink", "9.1-java17")
    again = pinned(once, {"flink": "9.2"}, digest)
    assert again.count(PINNED_LINE) == 1
    assert "9.2-java17\n" in again


PINNED_LINE = "# pinned: "


def test_every_base_image_of_ours_can_be_pinned() -> None:
    for file in sorted((ROOT / "docker").glob("*/Dockerfile")):
        text = file.read_text()
        asked: list[str] = []
        pinned(text, {"flink": "9"}, lambda image, tag, to=asked: to.append(image) or tag)
        assert len(asked) == len(re.findall(r"^FROM ", text, re.MULTILINE)), file
