"""A Python worker that Flink starts as a process (``--environment_type=PROCESS``), where no worker
pool can stand beside a TaskManager. It takes Beam's container contract: an id, and whom to ask.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from beam_flink_kit.worker_provision import worker_environment
from beam_flink_kit.worker_template import prepare, work


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="beam_flink_kit.process_worker", description=__doc__)
    parser.add_argument("--id", required=True)
    parser.add_argument("--provision_endpoint", required=True)
    # Flink names its other endpoints too; the provisioning service tells the same.
    given, _ = parser.parse_known_args(arguments)
    prepare(())
    work(worker_environment(given.id, given.provision_endpoint))


if __name__ == "__main__":
    main(sys.argv[1:])
