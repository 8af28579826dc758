"""What a recogniser refuses before it opens a stream: the checks of all of them, and their words.

``check_opening`` comes first in ``SpeechToText.open``, before a model is loaded or a server called;
``check_places`` comes next, where there are fewer streams than there may be sessions. The contract
suite asks for these words.
"""

from __future__ import annotations

from connectors.interfaces.errors import PermanentError, ThrottledError
from schemas.values import SAMPLE_RATE_HZ


def check_opening(
    engine: str,
    language: str,
    sample_rate_hz: int,
    *,
    is_closed: bool,
    is_offered: bool,
    rates_hz: tuple[int, ...] = (SAMPLE_RATE_HZ,),
) -> None:
    """PermanentError: the recogniser is closed, or does not take this language or sample rate.

    ``engine``: its name, as options have it. ``is_offered``: whether it knows the language.
    ``rates_hz``: the sample rates that it takes.
    """
    if is_closed:
        raise PermanentError(f"the {engine} recogniser is closed")
    if not is_offered:
        raise PermanentError(f"the {engine} recogniser does not know language {language!r}")
    if sample_rate_hz not in rates_hz:
        taken = " or ".join(map(str, rates_hz))
        raise PermanentError(f"the {engine} recogniser takes {taken} Hz, not {sample_rate_hz} Hz")


def check_places(opened: int, most: int) -> None:
    """ThrottledError: as many streams are open as there may be."""
    if opened >= most:
        raise ThrottledError(f"{opened} streams are open, which is the limit")
