"""Pictures of figures: readable at any size of the numbers, in light and in dark chats."""

from datetime import date, timedelta
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bot.core.charts import SERIES, ceiling, draw_days, short
from bot.domain.stats import Day


def day(number: int, count: int) -> Day:
    """Make a day with one figure in all places."""
    return Day(date(2026, 11, 1) + timedelta(days=number), count, count, count, count, count, count)


async def drawn(days: list[Day]) -> Image.Image:
    """Draw, and read the picture."""
    return Image.open(BytesIO(await draw_days(days)))


def colours(picture: Image.Image) -> set[str]:
    """Return the colours that occur."""
    pixels = picture.tobytes()
    return {f"#{pixels[at : at + 3].hex()}" for at in range(0, len(pixels), 3)}


@pytest.mark.parametrize("count", [7, 28])
@pytest.mark.parametrize("most", [1, 3, 999_999])
async def test_every_series_is_seen(count: int, most: int) -> None:
    """In its own colour, on a background that the picture brings along, in a file that a phone loads at once."""
    days = [day(number, most if number % 2 else 1) for number in range(count)]

    picture = await drawn(days)

    assert {colour for _, colour in SERIES} <= colours(picture)
    assert picture.mode == "RGB"
    assert len(await draw_days(days)) < 30_000


async def test_a_group_without_figures_has_a_picture() -> None:
    """With an empty axis and no bar."""
    picture = await drawn([day(number, 0) for number in range(7)])

    assert not {colour for _, colour in SERIES} & colours(picture)


@given(st.integers(0, 10**9))
def test_the_axis_ends_at_a_round_number_near_by(most: int) -> None:
    """Its quarters are whole numbers, and no bar is lost in an empty picture."""
    top = ceiling(most)

    assert top >= most
    assert top % 4 == 0
    assert most <= 4 or top <= 2 * most


def test_numbers_fit_beside_the_axis() -> None:
    """Thousands and millions are written short."""
    assert [short(number) for number in (0, 999, 1_000, 2_500, 120_000, 3_000_000)] == [
        "0", "999", "1k", "2.5k", "120k", "3M",
    ]  # fmt: skip
