"""Which caption to show next, when there is time for fewer than there are."""

from __future__ import annotations

from dataclasses import dataclass

MOST_WAITING = 4
"""Utterances. Of more, those longest ago are of no use to anybody who reads along."""


@dataclass(frozen=True, slots=True)
class Caption:
    """What an utterance seems to say, or (``final``) says, in the speaker's ``language``."""

    number: int
    text: str
    language: str
    final: bool = False


class CaptionQueue:
    """The newest text of each utterance until it is said; nothing is said twice.

    ``tells_final``: whether a caption's becoming final is worth saying.
    """

    def __init__(self, *, tells_final: bool = False) -> None:
        self._tells_final = tells_final
        self._waiting: dict[int, Caption] = {}
        self._said: dict[int, Caption] = {}

    @property
    def is_waiting(self) -> bool:
        return bool(self._waiting)

    def put(self, caption: Caption) -> None:
        if self._is_news(caption):
            self._waiting[caption.number] = caption
            if len(self._waiting) > MOST_WAITING:
                del self._waiting[min(self._waiting)]
        else:
            self._waiting.pop(caption.number, None)

    def take(self) -> Caption | None:
        """The oldest utterance's, which counts as said from now on."""
        if not self._waiting:
            return None
        caption = self._waiting.pop(min(self._waiting))
        self._said[caption.number] = caption
        for number in [one for one in self._said if one <= caption.number - MOST_WAITING]:
            del self._said[number]  # so long ago that it does not change any more
        return caption

    def lost(self, caption: Caption) -> None:
        """It was taken but not said: the same text may come again."""
        if self._said.get(caption.number) == caption:
            del self._said[caption.number]

    def _is_news(self, caption: Caption) -> bool:
        said = self._said.get(caption.number)
        if said is None:
            return bool(caption.text)
        return caption.text != said.text or (self._tells_final and caption.final != said.final)
