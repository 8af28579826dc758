"""``Network-{stage}``: where the job and the WebRTC viewers run."""

from __future__ import annotations

from typing import Any

from aws_cdk import Stack, aws_ec2, aws_iam, aws_logs
from constructs import Construct

from infrastructure.stage import LOGS_KEPT, Stage

# What carries audio, text or clips: through NAT each gigabyte is charged for.
_PRODUCTION_ENDPOINTS = {
    "Kinesis": aws_ec2.InterfaceVpcEndpointAwsService.KINESIS_STREAMS,
    "Transcribe": aws_ec2.InterfaceVpcEndpointAwsService.TRANSCRIBE_STREAMING,
    "Translate": aws_ec2.InterfaceVpcEndpointAwsService.TRANSLATE,
    "Polly": aws_ec2.InterfaceVpcEndpointAwsService.POLLY,
}


class Network(Stack):
    """Two zones; S3 and DynamoDB never leave Amazon's network, in production neither does audio."""

    def __init__(self, scope: Construct, stage: Stage, **options: Any) -> None:
        super().__init__(scope, f"Network-{stage.name}", **options)
        flow_logs = aws_logs.LogGroup(
            self, "FlowLogs", retention=LOGS_KEPT, removal_policy=stage.removal
        )
        role = aws_iam.Role(
            self,
            "FlowLogsRole",
            assumed_by=aws_iam.ServicePrincipal("vpc-flow-logs.amazonaws.com"),
        )
        endpoints = aws_ec2.GatewayVpcEndpointAwsService
        self.vpc = aws_ec2.Vpc(
            self,
            "Vpc",
            max_azs=2,
            nat_gateways=2 if stage.is_production else 1,
            restrict_default_security_group=False,  # would need a Lambda of CDK's own
            gateway_endpoints={
                "S3": aws_ec2.GatewayVpcEndpointOptions(service=endpoints.S3),
                "DynamoDb": aws_ec2.GatewayVpcEndpointOptions(service=endpoints.DYNAMODB),
            },
            flow_logs={
                "Rejected": aws_ec2.FlowLogOptions(
                    destination=aws_ec2.FlowLogDestination.to_cloud_watch_logs(flow_logs, role),
                    traffic_type=aws_ec2.FlowLogTrafficType.REJECT,
                )
            },
        )
        if stage.is_production:
            self._add_endpoints()

    def _add_endpoints(self) -> None:
        inside = aws_ec2.SecurityGroup(
            self, "Endpoints", vpc=self.vpc, description="TLS from inside the VPC"
        )
        # In the public ones is the WebRTC worker: for it, too, Kinesis has the endpoint's address.
        for subnet in (*self.vpc.private_subnets, *self.vpc.public_subnets):
            inside.add_ingress_rule(
                aws_ec2.Peer.ipv4(subnet.ipv4_cidr_block), aws_ec2.Port.tcp(443)
            )
        for name, service in _PRODUCTION_ENDPOINTS.items():
            self.vpc.add_interface_endpoint(
                name, service=service, open=False, security_groups=[inside]
            )
