"""Amazon's speech services, as the command line chooses them and the job opens them."""

from __future__ import annotations

import pickle

import pytest

from connectors.amazon.bedrock_translation import BedrockTranslator
from connectors.amazon.speech import AmazonSpeech
from connectors.amazon.speech_synthesis import AmazonSynthesizer
from connectors.amazon.speech_to_text import AmazonSpeechToText
from connectors.amazon.translation import AmazonTranslator
from connectors.calls.as_spoken import AsSpoken
from connectors.interfaces.translation import Translator
from connectors.job_connectors import LiveConnectors
from pipelines.options import JobOptions, LiveJob, UsageError, read_options

pytestmark = pytest.mark.unit


def connectors_of(*arguments: str) -> LiveConnectors:
    job = read_options(JobOptions(list(arguments)), "job")
    assert isinstance(job, LiveJob)
    chosen = job.graph.settings.connectors
    assert isinstance(chosen, LiveConnectors)
    return chosen


def engine_of(translator: Translator) -> Translator:
    assert isinstance(translator, AsSpoken)
    return translator.engine


async def test_amazon_for_each_service() -> None:
    chosen = connectors_of(
        "--speech_to_text=amazon", "--translation=amazon", "--speech_synthesis=amazon"
    )
    there: LiveConnectors = pickle.loads(pickle.dumps(chosen))  # noqa: S301 - our own bytes
    assert hash(there) == hash(chosen)
    opened = there.build()
    assert isinstance(opened.speech_to_text, AmazonSpeechToText)
    assert isinstance(engine_of(opened.translator), AmazonTranslator)
    assert isinstance(opened.synthesizer, AmazonSynthesizer)
    assert opened.on_open == (), "no stream is opened, and paid for, before somebody speaks"
    await opened.close()


def test_the_services_of_a_region_unless_endpoints_are_given() -> None:
    assert connectors_of("--aws_region=eu-west-1").speech.amazon == AmazonSpeech("eu-west-1")
    stood_in = connectors_of(
        "--transcribe_endpoint=https://localhost:1",
        "--translate_endpoint=http://127.0.0.1:2",
        "--polly_endpoint=http://127.0.0.1:3",
        "--transcribe_ca_file=/etc/ca.pem",
    ).speech.amazon
    assert stood_in.transcribe_endpoint_url == "https://localhost:1"
    assert stood_in.translate_endpoint_url == "http://127.0.0.1:2"
    assert stood_in.polly_endpoint_url == "http://127.0.0.1:3"
    assert stood_in.recognition.ca_file == "/etc/ca.pem"


def test_quotas_and_names_of_the_account() -> None:
    amazon = connectors_of(
        "--transcribe_streams=100",
        "--transcribe_starts=12.5",
        "--transcribe_identify=es, en",
        "--transcribe_vocabularies=en:terms,es:voces",
        "--transcribe_vocabulary_filters=en:rude",
        "--translate_terminology=names",
        "--translate_formality=FORMAL",
        "--polly_lexicons=one,two",
    ).speech.amazon
    recognition = amazon.recognition
    assert (recognition.max_streams, recognition.starts_per_s) == (100, 12.5)
    assert recognition.identify_among == ("es", "en")
    assert recognition.vocabularies == (("en", "terms"), ("es", "voces"))
    assert recognition.vocabulary_filters == (("en", "rude"),)
    assert (amazon.translation.terminology, amazon.translation.formality) == ("names", "FORMAL")
    assert amazon.synthesis.lexicons == ("one", "two")


def test_bedrock_translates_with_a_model_of_ones_choice() -> None:
    speech = connectors_of(
        "--translation=bedrock",
        "--aws_region=eu-west-1",
        "--bedrock_model=eu.amazon.nova-pro-v1:0",
        "--bedrock_endpoint=http://127.0.0.1:4",
        "--bedrock_requests=5",
    ).speech
    assert speech.amazon.bedrock.model == "eu.amazon.nova-pro-v1:0"
    assert speech.amazon.bedrock.prompts.requests_per_s == 5
    assert speech.amazon.bedrock_endpoint_url == "http://127.0.0.1:4"
    assert isinstance(engine_of(speech.open_translator()), BedrockTranslator)


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("--transcribe_streams=0", "above 0"),
        ("--transcribe_starts=-1", "above 0"),
        ("--bedrock_requests=0", "above 0"),
        ("--transcribe_vocabularies=terms", "use language:name"),
        ("--transcribe_vocabulary_filters=en:", "use language:name"),
    ],
)
def test_what_cannot_be_meant(argument: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        connectors_of(argument)
