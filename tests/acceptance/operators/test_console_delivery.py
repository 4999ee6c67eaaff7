"""What the console tells of how a bot's updates get here."""

import html

import pytest

from bot.domain.operator import Rank
from bot.simulator import Fault
from tests.acceptance.operators.test_console import link_to, owner
from tests.kits.console import Visitor, visitor
from tests.kits.platform import Lounge, Platform

pytestmark = pytest.mark.servers

__all__ = ["owner"]


async def test_a_bot_s_page_tells_what_telegram_knows_of_its_webhook(
    platform: Platform, lounge: Lounge, instance: str
) -> None:
    """To whoever may look: where updates are brought, how many at the same time, how many wait, what failed."""
    path = f"bots/{lounge.bot.id}"
    async with visitor(instance) as viewer:
        await viewer.log_in(await link_to(platform, instance, Rank.VIEWER))
        page = await viewer.get(path)
        found = await viewer.get(f"{path}/webhook")

    assert f'hx-get="/console/{path}/webhook"' in page
    assert viewer.status == 200
    assert f"{instance}/telegram/{lounge.bot.id}" in found
    assert "not of this deployment" not in found
    for name in ("Updates that wait", "Connections at most", "Last failure"):
        assert name in found


async def test_somebody_else_s_webhook_is_told_without_what_may_be_secret(owner: Visitor, lounge: Lounge) -> None:
    """With how much waits there and why; a token in its address would be anybody's who looks."""
    login = "somebody:password"
    theirs = {
        "url": f"https://{login}@other.example/{lounge.bot.token}",
        "has_custom_certificate": False,
        "pending_update_count": 1234,
        "max_connections": 77,
        "last_error_date": 1_700_000_000,
        "last_error_message": "Wrong response from the webhook: <b>502</b>",
    }
    lounge.sim.faults.add(Fault(kind="lie", method="getWebhookInfo", result=theirs, times=None))
    found = await owner.get(f"bots/{lounge.bot.id}/webhook")

    assert owner.status == 200
    assert "https://other.example/..." in found
    assert "not of this deployment" in found
    assert "1,234" in found
    assert "77" in found
    assert html.escape("Wrong response from the webhook: <b>502</b>") in found
    assert "d ago" in found
    for secret in (lounge.bot.token, "password", "somebody"):
        assert secret not in found


async def test_a_bot_s_page_opens_while_telegram_is_away(owner: Visitor, lounge: Lounge) -> None:
    """It asks nothing of Telegram; the part that does says that no answer came."""
    path = f"bots/{lounge.bot.id}"
    lounge.sim.faults.add(Fault(kind="drop", method="getWebhookInfo", times=None))
    page = await owner.get(path)

    assert owner.status == 200
    assert "Asking Telegram" in page
    found = await owner.get(f"{path}/webhook", **{"hx-request": "true"})
    assert owner.status == 503
    assert "Telegram does not answer now" in found
