"""``make live``: everything runs until Ctrl-C, for a person's own microphone.

``--speech``: as the demo has it.
"""

from __future__ import annotations

import argparse
import sys
import time

from local_stack.flink import ROOT
from local_stack.ports import is_free
from local_stack.processes import ProcessError, stop_on_terminate
from local_stack.speech_engines import SPEECH, demo_engines
from local_stack.stack import LocalStack, StackSettings

DIRECTORY = ROOT / "build" / "live"
PORT = 8080
LOOK_EVERY_S = 1.0


def say(step: str) -> None:
    print(f"live: {step}", flush=True)


def run(speech: str) -> int:
    settings = StackSettings(
        DIRECTORY,
        stage="live",
        gateway_port=PORT if is_free(PORT) else 0,
    )
    with demo_engines(speech, settings) as engines, LocalStack(engines.settings, say=say) as stack:
        for line in engines.in_words:
            say(line)
        print(f"live: open {stack.gateway_url}/ to speak and to listen; Ctrl-C stops everything")
        print(f"live: how it fares, for operators: {stack.operator_link}")
        print(f"live: Flink's own pages: {stack.job.rest.url}/; logs: {DIRECTORY / 'logs'}/")
        return _wait_for_an_end(stack)


def _wait_for_an_end(stack: LocalStack) -> int:
    """Until a process that must run has ended; Ctrl-C and SIGTERM leave by their exceptions."""
    while True:
        ended = next((one for one in stack.processes if not one.is_alive), None)
        if ended is not None:
            print(f"live: {ended.name} ended by itself, see {ended.log}", file=sys.stderr)
            return 1
        time.sleep(LOOK_EVERY_S)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--speech", default="local", choices=SPEECH)
    given = parser.parse_args()
    stop_on_terminate()
    try:
        return run(given.speech)
    except KeyboardInterrupt:
        print("\nlive: stopped")
        return 0
    except ProcessError as error:
        print(f"live: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
