"""A rival: python-telegram-bot with its own transport, calling getChatMember over and over.

`python tests/benchmarks/ptb_calls.py URL CALLS IN_FLIGHT` prints the CPU time of one call in microseconds.
"""

import asyncio
import sys
import time

import uvloop
from telegram import Bot
from telegram.request import HTTPXRequest

WARM_UP = 100


async def main(url: str, calls: int, in_flight: int) -> float:
    """Return microseconds of CPU time per call."""
    bot = Bot("1:caller", base_url=f"{url}/bot", request=HTTPXRequest(connection_pool_size=in_flight))

    async def work(count: int) -> None:
        for _ in range(count):
            await bot.get_chat_member(-1_001_000_000_000, 5_000_000_001)

    async with bot:
        await asyncio.gather(*(work(WARM_UP // in_flight + 1) for _ in range(in_flight)))
        before = time.process_time()
        await asyncio.gather(*(work(calls // in_flight) for _ in range(in_flight)))
        return (time.process_time() - before) / (calls // in_flight * in_flight) * 1e6


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.write(f"{runner.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))}\n")
