"""Engines of other packages: what is installed is found by its entry point, and errors name it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from connectors.interfaces.errors import PermanentError
from connectors.job_connectors import LiveConnectors, SpeechChoice
from connectors.plugins import GROUPS, open_plugin, plugin_names
from pipelines.options import LiveJob, read_options

pytestmark = pytest.mark.unit

EXAMPLE = Path(__file__).parents[3] / "docs" / "engine-plugin"


def install(folder: Path, package: str, name: str, value: str) -> None:
    """What a package manager leaves of a package: its metadata."""
    metadata = folder / f"{package}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    group = GROUPS["translation"]
    (metadata / "entry_points.txt").write_text(f"[{group}]\n{name} = {value}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


async def test_the_example_is_chosen_by_its_name(site: Path) -> None:
    shutil.copy(EXAMPLE / "glossary_translator.py", site)
    declared = (EXAMPLE / "pyproject.toml").read_text()
    assert f'[project.entry-points."{GROUPS["translation"]}"]' in declared
    assert 'glossary = "glossary_translator:GlossaryTranslator"' in declared
    install(site, "glossary", "glossary", "glossary_translator:GlossaryTranslator")

    job = read_options(PipelineOptions(["--translation=glossary"]), "test")
    assert isinstance(job, LiveJob)
    factory = job.graph.settings.connectors
    assert isinstance(factory, LiveConnectors)
    translator = factory.speech.open_translator()

    assert await translator.translate("Good morning Anna", "en", "es") == "buenos días Anna"
    await translator.close()


def test_the_example_is_short() -> None:
    lines = sum(len(file.read_text().splitlines()) for file in EXAMPLE.iterdir() if file.is_file())
    assert lines < 100


def test_an_engine_that_nobody_has_is_told_with_those_that_are_there(site: Path) -> None:
    install(site, "one", "mine", "one:Translator")
    assert plugin_names("translation") == ("mine",)
    assert plugin_names("speech_to_text") == ()
    with pytest.raises(PermanentError, match=r"no engine 'yours' for translation .*: mine\)"):
        SpeechChoice(translation="yours").open_translator()
    with pytest.raises(PermanentError, match="none is installed"):
        SpeechChoice(speech_to_text="yours").open_speech_to_text()
    with pytest.raises(SystemExit):
        read_options(PipelineOptions(["--speech_synthesis=yours"]), "test")


def test_an_engine_that_cannot_be_imported_is_named(site: Path) -> None:
    install(site, "one", "mine", "nowhere_to_be_found:Translator")
    with pytest.raises(PermanentError, match=r"'mine'.*nowhere_to_be_found"):
        open_plugin("translation", "mine")


def test_two_packages_with_one_name_are_not_chosen_among(site: Path) -> None:
    install(site, "one", "mine", "one:Translator")
    install(site, "two", "mine", "two:Translator")
    with pytest.raises(PermanentError, match="one:Translator and two:Translator"):
        open_plugin("translation", "mine")
