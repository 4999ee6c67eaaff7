"""What the buttons of a settings panel carry, and what its pages say."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.texts import Catalogs, load_catalogs
from bot.domain.ids import ChannelId, GroupId, UserId
from bot.domain.message import Outgoing
from bot.domain.policy import SETTINGS, Enforcement, Policy, options
from bot.handlers.panel import ANYBODY, PREFIX, Panel, Ticket, nonce_of, ticket
from bot.services.groups.channels import data
from tests.kits.world import ADMIN, LOUNGE

actions = st.sampled_from(
    ["m", "e", "x", *SETTINGS, *(f"{name}={value}" for name in SETTINGS for value in options(name))]
)


@pytest.fixture(scope="module")
def catalogs() -> Catalogs:
    """Load the sentences once."""
    return load_catalogs()


@given(st.integers(1, 2**52), st.integers(0, 2**52), actions)
def test_a_ticket_is_read_as_it_was_written(group: int, user: int, action: str) -> None:
    """Within Telegram's 64 bytes, for the largest ids there are."""
    written = Ticket(GroupId(-group), UserId(user), "0a1b2c", action)

    assert ticket(str(written)) == written
    assert len(str(written).encode()) <= 64
    assert str(written).startswith(PREFIX)


@given(st.integers(1, 2**52), st.integers(0, 2**52), st.sampled_from("sgavyno"))
def test_a_channel_s_buttons_fit_too(channel: int, group: int, verb: str) -> None:
    """64 bytes, for the largest ids there are."""
    assert len(data(verb, ChannelId(-channel), GroupId(-group)).encode()) <= 64


@given(st.text(max_size=64))
def test_what_no_panel_carries_is_no_ticket(data: str) -> None:
    """Anybody can send any data; at worst it is a ticket whose rights are checked like every other's."""
    found = ticket(PREFIX + data)

    assert found is None or data.count(":") == 3


def test_a_nonce_tells_settings_apart() -> None:
    """A panel that shows other settings than there are says so."""
    other = replace(LOUNGE, policy=Policy(enforcement=Enforcement.OBSERVE))

    assert nonce_of(LOUNGE) == nonce_of(replace(LOUNGE, title="Another"))
    assert nonce_of(LOUNGE) != nonce_of(other)


def pages(texts: Catalogs, language: str) -> list[Outgoing]:
    """Draw every page there is."""
    group = replace(LOUNGE, policy=Policy(enforcement=Enforcement.KICK))
    panel = Panel(texts, language, group, ADMIN)
    return [panel.menu(), panel.export(), *(panel.setting(name) for name in SETTINGS)]


def test_every_page_fits_in_every_language(catalogs: Catalogs) -> None:
    """A message has 4096 characters and a button a text; no key shows through."""
    for language in catalogs.languages:
        for page in pages(catalogs, language):
            buttons = [button for row in page.buttons for button in row]
            assert len(page.text) < 4096
            assert all(button.text and len((button.data or "").encode()) <= 64 for button in buttons)
            assert not any(part in page.text for part in ("setting.", "option.", "effect."))
            assert not any("." in button.text.rstrip(".") for button in buttons)


def test_each_option_is_explained_before_it_is_pressed(catalogs: Catalogs) -> None:
    """One line of help, and one for the effect of each option."""
    page = Panel(catalogs, "en", LOUNGE, ANYBODY).setting("enforcement")

    assert "What I do with people who are not in the channels." in page.text
    assert page.text.count("\n") == 1 + 1 + len(options("enforcement"))
    assert [button.style for row in page.buttons for button in row] == ["primary", None, None, None, None]
