"""Lag by language and stage over a sliding window."""

from __future__ import annotations

import pytest

from ingest_gateway.operations.windows import LagWindows, LanguageLag, PassedUtterance, Spread

pytestmark = pytest.mark.unit


def passed(at_ms: int, lag_ms: int | None = 1000, language: str = "es", **stages: int):
    ended_at_ms = None if lag_ms is None else at_ms - lag_ms
    return PassedUtterance("talk", language, at_ms, at_ms, ended_at_ms, stages)


def test_nothing_passed_yet() -> None:
    assert LagWindows().since(0) == ()


def test_lag_and_stages_are_told_by_language_in_the_order_of_the_stages() -> None:
    windows = LagWindows()
    for number in range(1, 101):
        windows.add(passed(number, lag_ms=number, publish=2 * number, read=3 * number))
    windows.add(passed(50, 7, "ca", translate=9))
    assert windows.since(0) == (
        LanguageLag("ca", 1, 0, Spread(7, 7), (("translate", Spread(9, 9)),)),
        LanguageLag(
            "es",
            100,
            0,
            Spread(50, 95),
            (("read", Spread(150, 285)), ("publish", Spread(100, 190))),
        ),
    )


def test_stages_that_nobody_knows_are_left_out() -> None:
    windows = LagWindows()
    windows.add(passed(1, read=4, coffee=9))
    assert windows.since(0)[0].stages == (("read", Spread(4, 4)),)


def test_what_was_skipped_counts_but_has_no_lag() -> None:
    windows = LagWindows()
    windows.add(PassedUtterance("talk", "es", 0, 10, None, {}, skipped="gap"))
    windows.add(PassedUtterance("talk", "es", 1, 20, 5, {}, skipped="late"))
    assert windows.since(0) == (LanguageLag("es", 0, 2, None, ()),)


def test_only_the_window_counts_and_clocks_that_disagree_do_no_harm() -> None:
    windows = LagWindows()
    windows.add(passed(100, lag_ms=9000))
    windows.add(passed(200, lag_ms=-50))
    assert [lag.lag for lag in windows.since(101)] == [Spread(0, 0)]
    assert windows.since(201) == ()


def test_memory_is_bounded_by_language() -> None:
    windows = LagWindows(kept_per_language=3)
    for at_ms in range(10):
        windows.add(passed(at_ms, lag_ms=at_ms))
    assert (windows.since(0)[0].clips, windows.since(0)[0].lag) == (3, Spread(8, 9))


def test_a_language_that_has_gone_quiet_is_forgotten() -> None:
    windows = LagWindows()
    windows.add(passed(100, language="es"))
    windows.add(passed(200, language="ca"))
    windows.forget_before(150)
    assert [lag.language for lag in windows.since(0)] == ["ca"]
