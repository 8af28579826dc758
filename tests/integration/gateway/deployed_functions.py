"""The functions deployed to the local cloud: Lambda behind a WebSocket API and an HTTP API."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from connectors.amazon.clients import AwsSettings, boto_options

_ROLE = "arn:aws:iam::000000000000:role/functions"
_START_S = 60


@dataclass(frozen=True, slots=True)
class DeployedFunctions:
    socket_url: str
    http_url: str


def deploy(settings: AwsSettings, token_key: Path) -> DeployedFunctions:
    """Blocks. The functions' packages hold a line each: the code is this checkout's."""
    base = f"{settings.endpoint_url}/_aws/execute-api"
    api: Any = _client("apigatewayv2", settings)
    sockets = api.create_api(
        Name=f"sockets-{settings.stage}",
        ProtocolType="WEBSOCKET",
        RouteSelectionExpression="$request.body.action",
    )["ApiId"]
    http = api.create_api(Name=f"http-{settings.stage}", ProtocolType="HTTP")["ApiId"]
    functions = {
        name: _function(name, settings, f"{base}/{sockets}/test", token_key)
        for name in ("lambda_websocket", "lambda_authorizer", "lambda_http")
    }
    authorizer = api.create_authorizer(
        ApiId=sockets,
        Name="who",
        AuthorizerType="REQUEST",
        AuthorizerUri=_uri(functions["lambda_authorizer"]),
        IdentitySource=[],
    )["AuthorizerId"]
    said = api.create_integration(
        ApiId=sockets,
        IntegrationType="AWS_PROXY",
        IntegrationUri=_uri(functions["lambda_websocket"]),
    )["IntegrationId"]
    asked = api.create_integration(
        ApiId=http,
        IntegrationType="AWS_PROXY",
        IntegrationUri=functions["lambda_http"],
        PayloadFormatVersion="2.0",
    )["IntegrationId"]
    api.create_route(
        ApiId=sockets,
        RouteKey="$connect",
        Target=f"integrations/{said}",
        AuthorizationType="CUSTOM",
        AuthorizerId=authorizer,
    )
    for route in ("$disconnect", "$default", "audioChunk"):
        api.create_route(ApiId=sockets, RouteKey=route, Target=f"integrations/{said}")
    api.create_route(ApiId=http, RouteKey="$default", Target=f"integrations/{asked}")
    api.create_stage(ApiId=sockets, StageName="test", AutoDeploy=True)
    api.create_stage(ApiId=http, StageName="$default", AutoDeploy=True)
    return DeployedFunctions(
        socket_url=f"{base}/{sockets}/test".replace("http", "ws", 1),
        http_url=f"{base}/{http}/$default",
    )


def _client(service: str, settings: AwsSettings) -> Any:
    session: Any = boto3.session.Session()
    return session.client(service, **boto_options(settings))


def _uri(function_arn: str) -> str:
    return (
        f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function_arn}/invocations"
    )


def _function(name: str, settings: AwsSettings, connections: str, token_key: Path) -> str:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("entry.py", f"from ingest_gateway.hosts.aws.{name} import handler\n")
    made = _client("lambda", settings).create_function(
        FunctionName=f"{name}-{settings.stage}",
        Runtime="python3.11",
        Role=_ROLE,
        Handler="entry.handler",
        Code={"ZipFile": package.getvalue()},
        Timeout=_START_S,
        Environment={
            "Variables": {
                "GATEWAY_STAGE": settings.stage,
                "GATEWAY_AWS_ENDPOINT": str(settings.endpoint_url),
                "GATEWAY_CONNECTIONS_ENDPOINT": connections,
                "GATEWAY_TOKEN_KEY": str(token_key),
                "GATEWAY_LANGUAGES": "any",
                "PYTHONPATH": str(Path(__file__).parents[3]),
            }
        },
    )
    return json.loads(json.dumps(made["FunctionArn"]))
