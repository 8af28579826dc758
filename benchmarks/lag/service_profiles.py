"""How long the services take, simulated: both flows meet the same times.

A profile names the mean of each call. Each call's own time is lognormal around it, with one in a
hundred at two and a half times the mean or slower, and follows from its text, so that the same
text takes the same time in either flow. A steady profile takes the mean each time: what is
simulated can then be taken off exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from connectors.job_connectors import SpeechChoice
from connectors.testing.faults import Delay, TailedDelay
from connectors.testing.speech_synthesis import ScriptedSynthesizerSettings
from connectors.testing.speech_to_text import ScriptedSpeechToTextSettings
from connectors.testing.translation import ScriptedTranslatorSettings

SPOKEN_WORD_S = 0.33
"""What a word of a clip lasts: as long as the speaker took for it, so that playing keeps up only
as a real listener's would."""
PROFILE_OPTION = "--service_profile="
"""Of ``benchmarks.lag.profiled_job``: its name follows."""
TEN_LANGUAGES = ("es", "ca", "fr", "de", "it", "pt", "nl", "sv", "pl", "ja")
"""What the simulated services can be asked for, English and its like besides."""
_LANGUAGES = (*TEN_LANGUAGES, "en", "gl")
_RESULTS_AHEAD = 100_000
"""A whole batch is sent at once and read afterwards: nothing may wait for its reader."""


@dataclass(frozen=True, slots=True)
class ServiceProfile:
    """Mean times: ``recognition_s`` from the audio to its words, be they streamed or a batch;
    ``translation_s`` and ``speech_s`` of a call."""

    name: str
    recognition_s: float
    translation_s: float
    speech_s: float
    seed: int = 0
    is_steady: bool = False

    @property
    def simulated_ms(self) -> float:
        """Of one clip, in the mean; of a steady profile, of each."""
        return 1000 * (self.recognition_s + self.translation_s + self.speech_s)

    def speech_choice(self, base: SpeechChoice | None = None) -> SpeechChoice:
        """``base`` with the scripted engines of this profile: the job's and the baseline's."""
        return replace(
            base or SpeechChoice(),
            speech_to_text="scripted",
            translation="scripted",
            speech_synthesis="scripted",
            scripted_stt=ScriptedSpeechToTextSettings(
                delay_s=self.recognition_s,
                tail=None
                if self.is_steady
                else TailedDelay(self.recognition_s, seed=self.seed + 1),
                report_every_s=0.1,
                results_ahead=_RESULTS_AHEAD,
            ),
            scripted_translation=ScriptedTranslatorSettings(
                languages=_LANGUAGES, delay=self._delay(self.translation_s, 2)
            ),
            scripted_synthesis=ScriptedSynthesizerSettings(
                languages=_LANGUAGES, word_s=SPOKEN_WORD_S, delay=self._delay(self.speech_s, 3)
            ),
        )

    def _delay(self, mean_s: float, call: int) -> Delay | TailedDelay:
        return Delay(mean_s) if self.is_steady else TailedDelay(mean_s, seed=self.seed + call)


PROFILES: Mapping[str, ServiceProfile] = {
    profile.name: profile
    for profile in (
        ServiceProfile("seed", recognition_s=0.5, translation_s=0.5, speech_s=1.3),
        ServiceProfile("current", recognition_s=0.3, translation_s=0.15, speech_s=0.31),
        ServiceProfile(
            "steady", recognition_s=0.3, translation_s=0.15, speech_s=0.31, is_steady=True
        ),
    )
}
"""``seed``: the times of the flow being replaced. ``current``: what the services need today when
they answer as a stream: the tail of recognition, and the first byte of speech. ``steady``: the same
without a spread."""
