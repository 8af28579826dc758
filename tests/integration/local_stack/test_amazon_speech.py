"""The servers that the demo puts Amazon's adapters over, spoken to by the job's options."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.job_connectors import LiveConnectors
from local_stack.amazon_speech import amazon_speech
from pipelines.options import JobOptions, LiveJob, read_options

pytestmark = pytest.mark.integration


async def test_the_options_lead_the_adapters_to_the_offline_engines(tmp_path: Path) -> None:
    with amazon_speech(tmp_path / "speech") as options:
        job = read_options(JobOptions(list(options)), "demo")
        assert isinstance(job, LiveJob)
        factory = job.graph.settings.connectors
        assert isinstance(factory, LiveConnectors)
        translator = factory.speech.open_translator()
        synthesizer = factory.speech.open_synthesizer()
        recogniser = factory.speech.open_speech_to_text()
        said = await translator.translate("The house is big.", "en", "es")
        clip = await synthesizer.synthesize(said, "es")
        stream = await recogniser.open("en", sample_rate_hz=16_000)
        await stream.send(bytes(32_000))
        await stream.finish()
        heard = [recognition async for recognition in stream]
        for each in (stream, translator, synthesizer, recogniser):
            await each.close()
    assert "casa" in said
    assert 0.5 < clip.duration_s < 5
    assert (heard[-1].is_final, heard[-1].words, heard[-1].through_s) == (True, (), 1.0)
