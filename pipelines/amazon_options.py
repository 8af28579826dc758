"""The job's options about Amazon's speech services and Bedrock. Raises ValueError that says what to
do."""

from __future__ import annotations

import argparse
from typing import Any

from connectors.amazon.bedrock_translation import BedrockSettings
from connectors.amazon.speech import AmazonSpeech
from connectors.amazon.speech_synthesis import AmazonSynthesizerSettings
from connectors.amazon.transcribe_stream import AmazonSpeechToTextSettings
from connectors.amazon.translation import AmazonTranslatorSettings
from connectors.calls.prompted_translator import PromptSettings


def add_amazon_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("Amazon's speech services")
    for service in ("transcribe", "translate", "polly", "bedrock"):
        group.add_argument(f"--{service}_endpoint", default="", help="empty: the real one")
    group.add_argument("--transcribe_ca_file", default="", help="PEM; empty: the system's")
    group.add_argument(
        "--transcribe_streams", type=int, default=25, help="of a worker process at once"
    )
    group.add_argument(
        "--transcribe_starts", type=float, default=25.0, help="of a worker process in a second"
    )
    group.add_argument(
        "--transcribe_identify", default="", help="languages of a session in 'und': es,en"
    )
    group.add_argument("--transcribe_vocabularies", default="", help="en:name,es:name")
    group.add_argument("--transcribe_vocabulary_filters", default="", help="en:name,es:name")
    group.add_argument("--translate_terminology", default="", help="its name")
    group.add_argument("--translate_formality", default="", choices=("", "FORMAL", "INFORMAL"))
    group.add_argument(
        "--bedrock_model",
        default=BedrockSettings().model,
        help="the id of a model or an inference profile, of --translation=bedrock",
    )
    group.add_argument(
        "--bedrock_requests", type=float, default=20.0, help="of a worker process in a second"
    )
    group.add_argument("--polly_lexicons", default="", help="their names: one,two")


def read_amazon_speech(given: Any) -> AmazonSpeech:
    """``given``: parsed, with ``aws_region`` beside the options above."""
    if given.transcribe_streams < 1 or given.transcribe_starts <= 0:
        raise ValueError("--transcribe_streams and --transcribe_starts are above 0")
    if given.bedrock_requests <= 0:
        raise ValueError("--bedrock_requests is above 0")
    return AmazonSpeech(
        given.aws_region,
        given.transcribe_endpoint or None,
        given.translate_endpoint or None,
        given.polly_endpoint or None,
        given.bedrock_endpoint or None,
        AmazonSpeechToTextSettings(
            ca_file=given.transcribe_ca_file or None,
            max_streams=given.transcribe_streams,
            starts_per_s=given.transcribe_starts,
            identify_among=_names(given.transcribe_identify),
            vocabularies=_pairs("transcribe_vocabularies", given.transcribe_vocabularies),
            vocabulary_filters=_pairs(
                "transcribe_vocabulary_filters", given.transcribe_vocabulary_filters
            ),
        ),
        AmazonTranslatorSettings(
            terminology=given.translate_terminology or None,
            formality=given.translate_formality or None,
        ),
        AmazonSynthesizerSettings(lexicons=_names(given.polly_lexicons)),
        BedrockSettings(given.bedrock_model, PromptSettings(requests_per_s=given.bedrock_requests)),
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in text.split(",") if each.strip())


def _pairs(option: str, text: str) -> tuple[tuple[str, str], ...]:
    pairs: list[tuple[str, str]] = []
    for each in _names(text):
        language, colon, name = each.partition(":")
        if not (language and colon and name):
            raise ValueError(f"--{option}={text}: use language:name, such as en:terms")
        pairs.append((language, name))
    return tuple(pairs)
