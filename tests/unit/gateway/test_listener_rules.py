"""Who may listen, by what they show: rules of a row in, a verdict out."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from ingest_gateway.access.listener_rules import (
    KEY_BYTES,
    MOST_REMOVED,
    ListeningRules,
    Purpose,
    Shown,
    Verdict,
    new_key,
)

pytestmark = pytest.mark.unit

RULES = ListeningRules.new()
KEY = RULES.key
SEAT = RULES.seat("c-1")
OF_BEFORE = ListeningRules()


def with_(**changes: object) -> ListeningRules:
    return replace(RULES, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rules", "shown", "purpose", "verdict", "by_secret"),
    [
        (OF_BEFORE, Shown(), Purpose.JOIN, Verdict.ADMITTED, False),
        (OF_BEFORE, Shown(key="made-up", seat="c-1.00"), Purpose.JOIN, Verdict.ADMITTED, False),
        (RULES, Shown(), Purpose.JOIN, Verdict.ADMITTED, False),
        (RULES, Shown(key=KEY), Purpose.JOIN, Verdict.ADMITTED, True),
        (RULES, Shown(key=new_key()), Purpose.JOIN, Verdict.ADMITTED, False),
        (with_(by_link=True), Shown(), Purpose.LOOK, Verdict.UNKNOWN, False),
        (with_(by_link=True), Shown(key=new_key()), Purpose.JOIN, Verdict.UNKNOWN, False),
        (with_(by_link=True), Shown(key=KEY), Purpose.JOIN, Verdict.ADMITTED, True),
        (with_(by_link=True), Shown(seat=SEAT), Purpose.JOIN, Verdict.ADMITTED, True),
        (ListeningRules(by_link=True), Shown(key=""), Purpose.JOIN, Verdict.UNKNOWN, False),
        (with_(code="Tulip 42"), Shown(key=KEY), Purpose.JOIN, Verdict.CODE_MISSING, True),
        (with_(code="Tulip 42"), Shown(code="tulip"), Purpose.JOIN, Verdict.CODE_WRONG, False),
        (with_(code="Tulip 42"), Shown(code="TULIP-42"), Purpose.JOIN, Verdict.ADMITTED, False),
        (with_(code="Tulip 42"), Shown(), Purpose.READ, Verdict.CODE_MISSING, False),
        (with_(code="Tulip 42"), Shown(), Purpose.LOOK, Verdict.ADMITTED, False),
        (with_(code="Tulip 42"), Shown(seat=SEAT), Purpose.JOIN, Verdict.ADMITTED, True),
        (with_(locked=True), Shown(key=KEY), Purpose.JOIN, Verdict.LOCKED, True),
        (with_(locked=True), Shown(key=KEY), Purpose.READ, Verdict.ADMITTED, True),
        (with_(locked=True), Shown(seat=SEAT), Purpose.JOIN, Verdict.ADMITTED, True),
        (RULES.without("c-1"), Shown(KEY, None, SEAT), Purpose.JOIN, Verdict.REMOVED, True),
        (RULES.without("c-2"), Shown(seat=SEAT), Purpose.JOIN, Verdict.ADMITTED, True),
    ],
)
def test_a_verdict(
    rules: ListeningRules, shown: Shown, purpose: Purpose, verdict: Verdict, by_secret: bool
) -> None:
    decision = rules.decide(shown, purpose)
    assert (decision.verdict, decision.by_secret) == (verdict, by_secret)


def test_a_key_has_128_bits_that_nobody_else_has() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert {len(base64.urlsafe_b64decode(key + "==")) for key in keys} == {KEY_BYTES}
    assert KEY_BYTES * 8 == 128


def test_a_row_keeps_the_rules() -> None:
    rules = replace(RULES, by_link=True, code="Tulip 42", locked=True, removed=("c-1", "c-2"))
    assert ListeningRules.of(rules.extra()) == rules
    assert ListeningRules.of(RULES.extra()) == RULES
    assert ListeningRules.of({"kvsChannelName": "channel-1"}) == OF_BEFORE


def test_a_new_key_ends_links_and_seats_of_before() -> None:
    renewed = replace(RULES, by_link=True).with_new_key()
    for shown in (Shown(key=KEY), Shown(seat=SEAT)):
        assert renewed.decide(shown, Purpose.JOIN).verdict is Verdict.UNKNOWN
    assert renewed.decide(Shown(key=renewed.key), Purpose.JOIN).verdict is Verdict.ADMITTED


def test_a_seat_is_its_listeners_and_its_sessions() -> None:
    assert RULES.listener_of(SEAT) == "c-1"
    assert SEAT is not None
    mac = SEAT.partition(".")[2]
    for forged in (f"c-2.{mac}", "c-1.", "c-1", ".", "", f"c-1.{mac[:-1]}", "é.é"):
        assert RULES.listener_of(forged) is None
    assert ListeningRules.new().listener_of(SEAT) is None
    assert OF_BEFORE.listener_of(SEAT) is None
    assert OF_BEFORE.seat("c-1") is None


def test_only_the_last_who_were_removed_are_remembered() -> None:
    rules = RULES
    for number in range(MOST_REMOVED + 5):
        rules = rules.without(f"c-{number}").without(f"c-{number}")
    assert len(rules.removed) == MOST_REMOVED
    assert rules.removed[-1] == f"c-{MOST_REMOVED + 4}"
