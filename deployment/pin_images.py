"""Base images by digest: asks a registry what the tags of the Dockerfiles' FROM lines are now.

``python -m deployment.pin_images REGISTRY docker/*/Dockerfile``

REGISTRY is the address of one that has Docker's official images (``library/NAME``), such as
Docker's own or a mirror of it. A tag that comes from versions.toml keeps its variable: the line
before it says for which version the digest was asked, and a test compares.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import httpx

from local_stack.flink import ROOT

MEDIA_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""An index comes first: its digest is the same on every machine."""
PINNED = "# pinned: "
_FROM = re.compile(
    rf"^(?:{PINNED}\S+\n)?"
    r"FROM (?P<image>[\w./-]+):(?P<tag>[\w.${}-]+)(?:@sha256:[0-9a-f]{64})?",
    re.MULTILINE,
)
_VARIABLE = re.compile(r"\$\{(\w+)_VERSION\}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_TIMEOUT_S = 20.0

Digest = Callable[[str, str], str]
"""Of an image and a tag."""


class PinError(Exception):
    """The digests could not be had; nothing was written."""


@dataclass(frozen=True, slots=True)
class Registry:
    """One that speaks the OCI distribution protocol; a token is asked for where it wants one."""

    url: str
    http: httpx.Client

    def digest(self, image: str, tag: str) -> str:
        """Raises PinError."""
        name = image if "/" in image else f"library/{image}"
        path = f"{self.url.rstrip('/')}/v2/{name}/manifests/{tag}"
        headers = {"accept": ", ".join(MEDIA_TYPES)}
        try:
            answer = self.http.head(path, headers=headers)
            if answer.status_code == HTTPStatus.UNAUTHORIZED:
                token = self._token(answer.headers.get("www-authenticate", ""))
                headers["authorization"] = f"Bearer {token}"
                answer = self.http.head(path, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, KeyError, ValueError) as error:
            raise PinError(f"no registry answers for {image}:{tag}: {error!r}") from error
        digest = answer.headers.get("docker-content-digest", "")
        if answer.status_code != HTTPStatus.OK or not _DIGEST.fullmatch(digest):
            raise PinError(f"the registry has no {image}:{tag}: {answer.status_code}")
        return digest

    def _token(self, challenge: str) -> str:
        asked = dict(_CHALLENGE.findall(challenge))
        answer = self.http.get(asked.pop("realm"), params=asked).raise_for_status().json()
        return str(answer.get("token") or answer["access_token"])


def pinned(dockerfile: str, versions: dict[str, str], digest: Digest) -> str:
    """The same with a digest after each tag that FROM names."""

    def pin(line: re.Match[str]) -> str:
        image, tag = line["image"], line["tag"]
        known = _VARIABLE.sub(lambda name: versions[name[1].lower()], tag)
        for_version = "" if known == tag else f"{PINNED}{image}:{known}\n"
        return f"{for_version}FROM {image}:{tag}@{digest(image, known)}"

    return _FROM.sub(pin, dockerfile)


def main(url: str, dockerfiles: Sequence[Path]) -> int:
    versions = tomllib.loads((ROOT / "versions.toml").read_text())
    if not url:
        sys.stderr.write("pin-images: name a registry: make pin-images REGISTRY=https://...\n")
        return 2
    with httpx.Client(timeout=_TIMEOUT_S, follow_redirects=True) as http:
        registry = Registry(url, http)
        try:
            texts = [pinned(file.read_text(), versions, registry.digest) for file in dockerfiles]
        except PinError as error:
            sys.stderr.write(f"pin-images: nothing was changed: {error}\n")
            return 1
    for file, text in zip(dockerfiles, texts, strict=True):
        file.write_text(text)
        sys.stdout.write(f"{file}: {text.count('@sha256:')} pinned\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], [Path(one) for one in sys.argv[2:]]))
