"""People sign in at their pool's pages and come back to speak, or to look after it all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.conftest import Stage, end_talk
from tests.browser.hosted_ui import HostedUi

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(loop_scope="session")
async def pool(stage: Stage) -> AsyncIterator[HostedUi]:
    """Whose tokens are the only ones that the stage's gateway takes."""
    hosted = HostedUi()
    await hosted.start()
    gateway = stage.gateway
    gateway.needs = replace(
        gateway.needs, issuer=None, verifier=hosted.verifier(), sign_in=hosted.sign_in
    )
    await gateway.restart(gateway.port)
    yield hosted
    await hosted.stop()


async def go_on_as(page: Page, subject: str) -> None:
    await page.get_by_role("link", name=f"Go on as {subject}").click()


async def test_a_speaker_signs_in_speaks_and_signs_out(stage: Stage, pool: HostedUi) -> None:
    page = await stage.open("/", phone=True)
    sign_in = page.get_by_role("button", name="Sign in to speak")
    await expect(sign_in).to_be_visible()
    await expect(page.get_by_role("button", name="Start speaking")).to_have_count(0)
    await stage.picture(page, "speaker-phone-signed-out")
    await sign_in.click()
    await go_on_as(page, "ada")
    await expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    await expect(page).to_have_url(f"{stage.wire.url}/")  # the code is not left there
    await stage.picture(page, "speaker-phone-signed-in")

    session_id = await stage.start(page)
    live = await stage.gateway.gateway.live.find(session_id)
    assert live.row.info.speaker_id == "ada"
    await stage.until(lambda: len(stage.gateway.chunks()) >= 3)
    await end_talk(page)
    await page.reload()
    sign_out = page.get_by_role("button", name="Sign out")
    await expect(sign_out).to_be_visible()  # the tab is signed in as long as it lives
    assert pool.asked == ["authorization_code"]
    await sign_out.click()
    await expect(sign_in).to_be_visible()


async def test_a_talk_outlasts_its_token(stage: Stage, pool: HostedUi) -> None:
    pool.token_lasts_s = 200  # less than the five minutes that one has to last
    page = await stage.open("/")
    await page.get_by_role("button", name="Sign in to speak").click()
    await go_on_as(page, "ada")
    await page.get_by_role("button", name="Sign out").wait_for()
    await stage.start(page)
    stage.wire.cut()
    await page.get_by_text("Connecting … what you say is kept").wait_for()
    before = pool.asked.count("refresh_token")
    stage.wire.mend()
    await page.get_by_text("Live", exact=True).wait_for()
    assert pool.asked.count("refresh_token") > before


async def test_a_code_of_somebody_else_is_not_taken(stage: Stage, pool: HostedUi) -> None:
    page = await stage.open("/?code=stolen&state=guessed")
    await expect(page.get_by_role("alert")).to_contain_text("not begun in this tab")
    await expect(page.get_by_role("button", name="Sign in to speak")).to_be_visible()
    assert pool.asked == []


async def test_an_operator_signs_in_and_a_speaker_is_none(stage: Stage, pool: HostedUi) -> None:
    page = await stage.open("/operate", phone=True)
    sign_in = page.get_by_role("button", name="Sign in")
    await expect(sign_in).to_be_visible()
    await stage.picture(page, "operator-phone-signed-out")
    await sign_in.click()
    await go_on_as(page, "ada")
    await expect(page.get_by_role("alert")).to_have_text("This token is not an operator's.")
    await sign_in.click()
    await go_on_as(page, "olga")
    await expect(page.get_by_role("heading", name="Sessions")).to_be_visible()
    await expect(page).to_have_url(f"{stage.wire.url}/operate")
    await page.get_by_role("button", name="Sign out").click()
    await expect(sign_in).to_be_visible()
    assert pool.asked == ["authorization_code"] * 2
