"""What is left out of the Lambdas' code, and that too much is said to be so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from infrastructure import lambda_package

pytestmark = pytest.mark.unit

KEPT = (
    "botocore/data/kinesis/2013-12-02/service-2.json.gz",
    "botocore/data/endpoints.json",
    "ingest_gateway/hosts/aws/lambda_http.py",
    "fastavro/read.py",
)
LEFT_OUT = (
    "botocore/data/ec2/2016-11-15/service-2.json.gz",
    "litestar/tests/test_app.py",
    "fastavro/_read.pyx",
    "pygments/lexer.py",
)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for name in (*KEPT, *LEFT_OUT):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * 100)
    return tmp_path


def test_only_what_is_used_stays(package: Path) -> None:
    assert lambda_package.main(package) == 0
    left = {str(file.relative_to(package)) for file in package.rglob("*") if file.is_file()}
    assert left == set(KEPT)


def test_a_package_that_lambda_would_refuse_fails(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lambda_package, "MOST_BYTES", 399)
    assert lambda_package.main(package) == 1


def test_a_new_aws_service_of_the_code_is_in_the_package() -> None:
    """The names that ``connectors.amazon.clients`` opens clients by, but those of the job."""
    source = Path(__file__).parents[2] / "connectors" / "amazon" / "clients.py"
    opened = set(re.findall(r'_client\("([\w-]+)"', source.read_text()))
    assert {"dynamodb", "kinesis", "s3", "sts"} <= opened
    assert opened - {"translate", "polly", "bedrock-runtime"} <= lambda_package.SERVICES
