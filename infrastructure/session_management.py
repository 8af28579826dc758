"""``SessionManagement-{stage}``: what is stored, who may speak, and the WebSocket API."""

from __future__ import annotations

from typing import Any, cast

from aws_cdk import (
    Aws,
    CfnOutput,
    Duration,
    Stack,
    aws_apigatewayv2,
    aws_events,
    aws_events_targets,
    aws_iam,
    aws_lambda,
)
from aws_cdk.aws_apigatewayv2_authorizers import WebSocketLambdaAuthorizer
from aws_cdk.aws_apigatewayv2_integrations import WebSocketLambdaIntegration
from constructs import Construct

from infrastructure import permissions
from infrastructure.accounts import Accounts
from infrastructure.api_logs import WEBSOCKET_FIELDS, let_api_gateway_log, log_calls
from infrastructure.clip_metering import ClipMetering
from infrastructure.exceptions import accept, wildcard
from infrastructure.functions import Function
from infrastructure.handlers import AUTHORIZER, SWEEPER, WEBSOCKET
from infrastructure.stage import Stage
from infrastructure.stored import Stored

SWEEP_EVERY = Duration.minutes(1)
# A session of a hundred chunks a second is refused long before; this guards the account's quota.
CALLS_PER_S = 8_000
CALL_BURST = 4_000


class SessionManagement(Stack):
    def __init__(
        self, scope: Construct, stage: Stage, code: aws_lambda.Code, **options: Any
    ) -> None:
        super().__init__(scope, f"SessionManagement-{stage.name}", **options)
        self._stage = stage
        self.stored = Stored(self, stage)
        self.accounts = Accounts(self, stage)
        self.metering = ClipMetering(self, stage, self.stored)
        admission = [self._ticket_reader(stage), self._link_reader(stage)]
        self.authorizer = Function(self, AUTHORIZER, stage, code, admission)
        self.websocket = Function(self, WEBSOCKET, stage, code, self._gateway(stage))
        erasure = permissions.erasure(self.stored, stage)
        self.sweeper = Function(self, SWEEPER, stage, code, (*self._gateway(stage), *erasure))
        self.functions = (self.authorizer, self.websocket, self.sweeper)
        let_api_gateway_log(self)
        self.api = self._api(stage)
        self.api_stage = self._api_stage(stage)
        self.management_url = self.api_stage.callback_url
        for function in (self.websocket, self.sweeper):
            self.let_tell_listeners(function.role)
            self.tell_of_channels(function)
        for function in self.functions:
            self.tell_of_connections(function)
            self.tell_of_accounts(function)
        aws_events.Rule(
            self,
            "SweepAgain",
            description="Sessions and connections that ended without a word",
            schedule=aws_events.Schedule.rate(SWEEP_EVERY),
            targets=[aws_events_targets.LambdaFunction(self.sweeper.live, retry_attempts=0)],
        )
        CfnOutput(self, "WebSocketUrl", value=self.api_stage.url)
        CfnOutput(self, "ManagementUrl", value=self.management_url)
        CfnOutput(self, "UserPoolId", value=self.accounts.pool.user_pool_id)
        CfnOutput(self, "UserPoolClientId", value=self.accounts.client.user_pool_client_id)
        CfnOutput(self, "SignInUrl", value=self.accounts.sign_in_url)

    def tell_of_accounts(self, function: Function) -> None:
        """Whose tokens it takes."""
        accounts = self.accounts
        told = function.function.add_environment
        told("GATEWAY_USER_POOL_ID", accounts.pool.user_pool_id)
        told("GATEWAY_USER_POOL_CLIENTS", f'["{accounts.client.user_pool_client_id}"]')
        if self._stage.pages_url is not None:
            told("GATEWAY_SIGN_IN_URL", accounts.sign_in_url)

    def tell_of_connections(self, function: Function) -> None:
        """Where messages to a connection are posted."""
        function.function.add_environment("GATEWAY_CONNECTIONS_ENDPOINT", self.management_url)

    def tell_of_channels(self, function: Function) -> None:
        """Where the keys for a session's signaling channel come from."""
        function.function.add_environment("GATEWAY_KVS", "true")
        arn = permissions.signaling_role_arn(self._stage)
        function.function.add_environment("GATEWAY_KVS_ROLE", arn)

    def let_tell_listeners(self, role: aws_iam.Role) -> None:
        """Through the Management API: every connection of the WebSocket API's stage."""
        host = f"execute-api:{self.region}"
        connections = f"{self._stage.name}/*/@connections/*"
        arn = f"arn:{Aws.PARTITION}:{host}:{Aws.ACCOUNT_ID}:{self.api.api_id}/{connections}"
        role.add_to_policy(permissions.allow(("execute-api:ManageConnections",), arn))
        for api in self._shown_as():
            shown = f"arn:<AWS::Partition>:{host}:<AWS::AccountId>:{api}/{connections}"
            accept(role, {wildcard(shown): "A connection is named when a client connects."})

    def _shown_as(self) -> tuple[str, str]:
        """The API's id as cdk-nag writes it, for roles of this stack and of others."""
        api = self.get_logical_id(cast("aws_apigatewayv2.CfnApi", self.api.node.default_child))
        imported: dict[str, str] = self.resolve(self.export_value(self.api.api_id))
        return f"<{api}>", imported["Fn::ImportValue"]

    def _gateway(self, stage: Stage) -> tuple[permissions.Access, ...]:
        return (*permissions.gateway(self.stored, stage), *permissions.with_channels(stage))

    def _ticket_reader(self, stage: Stage) -> permissions.Access:
        """A ticket is good once: looking at it takes it away. Revoked tokens stay."""
        documents = self.stored.tables[stage.names.connections_table].table_arn
        actions = ("dynamodb:DeleteItem", "dynamodb:GetItem")
        return permissions.Access((permissions.allow(actions, documents),))

    def _link_reader(self, stage: Stage) -> permissions.Access:
        """A speaker's link is as good as its talk's row says."""
        rooms = self.stored.tables[stage.names.rooms_table].table_arn
        return permissions.Access((permissions.allow(("dynamodb:GetItem",), rooms),))

    def _api(self, stage: Stage) -> aws_apigatewayv2.WebSocketApi:
        def handled(name: str, function: Function) -> WebSocketLambdaIntegration:
            return WebSocketLambdaIntegration(name, function.live)

        # Listeners come without a token, so nothing is asked for before the authorizer is called.
        authorizer = WebSocketLambdaAuthorizer("Tokens", self.authorizer.live, identity_source=[])
        api = aws_apigatewayv2.WebSocketApi(
            self,
            "Api",
            api_name=f"sessions-{stage.name}",
            description="Speakers and listeners",
            route_selection_expression="$request.body.action",
            connect_route_options=aws_apigatewayv2.WebSocketRouteOptions(
                integration=handled("Connect", self.websocket), authorizer=authorizer
            ),
            disconnect_route_options=aws_apigatewayv2.WebSocketRouteOptions(
                integration=handled("Disconnect", self.websocket)
            ),
            default_route_options=aws_apigatewayv2.WebSocketRouteOptions(
                integration=handled("Action", self.websocket)
            ),
        )
        accept(
            api,
            {
                "AwsSolutions-APIG4": "API Gateway asks the authorizer at $connect, the one route "
                "that may have one; it holds for the whole connection."
            },
        )
        return api

    def _api_stage(self, stage: Stage) -> aws_apigatewayv2.WebSocketStage:
        made = aws_apigatewayv2.WebSocketStage(
            self,
            "ApiStage",
            web_socket_api=self.api,
            stage_name=stage.name,
            auto_deploy=True,
            detailed_metrics_enabled=True,
            throttle=aws_apigatewayv2.ThrottleSettings(
                rate_limit=CALLS_PER_S, burst_limit=CALL_BURST
            ),
        )
        log_calls(made, WEBSOCKET_FIELDS)
        return made
