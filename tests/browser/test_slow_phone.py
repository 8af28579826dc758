"""A slow phone on a mobile network: 4 times slower, and what Chrome's own tools call fast 3G."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from benchmarks.browsers.pages import slow_down
from tests.browser.conftest import Stage

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

MOST_MS = 3000
ATTEMPTS = 4
"""What the machine does besides is no phone's fault: the best of them counts."""


async def interactive_ms(page: Page, url: str) -> float:
    """From the call until something on the page can be used, by the page's own clock."""
    await slow_down(page)
    await page.add_init_script(
        """window.usableAt = null;
        new MutationObserver(() => {
            if (window.usableAt !== null || !document.querySelector("main button")) return;
            // Behind the work that is under way: then a touch would be answered.
            setTimeout(() => { window.usableAt ??= performance.now(); });
        }).observe(document, { childList: true, subtree: true });"""
    )
    await page.goto(url, wait_until="commit", timeout=60_000)
    usable = await page.wait_for_function("() => window.usableAt", timeout=60_000)
    return float(await usable.json_value())


async def test_the_listeners_page_can_be_used_within_three_seconds(stage: Stage) -> None:
    session_id = await stage.session()
    took_ms: list[float] = []
    while len(took_ms) < ATTEMPTS and not any(one <= MOST_MS for one in took_ms):
        context = await stage.browser.new_context(
            viewport={"width": 390, "height": 844}, locale="es-ES"
        )
        page = await context.new_page()
        took_ms.append(await interactive_ms(page, f"{stage.wire.url}/listen/{session_id}"))
        await page.get_by_role("button", name="Español").click()
        await page.locator("main.listener[data-phase=listening]").wait_for()  # it gets there
        await context.close()
    assert min(took_ms) <= MOST_MS, took_ms
