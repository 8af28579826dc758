"""``LiveTranslation-{stage}``: where the Beam job lives, an EKS cluster that adds nodes by itself.

The Flink Kubernetes Operator runs in it and takes the job from ``docker/``; ``make deploy``
installs both. Managed Service for Apache Flink would need no cluster, but decides by itself what a
listener's wait hangs on: docs/managed-flink.md.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import (
    Aws,
    CfnOutput,
    RemovalPolicy,
    Stack,
    aws_ec2,
    aws_eks,
    aws_iam,
    aws_kms,
    aws_logs,
)
from constructs import Construct

from infrastructure import permissions
from infrastructure.clip_metering import report, state_bucket_name
from infrastructure.exceptions import accept, give_amazons_policies
from infrastructure.network import Network
from infrastructure.session_management import SessionManagement
from infrastructure.stage import LOGS_KEPT, Stage
from infrastructure.stored import bucket

KUBERNETES = "1.33"
NAMESPACE = "live-translation"
SERVICE_ACCOUNT = "flink"
STATE_KEPT_DAYS = 7
STATE_THAT_EXPIRES = ("checkpoints/", "savepoints/")
"""Checkpoints that nothing refers to any more: Flink deletes what it replaces itself. What a new
JobManager needs to begin (``high-availability/``) is written once, when the job is submitted, and
never expires."""

_CLUSTER_POLICIES = (
    "AmazonEKSClusterPolicy",
    "AmazonEKSComputePolicy",
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingPolicy",
)
_ADMIN = "AmazonEKSClusterAdminPolicy"
_NODE_POLICIES = ("AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly")


class LiveTranslation(Stack):
    def __init__(
        self,
        scope: Construct,
        stage: Stage,
        network: Network,
        sessions: SessionManagement,
        **options: Any,
    ) -> None:
        super().__init__(scope, f"LiveTranslation-{stage.name}", **options)
        self.state = bucket(
            self,
            "FlinkState",
            sessions.stored.logs,
            stage,
            bucket_name=state_bucket_name(stage, self.account),
            kept_days=STATE_KEPT_DAYS,
            expires_under=STATE_THAT_EXPIRES,
        )
        report(self.state, sessions.metering.queue, suffix="/_metadata")
        self.job_role = self._job_role(stage, sessions)
        self.cluster = self._cluster(stage, network)
        aws_eks.CfnPodIdentityAssociation(
            self,
            "JobIdentity",
            cluster_name=self.cluster.ref,
            namespace=NAMESPACE,
            service_account=SERVICE_ACCOUNT,
            role_arn=self.job_role.role_arn,
        )
        if stage.operators_role is not None:
            self._let_in(stage.operators_role)
        CfnOutput(self, "ClusterName", value=self.cluster.ref)
        CfnOutput(self, "StateBucket", value=self.state.bucket_name)

    def _job_role(self, stage: Stage, sessions: SessionManagement) -> aws_iam.Role:
        role = aws_iam.Role(
            self,
            "JobRole",
            assumed_by=aws_iam.SessionTagsPrincipal(
                aws_iam.ServicePrincipal("pods.eks.amazonaws.com")
            ),
            description="Flink and its Python workers",
        )
        for access in (
            *permissions.job(sessions.stored, stage),
            *permissions.model(stage),
            permissions.to_any(
                ("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"),
                f"arn:{{partition}}:s3:::{state_bucket_name(stage, '{account}')}/*",
                "Flink names its checkpoints.",
            ),
        ):
            access.give(role)
        role.add_to_policy(permissions.allow(("s3:ListBucket",), self.state.bucket_arn))
        sessions.let_tell_listeners(role)
        return role

    def _let_in(self, operators_role: str) -> None:
        """Whoever makes a cluster may administer it, and that is CloudFormation's role."""
        kind = aws_eks.CfnAccessEntry
        kind(
            self,
            "Operators",
            cluster_name=self.cluster.ref,
            principal_arn=operators_role,
            access_policies=[
                kind.AccessPolicyProperty(
                    policy_arn=f"arn:{Aws.PARTITION}:eks::aws:cluster-access-policy/{_ADMIN}",
                    access_scope=kind.AccessScopeProperty(type="cluster"),
                )
            ],
        )

    def _cluster(self, stage: Stage, network: Network) -> aws_eks.CfnCluster:
        keys = aws_kms.Key(
            self,
            "Secrets",
            description=f"Kubernetes secrets of {stage.name}",
            enable_key_rotation=True,
            removal_policy=stage.removal,
        )
        cluster_role = _service_role(
            self, "ClusterRole", "eks.amazonaws.com", _CLUSTER_POLICIES, is_tagged=True
        )
        node_role = _service_role(self, "NodeRole", "ec2.amazonaws.com", _NODE_POLICIES)
        name = f"live-translation-{stage.name}"
        log = aws_logs.LogGroup(
            self,
            "ControlPlaneLog",
            log_group_name=f"/aws/eks/{name}/cluster",
            retention=LOGS_KEPT,
            removal_policy=RemovalPolicy.DESTROY,
        )
        kind = aws_eks.CfnCluster
        cluster = kind(
            self,
            "Cluster",
            name=name,
            version=KUBERNETES,
            role_arn=cluster_role.role_arn,
            resources_vpc_config=kind.ResourcesVpcConfigProperty(
                subnet_ids=network.vpc.select_subnets(
                    subnet_type=aws_ec2.SubnetType.PRIVATE_WITH_EGRESS
                ).subnet_ids,
                endpoint_private_access=True,
                endpoint_public_access=stage.operators_cidr is not None,
                public_access_cidrs=None
                if stage.operators_cidr is None
                else [stage.operators_cidr],
            ),
            access_config=kind.AccessConfigProperty(
                authentication_mode="API", bootstrap_cluster_creator_admin_permissions=True
            ),
            # EKS Auto Mode: nodes, their disks and pods' identities are looked after by EKS.
            bootstrap_self_managed_addons=False,
            compute_config=kind.ComputeConfigProperty(
                enabled=True,
                node_pools=["general-purpose", "system"],
                node_role_arn=node_role.role_arn,
            ),
            kubernetes_network_config=kind.KubernetesNetworkConfigProperty(
                elastic_load_balancing=kind.ElasticLoadBalancingProperty(enabled=True)
            ),
            storage_config=kind.StorageConfigProperty(
                block_storage=kind.BlockStorageProperty(enabled=True)
            ),
            encryption_config=[
                kind.EncryptionConfigProperty(
                    provider=kind.ProviderProperty(key_arn=keys.key_arn), resources=["secrets"]
                )
            ],
            logging=kind.LoggingProperty(
                cluster_logging=kind.ClusterLoggingProperty(
                    enabled_types=[
                        kind.LoggingTypeConfigProperty(type=each)
                        for each in (
                            "api",
                            "audit",
                            "authenticator",
                            "controllerManager",
                            "scheduler",
                        )
                    ]
                )
            ),
        )
        cluster.node.add_dependency(log)
        if stage.operators_cidr is not None:
            accept(cluster, {"AwsSolutions-EKS1": "Open to the operators' addresses alone."})
        return cluster


def _service_role(
    scope: Construct,
    name: str,
    service: str,
    policies: tuple[str, ...],
    *,
    is_tagged: bool = False,
) -> aws_iam.Role:
    principal = aws_iam.ServicePrincipal(service)
    role = aws_iam.Role(
        scope,
        name,
        assumed_by=aws_iam.SessionTagsPrincipal(principal) if is_tagged else principal,
    )
    give_amazons_policies(role, policies, "The policies that EKS Auto Mode names.")
    return role
