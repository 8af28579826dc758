"""What a person sees while the talk goes on: what is heard, what is said, and how late."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ingest_gateway.client import ReceivedClip
from schemas.machine_made import maker_of


@dataclass(frozen=True, slots=True)
class LatestClip:
    """The last clip of one language."""

    number: int
    text: str
    late_s: float
    clips: int
    voice: str


class DemoDisplay:
    """A live table on a terminal, a line per clip elsewhere."""

    def __init__(self, talk_s: float, languages: Mapping[str, str]) -> None:
        self._console = Console()
        self._talk_s = talk_s
        self._languages = languages
        self._began: float | None = None
        self._heard = ""
        self._said: dict[str, LatestClip] = {}
        self._live = Live(
            console=self._console, refresh_per_second=4, get_renderable=self._render, screen=False
        )
        self._is_live = self._console.is_terminal

    def __enter__(self) -> DemoDisplay:
        self._began = time.monotonic()
        if self._is_live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_live:
            self._live.stop()

    def take(self, clip: ReceivedClip) -> None:
        """Show a clip that has just come; one from history is not news."""
        if not clip.from_history:
            self._heard = clip.source_transcript
            late_s = (clip.received_at_ms - clip.timestamp_ms) / 1000
            voice = maker_of(clip.body or b"") or ""
            self._say(clip.language, clip.sequence_number, clip.transcript, late_s, voice)

    def _say(self, language: str, number: int, text: str, late_s: float, voice: str) -> None:
        before = self._said.get(language)
        clips = 1 if before is None else before.clips + 1
        self._said[language] = LatestClip(number, text, late_s, clips, voice)
        if not self._is_live:
            self._console.print(
                Text(
                    f"{self._elapsed_s():6.1f} s  {language} {number:3d}  +{late_s:.1f} s"
                    f"  {voice:9}  {text}"
                ),
                soft_wrap=True,
            )

    def _elapsed_s(self) -> float:
        return 0.0 if self._began is None else time.monotonic() - self._began

    def _render(self) -> Group:
        elapsed_s = min(self._elapsed_s(), self._talk_s)
        progress = Table.grid(padding=(0, 1))
        progress.add_row(
            f"spoken {elapsed_s:4.0f} of {self._talk_s:.0f} s",
            ProgressBar(total=self._talk_s, completed=elapsed_s, width=40),
        )
        table = Table(box=None, padding=(0, 2, 0, 0))
        for heading in ("", "last", "late", "clips", "voice"):
            table.add_column(heading, justify="right" if heading in ("late", "clips") else "left")
        table.add_row("en  heard", Text(self._heard, style="dim"), "", "", "")
        for language, name in self._languages.items():
            said = self._said.get(language)
            if said is None:
                table.add_row(f"{language}  {name}", Text("waiting", style="dim"), "", "0", "")
            else:
                late = f"{said.late_s:.1f} s"
                table.add_row(
                    *(f"{language}  {name}", Text(said.text), late, str(said.clips), said.voice)
                )
        return Group(progress, table)
