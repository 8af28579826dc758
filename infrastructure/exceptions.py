"""Exceptions from cdk-nag's rules, each with its reason, beside what it is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aws_cdk import Acknowledgment, Validations, aws_iam
from constructs import IConstruct


def accept(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """``reasons``: by rule, or by one finding of a rule (``AwsSolutions-IAM5[Resource::*]``)."""
    for rule, reason in reasons.items():
        Validations.of(construct).acknowledge(Acknowledgment(id=rule, reason=reason))


def wildcard(resource: str) -> str:
    """The finding about a role that may use ``resource``, written as cdk-nag writes it."""
    return f"AwsSolutions-IAM5[Resource::{resource}]"


def amazons_policy(name: str) -> str:
    """The finding about a role with a policy that Amazon keeps."""
    return f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{name}]"


def give_amazons_policies(role: aws_iam.Role, policies: Iterable[str], reason: str) -> None:
    """Policies that Amazon keeps, by name."""
    for name in policies:
        role.add_managed_policy(aws_iam.ManagedPolicy.from_aws_managed_policy_name(name))
        accept(role, {amazons_policy(name): reason})
