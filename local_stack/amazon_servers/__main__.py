"""``python -m local_stack.amazon_servers``: the three services until Ctrl-C.

The offline engines stand behind them, or scripted ones. Prints the job's options that point it
at them, once they answer.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from connectors.offline.speech_synthesis import OfflineSynthesizer
from connectors.offline.speech_to_text import OfflineSpeechToText
from connectors.offline.translation import OfflineTranslator
from connectors.testing.speech_synthesis import ScriptedSynthesizer
from connectors.testing.speech_to_text import ScriptedSpeechToText
from connectors.testing.translation import ScriptedTranslator
from local_stack.amazon_servers.polly import PollyServer
from local_stack.amazon_servers.transcribe import TranscribeServer
from local_stack.amazon_servers.translate import TranslateServer
from schemas.values import SAMPLE_RATE_HZ


async def serve(engines: str, folder: Path, languages: Sequence[str]) -> None:
    if engines == "offline":
        heard = OfflineSpeechToText()
        loading = await heard.open("en", sample_rate_hz=SAMPLE_RATE_HZ)  # its models
        await loading.close()
        transcribe = TranscribeServer(heard)
        translator = OfflineTranslator()
        await asyncio.gather(*(translator.warm("en", language) for language in languages))
        translate, polly = TranslateServer(translator), PollyServer(OfflineSynthesizer())
    else:
        transcribe = TranscribeServer(ScriptedSpeechToText())
        translate = TranslateServer(ScriptedTranslator())
        polly = PollyServer(ScriptedSynthesizer())
    await transcribe.start(folder)
    await translate.start()
    await polly.start()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    options = (
        "--speech_to_text=amazon --translation=amazon --speech_synthesis=amazon",
        f"--transcribe_endpoint={transcribe.url} --transcribe_ca_file={transcribe.ca_file}",
        f"--translate_endpoint={translate.url} --polly_endpoint={polly.url}",
    )
    sys.stdout.write(" ".join(options) + "\n")
    sys.stdout.flush()
    await stop.wait()
    for server in (transcribe, translate, polly):
        await server.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m local_stack.amazon_servers",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--folder", type=Path, help="for certificates; a temporary one by default")
    parser.add_argument("--engines", default="offline", choices=("offline", "scripted"))
    parser.add_argument(
        "--languages", nargs="*", default=(), help="that Translate has ready before it is asked"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(serve(given.engines, given.folder or Path(temporary), given.languages))


main()
