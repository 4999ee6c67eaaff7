"""How the page looks: on a phone, in the dark, to people who see badly or use no mouse."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, OpenPage
from tests.browser.lounge import Lounge

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

# For each text on screen: its colour against the first opaque background behind it (WCAG 2.2, 1.4.3).
FAINT_TEXTS = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = (colour) => colour.slice(0, 3).map((v) => linear(v / 255))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = numbers(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.checkVisibility({ visibilityProperty: true })) continue;
    const [one, other] = [light(numbers(getComputedStyle(node).color)), light(behind(node))].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < 4.5) found.push(`${walker.currentNode.data.trim()}: ${ratio.toFixed(2)}`);
  }
  return found;
}"""


async def fill(lounge: Lounge) -> None:
    """Let something of every kind happen."""
    lounge.sim.say(lounge.mia, lounge.group, "Good morning, everybody! " * 6)
    lounge.sim.say(lounge.sam, lounge.group, "Hello")
    await lounge.call("getMe")
    await lounge.mute(lounge.sam)
    await lounge.prompt(ephemeral_message_parameters={"receiver_user_id": lounge.sam.id})
    await lounge.prompt()


async def width_beyond_the_screen(page: Page) -> int:
    """Return how many pixels one could scroll sideways."""
    return int(await page.evaluate("document.documentElement.scrollWidth - innerWidth"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("tab", ["Members", "Bot calls", "Lab"])
async def test_every_text_stands_out(lounge: Lounge, open_page: OpenPage, scheme: str, tab: str) -> None:
    """Each text has a contrast of 4.5 or more, in the light and in the dark."""
    await fill(lounge)
    page = await open_page(lounge.seen_by(lounge.sam), scheme=scheme)
    await expect(page.locator(".message.ephemeral")).to_be_visible()

    await page.get_by_role("tab", name=tab).click()
    await page.locator(".message.ephemeral .key", has_text="I have joined").click()
    await expect(page.locator(".key[aria-busy=true]")).to_be_visible()
    await lounge.answer_press("Not yet")
    await expect(page.locator(".toast")).to_be_visible()

    assert await page.evaluate(FAINT_TEXTS) == []


async def test_dark_is_dark(lounge: Lounge, open_page: OpenPage) -> None:
    """The page follows the system's preference."""
    colours = {}
    for scheme in ("light", "dark"):
        page = await open_page(lounge.seen_by(lounge.sam), scheme=scheme)
        text = await page.evaluate("getComputedStyle(document.body).color")
        colours[scheme] = sum(int(part) for part in text.strip("rgb()").split(","))

    assert colours["light"] < 150
    assert colours["dark"] > 600


@pytest.mark.parametrize("size", [PHONE, (320, 568), (800, 600), DESKTOP])
async def test_nothing_hangs_over_the_edge(lounge: Lounge, open_page: OpenPage, size: tuple[int, int]) -> None:
    """No width of screen makes the page scroll sideways, and the message and its buttons fit."""
    await fill(lounge)
    page = await open_page(lounge.seen_by(lounge.sam), size=size)
    await expect(page.locator(".message.ephemeral")).to_be_visible()

    assert await width_beyond_the_screen(page) <= 0
    for key in await page.locator(".key").all():
        box = await key.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size[0]


async def test_a_phone_shows_one_view_at_a_time(lounge: Lounge, open_page: OpenPage) -> None:
    """From the chats to a chat to its details, and back."""
    page = await open_page(lounge.seen_by(lounge.mia), size=PHONE, touch=True)
    composer = page.get_by_role("textbox", name="Message", exact=True)
    await expect(composer).to_be_in_viewport()

    await page.get_by_role("button", name="Back to the chats").tap()
    await expect(composer).not_to_be_in_viewport()
    await page.locator("#chatlist").get_by_role("button", name="GM News").tap()
    await expect(page.locator("#chathead h2")).to_have_text("GM News")
    await expect(page.locator("#chathead")).to_be_in_viewport()
    await page.get_by_role("button", name="Members and details").tap()

    await expect(page.locator("#panel-details")).to_be_in_viewport(ratio=0.9)
    await expect(page.get_by_role("navigation").get_by_role("button", name="Details")).to_have_attribute(
        "aria-current", "true"
    )


async def test_the_newest_message_is_in_view(lounge: Lounge, open_page: OpenPage) -> None:
    """A long chat opens at its end and stays there as messages come; who scrolled up is left alone."""
    for number in range(40):
        lounge.sim.say(lounge.mia, lounge.group, f"Message {number}")
    page = await open_page(lounge.seen_by(lounge.adam))
    await expect(page.get_by_text("Message 39", exact=True)).to_be_in_viewport()

    lounge.sim.say(lounge.mia, lounge.group, "The newest")
    await expect(page.get_by_text("The newest").last).to_be_in_viewport()
    await page.locator("#log").evaluate("node => { node.scrollTop = 0; }")
    lounge.sim.say(lounge.mia, lounge.group, "Even newer")
    await expect(page.locator(".message", has_text="Even newer")).to_have_count(1)

    await expect(page.get_by_text("Message 0", exact=True)).to_be_in_viewport()


async def test_controls_have_names(lounge: Lounge, open_page: OpenPage) -> None:
    """Every button, field and menu says to a screen reader what it is."""
    await fill(lounge)
    page = await open_page(lounge.seen_by(lounge.adam))
    await expect(page.locator(".message").first).to_be_visible()

    nameless = await page.evaluate(
        """() => [...document.querySelectorAll("button, input, textarea, select, summary")]
          .filter((node) => !(node.ariaLabel || node.textContent.trim() || node.labels?.length))
          .map((node) => node.outerHTML)"""
    )

    assert nameless == []
