from __future__ import annotations

import pytest

from infrastructure.stage import Stage

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("name", ["Prod", "my_stage", "", "x", "a" * 21, "-dev", "9lives"])
def test_a_stage_that_no_bucket_could_be_named_after_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="small letters"):
        Stage(name)


def test_a_stage_names_what_the_code_looks_for() -> None:
    stage = Stage("dev")
    assert stage.names.audio_stream == "audio-ingestion-dev"
    assert stage.metrics == "LiveTranslation/dev"


@pytest.mark.parametrize(
    "role", ["ada", "arn:aws:sts::111122223333:assumed-role/Admin/ada", "arn:aws:iam::1:role/x"]
)
def test_who_is_let_into_the_cluster_is_a_role_or_user(role: str) -> None:
    with pytest.raises(ValueError, match="not that of a session"):
        Stage("dev", operators_role=role)


@pytest.mark.parametrize("image", ["latest", "sha256:12", "live/gateway@sha256:" + "0" * 64])
def test_an_image_is_named_by_its_digest(image: str) -> None:
    with pytest.raises(ValueError, match="sha256"):
        Stage("dev", gateway_image=image)


@pytest.mark.parametrize(
    "model", ["*", "amazon.*", "nova", "arn:aws:bedrock:us-east-1::foundation-model/a.b", ""]
)
def test_a_model_is_named_by_its_id(model: str) -> None:
    with pytest.raises(ValueError, match="inference profile"):
        Stage("dev", bedrock_model=model)
