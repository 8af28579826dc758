"""What API Gateway writes down of a call: no address of a person, no query (tickets are there)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import cast

from aws_cdk import RemovalPolicy, aws_apigateway, aws_apigatewayv2, aws_iam, aws_logs
from constructs import Construct

from infrastructure.exceptions import give_amazons_policies
from infrastructure.stage import LOGS_KEPT

_COMMON = ("requestId", "requestTime", "routeKey", "status")
WEBSOCKET_FIELDS = (*_COMMON, "eventType", "connectionId", "integrationErrorMessage")
HTTP_FIELDS = (*_COMMON, "responseLatency", "integrationErrorMessage")
_PUSH = "service-role/AmazonAPIGatewayPushToCloudWatchLogs"


def log_calls(
    api_stage: aws_apigatewayv2.WebSocketStage | aws_apigatewayv2.HttpStage, fields: Sequence[str]
) -> aws_logs.LogGroup:
    log = aws_logs.LogGroup(
        api_stage, "Calls", retention=LOGS_KEPT, removal_policy=RemovalPolicy.DESTROY
    )
    cast(
        "aws_apigatewayv2.CfnStage", api_stage.node.default_child
    ).access_log_settings = aws_apigatewayv2.CfnStage.AccessLogSettingsProperty(
        destination_arn=log.log_group_arn,
        format=json.dumps({field: f"$context.{field}" for field in fields}),
    )
    return log


def let_api_gateway_log(scope: Construct) -> None:
    """WebSocket APIs write with a role of the whole account and region; HTTP APIs need none."""
    role = aws_iam.Role(
        scope,
        "ApiGatewayLogs",
        assumed_by=aws_iam.ServicePrincipal("apigateway.amazonaws.com"),
    )
    give_amazons_policies(role, [_PUSH], "The policy that API Gateway names for its logs.")
    aws_apigateway.CfnAccount(
        scope, "ApiGatewayAccount", cloud_watch_role_arn=role.role_arn
    ).apply_removal_policy(RemovalPolicy.RETAIN)  # other APIs of the account log with it too
