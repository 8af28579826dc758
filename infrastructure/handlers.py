"""The Lambdas of the gateway, by the modules that hold them."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import aws_lambda

from infrastructure.functions import Handler

ROOT = Path(__file__).parents[1]
STAND_IN_CODE = "infrastructure/stand_in_code"
METER_CODE = "infrastructure/meter"
RELAY_CODE = "infrastructure/relay"
AUTHORIZER = Handler(
    "session-authorizer", "ingest_gateway.hosts.aws.lambda_authorizer.handler", 512, 10
)
WEBSOCKET = Handler(
    "session-websocket", "ingest_gateway.hosts.aws.lambda_websocket.handler", 1024, 29
)
HTTP = Handler("session-http", "ingest_gateway.hosts.aws.lambda_http.handler", 512, 29)
SWEEPER = Handler("session-sweeper", "ingest_gateway.hosts.aws.lambda_sweeper.handler", 512, 55)
METER = Handler("clip-meter", "clip_meter.handler", 256, 30)
RELAY = Handler("session-relay", "session_relay.handler", 256, 15)


def code(folder: str) -> aws_lambda.Code:
    """``folder``: from the root of the repository."""
    return aws_lambda.Code.from_asset(str(ROOT / folder), exclude=["**/__pycache__"])
