"""Options that scripts and pages give the job are options of the job: Beam drops others unsaid."""

from __future__ import annotations

import argparse
import re

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from local_stack.flink import ROOT
from pipelines.options import JobOptions as JobOptions  # Beam finds it as a subclass

pytestmark = pytest.mark.unit

GIVEN_TO_A_JAR = re.compile(r'(?:OPTIONS="|COMPOSE_OPTIONS := )((?:\\\n|[^"\n])*)')
OF_THE_JOB_SERVER = {"--checkpointing_interval", "--max_bundle_time_mills"}
"""Beam asks it for the options of its runner, when a job is submitted."""
PLACES = ("Makefile", "scripts/deploy.sh", "docker/README.md", "docs/managed-flink.md")


def known() -> set[str]:
    parser = argparse.ArgumentParser()
    for kind in PipelineOptions.__subclasses__():
        kind._add_argparse_args(parser)
    return {option for action in parser._actions for option in action.option_strings}


@pytest.mark.parametrize("place", PLACES)
def test_the_job_knows_them(place: str) -> None:
    found = GIVEN_TO_A_JAR.findall((ROOT / place).read_text())
    options = {one for text in found for one in re.findall(r"--[a-z_]+", text)}
    assert "--stage" in options
    assert options - known() - OF_THE_JOB_SERVER == set()


OF_OTHER_PROGRAMS = {"--max_clients", "--max_connection_time"}
"""Of the server of whisper-live's kind."""


def test_pages_name_no_option_that_the_job_does_not_have() -> None:
    """Those with an underscore: the gateway's and the scripts' have hyphens."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "docker").rglob("*.md")]
    named = {
        option
        for page in pages
        for option in re.findall(r"(?<![\w-])--[a-z]+(?:_[a-z]+)+", page.read_text())
    }
    assert {"--transcribe_streams", "--bedrock_model"} <= named
    assert named - known() - OF_THE_JOB_SERVER - OF_OTHER_PROGRAMS == set()
