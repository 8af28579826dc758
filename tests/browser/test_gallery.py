"""Every state of the pages in four languages, as pictures and without a fault by axe.

The gallery is built apart from the pages and needs no gateway: a state stands still."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest
from playwright.async_api import Browser, Page

from ingest_gateway.routes import pages
from tests.browser.conftest import PICTURES
from tests.browser.test_looks import faults

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

WEB = pages.BUILT.parent
SIZES = {"phone": (390, 844), "desktop": (1280, 860)}
PAGES = {"listener", "speaker", "organiser", "missing", "trust"}
LOOKS = (("phone", "light"), ("desktop", "dark"))
CAPTIONS_SHARE = 0.7


class _Quiet(SimpleHTTPRequestHandler):
    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Nothing: a test reads no access log."""


@pytest.fixture(scope="module")
def gallery() -> Iterator[str]:
    command = ["npm", "run", "--silent", "build", "--", "--mode=gallery", "--logLevel=error"]
    subprocess.run(command, cwd=WEB, check=True)
    handler = partial(_Quiet, directory=str(WEB / "dist-gallery"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/gallery.html"
        server.shutdown()
        thread.join()


async def views_of(page: Page, gallery: str) -> list[tuple[str, str]]:
    """Pages and their views, as the gallery's own list has them."""
    await page.goto(gallery)
    await page.locator("main").wait_for()
    links = await page.locator("a[lang=en]").evaluate_all("all => all.map((one) => one.search)")
    asked = [parse_qs(link.removeprefix("?")) for link in links]
    views = [(one["page"][0], one["view"][0]) for one in asked]
    assert {kind for kind, _ in views} == PAGES
    return views


async def opened(
    chromium: Browser, size: tuple[int, int], *, scheme: str = "light", problems: list[str]
) -> Page:
    context = await chromium.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
    )
    page = await context.new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    return page


async def show(page: Page, gallery: str, kind: str, view: str, language: str) -> None:
    await page.goto(f"{gallery}?page={kind}&view={view}&language={language}")
    await page.locator("main").wait_for()
    assert await page.evaluate("document.documentElement.lang") == language
    if view == "settings":
        await page.locator("button.icon").click()


async def cut_off(page: Page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth > innerWidth"))


@pytest.mark.parametrize("language", ["ar", "ja", "de", "es"])
async def test_each_state_in_each_language_has_a_picture(
    chromium: Browser, gallery: str, language: str
) -> None:
    problems: list[str] = []
    for size, scheme in LOOKS:
        page = await opened(chromium, SIZES[size], scheme=scheme, problems=problems)
        for kind, view in await views_of(page, gallery):
            await show(page, gallery, kind, view, language)
            PICTURES.mkdir(parents=True, exist_ok=True)
            name = f"gallery-{language}-{kind}-{view}-{size}-{scheme}.png"
            await page.screenshot(path=PICTURES / name)
            if await cut_off(page):
                problems.append(f"{name} is cut off at the side")
        await page.context.close()
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("language", ["ar", "ja", "de"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_state_has_a_fault(
    chromium: Browser, gallery: str, axe_source: str, language: str, scheme: str
) -> None:
    problems: list[str] = []
    page = await opened(chromium, SIZES["phone"], scheme=scheme, problems=problems)
    for kind, view in await views_of(page, gallery):
        await show(page, gallery, kind, view, language)
        problems += [f"{kind} {view}: {one}" for one in await faults(page, axe_source)]
    await page.context.close()
    assert not problems, "\n".join(problems)


async def test_text_at_200_percent_can_be_read(
    chromium: Browser, gallery: str, axe_source: str
) -> None:
    """A browser's zoom leaves half of a phone's width and height."""
    problems: list[str] = []
    page = await opened(chromium, (195, 422), problems=problems)
    for kind, view in await views_of(page, gallery):
        await show(page, gallery, kind, view, "de")
        problems += [f"{kind} {view}: {one}" for one in await faults(page, axe_source)]
        if await cut_off(page):
            problems.append(f"{kind} {view} is cut off at the side")
        if (kind, view) == ("listener", "live"):
            await page.screenshot(path=PICTURES / "gallery-de-listener-live-200-percent.png")
            box = await page.locator(".transcript").bounding_box()
            assert box is not None
            assert box["height"] >= 0.5 * 422
    await page.context.close()
    assert not problems, "\n".join(problems)


async def test_captions_have_most_of_a_phone(chromium: Browser, gallery: str) -> None:
    page = await opened(chromium, SIZES["phone"], problems=[])
    await show(page, gallery, "listener", "live", "es")
    box = await page.locator(".transcript").bounding_box()
    assert box is not None
    assert box["width"] * box["height"] >= CAPTIONS_SHARE * 390 * 844
    await page.set_viewport_size({"width": 844, "height": 390})
    box = await page.locator(".transcript").bounding_box()
    assert box is not None
    assert box["height"] >= 0.6 * 390
    await page.screenshot(path=PICTURES / "gallery-es-listener-live-landscape.png")
    await page.context.close()


async def test_arabic_captions_begin_at_the_right(chromium: Browser, gallery: str) -> None:
    page = await opened(chromium, SIZES["phone"], problems=[])
    await show(page, gallery, "listener", "original", "ar")
    paragraph = page.locator(".paragraph p").first
    assert await paragraph.get_attribute("dir") == "rtl"
    assert await paragraph.evaluate("one => getComputedStyle(one).textAlign") in ("start", "right")
    first = await page.locator(".piece").first.bounding_box()
    assert first is not None
    assert first["x"] + first["width"] > 350
    original = page.locator(".paragraph .original").first
    assert await original.get_attribute("dir") == "ltr"
    preview = page.locator(".preview")
    assert await preview.text_content() == " كانت بينها واحدة"
    await page.context.close()


@pytest.mark.parametrize(
    ("kind", "view", "changing"),
    [("listener", "live", ".preview"), ("speaker", "live", ".own-words span")],
)
async def test_what_changes_is_one_text(
    chromium: Browser, gallery: str, kind: str, view: str, changing: str
) -> None:
    """A browser that translates the page puts elements in place of texts. React still changes an
    element that holds one text and nothing else; a text beside others would stay as it was."""
    page = await opened(chromium, SIZES["phone"], problems=[])
    await show(page, gallery, kind, view, "es")
    shown = page.locator(changing)
    assert await shown.count() > 0
    assert set(await shown.evaluate_all("all => all.map((one) => one.childNodes.length)")) == {1}
    await page.context.close()


async def test_latin_names_run_from_the_left_in_an_arabic_page(
    chromium: Browser, gallery: str
) -> None:
    """Each begins where the page's text begins, and is cut at its own end."""
    page = await opened(chromium, SIZES["phone"], problems=[])
    await show(page, gallery, "listener", "away", "ar")
    name = page.locator("h1.session")
    assert await name.evaluate("one => getComputedStyle(one).direction") == "ltr"
    await show(page, gallery, "listener", "languages", "ar")
    ends = await page.locator(".languages button > *").evaluate_all(
        """all => all.map((one) => {
          const words = document.createRange();
          words.selectNodeContents(one);
          return Math.round(words.getBoundingClientRect().right);
        })"""
    )
    assert max(ends) - min(ends) <= 2
    await page.context.close()
