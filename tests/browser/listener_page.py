"""What a person does on the listener's page, step by step."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Locator, Page


def transcript(page: Page) -> Locator:
    """The captions as they are shown, all together."""
    return page.locator(".transcript")


def pieces(page: Page) -> Locator:
    """One for each utterance; classes say how far its sound is."""
    return page.locator(".transcript .piece")


async def choose_language(page: Page, name: str) -> None:
    """On the first sheet; the page is in the talk afterwards, and touched."""
    await page.get_by_role("button", name=name).click()
    await page.locator("main.listener[data-phase=listening]").wait_for()


async def change_language(page: Page, name: str) -> None:
    """In mid-talk, by the button that shows the present one."""
    await page.locator("button.language").click()
    await page.get_by_role("dialog").get_by_role("button", name=name).click()


@asynccontextmanager
async def settings(page: Page) -> AsyncIterator[Locator]:
    """The drawer, open as long as the context lasts."""
    await page.locator("button.icon").click()
    drawer = page.get_by_role("dialog")
    await drawer.wait_for()
    yield drawer
    if await drawer.is_visible():
        await page.keyboard.press("Escape")
        await drawer.wait_for(state="hidden")


async def show_original(page: Page) -> None:
    async with settings(page) as drawer:
        await drawer.get_by_label("Show the original").check()
