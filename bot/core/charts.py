"""Pictures of figures. They hold no words, so that the caption can say what they show in anybody's language."""

import asyncio
from collections.abc import Sequence
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from bot.domain.stats import Day

# A picture brings its background along: it looks the same in light and dark chats. The colours are those of the
# squares in the caption.
_BACK, _GRID, _TEXT = "#17212b", "#33414f", "#c3ced9"
SERIES = (("joined", "#5b9bf0"), ("passed", "#5fc862"), ("stopped", "#f0953f"), ("by_event", "#a97bf0"))
_WIDTH, _HEIGHT = 960, 480
_LEFT, _RIGHT, _TOP, _BOTTOM = 104, 44, 30, 72
# Still read where a phone shows the picture at a third of its width.
_FONT_SIZE = 34
_MOST_LABELS = 7
_STEPS = 4


async def draw_days(days: Sequence[Day]) -> bytes:
    """Draw bars for each day, beside the loop: it takes some milliseconds of CPU."""
    return await asyncio.to_thread(_draw, days)


def _draw(days: Sequence[Day]) -> bytes:
    picture = Image.new("RGB", (_WIDTH, _HEIGHT), _BACK)
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(_FONT_SIZE)
    top = ceiling(max((getattr(day, name) for day in days for name, _ in SERIES), default=0))
    base, height = _HEIGHT - _BOTTOM, _HEIGHT - _BOTTOM - _TOP
    for step in range(_STEPS + 1):
        y = base - height * step / _STEPS
        pen.line((_LEFT, y, _WIDTH - _RIGHT, y), fill=_GRID, width=2)
        pen.text((_LEFT - 12, y), short(top * step // _STEPS), fill=_TEXT, font=font, anchor="rm")
    room = (_WIDTH - _LEFT - _RIGHT) / max(len(days), 1)
    bar = room * 0.8 / len(SERIES)
    every = -(-len(days) // _MOST_LABELS)
    for place, day in enumerate(days):
        left = _LEFT + room * (place + 0.1)
        for number, (name, colour) in enumerate(SERIES):
            count, x = getattr(day, name), left + bar * number
            if count:
                # One of ten thousand is to be seen, too.
                y = min(base - height * count / top, base - 3)
                pen.rectangle((x, y, x + max(bar - 2, 1), base), fill=colour)
        if (len(days) - 1 - place) % every == 0:
            label = f"{day.day:%d.%m}"
            pen.text((left + room * 0.4, base + 14), label, fill=_TEXT, font=font, anchor="mt")
    file = BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def ceiling(most: int) -> int:
    """Return the round number at the top of the axis: each of its quarters is a whole number."""
    unit = 1
    while True:
        for digit in (4, 8, 12, 20, 40):
            if most <= digit * unit:
                return digit * unit
        unit *= 10


def short(number: int) -> str:
    """Write a number in at most four characters, as the axis has room for."""
    for limit, unit in ((1_000_000, "M"), (1_000, "k")):
        if number >= limit:
            return f"{number / limit:.3g}{unit}"
    return str(number)
