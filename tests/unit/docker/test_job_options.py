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
