"""``Images-{stage}``: where container images lie. Deployed first: what runs them starts at once."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack, aws_ecr
from constructs import Construct

from infrastructure.stage import Stage

IMAGES = ("gateway", "job", "worker-pool")
KEPT_IMAGES = 10


class Images(Stack):
    """One repository an image, each scanned when it is pushed."""

    def __init__(self, scope: Construct, stage: Stage, **options: Any) -> None:
        super().__init__(scope, f"Images-{stage.name}", **options)
        made = {image: self._repository(image, stage) for image in IMAGES}
        self.gateway = made["gateway"]
        for image, repository in made.items():
            CfnOutput(self, f"{_title(image)}Repository", value=repository.repository_uri)

    def _repository(self, image: str, stage: Stage) -> aws_ecr.Repository:
        return aws_ecr.Repository(
            self,
            _title(image),
            repository_name=f"live-translation-{stage.name}/{image}",
            image_scan_on_push=True,
            encryption=aws_ecr.RepositoryEncryption.AES_256,
            lifecycle_rules=[aws_ecr.LifecycleRule(max_image_count=KEPT_IMAGES)],
            removal_policy=stage.removal,
        )


def _title(image: str) -> str:
    return "".join(part.capitalize() for part in image.split("-"))
