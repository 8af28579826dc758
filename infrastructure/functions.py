"""Lambdas: their code, log, trace, role and, in production, their careful release."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aws_cdk import (
    Duration,
    RemovalPolicy,
    aws_cloudwatch,
    aws_codedeploy,
    aws_ec2,
    aws_iam,
    aws_lambda,
    aws_logs,
)
from constructs import Construct

from infrastructure.exceptions import accept, amazons_policy, wildcard
from infrastructure.permissions import Access
from infrastructure.stage import LOGS_KEPT, Stage

_RELEASE = "service-role/AWSCodeDeployRoleForLambdaLimited"


@dataclass(frozen=True, slots=True)
class Handler:
    """``entry``: module and function. ``memory_mb`` also decides how much CPU it gets."""

    name: str
    entry: str
    memory_mb: int = 512
    timeout_s: int = 15

    @property
    def is_gateway(self) -> bool:
        return self.entry.startswith("ingest_gateway.")


def _environment(stage: Stage) -> dict[str, str]:
    """As the options of the gateway are named in the environment. AWS_REGION is Lambda's own."""
    return {
        "GATEWAY_STAGE": stage.name,
        "GATEWAY_REGION": stage.region,
        "GATEWAY_LANGUAGES": "amazon",
    }


def function_name(stage: Stage, handler: Handler) -> str:
    return f"{handler.name}-{stage.name}"


class Function(Construct):
    """``live`` is what others call: the version that is out."""

    def __init__(
        self,
        scope: Construct,
        handler: Handler,
        stage: Stage,
        code: aws_lambda.Code,
        access: Iterable[Access] = (),
        *,
        inside: tuple[aws_ec2.IVpc, aws_ec2.SecurityGroup] | None = None,
    ) -> None:
        """``inside``: the network that it runs in, if it calls something there."""
        super().__init__(scope, handler.name)
        name = function_name(stage, handler)
        self.log = aws_logs.LogGroup(
            self,
            "Log",
            log_group_name=f"/aws/lambda/{name}",
            retention=LOGS_KEPT,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.role = aws_iam.Role(
            self, "Role", assumed_by=aws_iam.ServicePrincipal("lambda.amazonaws.com")
        )
        self.log.grant_write(self.role)
        for each in access:
            each.give(self.role)
        accept(self.role, {wildcard("*"): "X-Ray's PutTraceSegments knows no resources."})
        self.function = aws_lambda.Function(
            self,
            "Function",
            function_name=name,
            code=code,
            handler=handler.entry,
            # The newest that the project takes; on 3.11 Lambda's C library is too old for PyAV.
            runtime=aws_lambda.Runtime.PYTHON_3_12,
            architecture=aws_lambda.Architecture.X86_64,  # what the package can be tried on
            memory_size=handler.memory_mb,
            timeout=Duration.seconds(handler.timeout_s),
            role=self.role,
            log_group=self.log,
            vpc=None if inside is None else inside[0],
            security_groups=None if inside is None else [inside[1]],
            tracing=aws_lambda.Tracing.ACTIVE,
            environment=_environment(stage) if handler.is_gateway else {},
        )
        accept(
            self.function,
            {"AwsSolutions-L1": "Beam, which shares this code, has no wheels for a later one."},
        )
        self.live = aws_lambda.Alias(
            self, "Live", alias_name="live", version=self.function.current_version
        )
        self.failing = aws_cloudwatch.Alarm(
            self,
            "Failing",
            alarm_name=f"{name}-failing",
            alarm_description=f"{name} raises or is throttled: see the run-book, trouble 9",
            metric=aws_cloudwatch.MathExpression(
                expression="errors + throttles",
                label="errors and throttles",
                period=Duration.minutes(1),
                using_metrics={
                    "errors": self.live.metric_errors(period=Duration.minutes(1)),
                    "throttles": self.live.metric_throttles(period=Duration.minutes(1)),
                },
            ),
            threshold=5,
            evaluation_periods=3,
            datapoints_to_alarm=2,
            treat_missing_data=aws_cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        if stage.is_production:
            release = aws_codedeploy.LambdaDeploymentGroup(
                self,
                "Release",
                alias=self.live,
                deployment_config=aws_codedeploy.LambdaDeploymentConfig.CANARY_10_PERCENT_5_MINUTES,
                alarms=[self.failing],
            )
            accept(release, {amazons_policy(_RELEASE): "The policy that CodeDeploy names."})
