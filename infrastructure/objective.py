"""The objective: of a thousand clips 999 are stored within 12 s of the first sample they speak of.

What is left over a month is the budget of errors. An alarm rings when it burns so fast that it
would not last: in a long window, so that one late clip wakes nobody, and in a short one, so that it
stops soon after the trouble does. What reached nobody because it became a dead letter is late too.
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Duration, aws_cloudwatch
from constructs import Construct

OBJECTIVE = 0.999


@dataclass(frozen=True, slots=True)
class Burn:
    """``rate``: how many times faster than the budget allows."""

    name: str
    rate: float
    long_min: int
    short_min: int


BURNS = (Burn("fast", 14.4, 60, 5), Burn("slow", 6.0, 360, 30))
"""Two per cent of a month's budget in an hour; five in six hours."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Sums of them, over any period."""

    clips: aws_cloudwatch.Metric
    on_time: aws_cloudwatch.Metric
    dead_letters: aws_cloudwatch.Metric

    def burn_rate(self, window_min: int) -> aws_cloudwatch.MathExpression:
        period = Duration.minutes(window_min)
        clips, dead = f"FILL(clips{window_min}, 0)", f"FILL(dead{window_min}, 0)"
        bad = f"{clips} - FILL(ontime{window_min}, 0) + {dead}"
        return aws_cloudwatch.MathExpression(
            expression=(
                f"IF({clips} + {dead} > 0, ({bad}) / ({clips} + {dead}) / {1 - OBJECTIVE:.4g}, 0)"
            ),
            label=f"burn over {window_min} min",
            period=period,
            using_metrics={
                f"clips{window_min}": self.clips.with_(period=period),
                f"ontime{window_min}": self.on_time.with_(period=period),
                f"dead{window_min}": self.dead_letters.with_(period=period),
            },
        )


def burn_alarm(
    scope: Construct, prefix: str, outcomes: Outcomes, burn: Burn
) -> aws_cloudwatch.CompositeAlarm:
    """``prefix`` begins the names of the alarm and of the two it is made of."""

    def over(window_min: int) -> aws_cloudwatch.Alarm:
        return aws_cloudwatch.Alarm(
            scope,
            f"Burn{burn.name.capitalize()}{window_min}",
            alarm_name=f"{prefix}-burn-{burn.name}-{window_min}-min",
            metric=outcomes.burn_rate(window_min),
            threshold=burn.rate,
            comparison_operator=aws_cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=1,
            treat_missing_data=aws_cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    return aws_cloudwatch.CompositeAlarm(
        scope,
        f"Burn{burn.name.capitalize()}",
        composite_alarm_name=f"{prefix}-burn-{burn.name}",
        alarm_description=(
            f"The month's budget of late clips burns {burn.rate:g} times too fast: run-book, "
            "trouble 4"
        ),
        alarm_rule=aws_cloudwatch.AlarmRule.all_of(over(burn.long_min), over(burn.short_min)),
    )
