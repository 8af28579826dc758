"""An engine process for tests: what it does is its first argument."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from connectors.interfaces.errors import PermanentError
from connectors.local.engine_process import serve


def load() -> Callable[[bytes], bytes]:
    if sys.argv[2] == "cannot load":
        raise PermanentError("no model here")

    def answer(request: bytes) -> bytes:
        if request == b"die":
            sys.exit(3)
        if request == b"hang":
            time.sleep(60)
        if request == b"refuse":
            raise PermanentError("not that")
        if request == b"break":
            raise ValueError("with the words that were said")
        return request.upper()

    return answer


if __name__ == "__main__":
    serve(int(sys.argv[1]), load)
