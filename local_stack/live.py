"""``make live``: everything runs until Ctrl-C, for a person's own microphone.

``--phones``: devices of this machine's network reach it (``1``, or the address to use);
``--public-url``: they come through a tunnel that ends there.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from ingest_gateway.routes.pages import BUILT
from local_stack.flink import ROOT
from local_stack.phones.access import Inside, PhoneAccess, TunnelAccess
from local_stack.phones.address import NoAddressError, check_address, find_address
from local_stack.phones.qr import qr_lines
from local_stack.ports import LOOPBACK, is_free
from local_stack.processes import ProcessError, stop_on_terminate
from local_stack.stack import LocalStack, StackSettings

DIRECTORY = ROOT / "build" / "live"
AUTHORITY = ROOT / ".cache" / "phones"
"""Kept: a phone trusts it once."""
PORT = 8080
LOOK_EVERY_S = 1.0

Access = PhoneAccess | TunnelAccess | None


def access_of(options: argparse.Namespace) -> Access:
    """Raises NoAddressError."""
    if options.public_url is not None:
        return TunnelAccess(options.public_url.rstrip("/"))
    if options.phones is None:
        return None
    address = find_address() if options.phones == "1" else check_address(options.phones)
    return PhoneAccess(address, AUTHORITY)


def run(access: Access) -> int:
    settings = StackSettings(
        DIRECTORY,
        stage="live",
        gateway_port=PORT if is_free(PORT) else 0,
        gateway_options=() if access is None else access.gateway_options,
    )
    with LocalStack(settings, say=lambda step: _say(step)) as stack:
        _say(f"open {stack.gateway_url}/ to speak and to listen; Ctrl-C stops everything")
        _say(f"how it fares, for operators: {stack.operator_link}")
        _say(f"Flink's own pages: {stack.job.rest.url}/; logs: {DIRECTORY / 'logs'}/")
        if access is None:
            _say("phones cannot join: nothing listens outside this machine. PHONES=1 lets them in")
            return _wait_for_an_end(stack)
        bucket = stack.aws.names.clip_bucket
        try:
            access.open(Inside(stack.gateway_url, stack.cloud.endpoint, bucket))
            _invite(access)
            return _wait_for_an_end(stack)
        finally:
            access.close()


def _invite(access: PhoneAccess | TunnelAccess) -> None:
    if isinstance(access, TunnelAccess):
        _say(f"let the tunnel of {access.public_url} lead to http://{LOOPBACK}:{access.port}")
        return
    _say(f"devices of this network reach it at {access.public_url}/listen")
    _say(f"a phone that comes for the first time learns to trust it at {access.trust_url}")
    for line in qr_lines(access.trust_url, BUILT.parent):
        print(f"    {line}")
    _say(f"the authority's fingerprint (SHA-256): {access.authority.fingerprint}")


def _say(step: str) -> None:
    print(f"live: {step}", flush=True)


def _wait_for_an_end(stack: LocalStack) -> int:
    """Until a process that must run has ended; Ctrl-C and SIGTERM leave by their exceptions."""
    while True:
        ended = next((one for one in stack.processes if not one.is_alive), None)
        if ended is not None:
            print(f"live: {ended.name} ended by itself, see {ended.log}", file=sys.stderr)
            return 1
        time.sleep(LOOK_EVERY_S)


def options_of(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m local_stack.live", description=__doc__)
    parser.add_argument("--phones", metavar="1|ADDRESS")
    parser.add_argument("--public-url", metavar="URL")
    options = parser.parse_args(arguments)
    if options.phones is not None and options.public_url is not None:
        parser.error("give --phones or --public-url: through a tunnel, phones come by that")
    if options.public_url is not None and not options.public_url.startswith("https://"):
        parser.error("--public-url begins with https://: browsers give sound to secure pages only")
    return options


def main() -> int:
    options = options_of(sys.argv[1:])
    stop_on_terminate()
    try:
        return run(access_of(options))
    except KeyboardInterrupt:
        print("\nlive: stopped")
        return 0
    except (ProcessError, NoAddressError) as error:
        print(f"live: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
