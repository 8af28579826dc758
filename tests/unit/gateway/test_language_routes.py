"""``--languages=en:es,gl de:en``: a gateway whose job has engines that no table here knows."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from connectors.amazon.clients import AwsClients, AwsSettings
from ingest_gateway.dependencies import dependencies
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.sessions.languages import Languages
from ingest_gateway.settings import GatewaySettings

pytestmark = pytest.mark.unit


def test_what_is_listed_can_be_joined_by_any_name_of_it() -> None:
    languages = Languages.of_routes("en:es,gl de:EN  de:fr")
    assert languages.choose_source("EN-gb") == "en"
    assert languages.choose_targets("en", ("gl-ES", "es", "GL")) == ("gl", "es")
    assert languages.choose_targets("de", ("en", "fr-CA")) == ("en", "fr")


@pytest.mark.parametrize(("source", "target"), [("en", "fr"), ("de", "es"), ("fr", "en")])
def test_what_is_not_listed_is_refused(source: str, target: str) -> None:
    with pytest.raises(Refusal) as refused:
        Languages.of_routes("en:es,gl de:en,fr").choose_target(source, target)
    assert refused.value.code == "BAD_LANGUAGE"


def test_a_language_that_is_only_translated_into_cannot_be_spoken() -> None:
    with pytest.raises(Refusal):
        Languages.of_routes("en:es").choose_source("es")


async def test_the_gateway_takes_them_from_its_command_line() -> None:
    settings = GatewaySettings(languages="en:gl")
    clients = AwsClients(AwsSettings.local("http://127.0.0.1:1", "routes"))
    languages = dependencies(settings, clients).languages
    assert languages.choose_target("en", "gl") == "gl"
    with pytest.raises(Refusal):
        languages.choose_target("en", "es")
    await clients.close()


@pytest.mark.parametrize("routes", ["", " ", "english", "en", "en:", "en:es,", ":es", "en:x_y"])
def test_a_wrong_list_is_refused_with_what_to_write(routes: str) -> None:
    with pytest.raises(
        ValidationError, match="use offline, local, amazon, any or as 'en:es,gl de:en'"
    ):
        GatewaySettings(languages=routes)
