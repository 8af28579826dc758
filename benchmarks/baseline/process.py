"""``python -m benchmarks.baseline.process --help``: the flow being replaced, until SIGTERM.

It makes ``--ready`` when it reads, and writes what it measured to ``--report`` when it ends.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from dataclasses import asdict
from pathlib import Path

from benchmarks.baseline.delivery import FlowConnectors
from benchmarks.baseline.flow import FlowReport, WindowFlow, wall_clock_ms
from benchmarks.lag.counted_recognition import CountedSpeechToText
from benchmarks.lag.service_profiles import PROFILES, ServiceProfile
from benchmarks.lag.stand_in_stores import STORES_OPTION, TimedStore
from connectors.amazon.clients import AwsClients, AwsSettings
from connectors.amazon.clip_store import AmazonClipStore
from connectors.amazon.session_tables import AmazonSessionTables
from connectors.amazon.shard_source import AmazonShardSource
from connectors.services.gateway_notifier import GatewayNotifier, GatewayNotifierSettings


async def run(
    aws: AwsSettings,
    notify_endpoint: str,
    profile: ServiceProfile,
    ready: Path,
    recognised: Path,
    *,
    stand_in_stores: bool,
) -> FlowReport:
    clients = AwsClients(aws)
    speech = profile.speech_choice()
    connectors = FlowConnectors(
        AmazonShardSource(clients),
        AmazonSessionTables(clients, wall_clock_ms),
        CountedSpeechToText(speech.open_speech_to_text(), recognised),
        speech.open_translator(),
        speech.open_synthesizer(),
        TimedStore() if stand_in_stores else AmazonClipStore(clients),
        GatewayNotifier(GatewayNotifierSettings(notify_endpoint)),
    )
    flow = WindowFlow(connectors)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, flow.stop)
    try:
        running = asyncio.create_task(flow.run())
        await flow.reading.wait()
        await asyncio.to_thread(ready.touch)
        await running
        return flow.report()
    finally:
        await asyncio.gather(
            connectors.speech_to_text.close(),
            connectors.notifier.close(),
            connectors.clip_store.close(),
        )
        await clients.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--aws-endpoint", required=True)
    parser.add_argument("--stage", required=True)
    parser.add_argument("--notify-endpoint", required=True)
    parser.add_argument("--profile", choices=tuple(PROFILES), required=True)
    parser.add_argument("--ready", type=Path, required=True)
    parser.add_argument("--report", type=Path, required=True)
    parser.add_argument("--recognised", type=Path, required=True, help="audio sent, by request")
    parser.add_argument(STORES_OPTION, action="store_true", help="nothing is stored")
    given = parser.parse_args()
    report = asyncio.run(
        run(
            AwsSettings.local(given.aws_endpoint, given.stage),
            given.notify_endpoint,
            PROFILES[given.profile],
            given.ready,
            given.recognised,
            stand_in_stores=given.stand_in_stores,
        )
    )
    given.report.write_text(json.dumps(asdict(report)))


if __name__ == "__main__":
    main()
