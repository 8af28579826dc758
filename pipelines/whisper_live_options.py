"""The job's options about a server of whisper-live's kind. Raises ValueError that says what to
do."""

from __future__ import annotations

import argparse
import re
from typing import Any

from connectors.services.whisper_live import WhisperLiveSettings


def add_whisper_live_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("a server of whisper-live's kind (whisper_live)")
    usual = WhisperLiveSettings()
    group.add_argument("--whisper_live_url", default=usual.url, help="ws:// or wss://")
    group.add_argument("--whisper_live_model", default=usual.model, help="as the server names it")
    group.add_argument("--whisper_live_languages", default="en", help="such as en,es")


def read_whisper_live(given: Any) -> WhisperLiveSettings:
    url: str = given.whisper_live_url
    if not re.match(r"wss?://[^/]", url):
        raise ValueError(f"--whisper_live_url={url}: use ws://HOST:9090")
    languages = tuple(each.strip() for each in given.whisper_live_languages.split(","))
    return WhisperLiveSettings(url, given.whisper_live_model, tuple(filter(None, languages)))
