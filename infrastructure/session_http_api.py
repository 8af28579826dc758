"""``SessionHttpApi-{stage}``: sessions over HTTP, and the one address that browsers know."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack, aws_apigatewayv2, aws_lambda
from aws_cdk.aws_apigatewayv2_authorizers import HttpUserPoolAuthorizer
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from infrastructure import permissions
from infrastructure.api_logs import HTTP_FIELDS, log_calls
from infrastructure.exceptions import accept
from infrastructure.functions import Function
from infrastructure.handlers import HTTP
from infrastructure.pages import Origins, Pages
from infrastructure.session_management import SessionManagement
from infrastructure.stage import Stage

_METHODS = aws_apigatewayv2.HttpMethod
SPEAKERS_ROUTES = (
    ("/sessions", (_METHODS.POST,)),
    ("/sessions/{sessionId}", (_METHODS.PATCH, _METHODS.DELETE)),
    ("/sessions/{sessionId}/data", (_METHODS.DELETE,)),
    ("/sessions/{sessionId}/listeners", (_METHODS.GET,)),
    ("/sessions/{sessionId}/listeners/{listenerId}", (_METHODS.DELETE,)),
    ("/tickets", (_METHODS.POST, _METHODS.DELETE)),
    ("/events", (_METHODS.GET, _METHODS.POST)),
    ("/events/{eventId}", (_METHODS.GET, _METHODS.DELETE)),
    ("/rooms", (_METHODS.POST,)),
    ("/rooms/{roomId}", (_METHODS.GET, _METHODS.PATCH, _METHODS.DELETE)),
    ("/talks", (_METHODS.POST,)),
    ("/talks/{talkId}", (_METHODS.PATCH, _METHODS.DELETE)),
)
"""For holders of a token alone: API Gateway looks at it, and the code does again."""
OPEN_ROUTES = (
    "/sessions/{sessionId}",
    "/audio/{sessionId}/{language}",
    "/transcripts/{sessionId}/{name}",
    "/rooms/{roomId}/door",
    "/talks/{talkId}",
    "/offer",
    "/healthz",
)
KEYS_ROUTE = "/sessions/{sessionId}/signaling-keys"
"""For guests too: they may view, the code decides."""
STAGE_ROUTE = "/talks/{talkId}/stage"
"""For who has the talk's link, which is no token of the pool: the code decides."""
CALLS_PER_S = 1_000
CALL_BURST = 1_000


class SessionHttpApi(Stack):
    def __init__(
        self,
        scope: Construct,
        stage: Stage,
        sessions: SessionManagement,
        code: aws_lambda.Code,
        **options: Any,
    ) -> None:
        super().__init__(scope, f"SessionHttpApi-{stage.name}", **options)
        self.http = Function(
            self,
            HTTP,
            stage,
            code,
            (
                *permissions.gateway(sessions.stored, stage),
                *permissions.with_channels(stage),
                *permissions.erasure(sessions.stored, stage),
            ),
        )
        sessions.let_tell_listeners(self.http.role)
        sessions.tell_of_accounts(self.http)
        sessions.tell_of_channels(self.http)
        sessions.tell_of_connections(self.http)
        self.api = self._api(stage, sessions)
        self.api_stage = aws_apigatewayv2.HttpStage(
            self,
            "ApiStage",
            http_api=self.api,
            stage_name="$default",
            auto_deploy=True,
            detailed_metrics_enabled=True,
            throttle=aws_apigatewayv2.ThrottleSettings(
                rate_limit=CALLS_PER_S, burst_limit=CALL_BURST
            ),
        )
        log_calls(self.api_stage, HTTP_FIELDS)
        host = f".execute-api.{self.region}.{self.url_suffix}"
        self.pages = Pages(
            self,
            stage,
            Origins(
                http_api=f"{self.api.api_id}{host}",
                websocket_api=f"{sessions.api.api_id}{host}",
                websocket_stage=stage.name,
            ),
            (
                f"https://{sessions.stored.clips.bucket_regional_domain_name}",
                sessions.accounts.sign_in_url,
            ),
        )
        CfnOutput(self, "HttpApiUrl", value=self.api.api_endpoint)
        CfnOutput(self, "PagesUrl", value=f"https://{self.pages.distribution.domain_name}")
        CfnOutput(self, "PagesBucket", value=self.pages.bucket.bucket_name)
        CfnOutput(self, "PagesDistribution", value=self.pages.distribution.distribution_id)

    def _api(self, stage: Stage, sessions: SessionManagement) -> aws_apigatewayv2.HttpApi:
        api = aws_apigatewayv2.HttpApi(
            self,
            "Api",
            api_name=f"session-http-{stage.name}",
            description="Sessions, talks and transcripts",
            create_default_stage=False,
        )
        handled = HttpLambdaIntegration("Sessions", self.http.live)
        authorizer = HttpUserPoolAuthorizer(
            "Speakers",
            sessions.accounts.pool,
            user_pool_clients=[sessions.accounts.client],
        )
        for path, methods in SPEAKERS_ROUTES:
            api.add_routes(
                path=path, methods=list(methods), integration=handled, authorizer=authorizer
            )
        for path in OPEN_ROUTES:
            api.add_routes(path=path, methods=[_METHODS.GET], integration=handled)
        api.add_routes(path=KEYS_ROUTE, methods=[_METHODS.POST], integration=handled)
        api.add_routes(
            path=STAGE_ROUTE, methods=[_METHODS.POST, _METHODS.DELETE], integration=handled
        )
        accept(
            api,
            {"AwsSolutions-APIG4": "Listeners need no account: who has the link may read."},
        )
        return api
