"""Pages that everybody can use: no fault by axe, and pictures to look at."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Stage
from tests.browser.listener_page import choose_language, pieces, show_original, transcript
from tests.integration.gateway.sample_talk import tell_a_talk

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
MAX_LISTENER_BYTES = 120 * 1024
SIZES = {"phone": True, "desktop": False}


async def faults(page: Page, axe_source: str) -> list[str]:
    """What axe finds, however little it is."""
    await page.evaluate(axe_source)
    results: dict[str, Any] = await page.evaluate("axe.run()")
    return [
        f"{one['id']}: {node['html']}" for one in results["violations"] for node in one["nodes"]
    ]


async def looked_at(stage: Stage, page: Page, name: str, axe_source: str | None) -> list[str]:
    """A picture of it in the light and in the dark, and what axe finds in both."""
    found: list[str] = []
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        await stage.picture(page, f"{name}-{scheme}")
        if axe_source is not None:
            found += await faults(page, axe_source)
    assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return found


async def test_a_listeners_phone_loads_little(stage: Stage) -> None:
    """All that a listener's page needs until its first caption, as it comes over the network."""
    session_id = await stage.session()
    page = await stage.open(f"/listen/{session_id}", phone=True)
    await choose_language(page, "Español")
    await stage.say(session_id, 0)
    await expect(pieces(page)).to_have_text(["frase 0"])
    loaded: dict[str, int] = await page.evaluate(
        """() => Object.fromEntries(
            ["navigation", "resource"].flatMap((kind) => performance.getEntriesByType(kind))
                .map((entry) => [new URL(entry.name).pathname, entry.transferSize]))"""
    )
    assert sum(loaded.values()) < MAX_LISTENER_BYTES, loaded
    assert not any(path.startswith("/assets/index") for path in loaded)  # the speaker's code


@pytest.mark.parametrize("size", SIZES)
async def test_pages_have_no_fault(stage: Stage, axe_source: str | None, size: str) -> None:
    look: dict[str, Any] = {"phone": SIZES[size]}
    # What axe looks at is the same on both; a desktop's pictures are for people.
    axe_source = axe_source if SIZES[size] else None
    speaker = await stage.open("/", **look)
    await expect(speaker.get_by_label("I speak")).to_have_value("en")
    found = await looked_at(stage, speaker, f"speaker-ready-{size}", axe_source)
    session_id = await stage.start(speaker)
    await tell_a_talk(stage.gateway, session_id)
    listener = await stage.listening(session_id, **look)
    await show_original(listener)
    await stage.say(session_id, 8, 600, previousSequenceNumber=7)
    await expect(transcript(listener)).to_contain_text("sentence 8")
    await expect(speaker.get_by_role("row", name="Español 1")).to_be_visible()
    found += await looked_at(stage, speaker, f"speaker-{size}", axe_source)
    found += await looked_at(stage, listener, f"listener-{size}", axe_source)
    await speaker.get_by_role("button", name="End …").click()
    await expect(speaker.get_by_role("dialog")).to_be_visible()
    found += await looked_at(stage, speaker, f"speaker-end-{size}", axe_source)
    assert found == []
