"""Lambda: from what buckets report to metrics, in CloudWatch's embedded format on its log.

``ClipLag`` is from the first sample of a phrase to its clip being stored, in milliseconds, as
a whole and by language. A key is ``sessions/{session}/translated/{language}/{first sample}.mp3``.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

ON_TIME_MS = 12_000
"""A phrase waits for its words: of a thousand 999 are spoken within 10 s of their first sample when
translations step every four words (docs/decisions/0019); what services take comes on top."""
MOST_VALUES = 100
"""Of one metric in one line of the embedded format."""

_CLIP = re.compile(r"sessions/[^/]+/translated/(?P<language>[^/]+)/(?P<first_ms>\d+)\.mp3")
_CHECKPOINT = re.compile(r"checkpoints/.+/_metadata")


@dataclass(frozen=True, slots=True)
class Clip:
    language: str
    lag_ms: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    pass


def stored(event: Mapping[str, Any]) -> Iterator[Clip | Checkpoint]:
    """Of a batch from the queue; what is neither is passed over (S3 sends a test event, too)."""
    for message in event["Records"]:
        for record in json.loads(message["body"]).get("Records", ()):
            key = unquote_plus(record["s3"]["object"]["key"])
            if _CHECKPOINT.fullmatch(key):
                yield Checkpoint()
            elif found := _CLIP.fullmatch(key):
                at = datetime.fromisoformat(record["eventTime"])
                lag_ms = round(at.timestamp() * 1000) - int(found["first_ms"])
                yield Clip(found["language"], max(0, lag_ms))


def metric_lines(
    found: Iterable[Clip | Checkpoint], namespace: str, now_ms: int
) -> Iterator[dict[str, Any]]:
    lags: dict[str, list[int]] = defaultdict(list)
    checkpoints = 0
    for one in found:
        if isinstance(one, Clip):
            lags[one.language].append(one.lag_ms)
        else:
            checkpoints += 1
    for language, lags_ms in sorted(lags.items()):
        for start in range(0, len(lags_ms), MOST_VALUES):
            part = lags_ms[start : start + MOST_VALUES]
            on_time = sum(lag_ms <= ON_TIME_MS for lag_ms in part)
            yield _line(
                namespace,
                now_ms,
                {"ClipLag": "Milliseconds", "Clips": "Count", "ClipsOnTime": "Count"},
                [[], ["Language"]],
            ) | {"Language": language, "ClipLag": part, "Clips": len(part), "ClipsOnTime": on_time}
    if checkpoints:
        yield _line(namespace, now_ms, {"Checkpoints": "Count"}, [[]]) | {
            "Checkpoints": checkpoints
        }


def _line(
    namespace: str, now_ms: int, units: Mapping[str, str], dimensions: list[list[str]]
) -> dict[str, Any]:
    metrics = [{"Name": name, "Unit": unit} for name, unit in units.items()]
    described = {"Namespace": namespace, "Dimensions": dimensions, "Metrics": metrics}
    return {"_aws": {"Timestamp": now_ms, "CloudWatchMetrics": [described]}}


def handler(event: Mapping[str, Any], _context: object) -> None:
    now_ms = round(datetime.now().timestamp() * 1000)
    for line in metric_lines(stored(event), os.environ["METRICS_NAMESPACE"], now_ms):
        sys.stdout.write(json.dumps(line) + "\n")
