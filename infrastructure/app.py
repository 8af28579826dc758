"""``python -m infrastructure.app``: write the templates of stages; nothing is asked of AWS.

Context (``-c name=value`` of the cdk command, or ``CDK_CONTEXT_JSON``): ``stages`` (``dev,prod``),
``region``, ``code`` (folder of the Lambdas' package), ``alarmEmail``, ``operatorsCidr``,
``operatorsRole``, ``gatewayImage`` (its digest), ``monthlyDollars``, ``bedrockModel`` (which
translates), ``pagesUrl`` (of one stage; known when it was deployed once).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aws_cdk import App, Environment, Tags, Validations
from cdk_nag import AwsSolutionsChecks

from infrastructure.handlers import STAND_IN_CODE, code
from infrastructure.images import Images
from infrastructure.kvs_webrtc import KvsWebRtc
from infrastructure.live_translation import LiveTranslation
from infrastructure.network import Network
from infrastructure.operations import Operations
from infrastructure.session_http_api import SessionHttpApi
from infrastructure.session_management import SessionManagement
from infrastructure.stage import Stage

PRODUCTION = "prod"
FLAGS = {
    # Access logs by the bucket's policy; by default CDK uses lists that S3 is leaving behind.
    "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": True,
}


@dataclass(frozen=True, slots=True)
class Stacks:
    network: Network
    images: Images
    sessions: SessionManagement
    http: SessionHttpApi
    webrtc: KvsWebRtc
    job: LiveTranslation
    operations: Operations


def stages_of(app: App) -> list[Stage]:
    """Raises ValueError that says what to change."""

    def given(name: str) -> str | None:
        return app.node.try_get_context(name) or None

    return [
        Stage(
            name,
            region=given("region") or "us-east-1",
            is_production=name == PRODUCTION,
            alarm_email=given("alarmEmail"),
            operators_cidr=given("operatorsCidr"),
            monthly_dollars=int(given("monthlyDollars") or 500),
            pages_url=given("pagesUrl"),
            bedrock_model=given("bedrockModel"),
            operators_role=given("operatorsRole"),
            gateway_image=given("gatewayImage"),
        )
        for name in (given("stages") or f"dev,{PRODUCTION}").split(",")
    ]


def build(app: App, stage: Stage, code_folder: str = STAND_IN_CODE) -> Stacks:
    options: dict[str, Any] = {
        # The account is that of the credentials that deploy it: templates are the same for all.
        "env": Environment(region=stage.region),
        "termination_protection": stage.is_production,
    }
    network = Network(app, stage, **options)
    images = Images(app, stage, **options)
    sessions = SessionManagement(app, stage, code(code_folder), **options)
    http = SessionHttpApi(app, stage, sessions, code(code_folder), **options)
    webrtc = KvsWebRtc(app, stage, network, images, sessions, http, **options)
    job = LiveTranslation(app, stage, network, sessions, **options)
    operations = Operations(app, stage, sessions, http, webrtc, **options)
    stacks = Stacks(network, images, sessions, http, webrtc, job, operations)
    for stack in (network, images, sessions, http, webrtc, job, operations):
        Tags.of(stack).add("system", "live-translation")
        Tags.of(stack).add("stage", stage.name)
    return stacks


def main() -> None:
    app = App(context=FLAGS)
    for stage in stages_of(app):
        build(app, stage, app.node.try_get_context("code") or STAND_IN_CODE)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()


if __name__ == "__main__":
    main()
