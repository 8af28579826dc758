"""A speaker's laptop dies in mid-talk: the listener's page says so, and when the talk goes on."""

from __future__ import annotations

import time

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Stage
from tests.browser.wire import Wire

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

AWAY_S, BACK_S = 5.0, 3.0
BUSY_S = 3.0
"""What a busy machine may add; tests/unit/gateway/test_speaker_presence.py has the exact times."""


@pytest.mark.parametrize("death", ["closed", "silent"])
async def test_a_listener_reads_that_the_speaker_is_away(stage: Stage, death: str) -> None:
    wire = Wire(stage.gateway.port)
    await wire.start()
    speaker, session_id = await stage.speaking(wire=wire)
    listener = await stage.listening(session_id, phone=True)
    state = listener.locator("header .state")
    await expect(state).to_have_text("Live")
    began_s = time.monotonic()
    if death == "closed":
        wire.cut()
    else:
        wire.hold()
    await expect(state).to_have_text("The speaker is away")
    assert time.monotonic() - began_s <= AWAY_S + BUSY_S
    why = listener.get_by_text("The connection to the speaker is lost")
    await expect(why).to_be_visible()
    await stage.picture(listener, f"listener-phone-away-{death}")
    joins = len(stage.gateway.controls("opened"))
    wire.mend()
    if death == "closed":
        await speaker.evaluate("window.dispatchEvent(new Event('online'))")
        await stage.until(lambda: len(stage.gateway.controls("opened")) > joins)
    began_s = time.monotonic()
    await expect(state).to_have_text("Live")
    assert time.monotonic() - began_s <= BACK_S + BUSY_S
    await expect(why).to_be_hidden()
    await speaker.context.close()
    await wire.stop()
