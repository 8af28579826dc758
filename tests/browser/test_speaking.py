"""A person speaks from the page: everything arrives, whatever happens to the connection."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from schemas.values import AudioChunk
from tests.browser.conftest import Stage, end_talk, unplug

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def stored(stage: Stage, session_id: str) -> dict[int, bytes]:
    """The session's chunks by number; each once."""
    chunks = [
        one
        for one in stage.gateway.records()
        if isinstance(one, AudioChunk) and one.session_id == session_id
    ]
    assert [one.sequence for one in chunks] == list(range(len(chunks)))
    assert {one.epoch for one in chunks} <= {0}
    return {one.sequence: one.pcm for one in chunks}


async def test_nothing_is_lost_by_a_connection_that_breaks(stage: Stage) -> None:
    page, session_id = await stage.speaking()
    await stage.until(lambda: len(stored(stage, session_id)) >= 4)
    stage.wire.cut()
    await page.get_by_text("Connecting … what you say is kept").wait_for()
    before = len(stored(stage, session_id))
    await page.wait_for_function(
        "() => /[2-9] seconds of speech are kept/.test(document.body.innerText)"
    )
    await stage.picture(page, "speaker-no-connection")
    assert len(stored(stage, session_id)) == before  # the wire really was cut
    stage.wire.mend()
    await page.get_by_text("Live", exact=True).wait_for()
    await stage.until(lambda: len(stored(stage, session_id)) >= before + 12)
    await end_talk(page)

    chunks = stored(stage, session_id)
    sent: dict[str, str] = await page.evaluate("window.sentFrames")
    assert {int(number): bytes.fromhex(pcm) for number, pcm in sent.items()} == chunks
    assert len(set(chunks.values())) == len(chunks)  # no sound twice
    assert stage.gateway.controls("gap") == []
    assert [one.after_sequence for one in stage.gateway.controls("end")] == [len(chunks) - 1]
    loudest = max(abs(int.from_bytes(pcm[:2], "little", signed=True)) for pcm in chunks.values())
    assert loudest > 1000


async def test_a_pause_is_no_part_of_the_talk_and_mute_is_silence(stage: Stage) -> None:
    page, session_id = await stage.speaking()
    await stage.until(lambda: len(stored(stage, session_id)) >= 2)
    await page.get_by_role("button", name="Mute").click()
    await page.get_by_text("Muted", exact=True).wait_for()
    count = len(stored(stage, session_id))
    await stage.until(lambda: len(stored(stage, session_id)) >= count + 3)
    assert set(stored(stage, session_id)[count + 1]) == {0}
    sent: dict[str, str] = await page.evaluate("window.sentFrames")
    assert set(sent[str(count + 1)]) == {"0"}  # it never left the device

    await page.get_by_role("button", name="Unmute").click()
    await page.get_by_role("button", name="Pause").click()
    await page.get_by_text("Paused", exact=True).wait_for()
    await stage.until(lambda: len(stage.gateway.controls("pause")) == 1)
    await page.get_by_role("button", name="Resume").click()
    count = len(stored(stage, session_id))
    await stage.until(lambda: len(stored(stage, session_id)) >= count + 3)
    assert any(stored(stage, session_id)[count + 2])
    await end_talk(page)
    assert stage.gateway.controls("gap") == []
    kinds = [one.kind for one in stage.gateway.controls("mute", "unmute", "pause", "resume", "end")]
    assert kinds == ["mute", "unmute", "pause", "resume", "end"]


async def test_the_speaker_sees_who_listens_and_reads_what_was_heard(stage: Stage) -> None:
    page, session_id = await stage.speaking()
    await stage.listening(session_id, touched=False)
    await expect(page.get_by_role("heading", name="1 listener")).to_be_visible()
    await expect(page.get_by_role("row", name="Español 1")).to_be_visible()
    link = page.get_by_role("link", name="/listen/")
    key = await stage.gateway.key(session_id)
    assert await link.get_attribute("href") == f"{stage.wire.url}/listen/{session_id}#{key}"
    await expect(page.get_by_text("Phones cannot open this link")).to_be_visible()
    for number, text, final in [(0, "helo", False), (0, "Hello.", True), (1, "and", False)]:
        words: dict[str, object] = {
            "type": "ownCaption",
            "sequenceNumber": number,
            "text": text,
            "final": final,
        }
        await stage.job.tell_speaker(session_id, words)
    await expect(page.locator(".own-words")).to_contain_text("Hello. and")
    await expect(page.locator(".own-words .quiet")).to_have_text("and ")
    await expect(page.get_by_text("Good connection.")).to_be_visible()
    await expect(page.get_by_role("meter")).not_to_have_attribute("aria-valuenow", "0")
    await stage.picture(page, "speaker")


async def test_a_microphone_that_is_refused_is_said_in_words(stage: Stage) -> None:
    page = await stage.open("/", permissions=[])
    await page.get_by_role("button", name="Start speaking").click()
    await expect(page.get_by_role("alert")).to_contain_text("may not use the microphone")
    await expect(page.get_by_role("button", name="Start speaking")).to_be_enabled()
    assert stage.gateway.records() == []  # no session is left behind


async def test_the_gateway_is_restarted_in_mid_talk(stage: Stage) -> None:
    page, session_id = await stage.speaking()
    await stage.until(lambda: len(stored(stage, session_id)) >= 4)
    await stage.gateway.restart(stage.gateway.port)
    before = len(stored(stage, session_id))
    await stage.until(lambda: len(stored(stage, session_id)) >= before + 8)
    await end_talk(page)
    sent: dict[str, str] = await page.evaluate("window.sentFrames")
    assert {int(number): bytes.fromhex(pcm) for number, pcm in sent.items()} == stored(
        stage, session_id
    )
    assert stage.gateway.controls("gap") == []


async def test_a_page_that_is_loaded_anew_goes_on_with_its_talk(stage: Stage) -> None:
    page, session_id = await stage.speaking()
    await stage.until(lambda: len(stored(stage, session_id)) >= 2)
    page.on("dialog", lambda dialog: dialog.accept())  # it asks before it is left
    await page.reload()
    await page.get_by_role("button", name=f"Go on with {session_id}").click()
    await page.get_by_text("Live", exact=True).wait_for()
    await stage.until(lambda: stage.gateway.chunks()[-1] >= (1, 2))
    await end_talk(page)
    await page.reload()
    await expect(page.get_by_role("button", name="Start speaking")).to_be_visible()
    await expect(page.get_by_role("button", name="Go on with")).to_have_count(0)


async def test_a_microphone_that_is_unplugged_can_be_replaced(stage: Stage) -> None:
    page, session_id = await stage.speaking()
    await stage.until(lambda: len(stored(stage, session_id)) >= 2)
    await unplug(page)
    await expect(page.get_by_role("alert")).to_contain_text("The microphone has gone")
    await page.get_by_role("combobox", name="Microphone").select_option(index=1)
    await expect(page.get_by_role("alert")).to_have_count(0)
    count = len(stored(stage, session_id))
    await stage.until(lambda: len(stored(stage, session_id)) >= count + 4)
    assert any(stored(stage, session_id)[count + 3])
    await end_talk(page)
