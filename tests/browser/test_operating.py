"""The operators' page: a talk as it goes by, who may look, and how it looks."""

from __future__ import annotations

import math
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from ingest_gateway.access.auth import OPERATOR
from ingest_gateway.gateway import wall_clock_ms
from schemas.names import RECOGNISED_STAGES
from tests.browser.conftest import T0_MS, Stage
from tests.browser.test_looks import SIZES, looked_at
from tests.integration.gateway.conftest import ISSUER

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def operators_token() -> str:
    return ISSUER.issue("olga", roles=(OPERATOR,))


def figure(page: Page, name: str) -> Any:
    return page.locator(".figures > div", has_text=name).locator("dd")


def row(page: Page, table: str, name: str) -> Any:
    return page.get_by_role("group", name=table).get_by_role("row").filter(has_text=name)


async def test_an_operator_sees_a_talk_go_by(stage: Stage) -> None:
    page = await stage.open(f"/operate#token={operators_token()}")
    await expect(figure(page, "Sessions")).to_have_text("0")
    assert "token" not in page.url
    speaker, session_id = await stage.speaker()
    await stage.gateway.listener(session_id, "es")
    await stage.gateway.listener(session_id, "ca")
    for sequence in range(4):
        await speaker.frame(sequence)
    await speaker.acknowledged(3)
    await expect(figure(page, "Not delivered yet")).to_contain_text("4 oldest")
    await expect(figure(page, "Listeners")).to_have_text("2")
    talk = row(page, "Sessions", session_id)
    await expect(talk).to_contain_text("en → any")
    await expect(talk).to_contain_text("ca 1, es 1")

    now_ms = wall_clock_ms()
    stages = {"read": 120, "translate": 2500}
    await stage.say(session_id, 0, timestamp=now_ms - 2000, sourceDuration=2.0, stages=stages)
    await expect(figure(page, "Not delivered yet")).to_have_text("0")
    await expect(talk).to_contain_text("none")
    lag = row(page, "Lag by language and stage", "es")
    await expect(lag.get_by_role("cell").nth(-2)).to_have_text("0.1 s, 0.1 s")
    await expect(lag.get_by_role("cell").nth(-1)).to_have_text("2.5 s, 2.5 s")
    flink = page.get_by_role("link", name="Flink's own pages")
    await expect(flink).to_have_attribute("href", "http://127.0.0.1:8081")
    # The job's own words are never here.
    assert "frase" not in await page.content()
    assert "sentence" not in await page.content()

    await page.reload()  # the tab still has its token
    await expect(talk).to_be_visible()
    await page.get_by_role("button", name="Sign out").click()
    await expect(talk).to_be_hidden()
    await page.reload()
    await expect(page.get_by_label("Operator's token")).to_be_visible()


async def test_who_is_no_operator_sees_nothing_and_may_try_another_token(stage: Stage) -> None:
    page = await stage.open(f"/operate#token={ISSUER.issue('ada')}")
    alert = page.get_by_role("alert")
    await expect(alert).to_have_text("This token is not an operator's.")
    await page.get_by_label("Operator's token").fill("nonsense")
    await page.get_by_role("button", name="Look").click()
    await expect(alert).to_have_text("This token is not valid, or not any more.")
    await page.get_by_label("Operator's token").fill(operators_token())
    await page.get_by_role("button", name="Look").click()
    await expect(figure(page, "Sessions")).to_have_text("0")
    await expect(alert).to_be_hidden()


async def test_a_gateway_that_is_away_is_said_and_what_was_known_stays(stage: Stage) -> None:
    page = await stage.open(f"/operate#token={operators_token()}")
    await expect(figure(page, "Sessions")).to_have_text("0")
    stage.wire.cut()
    await expect(page.get_by_role("alert")).to_contain_text("Trying again.")
    await expect(figure(page, "Sessions")).to_have_text("0")
    stage.wire.mend()
    await expect(page.get_by_role("alert")).to_be_hidden()


@pytest.mark.parametrize("size", SIZES)
async def test_the_page_has_no_fault(stage: Stage, axe_source: str, size: str) -> None:
    page = await stage.open("/operate", phone=SIZES[size])
    found = await looked_at(stage, page, f"operator-token-{size}", axe_source)
    await page.route("**/operations?*", busy_hour)
    await page.get_by_label("Operator's token").fill("any")
    await page.get_by_role("button", name="Look").click()
    await expect(page.locator(".plot path")).to_have_count(6 + 1 + 2 + 1)
    await expect(row(page, "Sessions", "gentle-river-204")).to_contain_text("no speaker")
    letter = row(page, "The newest dead letters", "joyful-mountain-789/41/ca")
    await expect(letter.get_by_role("cell")).to_have_text(
        ["PermanentError", "joyful-mountain-789/41/ca", "7 min"]
    )
    found += await looked_at(stage, page, f"operator-{size}", axe_source)
    await page.get_by_text("As of").scroll_into_view_if_needed()
    await stage.picture(page, f"operator-tables-{size}")
    assert found == []


LANGUAGES = ("ca", "de", "es", "fr", "it", "pt")


async def busy_hour(route: Route) -> None:
    """What a gateway would answer in a busy hour in which the job stood still for a while."""
    history = [
        {
            "at": T0_MS - (720 - number) * 5000,
            "sessions": 3,
            "listeners": 40 + round(20 * math.sin(number / 90)),
            "waitingRecords": 12,
            "oldestWaitingMs": 2500 if not 300 < number < 330 else (number - 300) * 5000,
            "deadLetters": number // 200,
            "lagP95Ms": {
                language: 1800 + 300 * place + round(500 * math.sin(number / 20 + place))
                for place, language in enumerate(LANGUAGES)
            },
        }
        for number in range(720)
    ]
    sessions = [
        {
            "sessionId": name,
            "sourceLanguage": "en",
            "targetLanguages": targets,
            "state": state,
            "hasSpeaker": state != "paused",
            "createdAt": T0_MS - minutes * 60_000,
            "listeners": dict.fromkeys(targets, 7),
            "lagMs": dict.fromkeys(targets, 2100),
            "lastChunkAt": T0_MS - 200,
            "lastClipAt": T0_MS - 1400,
            "waitingRecords": 9,
            "oldestWaitingAt": T0_MS - 2300,
        }
        for name, state, targets, minutes in (
            ("joyful-mountain-789", "live", ["es", "ca"], 45),
            ("gentle-river-204", "paused", list(LANGUAGES), 130),
        )
    ]
    spread = {"p50": 410, "p95": 930}
    lag = [
        {
            "language": language,
            "clips": 120,
            "skipped": 1,
            "lag": {"p50": 1900, "p95": 2600},
            "stages": [{"stage": stage, **spread} for stage in RECOGNISED_STAGES],
        }
        for language in LANGUAGES
    ]
    letter = {
        "step": "translate",
        "cause": "PermanentError",
        "key": "joyful-mountain-789/41/ca",
        "at": T0_MS - 400_000,
        "sessionId": "joyful-mountain-789",
    }
    await route.fulfill(
        json={
            "at": T0_MS,
            "gatewayId": "gateway-1",
            "flinkUrl": "http://127.0.0.1:8081",
            "windowS": 300,
            "historyEveryS": 5,
            "sessions": sessions,
            "lag": lag,
            "backlog": {
                "unstored": {"records": 0, "oldestAt": None},
                "undelivered": {"records": 18, "oldestAt": T0_MS - 2300},
            },
            "deadLetters": {
                "since": T0_MS - 3_600_000,
                "byStep": {"translate": 3},
                "complete": True,
                "newest": [letter],
                "problem": None,
            },
            "history": history,
        }
    )
