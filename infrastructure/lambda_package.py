"""``python -m infrastructure.lambda_package FOLDER``: leave out what no Lambda needs, and measure.

Lambda takes 250 MB, unpacked. Most of what goes is botocore's description of services that nothing
here calls; tests of packages, and what only command lines import, go too.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

MOST_BYTES = 250 * 1024 * 1024
SERVICES = {
    "apigatewaymanagementapi",
    "dynamodb",
    "events",
    "kinesis",
    "kinesis-video-signaling",
    "kinesisvideo",
    "s3",
    "sts",
}
NEVER_IMPORTED = ("bin", "include", "faker", "polyfactory", "pygments", "rich", "rich_click")


def spare(folder: Path) -> Iterator[Path]:
    """What may go."""
    yield from (folder / name for name in NEVER_IMPORTED if (folder / name).is_dir())
    for data in sorted((folder / "botocore" / "data").iterdir()):
        if data.is_dir() and data.name not in SERVICES:
            yield data
    for package in ("fastavro", "litestar"):
        yield from sorted((folder / package).rglob("tests"))
    yield from sorted(folder.rglob("*.pyx"))
    yield from sorted(folder.rglob("*.pyi"))


def size(folder: Path) -> int:
    """In bytes."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def main(folder: Path) -> int:
    for path in list(spare(folder)):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    found = size(folder)
    sys.stdout.write(f"lambda-code: {found / 2**20:.0f} MB of {MOST_BYTES / 2**20:.0f}\n")
    return 0 if found <= MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
