"""The job's options about servers of one's own: endpoints that speak OpenAI's API, and recognition
of whisper-live's kind. Raises ValueError that says what to do."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from connectors.calls.prompted_translator import PromptSettings
from connectors.services.chat_translation import ChatSettings
from connectors.services.openai_speech import OpenAiSettings
from connectors.services.whisper_live import WhisperLiveSettings


def add_openai_arguments(parser: argparse.ArgumentParser) -> None:
    speech = parser.add_argument_group("an endpoint that speaks OpenAI's API (openai)")
    usual = OpenAiSettings()
    speech.add_argument("--openai_url", default=usual.url, help="up to /v1")
    speech.add_argument("--openai_key_file", default="", help="empty: it asks for no key")
    speech.add_argument("--openai_languages", default="en", help="such as en,es")
    speech.add_argument("--openai_model", default=usual.model, help="of recognition")
    speech.add_argument("--openai_voice_model", default=usual.voice_model)
    speech.add_argument("--openai_voice", default=usual.voice)

    chat = parser.add_argument_group("and its language model (--translation=openai)")
    chat.add_argument("--chat_url", default=ChatSettings().url, help="up to /v1")
    chat.add_argument("--chat_key_file", default="", help="empty: it asks for no key")
    chat.add_argument("--chat_model", default="", help="as the server names it")
    chat.add_argument(
        "--chat_languages", default="", help="that it is good for, such as en,es; empty: all"
    )
    chat.add_argument(
        "--chat_extra",
        default="",
        help='JSON, members of each request; null leaves one out: {"temperature": null}',
    )
    chat.add_argument(
        "--chat_requests", type=float, default=20.0, help="of a worker process in a second"
    )


def add_whisper_live_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("a server of whisper-live's kind (whisper_live)")
    usual = WhisperLiveSettings()
    group.add_argument("--whisper_live_url", default=usual.url, help="ws:// or wss://")
    group.add_argument("--whisper_live_model", default=usual.model, help="as the server names it")
    group.add_argument("--whisper_live_languages", default="en", help="such as en,es")


def read_openai_speech(given: Any) -> OpenAiSettings:
    return OpenAiSettings(
        _url("openai_url", given.openai_url),
        _key("openai_key_file", given.openai_key_file),
        given.openai_model,
        given.openai_voice_model,
        _names(given.openai_languages),
        given.openai_voice,
    )


def read_whisper_live(given: Any) -> WhisperLiveSettings:
    url: str = given.whisper_live_url
    if not re.match(r"wss?://[^/]", url):
        raise ValueError(f"--whisper_live_url={url}: use ws://HOST:9090")
    return WhisperLiveSettings(url, given.whisper_live_model, _names(given.whisper_live_languages))


def read_chat(given: Any) -> ChatSettings:
    if "openai" in (given.translation, given.translation_fallback) and not given.chat_model:
        raise ValueError("--translation=openai needs --chat_model, as the server names it")
    if given.chat_requests <= 0:
        raise ValueError("--chat_requests is above 0")
    languages = _names(given.chat_languages) or PromptSettings().languages
    return ChatSettings(
        _url("chat_url", given.chat_url),
        _key("chat_key_file", given.chat_key_file),
        given.chat_model,
        _json_object("chat_extra", given.chat_extra),
        prompts=PromptSettings(languages, requests_per_s=given.chat_requests),
    )


def _url(option: str, url: str) -> str:
    if not re.match(r"https?://", url):
        raise ValueError(f"--{option}={url}: use http://HOST:8000/v1")
    return url


def _key(option: str, file: str) -> str | None:
    if not file:
        return None
    try:
        return Path(file).read_text().strip()
    except OSError as error:
        raise ValueError(f"--{option}={file}: {error.strerror}") from None


def _names(text: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in text.split(",") if each.strip())


def _json_object(option: str, text: str) -> str:
    try:
        is_object = isinstance(json.loads(text or "{}"), dict)
    except ValueError:
        is_object = False
    if not is_object:
        raise ValueError(f"--{option}={text}: use a JSON object")
    return text
