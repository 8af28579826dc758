"""``KVSWebRTC-{stage}``: who may open a session's signaling channel, and the worker that views it.

A speaker's browser is the master of its session's channel. The worker, ``ingest_gateway.kvs``,
joins each channel as viewer and takes the sound to Kinesis; the event bus tells it of sessions.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import (
    CfnOutput,
    Duration,
    RemovalPolicy,
    Stack,
    aws_ec2,
    aws_ecs,
    aws_events,
    aws_events_targets,
    aws_iam,
    aws_logs,
    aws_secretsmanager,
    aws_sqs,
)
from constructs import Construct

from infrastructure import permissions
from infrastructure.exceptions import accept, wildcard
from infrastructure.functions import Function
from infrastructure.handlers import RELAY, RELAY_CODE, code
from infrastructure.images import Images
from infrastructure.network import Network
from infrastructure.session_http_api import SessionHttpApi
from infrastructure.session_management import SessionManagement
from infrastructure.stage import LOGS_KEPT, Stage

EVENT_SOURCE = "session-management.http-api"
EVENT_TYPE = "Session Status Change"
WORKER = "worker"
WORKER_PORT = 8090
WORKER_CPU, WORKER_MB = 2048, 4096


class KvsWebRtc(Stack):
    def __init__(
        self,
        scope: Construct,
        stage: Stage,
        network: Network,
        images: Images,
        sessions: SessionManagement,
        http: SessionHttpApi,
        **options: Any,
    ) -> None:
        super().__init__(scope, f"KVSWebRTC-{stage.name}", **options)
        self._stage = stage
        self._vpc = network.vpc
        self.signaling = self._signaling(sessions, http)
        self.key = aws_secretsmanager.Secret(
            self,
            "EventsKey",
            description="What the event relay shows to the WebRTC worker",
            generate_secret_string=aws_secretsmanager.SecretStringGenerator(
                password_length=43, exclude_punctuation=True
            ),
            removal_policy=RemovalPolicy.DESTROY,
        )
        accept(self.key, {"AwsSolutions-SMG4": "Replaced by a new deployment of worker and relay."})
        self.inward = aws_ec2.SecurityGroup(
            self, "WorkerDoor", vpc=self._vpc, description="The relay alone may call the worker"
        )
        self.service = self._service(self._task(images, sessions))
        self.untold = aws_sqs.Queue(
            self, "Untold", encryption=aws_sqs.QueueEncryption.SQS_MANAGED, enforce_ssl=True
        )
        accept(self.untold, {"AwsSolutions-SQS3": "It is the queue of what failed."})
        self.relay = self._relay()
        self.untold.grant_send_messages(self.relay.role)
        aws_events.Rule(
            self,
            "SessionsChange",
            rule_name=f"session-status-{stage.name}",
            description="A session began or ended",
            event_pattern=aws_events.EventPattern(source=[EVENT_SOURCE], detail_type=[EVENT_TYPE]),
            targets=[
                aws_events_targets.LambdaFunction(
                    self.relay.live, dead_letter_queue=self.untold, retry_attempts=8
                )
            ],
        )
        CfnOutput(self, "SignalingRole", value=self.signaling.role_arn)

    def _signaling(self, sessions: SessionManagement, http: SessionHttpApi) -> aws_iam.Role:
        """The gateway takes it on for each person, cut down to one channel and one part in it."""
        role = aws_iam.Role(
            self,
            "Signaling",
            role_name=permissions.signaling_role_name(self._stage),
            assumed_by=aws_iam.CompositePrincipal(
                *(
                    aws_iam.ArnPrincipal(function.role.role_arn)
                    for function in (sessions.websocket, http.http)
                )
            ),
            max_session_duration=Duration.hours(1),
        )
        permissions.channels(permissions.CONNECT, self._stage).give(role)
        return role

    def _task(self, images: Images, sessions: SessionManagement) -> aws_ecs.FargateTaskDefinition:
        stage = self._stage
        role = aws_iam.Role(
            self, "WorkerRole", assumed_by=aws_iam.ServicePrincipal("ecs-tasks.amazonaws.com")
        )
        for access in (
            *permissions.gateway(sessions.stored, stage),
            permissions.channels((*permissions.VIEWER, *permissions.CHANNELS), stage),
        ):
            access.give(role)
        task = aws_ecs.FargateTaskDefinition(
            self,
            "Worker",
            family=f"webrtc-worker-{stage.name}",
            cpu=WORKER_CPU,
            memory_limit_mib=WORKER_MB,
            task_role=role,
        )
        log = aws_logs.LogGroup(
            self, "WorkerLog", retention=LOGS_KEPT, removal_policy=RemovalPolicy.DESTROY
        )
        task.add_container(
            WORKER,
            image=aws_ecs.ContainerImage.from_ecr_repository(
                images.gateway, stage.gateway_image or stage.name
            ),
            entry_point=["python", "-m", "ingest_gateway.kvs"],
            environment={
                "KVS_STAGE": stage.name,
                "KVS_REGION": stage.region,
                "KVS_HOST": "0.0.0.0",  # noqa: S104 - of its container; its door is WorkerDoor
                "KVS_PORT": str(WORKER_PORT),
                "KVS_GATEWAY_ID": f"webrtc-worker-{stage.name}",
                "KVS_LANGUAGES": "amazon",
            },
            secrets={"KVS_EVENTS_KEY": aws_ecs.Secret.from_secrets_manager(self.key)},
            logging=aws_ecs.LogDrivers.aws_logs(stream_prefix=WORKER, log_group=log),
            port_mappings=[aws_ecs.PortMapping(container_port=WORKER_PORT)],
        )
        accept(
            task,
            {
                wildcard("*"): "ECR's GetAuthorizationToken knows no resources.",
                "AwsSolutions-ECS2": "Stage, region and port are no secrets; the key is one.",
            },
        )
        return task

    def _service(self, task: aws_ecs.FargateTaskDefinition) -> aws_ecs.FargateService:
        """One task, never two: a second would join the same channels. The new one joins again the
        sessions that go on."""
        cluster = aws_ecs.Cluster(
            self,
            "Cluster",
            cluster_name=f"webrtc-{self._stage.name}",
            vpc=self._vpc,
            container_insights_v2=aws_ecs.ContainerInsights.ENABLED,
            default_cloud_map_namespace=aws_ecs.CloudMapNamespaceOptions(
                name=f"{self._stage.name}.live-translation.internal"
            ),
        )
        return aws_ecs.FargateService(
            self,
            "Service",
            cluster=cluster,
            task_definition=task,
            desired_count=1,
            min_healthy_percent=0,
            max_healthy_percent=100,
            # An address of its own: behind NAT, which rewrites ports, ICE finds relays only.
            assign_public_ip=True,
            vpc_subnets=aws_ec2.SubnetSelection(subnet_type=aws_ec2.SubnetType.PUBLIC),
            security_groups=[self.inward],
            cloud_map_options=aws_ecs.CloudMapOptions(name=WORKER),
            circuit_breaker=aws_ecs.DeploymentCircuitBreaker(rollback=True),
        )

    def _relay(self) -> Function:
        outward = aws_ec2.SecurityGroup(
            self, "RelayOutward", vpc=self._vpc, description="The relay calls the worker"
        )
        self.inward.add_ingress_rule(
            aws_ec2.Peer.security_group_id(outward.security_group_id),
            aws_ec2.Port.tcp(WORKER_PORT),
        )
        relay = Function(
            self,
            RELAY,
            self._stage,
            code(RELAY_CODE),
            [permissions.IN_A_VPC],
            inside=(self._vpc, outward),
        )
        self.key.grant_read(relay.role)
        host = f"{WORKER}.{self._stage.name}.live-translation.internal"
        relay.function.add_environment("WORKER_URL", f"http://{host}:{WORKER_PORT}/session-events")
        relay.function.add_environment("KEY_SECRET", self.key.secret_arn)
        return relay
