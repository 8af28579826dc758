"""What wakes somebody, and that the page that it names exists."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from infrastructure.objective import BURNS, OBJECTIVE
from infrastructure.tests.written import ROOT, Templates

pytestmark = pytest.mark.contract

ALARM = "AWS::CloudWatch::Alarm"
COMPOSITE = "AWS::CloudWatch::CompositeAlarm"
WATCHED = {
    "lag",
    "backlog",
    "dead-letters",
    "stale-checkpoints",
    "stream-throttled",
    "table-reads-throttled",
    "table-writes-throttled",
    "speech-throttled",
    "upload",
    "connections",
    "http-faults",
    "viewers-not-told",
}


def alarms(templates: Templates, kind: str = ALARM) -> dict[str, dict[str, Any]]:
    prefix = f"live-translation-{templates.stage}-"
    found = templates.resources(kind, "Operations").values()
    return {one["AlarmName"].removeprefix(prefix): one for one in found}


def watched(alarm: dict[str, Any]) -> dict[str, Any]:
    """The one metric of an alarm without a formula."""
    (one,) = alarm["Metrics"]
    return one["MetricStat"]


def test_every_trouble_has_its_alarm(templates: Templates) -> None:
    assert {name for name in alarms(templates) if not name.startswith("burn-")} == WATCHED


def test_every_alarm_is_heard_and_taken_back(templates: Templates) -> None:
    for name, alarm in (alarms(templates) | alarms(templates, COMPOSITE)).items():
        if name.startswith("burn-") and "Metrics" in alarm:
            continue  # a part of one that is heard
        assert len(alarm["AlarmActions"]) == 1, name
        assert alarm["AlarmActions"] == alarm["OKActions"], name


def test_an_alarm_says_where_to_read_on(templates: Templates) -> None:
    run_book = (ROOT / "docs" / "run-book.md").read_text()
    numbered = set(re.findall(r"^### (\d+)\.", run_book, re.MULTILINE))
    for kind in (ALARM, COMPOSITE):
        for name, alarm in templates.resources(kind).items():
            if "burn" in str(alarm["AlarmName"]) and kind == ALARM:
                continue
            found = re.search(r"run-book, trouble (\d+)", alarm["AlarmDescription"])
            assert found is not None, name
            assert found[1] in numbered, name


def test_a_job_that_writes_no_checkpoint_is_noticed_by_its_silence(templates: Templates) -> None:
    alarm = alarms(templates)["stale-checkpoints"]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert alarm["TreatMissingData"] == "breaching"
    assert watched(alarm)["Period"] == 60
    assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (5, 5)


def test_lag_is_watched_at_p95_and_8_s(templates: Templates) -> None:
    alarm = alarms(templates)["lag"]
    assert (watched(alarm)["Stat"], alarm["Threshold"]) == ("p95", 12_000)
    assert watched(alarm)["Metric"] == {
        "Namespace": f"LiveTranslation/{templates.stage}",
        "MetricName": "ClipLag",
    }


def test_one_stream_too_many_at_once_is_heard(templates: Templates) -> None:
    """Transcribe counts it apart from calls that come too fast."""
    found = [
        one["MetricStat"]["Metric"]
        for one in alarms(templates)["speech-throttled"]["Metrics"]
        if "MetricStat" in one
    ]
    assert {(one["Namespace"], one["MetricName"]) for one in found} == {
        ("AWS/Transcribe", "ThrottledCount"),
        ("AWS/Transcribe", "LimitExceededCount"),
        ("AWS/Translate", "ThrottledCount"),
    }


def test_one_dead_letter_is_enough(templates: Templates) -> None:
    alarm = alarms(templates)["dead-letters"]
    assert (alarm["Threshold"], alarm["DatapointsToAlarm"]) == (0, 1)
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"


def burn_rate(expression: str, values: dict[str, float]) -> float:
    """CloudWatch's arithmetic, for the functions that are used: no data is 0 here already."""
    python = re.sub(r"FILL\((\w+), 0\)", lambda found: str(values.get(found[1], 0.0)), expression)
    condition, then, otherwise = re.fullmatch(r"IF\((.+), (.+), (.+)\)", python).groups()  # type: ignore[union-attr]
    return eval(then if eval(condition) else otherwise)  # noqa: S307 - our own template


@pytest.mark.parametrize("burn", BURNS, ids=lambda burn: burn.name)
def test_the_burn_rate_is_the_share_of_late_clips_over_the_budget(
    templates: Templates, burn: Any
) -> None:
    for window in (burn.long_min, burn.short_min):
        alarm = alarms(templates)[f"burn-{burn.name}-{window}-min"]
        (expression,) = (one["Expression"] for one in alarm["Metrics"] if "Expression" in one)
        clips, on_time, dead = f"clips{window}", f"ontime{window}", f"dead{window}"
        assert burn_rate(expression, {}) == 0
        assert burn_rate(expression, {clips: 1_000, on_time: 1_000}) == 0
        assert burn_rate(expression, {clips: 1_000, on_time: 999}) == pytest.approx(1)
        half = {clips: 90, on_time: 50, dead: 10}
        assert burn_rate(expression, half) == pytest.approx(0.5 / (1 - OBJECTIVE))
        periods = {one["MetricStat"]["Period"] for one in alarm["Metrics"] if "MetricStat" in one}
        assert periods == {60 * window}
        assert alarm["Threshold"] == burn.rate


def test_an_alarm_of_the_objective_needs_both_windows(templates: Templates) -> None:
    for burn in BURNS:
        rule = json.dumps(alarms(templates, COMPOSITE)[f"burn-{burn.name}"]["AlarmRule"])
        assert rule.count("ALARM(") == 2
        assert "AND" in rule


def test_a_lambda_that_fails_is_heard(templates: Templates) -> None:
    rule = json.dumps(alarms(templates, COMPOSITE)["lambdas"]["AlarmRule"])
    assert rule.count("ALARM(") == len(templates.resources("AWS::Lambda::Function"))
    assert "OR" in rule


def test_an_alarm_of_a_formula_has_no_more_metrics_than_allowed(templates: Templates) -> None:
    for name, alarm in alarms(templates).items():
        assert len([one for one in alarm.get("Metrics", ()) if "MetricStat" in one]) <= 10, name


def test_logs_are_kept_for_30_days(templates: Templates) -> None:
    logs = templates.resources("AWS::Logs::LogGroup")
    assert len(logs) >= 10
    assert {one["RetentionInDays"] for one in logs.values()} == {30}


def test_every_lambda_has_a_log_of_its_own_and_is_traced(templates: Templates) -> None:
    functions = templates.resources("AWS::Lambda::Function")
    assert {one["FunctionName"] for one in functions.values()} == {
        f"{name}-{templates.stage}"
        for name in (
            "session-authorizer",
            "session-websocket",
            "session-sweeper",
            "session-http",
            "session-relay",
            "clip-meter",
        )
    }
    for name, one in functions.items():
        assert one["TracingConfig"] == {"Mode": "Active"}, name
        assert "LogGroup" in one["LoggingConfig"], name


def test_the_dashboard_shows_what_the_issue_asks_for(templates: Templates) -> None:
    (one,) = templates.resources("AWS::CloudWatch::Dashboard").values()
    body = "".join(
        part if isinstance(part, str) else "?" for part in one["DashboardBody"]["Fn::Join"][1]
    )
    for metric in (
        "ClipLag",
        "IncomingRecords",
        "PutRecords.SuccessfulRecords",
        "GetRecords.IteratorAgeMilliseconds",
        "Checkpoints",
        "ConnectCount",
        "ExecutionError",
        "AWS/KinesisVideo",
        "EstimatedCharges",
        "burn over 60 min",
    ):
        assert metric in body, metric


def test_in_production_a_release_is_tried_on_a_tenth_and_taken_back(
    production: Templates, development: Templates
) -> None:
    releases = production.resources("AWS::CodeDeploy::DeploymentGroup")
    assert len(releases) == len(production.resources("AWS::Lambda::Function"))
    for one in releases.values():
        assert one["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
        assert "DEPLOYMENT_STOP_ON_ALARM" in one["AutoRollbackConfiguration"]["Events"]
    assert development.resources("AWS::CodeDeploy::DeploymentGroup") == {}
