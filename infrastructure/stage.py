"""What differs between one stage and another."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aws_cdk import RemovalPolicy, aws_logs

from schemas.names import Names

LOGS_KEPT = aws_logs.RetentionDays.ONE_MONTH
LOG_FILES_KEPT_DAYS = 30
METRICS_PREFIX = "LiveTranslation"
MODEL = re.compile(r"(?:(?P<profile>us|us-gov|eu|apac|jp|au|ca|global)\.)?[a-z0-9-]+\.[a-z0-9.:-]+")
"""The geography in front makes it an inference profile."""

PRINCIPAL = re.compile(r"arn:[a-z-]+:iam::[0-9]{12}:(?:role|user)/[\w+=,.@/-]+")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Stage:
    """``operators_cidr``: from where the cluster's API may be reached, none if None.
    ``operators_role``: the role or user that kubectl comes as; CloudFormation alone if None.
    ``gateway_image``: the digest of the image that the WebRTC worker runs; what has the stage's tag
    if None.
    ``alarm_email``: told of every alarm. ``monthly_dollars``: where the budget warns.
    ``bedrock_model``: the id of the model or inference profile that translates, if one does.
    ``pages_url``: CloudFront's address of the pages, where people come back to when they have
    signed in; None before the first deployment, which finds it: nobody can sign in yet.

    ``is_production``: keeps data when a stack is deleted, a second NAT gateway, endpoints for the
    services that carry audio, and Lambdas that are changed for a tenth of the calls first.
    """

    name: str
    region: str = "us-east-1"
    is_production: bool = False
    alarm_email: str | None = None
    operators_cidr: str | None = None
    monthly_dollars: int = 500
    pages_url: str | None = None
    bedrock_model: str | None = None
    operators_role: str | None = None
    gateway_image: str | None = None

    def __post_init__(self) -> None:
        # Bucket names hold it, and S3 takes neither capitals nor underscores.
        if not re.fullmatch(r"[a-z][a-z0-9-]{1,19}", self.name):
            raise ValueError(f"STAGE={self.name}: use 2 to 20 small letters, digits and -")
        if self.pages_url is not None and not re.fullmatch(r"https://[a-z0-9.-]+", self.pages_url):
            raise ValueError(f"pagesUrl={self.pages_url}: use https://HOST, with nothing behind it")
        # It becomes part of what the job's role may use: no "*", and no other resource's name.
        if self.bedrock_model is not None and not MODEL.fullmatch(self.bedrock_model):
            raise ValueError(
                f"bedrockModel={self.bedrock_model}: use the id of a model or an inference profile,"
                " such as amazon.nova-lite-v1:0 or eu.amazon.nova-lite-v1:0"
            )
        if self.operators_role is not None and not PRINCIPAL.fullmatch(self.operators_role):
            raise ValueError(
                f"operatorsRole={self.operators_role}: use the ARN of a role or user, such as"
                " arn:aws:iam::111122223333:role/operators; not that of a session"
            )
        if self.gateway_image is not None and not DIGEST.fullmatch(self.gateway_image):
            raise ValueError(f"gatewayImage={self.gateway_image}: use sha256:, and 64 digits")

    @property
    def names(self) -> Names:
        return Names(self.name)

    @property
    def removal(self) -> RemovalPolicy:
        return RemovalPolicy.RETAIN if self.is_production else RemovalPolicy.DESTROY

    @property
    def metrics(self) -> str:
        """The CloudWatch namespace of our own metrics."""
        return f"{METRICS_PREFIX}/{self.name}"
