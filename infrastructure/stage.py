"""What differs between one stage and another."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aws_cdk import RemovalPolicy, aws_logs

from schemas.names import Names

LOGS_KEPT = aws_logs.RetentionDays.ONE_MONTH
LOG_FILES_KEPT_DAYS = 30
METRICS_PREFIX = "LiveTranslation"


@dataclass(frozen=True, slots=True)
class Stage:
    """``operators_cidr``: from where the cluster's API may be reached, none if None.
    ``alarm_email``: told of every alarm. ``monthly_dollars``: where the budget warns.

    ``is_production``: keeps data when a stack is deleted, a second NAT gateway, endpoints for the
    services that carry audio, and Lambdas that are changed for a tenth of the calls first.
    """

    name: str
    region: str = "us-east-1"
    is_production: bool = False
    alarm_email: str | None = None
    operators_cidr: str | None = None
    monthly_dollars: int = 500

    def __post_init__(self) -> None:
        # Bucket names hold it, and S3 takes neither capitals nor underscores.
        if not re.fullmatch(r"[a-z][a-z0-9-]{1,19}", self.name):
            raise ValueError(f"STAGE={self.name}: use 2 to 20 small letters, digits and -")

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
